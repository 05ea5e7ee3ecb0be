//! What must not get into a bundle, whichever way it is reached: by its name, by a pattern or through a link.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::pattern::Exclude;
use crate::model::attest::{FILES, beside};
use crate::model::evidence::{TEMPORARY, Why, is_git};
use crate::world::paths;
use crate::world::walk::Kind;

pub struct Rules<'a> {
    /// With links followed, as all of these.
    pub workspace: PathBuf,
    pub evidence_dir: PathBuf,
    /// What this seal writes.
    own: Vec<PathBuf>,
    exclude: &'a Exclude,
}

/// What a link comes to.
pub enum LinkTarget {
    /// A regular file that may be sealed.
    File(PathBuf),
    /// A file that must not be.
    Barred(Why),
    /// No file that could be; in words.
    Nothing(String),
}

impl<'a> Rules<'a> {
    pub fn new(workspace: &Path, evidence_dir: &Path, output: &Path, exclude: &'a Exclude) -> io::Result<Self> {
        let evidence_dir = paths::real_as_far_as_it_exists(evidence_dir);
        let output = paths::real_as_far_as_it_exists(output);
        let beside = FILES.iter().map(|file| beside(&output, file));
        Ok(Self {
            workspace: paths::real(workspace)?,
            own: beside.chain([evidence_dir.clone(), output.clone()]).collect(),
            evidence_dir,
            exclude,
        })
    }

    /// Why it is left out, if a rule says so. `path` is how it was reached, relative to the workspace; `real` is where
    /// it is with links followed. Each may be what gives it away.
    pub fn bar(&self, path: &Path, real: &Path) -> Option<Why> {
        let in_workspace = real.strip_prefix(&self.workspace).unwrap_or(real);
        // Without links they are the same.
        let other = (in_workspace.as_os_str() != path.as_os_str()).then_some(in_workspace);
        let any = |is_it: &dyn Fn(&Path) -> bool| is_it(path) || other.is_some_and(is_it);
        if self.is_own(real) {
            Some(Why::OwnOutput)
        } else if any(&in_git) {
            Some(Why::GitMetadata)
        } else if any(&|path| self.excludes(path)) {
            Some(Why::Excluded)
        } else {
            None
        }
    }

    /// Looks behind a link that was reached by `path`, or that lies in the evidence directory and counts as the file.
    pub fn behind(&self, link: &Path, path: Option<&Path>) -> LinkTarget {
        let said = paths::link_text(link);
        let target = match paths::real(link) {
            Ok(target) => target,
            Err(error) => return LinkTarget::Nothing(format!("it points to {said}: {error}")),
        };
        if ![&self.workspace, &self.evidence_dir]
            .iter()
            .any(|folder| target.starts_with(folder))
        {
            return LinkTarget::Nothing(format!("it leads out of the workspace, to {said}"));
        }
        let in_workspace = target.strip_prefix(&self.workspace).unwrap_or(&target);
        match paths::kind(&target) {
            Ok(Some(Kind::File)) => match self.bar(path.unwrap_or(in_workspace), &target) {
                Some(why) => LinkTarget::Barred(why),
                None => LinkTarget::File(target),
            },
            Ok(Some(Kind::Folder)) => LinkTarget::Nothing(format!("it points to the folder {said}")),
            _ => LinkTarget::Nothing(format!("it points to {said}, which is not a regular file")),
        }
    }

    /// What is in the evidence directory is sealed in any case: left there unlisted, it would not verify.
    pub fn excludes(&self, path: &Path) -> bool {
        self.exclude.covers(path) && !self.workspace.join(path).starts_with(&self.evidence_dir)
    }

    /// Whether a copy that an earlier seal made of this path is not kept.
    pub fn drops_copy(&self, path: &Path) -> bool {
        self.excludes(path) || in_git(path)
    }

    /// What stageproof itself writes and must not swallow.
    fn is_own(&self, real: &Path) -> bool {
        let temporary = |name: &OsStr| name.as_bytes().starts_with(TEMPORARY.as_bytes());
        self.own.iter().any(|own| own.as_os_str() == real.as_os_str())
            || real.file_name().is_some_and(temporary)
            || self.is_report(real)
    }

    /// The report of sealing lies beside the evidence directory and is written when sealing is over.
    fn is_report(&self, real: &Path) -> bool {
        let (Some(name), Some(dir)) = (real.file_name(), self.evidence_dir.file_name()) else {
            return false;
        };
        let rest = name.as_bytes().strip_prefix(dir.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b".evidence-bundle") || rest.starts_with(b".rehearse"))
            && real.parent() == self.evidence_dir.parent()
    }
}

fn in_git(path: &Path) -> bool {
    path.components().any(|part| is_git(part.as_os_str()))
}
