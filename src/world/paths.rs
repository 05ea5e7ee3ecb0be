//! Looking at paths without reading what is there.
#![expect(clippy::disallowed_methods, reason = "looks at names and links, and opens nothing")]

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use super::copy::is_executable;
use super::walk::Kind;
use crate::model::evidence::is_git;

/// What is there, without following a link. `None` if nothing is.
pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta.file_type().into())),
        // A file where a folder should be: below it there is nothing either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is nothing. A dangling link is something, be it the last part of the path or one before.
pub fn is_absent(path: &Path) -> io::Result<bool> {
    for above in path.ancestors().filter(|above| !above.as_os_str().is_empty()) {
        match kind(above)? {
            None => {}
            Some(Kind::Symlink) => return Ok(above != path && fs::metadata(above).is_ok()),
            Some(_) => return Ok(above != path),
        }
    }
    Ok(true)
}

/// The path with every link in it followed. It must exist.
pub fn real(path: &Path) -> io::Result<PathBuf> {
    fs::canonicalize(path)
}

/// The path with every link in the part of it that exists followed.
pub fn real_as_far_as_it_exists(path: &Path) -> PathBuf {
    let mut rest = PathBuf::new();
    for above in path.ancestors() {
        if let Ok(real) = fs::canonicalize(above) {
            return if rest.as_os_str().is_empty() {
                real
            } else {
                real.join(rest)
            };
        }
        if let Some(name) = above.file_name() {
            rest = if rest.as_os_str().is_empty() {
                PathBuf::from(name)
            } else {
                Path::new(name).join(rest)
            };
        }
    }
    path.to_owned()
}

/// Whether `inner` is `folder` or lies in it, links followed, also by another name of the folder, as a bind mount gives
/// it. Where the way leads through what does not exist yet, `..` is taken as it will be.
pub fn contains(folder: &Path, inner: &Path) -> bool {
    let same = identity(folder).ok();
    let is_folder = |above: &Path| same.is_some() && identity(above).ok() == same;
    ways(inner).any(|inner| ways(folder).any(|folder| inner.starts_with(folder)) || inner.ancestors().any(is_folder))
}

/// Whether `inner` is `folder` or lies in it, whichever way it is followed.
pub fn stays_in(folder: &Path, inner: &Path) -> bool {
    ways(inner).all(|inner| ways(folder).any(|folder| inner.starts_with(folder)))
}

/// What tells a file or folder from every other one while it exists, whatever it is called; links are followed.
pub fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let meta = fs::metadata(path)?;
    Ok((meta.dev(), meta.ino()))
}

/// Whether the path is git's own data or lies in it, links followed.
pub fn is_in_git(path: &Path) -> bool {
    ways(path).any(|path| path.components().any(|part| is_git(part.as_os_str())))
}

/// The path without `.`, `..` and a slash at its end, as it reads: no link is followed.
pub fn shortest(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                short.pop();
            }
            Component::CurDir => {}
            part => short.push(part),
        }
    }
    short
}

/// The path as the system follows it now, and as it reads.
fn ways(path: &Path) -> impl Iterator<Item = PathBuf> {
    let short = shortest(path);
    [real_as_far_as_it_exists(path), real_as_far_as_it_exists(&short)].into_iter()
}

/// What a link says, in words; it need not exist.
pub fn link_text(path: &Path) -> String {
    fs::read_link(path).map_or_else(|error| error.to_string(), |target| target.display().to_string())
}

/// Its size in bytes, without following a link.
pub fn size(path: &Path) -> io::Result<u64> {
    Ok(fs::symlink_metadata(path)?.len())
}

/// Whether somebody may execute it.
pub fn may_be_executed(path: &Path) -> io::Result<bool> {
    Ok(is_executable(&fs::symlink_metadata(path)?))
}
