//! From what was named to the files that are copied in, and to what is left out and why.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::found::Found;
use super::pattern::{Exclude, Pattern};
use crate::model::Finding;
use crate::model::evidence::{TEMPORARY, Why, encode_path};
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
    pub took_ms: u64,
}

/// What all patterns came to.
#[derive(Default)]
pub struct Selection {
    /// By their path in the workspace.
    pub sources: BTreeMap<PathBuf, Source>,
    pub patterns: Vec<Matched>,
}

/// What stageproof itself writes and must not swallow.
pub struct Own {
    /// With links followed, as all of these.
    pub workspace: PathBuf,
    pub evidence_dir: PathBuf,
    pub output: PathBuf,
}

impl Own {
    pub fn new(workspace: &Path, evidence_dir: &Path, output: &Path) -> io::Result<Self> {
        Ok(Self {
            workspace: paths::real(workspace)?,
            evidence_dir: paths::real_as_far_as_it_exists(evidence_dir),
            output: paths::real_as_far_as_it_exists(output),
        })
    }

    /// `real` is a path with links followed.
    fn is(&self, real: &Path) -> bool {
        let temporary = |name: &OsStr| name.as_bytes().starts_with(TEMPORARY.as_bytes());
        real == self.evidence_dir
            || real == self.output
            || real.file_name().is_some_and(temporary)
            || self.is_report(real)
    }

    /// The report of sealing lies beside the evidence directory and is written when sealing is over.
    fn is_report(&self, real: &Path) -> bool {
        let (Some(name), Some(dir)) = (real.file_name(), self.evidence_dir.file_name()) else {
            return false;
        };
        let rest = name.as_bytes().strip_prefix(dir.as_bytes());
        real.parent() == self.evidence_dir.parent()
            && rest.is_some_and(|rest| rest.starts_with(b".evidence-bundle") || rest.starts_with(b".rehearse"))
    }
}

/// Looks up every pattern. `stop` ends it early; what is answered then is not whole.
pub fn select(patterns: &[Pattern], exclude: &Exclude, own: &Own, stop: &dyn Fn() -> bool) -> Selection {
    let mut selection = Selection::default();
    for pattern in patterns {
        if selection.patterns.iter().any(|seen| seen.text == pattern.text) {
            continue;
        }
        let started = Instant::now();
        let mut search = Search {
            pattern,
            index: selection.patterns.len(),
            exclude,
            own,
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
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
    }
    selection
}

struct Search<'a> {
    pattern: &'a Pattern,
    index: usize,
    exclude: &'a Exclude,
    own: &'a Own,
    stop: &'a dyn Fn() -> bool,
    files: u64,
    found: Found,
    sources: &'a mut BTreeMap<PathBuf, Source>,
}

