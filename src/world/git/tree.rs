//! The files of a commit, written into an empty folder of our own.
//!
//! Not libgit2's checkout: that one consults the index, attributes and configuration, and cannot be stopped. Here every
//! object is read (the library compares its bytes with its id) and written as it is, without filters, so no program
//! from anybody's configuration can run. The folder is empty and private, folders are made by `mkdir`, files opened
//! with `O_EXCL`, links made by `symlink`, and all three refuse a name that exists. So nothing ever passes through a
//! link, whatever the tree says.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::{Blob, ErrorCode, Odb};

use super::{Oid, Repository, StandIn, Stop, names, stand_in};
use crate::world::files;

/// Larger trees exist only to fill disks.
const MOST_ENTRIES: u64 = 3_000_000;
const DEEPEST: usize = 500;
/// A file is held in memory while it is checked and written: libgit2 reads objects out of packs, where a clone has them
/// all, only whole. This is where git itself begins to treat files as big (`core.bigFileThreshold`), and five times what
/// GitHub accepts.
const LARGEST_FILE: usize = 512 << 20;
/// The mode of a symbolic link.
const LINK: i32 = 0o120_000;
/// Names kept of submodules and of what stands for something else; the rest is counted.
const NAMES_KEPT: usize = 5;
/// Names of filters that are kept.
const FILTERS_KEPT: usize = 20;

/// What was written, and what a tree only refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub files: u64,
    pub links: u64,
    pub bytes: u64,
    pub submodules: Named,
    pub stand_ins: BTreeMap<StandIn, Named>,
    /// What `.gitattributes` files name: programs that change files when git checks them out.
    pub filters: BTreeSet<String>,
}

/// A count and the first few names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    pub count: u64,
    pub first: Vec<String>,
}

impl Named {
    fn add(&mut self, path: &Path) {
        self.count += 1;
        if self.first.len() < NAMES_KEPT {
            self.first.push(path.display().to_string());
        }
    }
}

/// Why the files could not all be written.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    #[error("object {id} ({}) cannot be read: {detail}", place(.path))]
    Object { path: PathBuf, id: Oid, detail: String },
    /// A partial clone lacks it on purpose, which says nothing against the release.
    #[error("object {id} ({}) is missing", place(.path))]
    Omitted { path: PathBuf, id: Oid },
    /// More than is read here, which says nothing against the release.
    #[error("`{}` is {size} bytes, and a file of more than {LARGEST_FILE} bytes is not read", .path.display())]
    Large { path: PathBuf, size: usize },
    #[error("the tree holds the name `{}`, which git refuses to check out", .0.display())]
    Name(PathBuf),
    #[error("the tree holds the name `{}` twice", .0.display())]
    Twice(PathBuf),
    #[error("the tree is {0}, which is not supported")]
    Excessive(String),
    #[error("`{}` has the unknown file mode {mode:o}", .path.display())]
    Mode { path: PathBuf, mode: i32 },
    /// The fault of this machine, not of the release.
    #[error("{} cannot be written: {error}", .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("{0}")]
    Stopped(String),
}

fn place(path: &Path) -> String {
    if path.as_os_str().is_empty() {
        "the root folder".to_owned()
    } else {
        path.display().to_string()
    }
}

