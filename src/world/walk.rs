//! What a folder holds. Links are seen, never followed, so there are no loops.

use std::fs::FileType;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// What kind of thing it is, without following links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Symlink,
    /// A named pipe, a socket or a device.
    Other,
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Folder
        } else if kind.is_symlink() {
            Self::Symlink
        } else {
            Self::Other
        }
    }
}

/// Whether to go on into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    In,
    /// Not into this folder.
    Past,
    /// The rest is not looked at.
    Stop,
}

/// A place that could not be looked at.
#[derive(Debug)]
pub struct Trouble {
    pub path: PathBuf,
    pub detail: String,
}

/// Visits everything below `root`, with its path relative to it, a folder before what is in it. What cannot be read is
/// answered; the rest is still visited.
pub fn walk(root: &Path, mut visit: impl FnMut(&Path, Kind) -> Step) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut entries = WalkDir::new(root).min_depth(1).into_iter();
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => {
                let kind = Kind::from(entry.file_type());
                let path = entry.path().strip_prefix(root).unwrap_or(entry.path());
                match visit(path, kind) {
                    Step::In => {}
                    Step::Past if kind == Kind::Folder => entries.skip_current_dir(),
                    Step::Past => {}
                    Step::Stop => break,
                }
            }
            Err(error) => troubles.push(Trouble {
                path: error.path().unwrap_or(root).to_owned(),
                detail: error.io_error().map_or_else(|| error.to_string(), ToString::to_string),
            }),
        }
    }
    troubles
}
