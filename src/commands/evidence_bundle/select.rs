//! From what was named to the files that are copied in, and to what is left out and why.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::found::Found;
use super::pattern::{Pattern, is_hidden};
use super::rules::{LinkTarget, Rules};
use crate::model::Finding;
use crate::model::evidence::{Why, encode_path};
use crate::world::paths;
use crate::world::walk::{Kind, Step, walk};

/// A file to be copied.
pub struct Source {
    /// Where its content is; not a link.
    pub from: PathBuf,
    /// The first pattern that named it.
    pub pattern: usize,
}

/// What one pattern came to.
pub struct Matched {
    pub text: String,
    /// Regular files, those that lie in the evidence directory already included.
    pub files: u64,
    pub found: Found,
    pub took: Duration,
}

/// What all patterns came to.
#[derive(Default)]
pub struct Selection {
    /// By their path in the workspace. Whole paths are compared faster than part by part.
    pub sources: BTreeMap<OsString, Source>,
    pub patterns: Vec<Matched>,
}

/// Looks up every pattern. Hidden files and folders are left out, unless `hidden` or a pattern means them. `stop` ends it early; what is answered then is not whole.
pub fn select(patterns: &[Pattern], hidden: bool, rules: &Rules<'_>, stop: &dyn Fn() -> bool) -> Selection {
    let mut selection = Selection::default();
    for pattern in patterns {
        if selection.patterns.iter().any(|seen| seen.text == pattern.text) {
            continue;
        }
        let started = Instant::now();
        let mut search = Search {
            pattern,
            index: selection.patterns.len(),
            hidden: hidden || pattern.names_hidden(),
            rules,
            stop,
            files: 0,
            found: Found::default(),
            sources: &mut selection.sources,
        };
        search.run();
        let (files, found) = (search.files, search.found);
        selection.patterns.push(Matched {
            text: pattern.text.clone(),
            files,
            found,
            took: started.elapsed(),
        });
    }
    selection
}

struct Search<'a> {
    pattern: &'a Pattern,
    index: usize,
    /// Hidden files are meant.
    hidden: bool,
    rules: &'a Rules<'a>,
    stop: &'a dyn Fn() -> bool,
    files: u64,
    found: Found,
    sources: &'a mut BTreeMap<OsString, Source>,
}