impl Repository {
    /// Writes every file of `tree` into `folder`, which must be empty and nobody else's.
    pub fn write_tree(&self, tree: Oid, folder: &Path, stop: Stop<'_>) -> Result<Written, TreeError> {
        let objects = self
            .0
            .odb()
            .map_err(|error| self.unreadable(Path::new(""), tree, &error))?;
        let mut written = Written::default();
        let mut entries = 0u64;
        // Not recursive: the depth of a tree is in the hands of whoever made it.
        let mut open = vec![(tree, PathBuf::new(), 0usize)];
        while let Some((id, above, depth)) = open.pop() {
            if depth > DEEPEST {
                return Err(TreeError::Excessive(format!("more than {DEEPEST} folders deep")));
            }
            self.bounded(&objects, id, &above)?;
            let tree = self
                .0
                .find_tree(id)
                .map_err(|error| self.unreadable(&above, id, &error))?;
            for entry in &tree {
                if let Some(reason) = stop() {
                    return Err(TreeError::Stopped(reason));
                }
                entries += 1;
                if entries > MOST_ENTRIES {
                    return Err(TreeError::Excessive(format!("larger than {MOST_ENTRIES} entries")));
                }
                let name = entry.name_bytes();
                let path = above.join(OsStr::from_bytes(name));
                if names::is_refused(name, entry.filemode() == LINK) {
                    return Err(TreeError::Name(path));
                }
                let target = folder.join(&path);
                match entry.filemode() {
                    0o040_000 => {
                        files::create_folder(&target).map_err(|error| write(&path, error))?;
                        open.push((entry.id(), path, depth + 1));
                    }
                    0o160_000 => {
                        files::create_folder(&target).map_err(|error| write(&path, error))?;
                        written.submodules.add(&path);
                    }
                    LINK => {
                        let blob = self.blob(&objects, entry.id(), &path)?;
                        if let Some(kind) = StandIn::of_link(blob.content()) {
                            written.stand_ins.entry(kind).or_default().add(&path);
                        }
                        files::create_link(Path::new(OsStr::from_bytes(blob.content())), &target)
                            .map_err(|error| write(&path, error))?;
                        written.links += 1;
                    }
                    mode @ (0o100_644 | 0o100_664 | 0o100_755) => {
                        let blob = self.blob(&objects, entry.id(), &path)?;
                        let content = blob.content();
                        let permissions = if mode == 0o100_755 { 0o755 } else { 0o644 };
                        write_file(&target, content, permissions).map_err(|error| write(&path, error))?;
                        written.files += 1;
                        written.bytes += content.len() as u64;
                        if let Some(kind) = StandIn::of(content) {
                            written.stand_ins.entry(kind).or_default().add(&path);
                        }
                        if name == b".gitattributes" {
                            let mut filters = stand_in::filters(content);
                            written.filters.append(&mut filters);
                            while written.filters.len() > FILTERS_KEPT {
                                written.filters.pop_last();
                            }
                        }
                    }
                    mode => return Err(TreeError::Mode { path, mode }),
                }
            }
        }
        Ok(written)
    }

    /// The content of a file or a link, if it is small enough to be held.
    fn blob(&self, objects: &Odb<'_>, id: Oid, path: &Path) -> Result<Blob<'_>, TreeError> {
        self.bounded(objects, id, path)?;
        self.0.find_blob(id).map_err(|error| self.unreadable(path, id, &error))
    }

    fn bounded(&self, objects: &Odb<'_>, id: Oid, path: &Path) -> Result<(), TreeError> {
        let (size, _) = objects
            .read_header(id)
            .map_err(|error| self.unreadable(path, id, &error))?;
        if size > LARGEST_FILE {
            return Err(TreeError::Large {
                path: path.to_owned(),
                size,
            });
        }
        Ok(())
    }

    fn unreadable(&self, path: &Path, id: Oid, error: &git2::Error) -> TreeError {
        let path = path.to_owned();
        if error.code() == ErrorCode::NotFound && self.is_partial() {
            TreeError::Omitted { path, id }
        } else {
            TreeError::Object {
                path,
                id,
                detail: error.message().to_owned(),
            }
        }
    }
}

fn write_file(target: &Path, content: &[u8], permissions: u32) -> io::Result<()> {
    let mut file = files::create(target, permissions)?;
    file.write_all(content)?;
    let length = file.metadata()?.len();
    if length != content.len() as u64 {
        return Err(io::Error::other(format!("{length} of {} bytes arrived", content.len())));
    }
    Ok(())
}

fn write(path: &Path, error: io::Error) -> TreeError {
    if error.kind() == io::ErrorKind::AlreadyExists {
        TreeError::Twice(path.to_owned())
    } else {
        TreeError::Write {
            path: path.to_owned(),
            error,
        }
    }
}
