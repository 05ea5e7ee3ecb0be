//! What is in the repository: which files there are, and the text of those that are asked for.
//!
//! The repository may be anybody's. Only regular files are read, of which only so much, and no link is followed; what is
//! left out is said.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::files::{self, Links};
use crate::world::walk::{self, Kind, Step};

/// No file that says how something is deployed is larger.
const LARGEST: u64 = 256 << 10;
/// All that is read of a repository together.
const MOST_READ: usize = 16 << 20;
/// More files than this are not looked at.
const MOST_FILES: usize = 20_000;
/// How deep an app, or what belongs to it, lies.
const DEPTH: usize = 6;
/// What a clone holds besides the project: what is installed or built, and what shows or tests something else.
const ELSEWHERE: [&str; 19] = [
    "__pycache__",
    "artifacts",
    "build",
    "dist",
    "doc",
    "docs",
    "example",
    "examples",
    "fixtures",
    "node_modules",
    "out",
    "site-packages",
    "spec",
    "target",
    "test",
    "testdata",
    "tests",
    "third_party",
    "vendor",
];

pub struct Survey {
    root: PathBuf,
    /// Relative to the root, with `/`.
    files: BTreeSet<String>,
    texts: RefCell<BTreeMap<String, Option<Rc<str>>>>,
    read: Cell<usize>,
    left_out: RefCell<Vec<Finding>>,
}

impl Survey {
    pub fn of(root: &Path) -> Self {
        let mut files = BTreeSet::new();
        let mut left_out = Vec::new();
        // What is at the top and in .github must not be missed because something else is large.
        list(&root.join(".github"), ".github/", DEPTH, &mut files, &mut left_out);
        list(root, "", 1, &mut files, &mut left_out);
        list(root, "", DEPTH, &mut files, &mut left_out);
        Self {
            root: root.to_owned(),
            files,
            texts: RefCell::default(),
            read: Cell::new(0),
            left_out: RefCell::new(left_out),
        }
    }

    pub fn has(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files below a folder, whose name ends in a slash unless it is the root.
    pub fn below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> {
        let from = self.files.range::<str, _>((Bound::Included(folder), Bound::Unbounded));
        from.map(String::as_str)
            .take_while(move |path| path.starts_with(folder))
    }

    /// The text of a file. `None` if it is not there or cannot be read, which is noted.
    pub fn text(&self, path: &str) -> Option<Rc<str>> {
        if !self.has(path) {
            return None;
        }
        let mut texts = self.texts.borrow_mut();
        let text = texts.entry(path.to_owned()).or_insert_with(|| {
            let left = MOST_READ.saturating_sub(self.read.get());
            let limit = LARGEST.min(left as u64);
            match files::read_text(&self.root.join(path), limit, Links::Refuse) {
                Ok(text) => {
                    self.read.set(self.read.get() + text.len());
                    Some(text.into())
                }
                Err(error) => {
                    let why = format!("{error:#}").replace(&format!("{}/", self.root.display()), "");
                    let finding = Finding::note("not-read", format!("{path} is left out: {}", one_line(&why)));
                    self.left_out.borrow_mut().push(finding);
                    None
                }
            }
        });
        text.clone()
    }

    /// All that was read, by path.
    pub fn texts(&self) -> Vec<(String, Rc<str>)> {
        let texts = self.texts.borrow();
        let read = texts
            .iter()
            .filter_map(|(path, text)| Some((path.clone(), text.clone()?)));
        read.collect()
    }

    pub fn is_executable(&self, path: &str) -> bool {
        self.has(path) && files::is_executable(&self.root.join(path))
    }

    /// What was not looked at, and why.
    pub fn left_out(&self) -> Vec<Finding> {
        self.left_out.borrow().clone()
    }
}

/// Adds the files below `folder`, called `prefix` and their path, down to a depth.
fn list(folder: &Path, prefix: &str, depth: usize, files: &mut BTreeSet<String>, left_out: &mut Vec<Finding>) {
    let mut seen = 0;
    let mut is_cut = false;
    let troubles = walk::walk(folder, |path, kind| {
        seen += 1;
        if seen > MOST_FILES {
            is_cut = true;
            return Step::Stop;
        }
        // A name that is no text cannot be written into a file of ours either.
        let Some(name) = path.to_str() else { return Step::Past };
        match kind {
            Kind::File => {
                files.insert(format!("{prefix}{name}"));
                Step::In
            }
            Kind::Folder if path.components().count() < depth && !is_elsewhere(path) => Step::In,
            Kind::Symlink if depth == 1 || prefix == ".github/" => {
                let message = format!("{prefix}{} is a symbolic link and is not followed", one_line(name));
                left_out.push(Finding::note("not-read", message));
                Step::Past
            }
            Kind::Folder | Kind::Symlink | Kind::Other => Step::Past,
        }
    });
    if is_cut {
        let message = format!("only the first {MOST_FILES} files were looked at");
        left_out.push(Finding::note("not-read", message).help("run it in the folder of the app"));
    }
    // A repository need not have a .github.
    if prefix.is_empty() && depth > 1 {
        let notes = troubles.into_iter().take(5).map(|trouble| {
            let place = trouble.path.strip_prefix(folder).unwrap_or(&trouble.path);
            let message = format!("{} is left out: {}", place.display(), trouble.detail);
            Finding::note("not-read", one_line(&message))
        });
        left_out.extend(notes);
    }
}

fn is_elsewhere(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or(".");
    name.starts_with('.') || ELSEWHERE.contains(&name)
}
