//! The two files: written together or not at all, and never over one that is there unless that was asked for.

use std::path::Path;

use similar::TextDiff;

use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::files::{self, Links, Planned};
use crate::world::paths;
use crate::world::walk::Kind;

/// What is compared with what would be written. No such file is larger.
const LARGEST: u64 = 1 << 20;

/// A file that is to be written.
pub struct Target {
    /// Relative to the root.
    pub path: String,
    pub text: String,
    pub there: There,
}

/// What is there now.
#[derive(Debug, PartialEq, Eq)]
pub enum There {
    Nothing,
    /// The very same.
    Same,
    /// Something else, as text.
    Other(String),
    /// What cannot be written over, and why.
    Obstacle(String),
}

impl Target {
    pub fn new(root: &Path, path: &str, text: String) -> Self {
        let there = there(root, path, &text).unwrap_or_else(There::Obstacle);
        Self {
            path: path.to_owned(),
            text,
            there,
        }
    }

    /// What writing it would change, as a patch. What `patch` and `git apply` do not know they skip.
    pub fn diff(&self) -> Option<String> {
        let (old, name) = match &self.there {
            There::Nothing => ("", "/dev/null".to_owned()),
            There::Other(old) => (old.as_str(), format!("a/{}", self.path)),
            There::Same | There::Obstacle(_) => return None,
        };
        let diff = TextDiff::from_lines(old, &self.text);
        let new = format!("b/{}", self.path);
        let patch = diff.unified_diff().header(&name, &new).to_string();
        let patch = patch.strip_suffix('\n').unwrap_or(&patch);
        Some(format!("Patch for {}:\n{patch}", self.path))
    }

    /// Why it is not written.
    pub fn refusal(&self, force: bool) -> Option<Finding> {
        match &self.there {
            There::Other(_) if !force => {
                let message = format!("{} exists and differs from what would be written", self.path);
                Some(
                    Finding::error("exists", message)
                        .help("compare with `stageproof init --diff`; `stageproof init --force` replaces it"),
                )
            }
            There::Obstacle(why) => Some(
                Finding::error("cannot-write", format!("{}: {}", self.path, one_line(why)))
                    .help("remove or rename it, and run init again"),
            ),
            There::Nothing | There::Same | There::Other(_) => None,
        }
    }
}

/// Writes those that are not there yet, and over others. Nothing may speak against any of them.
pub fn write(root: &Path, targets: &[Target]) -> anyhow::Result<()> {
    let open = targets.iter().filter(|target| target.there != There::Same);
    let planned: Vec<Planned<'_>> = open
        .map(|target| Planned {
            path: root.join(&target.path),
            bytes: target.text.as_bytes(),
            replaces: target.there != There::Nothing,
        })
        .collect();
    files::write_together(&planned)
}

fn there(root: &Path, path: &str, text: &str) -> Result<There, String> {
    // A link would lead what is written somewhere else.
    for (at, _) in path.match_indices('/') {
        let folder = &path[..at];
        match paths::kind(&root.join(folder)).map_err(|error| error.to_string())? {
            None | Some(Kind::Folder) => {}
            Some(Kind::Symlink) => return Err(format!("{folder} is a symbolic link")),
            Some(Kind::File | Kind::Other) => return Err(format!("{folder} is not a folder")),
        }
    }
    let old = files::read_if_there(&root.join(path), LARGEST, Links::Refuse);
    Ok(match old.map_err(|error| format!("{error:#}"))? {
        None => There::Nothing,
        Some(old) if old == text.as_bytes() => There::Same,
        Some(old) => There::Other(String::from_utf8_lossy(&old).into_owned()),
    })
}
