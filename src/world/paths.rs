//! Looking at paths without reading what is there.
#![expect(clippy::disallowed_methods, reason = "looks at names and links, and opens nothing")]

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;

use super::copy::is_executable;
use super::walk::Kind;

/// What is there, without following a link. `None` if nothing is.
pub fn kind(path: &Path) -> io::Result<Option<Kind>> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some(meta.file_type().into())),
        // A file where a folder should be: below it there is nothing either.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is nothing. A link that leads nowhere is something, be it the last part of the path or one before.
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

/// Whether `inner` is `folder` or lies in it, links followed. Where the way leads through what does not exist yet, `..`
/// is taken as it will be.
pub fn contains(folder: &Path, inner: &Path) -> bool {
    ways(inner).any(|inner| ways(folder).any(|folder| inner.starts_with(folder)))
}

/// Whether `inner` is `folder` or lies in it, whichever way it is followed.
pub fn stays_in(folder: &Path, inner: &Path) -> bool {
    ways(inner).all(|inner| ways(folder).any(|folder| inner.starts_with(folder)))
}

/// Whether a part of the path is called `name`, links followed.
pub fn is_below_a(path: &Path, name: &str) -> bool {
    ways(path).any(|path| path.components().any(|part| part.as_os_str() == name))
}

/// The path as the system follows it now, and as it reads.
fn ways(path: &Path) -> impl Iterator<Item = PathBuf> {
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
    [real_as_far_as_it_exists(path), real_as_far_as_it_exists(&short)].into_iter()
}

/// Whether there is a folder, links followed.
pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_dir())
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

/// Everything below a folder that is no folder itself, relative to it. Nothing, if there is no such folder.
pub fn below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if kind(folder)?.is_none() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot look into {}", folder.display()))?;
        if !entry.file_type().is_dir()
            && let Ok(path) = entry.path().strip_prefix(folder)
        {
            found.push(path.to_owned());
        }
    }
    Ok(found)
}
