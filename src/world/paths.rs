//! Looking at paths without reading what is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// What a link says, in words; it need not exist.
pub fn link_text(path: &Path) -> String {
    fs::read_link(path).map_or_else(|error| error.to_string(), |target| target.display().to_string())
}

/// Whether somebody may execute it.
pub fn may_be_executed(path: &Path) -> io::Result<bool> {
    Ok(is_executable(&fs::symlink_metadata(path)?))
}