impl Search<'_> {
    fn run(&mut self) {
        let path = &self.pattern.path;
        match (self.kind(path), &self.pattern.glob) {
            (Err(error), _) => self.found.unreadable(&shown(path), &error.to_string()),
            // A file of exactly that name, whatever characters it holds.
            (Ok(Some(kind)), _) => self.named(path, kind),
            (Ok(None), Some(_)) => {
                let base = self.pattern.base();
                match self.kind(&base) {
                    Err(error) => self.found.unreadable(&shown(&base), &error.to_string()),
                    Ok(Some(Kind::Folder | Kind::Symlink)) => self.folder(&base, true),
                    Ok(_) => {}
                }
            }
            (Ok(None), None) => {}
        }
        if self.files == 0 && !self.found.fails() {
            let text = &self.pattern.text;
            let message = match self.kind(path) {
                Ok(None) => format!("`{text}` matches nothing"),
                _ => format!("`{text}` names no file that can be sealed"),
            };
            let help = "look at the path, which is relative to the workspace, and at what the steps before left there; \
                        take it off the list if it need not exist";
            self.found
                .finding(Finding::error("matches-nothing", message).help(help));
        }
    }

    fn kind(&self, path: &Path) -> io::Result<Option<Kind>> {
        paths::kind(&self.own.workspace.join(path))
    }

    /// Something that was named without wildcards. A link to a folder that is named is meant, and is followed.
    fn named(&mut self, path: &Path, kind: Kind) {
        let behind = paths::real(&self.own.workspace.join(path)).ok();
        let is_folder = behind.is_some_and(|real| matches!(paths::kind(&real), Ok(Some(Kind::Folder))));
        if kind == Kind::Folder || (kind == Kind::Symlink && is_folder) {
            self.folder(path, false);
        } else {
            let real = self.real_name(path);
            if real.starts_with(&self.own.workspace) {
                self.visit(path, &real, kind, true);
            } else {
                let detail = "a link above it leads out of the workspace".to_owned();
                self.found.left_out(&shown(path), Why::Symlink, Some(detail));
            }
        }
    }

    /// The path with the links in the folders above it followed.
    fn real_name(&self, path: &Path) -> PathBuf {
        let whole = self.own.workspace.join(path);
        match (whole.parent(), whole.file_name()) {
            (Some(folder), Some(name)) => paths::real_as_far_as_it_exists(folder).join(name),
            _ => whole,
        }
    }

    fn folder(&mut self, path: &Path, by_glob: bool) {
        let whole = self.own.workspace.join(path);
        let real = paths::real_as_far_as_it_exists(&whole);
        if !real.starts_with(&self.own.workspace) {
            let detail = format!("it leads out of the workspace, to {}", paths::link_text(&whole));
            return self.found.left_out(&shown(path), Why::Symlink, Some(detail));
        }
        let mut inside_match: Option<usize> = (!by_glob).then_some(0);
        let in_evidence = real.starts_with(&self.own.evidence_dir);
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
            self.found.unreadable(&shown(&path.join(below)), &trouble.detail);
        }
    }

    fn visit(&mut self, path: &Path, real: &Path, kind: Kind, matches: bool) -> Step {
        if !matches && kind != Kind::Folder {
            return Step::In;
        }
        if self.is_barred(path, real, kind == Kind::File && matches) {
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
        let in_workspace = real.strip_prefix(&self.own.workspace).unwrap_or(real);
        let is_git = |path: &Path| path.components().any(|part| part.as_os_str() == ".git");
        let why = if self.own.is(real) {
            Why::OwnOutput
        } else if is_git(path) || is_git(in_workspace) {
            Why::GitMetadata
        } else if self.exclude.covers(path) || self.exclude.covers(in_workspace) {
            Why::Excluded
        } else if is_file && real.starts_with(&self.own.evidence_dir) {
            // Named by its path: it is sealed where it is.
            self.files += 1;
            return true;
        } else {
            return false;
        };
        self.found.left_out(&shown(path), why, None);
        true
    }

    /// A link to a regular file in the workspace stands for it; any other is left out.
    fn link(&mut self, path: &Path, link: &Path) {
        let said = paths::link_text(link);
        let why = match paths::real(link) {
            Err(error) => format!("it points to {said}: {error}"),
            Ok(target) if !target.starts_with(&self.own.workspace) => {
                format!("it leads out of the workspace, to {said}")
            }
            Ok(target) => match paths::kind(&target) {
                Ok(Some(Kind::File)) if self.is_barred(path, &target, false) => return,
                Ok(Some(Kind::File)) => return self.add(path, &target),
                Ok(Some(Kind::Folder)) => format!("it points to the folder {said}"),
                _ => format!("it points to {said}, which is not a regular file"),
            },
        };
        self.found.left_out(&shown(path), Why::Symlink, Some(why));
    }

    fn add(&mut self, path: &Path, from: &Path) {
        self.files += 1;
        let pattern = self.index;
        self.sources.entry(path.to_owned()).or_insert_with(|| Source {
            from: from.to_owned(),
            pattern,
        });
    }
}

/// A path as the index and the findings write it.
pub fn shown(path: &Path) -> String {
    match path.as_os_str().as_bytes() {
        b"" => ".".to_owned(),
        bytes => encode_path(bytes),
    }
}