impl Search<'_> {
    fn run(&mut self) {
        let path = &self.pattern.path;
        match (self.kind(path), &self.pattern.glob) {
            (Err(error), _) => self.found.unreadable(&shown(path), &error.to_string(), false),
            // A file of exactly that name, whatever characters it holds.
            (Ok(Some(kind)), _) => self.named(path, kind),
            (Ok(None), Some(_)) => {
                let base = self.pattern.base();
                match self.kind(&base) {
                    Err(error) => self.found.unreadable(&shown(&base), &error.to_string(), false),
                    Ok(Some(Kind::Folder | Kind::Symlink)) => self.folder(&base, true),
                    Ok(_) => {}
                }
            }
            (Ok(None), None) => {}
        }
        let mut hidden = self.found.left_out.iter().filter(|one| one.reason == Why::Hidden);
        if let Some(first) = hidden.next() {
            let count = 1 + hidden.count();
            let message = match count {
                1 => format!("{} is hidden and left out", first.path),
                _ => format!("{} and {} more are hidden and left out", first.path, count - 1),
            };
            let help = "include hidden files and folders with --hidden; evidence.json lists them";
            self.found.findings.add(Finding::note("hidden", message).help(help));
        }
        if self.files == 0 && !self.found.findings.fails() {
            let text = &self.pattern.text;
            let message = match self.kind(path) {
                Ok(None) => format!("`{text}` matches nothing"),
                _ => format!("`{text}` names no file that can be sealed"),
            };
            let help = "check the path, which is shown as from the workspace, and the output of earlier steps; remove \
            it from the list if it is optional";
            self.found
                .findings
                .add(Finding::error("matches-nothing", message).help(help));
        }
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        paths::kind(&self.rules.workspace.join(path))
    }

    /// Something that was named without wildcards. A link to a folder that is named is meant, and is followed.
    fn named(&mut self, path: &Path, kind: Kind) {
        let behind = paths::real(&self.rules.workspace.join(path)).ok();
        let is_folder = behind.is_some_and(|real| matches!(paths::kind(&real), Ok(Some(Kind::Folder))));
        if kind == Kind::Folder || (kind == Kind::Symlink && is_folder) {
            self.folder(path, false);
        } else {
            let real = self.real_name(path);
            if real.starts_with(&self.rules.workspace) {
                self.visit(path, &real, kind, true);
            } else {
                let detail = "a link above it leads out of the workspace".to_owned();
                self.found.left_out(&shown(path), Why::Symlink, Some(detail));
            }
        }
    }

    /// The path with the links in the folders above it followed.
    fn real_name(&self, path: &Path) -> PathBuf {
        let whole = self.rules.workspace.join(path);
        match (whole.parent(), whole.file_name()) {
            (Some(folder), Some(name)) => paths::real_as_far_as_it_exists(folder).join(name),
            _ => whole,
        }
    }

    fn folder(&mut self, path: &Path, by_glob: bool) {
        let whole = self.rules.workspace.join(path);
        let real = paths::real_as_far_as_it_exists(&whole);
        if !real.starts_with(&self.rules.workspace) {
            let detail = format!("it leads out of the workspace, to {}", paths::link_text(&whole));
            return self.found.left_out(&shown(path), Why::Symlink, Some(detail));
        }
        let mut inside_match: Option<usize> = (!by_glob).then_some(0);
        let in_evidence = real.starts_with(&self.rules.evidence_dir);
        if !in_evidence && self.is_barred(path, &real, false) {
            return;
        }
        let stop = self.stop;
        let troubles = walk(&real, |below, kind| {
            if stop() {
                return Step::Stop;
            }
            let (path, real) = (path.join(below), real.join(below));
            let depth = below.components().count();
            if by_glob {
                // Everything in a folder that matches is meant as well.
                inside_match = inside_match.filter(|matched| depth > *matched);
                let glob = self.pattern.glob.as_ref();
                if inside_match.is_none() && glob.is_some_and(|glob| glob.is_match(&path)) {
                    inside_match = Some(depth);
                }
            }
            if in_evidence {
                // It is sealed in any case, where it is.
                self.files += u64::from(inside_match.is_some() && kind == Kind::File);
                return Step::In;
            }
            self.visit(&path, &real, kind, inside_match.is_some())
        });
        for trouble in troubles {
            let below = trouble.path.strip_prefix(&real).unwrap_or(&trouble.path);
            self.found.unreadable(&shown(&path.join(below)), &trouble.detail, false);
        }
    }

    fn visit(&mut self, path: &Path, real: &Path, kind: Kind, matches: bool) -> Step {
        if !matches && kind != Kind::Folder {
            return Step::In;
        }
        if self.is_barred(path, real, kind == Kind::File && matches) {
            return Step::Past;
        }
        if !self.hidden && path.file_name().is_some_and(is_hidden) {
            self.found.left_out(&shown(path), Why::Hidden, None);
            return Step::Past;
        }
        match kind {
            Kind::Folder => {}
            Kind::File => self.add(path, real),
            Kind::Symlink => self.link(path, real),
            Kind::Other => self.found.left_out(&shown(path), Why::NotARegularFile, None),
        }
        Step::In
    }

    /// Whether it is left out by a rule, which is noted.
    fn is_barred(&mut self, path: &Path, real: &Path, is_file: bool) -> bool {
        let why = match self.rules.bar(path, real) {
            Some(why) => why,
            None if is_file && real.starts_with(&self.rules.evidence_dir) => {
                // Named by its path: it is sealed where it is.
                self.files += 1;
                return true;
            }
            None => return false,
        };
        self.found.left_out(&shown(path), why, None);
        true
    }

    /// A link to a regular file in the workspace stands for it; any other is left out.
    fn link(&mut self, path: &Path, link: &Path) {
        match self.rules.behind(link, Some(path)) {
            LinkTarget::File(target) if !self.hidden && self.is_in_hidden(&target) => {
                let detail = format!("it points to {}", paths::link_text(link));
                self.found.left_out(&shown(path), Why::Hidden, Some(detail));
            }
            LinkTarget::File(target) => self.add(path, &target),
            LinkTarget::Barred(why) => self.found.left_out(&shown(path), why, None),
            LinkTarget::Nothing(why) => self.found.left_out(&shown(path), Why::Symlink, Some(why)),
        }
    }

    fn is_in_hidden(&self, target: &Path) -> bool {
        let below = target.strip_prefix(&self.rules.workspace);
        below.is_ok_and(|below| below.components().any(|part| is_hidden(part.as_os_str())))
    }

    fn add(&mut self, path: &Path, from: &Path) {
        self.files += 1;
        let pattern = self.index;
        self.sources.entry(path.into()).or_insert_with(|| Source {
            from: from.to_owned(),
            pattern,
        });
    }
}

impl Selection {
    /// What [`Self::fit`] left out.
    pub fn too_large(&self) -> HashSet<&str> {
        let left_out = self.patterns.iter().flat_map(|pattern| &pattern.found.left_out);
        let too_large = left_out.filter(|one| one.reason == Why::TooLarge);
        too_large.map(|one| &*one.path).collect()
    }

    /// Leaves the largest files out until the rest has this many bytes together.
    pub fn fit(&mut self, most: u64) {
        // One that cannot be read is left for whoever copies it to report.
        let size = |source: &Source| paths::size(&source.from).unwrap_or_default();
        let sizes = self.sources.iter().map(|(path, source)| (size(source), path.clone()));
        let mut sizes: Vec<(u64, OsString)> = sizes.collect();
        sizes.sort_unstable();
        let mut total = 0_u64;
        for (size, path) in sizes {
            total = total.saturating_add(size);
            if total <= most {
                continue;
            }
            if let Some(source) = self.sources.remove(&path) {
                let pattern = &mut self.patterns[source.pattern];
                pattern.files = pattern.files.saturating_sub(1);
                let detail = Some(format!("{size} bytes"));
                pattern.found.left_out(&shown(path.as_ref()), Why::TooLarge, detail);
            }
        }
    }
}

/// A path as the index and the findings write it.
pub fn shown(path: &Path) -> String {
    match path.as_os_str().as_bytes() {
        b"" => ".".to_owned(),
        bytes => encode_path(bytes),
    }
}
