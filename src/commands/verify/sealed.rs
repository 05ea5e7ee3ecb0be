//! A directory or a zip, looked at in the same way.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::wrong;
use crate::model::Finding;
use crate::model::evidence::{LARGEST_TEXT, MANIFEST, encode_path};
use crate::model::manifest::{Line, path_problem};
use crate::world::archive::{Archive, OpenError as ZipError};
use crate::world::files::{self, Links};
use crate::world::hash::{Folder, Hashed, Scratch, Stop};
use crate::world::walk::{Kind, Step, walk};
use crate::world::{cores, paths};

/// Why there is nothing to look at.
pub enum OpenError {
    /// It is not evidence.
    Wrong(Box<Finding>),
    /// It could not be looked at.
    Io(String),
}

pub enum Sealed {
    Folder { path: PathBuf, open: Folder },
    Zip { path: PathBuf, archive: Box<Archive> },
}

/// What is there.
pub struct Listing {
    /// Regular files by their path, with their number in the zip.
    pub files: HashMap<String, usize>,
    /// What must not be there at all: links, pipes, repeated and unsafe names, faults of the zip.
    pub findings: Vec<Finding>,
}

impl Sealed {
    pub fn open(target: &Path) -> Result<Self, OpenError> {
        let shown = target.display();
        let cannot = |error: &dyn std::fmt::Display| OpenError::Io(format!("cannot read {shown}: {error}"));
        // What the user named may be a link; what is inside may not.
        let real = paths::real(target).map_err(|error| cannot(&error))?;
        match paths::kind(&real).map_err(|error| cannot(&error))? {
            Some(Kind::Folder) => Ok(Self::Folder {
                open: Folder::open(&real).map_err(|error| cannot(&error))?,
                path: real,
            }),
            Some(Kind::File) => match Archive::open(&real) {
                Ok(archive) => Ok(Self::Zip {
                    archive: Box::new(archive),
                    path: real,
                }),
                Err(ZipError::Io(error)) => Err(cannot(&error)),
                Err(error @ ZipError::NotAZip(_)) => Err(OpenError::Wrong(Box::new(
                    wrong("not-a-zip", format!("{shown}: {error}"))
                        .help("a download that was cut off looks like this; get it again and compare its size"),
                ))),
            },
            _ => Err(cannot(&"it is neither a directory nor a file")),
        }
    }

    pub fn zip_path(&self) -> Option<&Path> {
        match self {
            Self::Folder { .. } => None,
            Self::Zip { path, .. } => Some(path),
        }
    }

    pub fn list(&self, stop: Stop<'_>) -> Result<Listing, OpenError> {
        match self {
            Self::Folder { path, .. } => list_folder(path, stop),
            Self::Zip { archive, .. } => Ok(list_zip(archive)),
        }
    }

    /// The content of the manifest or the index.
    pub fn read(&self, path: &str, number: usize) -> anyhow::Result<Vec<u8>> {
        let size = match self {
            Self::Folder { path: folder, .. } => paths::size(&folder.join(path))?,
            Self::Zip { archive, .. } => archive.members()[number].size,
        };
        anyhow::ensure!(
            size <= LARGEST_TEXT,
            "it has {size} bytes; no seal writes one of more than {} MiB, so it is not read",
            LARGEST_TEXT >> 20
        );
        match self {
            Self::Folder { path: folder, .. } => files::read_if_there(&folder.join(path), LARGEST_TEXT, Links::Refuse)?
                .ok_or_else(|| anyhow::anyhow!("{path} is not there any more")),
            Self::Zip { archive, .. } => Ok(archive.read(&archive.members()[number], LARGEST_TEXT)?),
        }
    }

    /// Hashes files, given with their numbers in the zip, on all cores; answers in their order.
    pub fn hash(&self, files: &[(&Line, usize)], stop: Stop<'_>) -> Vec<io::Result<Hashed>> {
        match self {
            Self::Folder { open, .. } => {
                open.compare_all(files, |(line, _)| (Path::new(&line.path), &line.sha256), stop)
            }
            Self::Zip { archive, .. } => cores::each(files, Scratch::new, |scratch, (_, number)| {
                archive.hash(&archive.members()[*number], scratch, stop)
            }),
        }
    }
}

fn list_folder(folder: &Path, stop: Stop<'_>) -> Result<Listing, OpenError> {
    let mut listing = Listing {
        files: HashMap::new(),
        findings: Vec::new(),
    };
    let troubles = walk(folder, |path, kind| {
        if stop() {
            return Step::Stop;
        }
        let unlisted = |what: &str| {
            let shown = encode_path(path.as_os_str().as_bytes());
            wrong("unlisted", format!("{shown} is {what}, which a manifest cannot list"))
        };
        match (kind, path.to_str()) {
            (Kind::Folder, _) => {}
            (Kind::Symlink, _) => listing.findings.push(unlisted("a symbolic link")),
            (Kind::Other, _) => listing.findings.push(unlisted("not a regular file")),
            (Kind::File, None) => listing.findings.push(unlisted("a file whose name is not UTF-8")),
            (Kind::File, Some(path)) => {
                listing.files.insert(path.to_owned(), 0);
            }
        }
        Step::In
    });
    for trouble in troubles {
        let message = format!("{} cannot be read: {}", trouble.path.display(), trouble.detail);
        listing.findings.push(wrong("unreadable", message));
    }
    Ok(listing)
}

fn list_zip(archive: &Archive) -> Listing {
    let faults = archive.faults().iter();
    let mut findings: Vec<Finding> = faults.map(|fault| wrong(fault.code, fault.message.clone())).collect();
    let top = top_folder(archive);
    let mut files = HashMap::new();
    for (number, member) in archive.members().iter().enumerate() {
        if let Some(problem) = path_problem(&member.name) {
            findings.push(wrong("unsafe-path", format!("{:?} {problem}", member.name)));
            continue;
        }
        let name = member.name.strip_prefix(&top).unwrap_or(&member.name).to_owned();
        if member.is_link {
            findings.push(wrong(
                "unlisted",
                format!("{name} is a symbolic link, which a manifest cannot list"),
            ));
        } else if files.insert(name.clone(), number).is_some() {
            findings.push(wrong("duplicate", format!("{name} is in the zip twice")));
        }
    }
    Listing { files, findings }
}

/// Tools that zip a folder put its name before every path; it is `name/` then, and else nothing.
fn top_folder(archive: &Archive) -> String {
    let names = || archive.members().iter().map(|member| member.name.as_str());
    let first = names().next().and_then(|name| name.split_once('/'));
    match first {
        Some((top, _)) if !names().any(|name| name == MANIFEST) => {
            let top = format!("{top}/");
            let all = names().all(|name| name.starts_with(&top));
            let there = names().any(|name| name.strip_prefix(&top) == Some(MANIFEST));
            if all && there { top } else { String::new() }
        }
        _ => String::new(),
    }
}
