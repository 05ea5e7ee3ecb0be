//! A directory or a zip, looked at in the same way.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::wrong;
use crate::model::Finding;
use crate::model::cores;
use crate::model::evidence::{LARGEST_TEXT, MANIFEST, encode_path};
use crate::model::manifest::Line;
use crate::world::archive::{Archive, OpenError as ZipError};
use crate::world::files;
use crate::world::hash::{Folder, Hashed, Scratch, Stop};
use crate::world::paths;
use crate::world::stamp::Stamp;
use crate::world::walk::{Kind, Step, walk};

/// Why there is nothing to look at.
pub enum OpenError {
    /// It is not evidence.
    Wrong(Box<Finding>),
    /// It could not be looked at.
    Io(String),
}

/// Held open from the first look to the last: what its path leads to meanwhile does not matter.
pub enum Sealed {
    Folder {
        open: Folder,
        /// Where it was opened, and what was there then.
        path: PathBuf,
        stamps: Stamps,
    },
    Zip(Box<Archive>),
}

/// Of the folder, and of the manifest in it if there is one.
type Stamps = (Stamp, Option<Stamp>);

/// What is there.
pub struct Listing {
    /// Regular files by their path, with their number in the zip.
    pub files: HashMap<String, usize>,
    /// What must not be there at all: links, pipes, and what cannot be looked at.
    pub findings: Vec<Finding>,
}

impl Sealed {
    pub fn open(target: &Path) -> Result<Self, OpenError> {
        let shown = target.display();
        let cannot = |error: &dyn std::fmt::Display| OpenError::Io(format!("cannot read {shown}: {error}"));
        // What the user named may be a link; what is inside may not.
        let real = paths::real(target).map_err(|error| cannot(&error))?;
        match paths::kind(&real).map_err(|error| cannot(&error))? {
            Some(Kind::Folder) => {
                let open = Folder::open(&real).map_err(|error| cannot(&error))?;
                let stamps = stamps(&open).map_err(|error| cannot(&error))?;
                Ok(Self::Folder {
                    open,
                    path: real,
                    stamps,
                })
            }
            Some(Kind::File) => match Archive::open(&real) {
                Ok(archive) => Ok(Self::Zip(Box::new(archive))),
                Err(ZipError::Io(error)) => Err(cannot(&error)),
                Err(error @ ZipError::NotAZip) => Err(OpenError::Wrong(Box::new(
                    wrong("not-a-zip", format!("{shown}: {error}"))
                        .help("name the sealed directory or its zip; if this is the zip, download it again and compare its size"),
                ))),
                Err(error @ ZipError::Foreign(_)) => Err(OpenError::Wrong(Box::new(
                    wrong("foreign-zip", format!("{shown}: {error}")).help(
                        "if it was downloaded as an artifact, GitHub packed it: unpack it, and verify the directory \
                         or zip inside",
                    ),
                ))),
            },
            _ => Err(cannot(&"it is neither a directory nor a file")),
        }
    }

    pub fn list(&self, stop: Stop<'_>) -> Listing {
        match self {
            Self::Folder { open, .. } => list_folder(open, stop),
            Self::Zip(archive) => {
                let names = archive.members().iter().map(|member| member.name().to_owned());
                Listing {
                    files: names.zip(0..).collect(),
                    findings: Vec::new(),
                }
            }
        }
    }

    /// The content of the manifest or the index.
    pub fn read(&self, path: &str, number: usize) -> anyhow::Result<Vec<u8>> {
        let too_large = |size: u64| {
            anyhow::anyhow!(
                "it has {size} bytes, more than the limit of {} MiB, so it is not read",
                LARGEST_TEXT >> 20
            )
        };
        match self {
            Self::Folder { open, .. } => {
                let file = open.file(Path::new(path))?;
                let size = file.metadata()?.len();
                anyhow::ensure!(size <= LARGEST_TEXT, too_large(size));
                files::read_whole(file, Path::new(path), LARGEST_TEXT)
            }
            Self::Zip(archive) => {
                let member = &archive.members()[number];
                anyhow::ensure!(member.size() <= LARGEST_TEXT, too_large(member.size()));
                Ok(archive.read(member, LARGEST_TEXT)?)
            }
        }
    }

    /// Hashes files, given with their numbers in the zip, on all cores; answers in their order.
    pub fn hash(&self, files: &[(&Line, usize)], stop: Stop<'_>) -> Vec<io::Result<Hashed>> {
        match self {
            Self::Folder { open, .. } => {
                open.compare_all(files, |(line, _)| (Path::new(&line.path), &line.sha256), stop)
            }
            Self::Zip(archive) => cores::each(files, Scratch::new, |scratch, (_, number)| {
                archive.hash(&archive.members()[*number], scratch, stop)
            }),
        }
    }

    /// The zip, if it is one. A directory does not keep the rights of its files on every way that evidence takes.
    pub fn zip(&self) -> Option<&Archive> {
        match self {
            Self::Folder { .. } => None,
            Self::Zip(archive) => Some(archive),
        }
    }

    /// Whether what was judged is not what is there now: written to, or another one at the same path.
    pub fn has_changed(&self) -> io::Result<bool> {
        match self {
            Self::Folder {
                open,
                path,
                stamps: before,
            } => {
                let at_path = Folder::open(path).and_then(|there| stamps(&there));
                Ok(stamps(open)? != *before || at_path? != *before)
            }
            Self::Zip(archive) => archive.has_changed(),
        }
    }
}

fn stamps(folder: &Folder) -> io::Result<Stamps> {
    let manifest = match folder.file(Path::new(MANIFEST)) {
        Ok(file) => Some(Stamp::of(&file.metadata()?)),
        // Whatever is wrong with it is told when it is read.
        Err(_) => None,
    };
    Ok((Stamp::of(&folder.metadata()?), manifest))
}

fn list_folder(folder: &Folder, stop: Stop<'_>) -> Listing {
    let mut listing = Listing {
        files: HashMap::new(),
        findings: Vec::new(),
    };
    let root = folder.path();
    let troubles = walk(&root, |path, kind| {
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
        let below = trouble.path.strip_prefix(&root).unwrap_or(&trouble.path);
        let message = format!("{} cannot be read: {}", below.display(), trouble.detail);
        listing.findings.push(wrong("unreadable", message));
    }
    listing
}
