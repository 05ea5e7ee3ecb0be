//! What a kill left behind, and how it is told from what another process is working on.
//!
//! Whoever makes something temporary holds a lock on it, which ends with the process, in whatever way it ends and in
//! whatever container it runs. What can be locked is abandoned. Where there are no locks nothing is removed.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::{folder_of, owner};
use crate::model::evidence::{HALF_WRITTEN, TEMPORARY};

/// Whether a file of this name is, or was, on its way to another name.
pub fn is_temporary_name(name: &[u8]) -> bool {
    name.starts_with(HALF_WRITTEN.as_bytes())
}

/// Locks what was just made. False if another process has taken it for abandoned in the moment before: then it is gone,
/// or about to be.
pub fn lock(made: &File) -> io::Result<bool> {
    match made.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(false),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(made.metadata()?.nlink() > 0),
    }
}

/// Removes everything of this prefix in `folder` that was left behind. What cannot be removed stays.
pub fn clear_abandoned(folder: &Path, prefix: &str) {
    debug_assert!(prefix.starts_with(TEMPORARY), "other names are not ours");
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            remove_if_abandoned(&entry.path());
        }
    }
}

/// Removes a temporary file or folder that nobody works on any more, and says whether it is gone.
pub fn remove_if_abandoned(path: &Path) -> bool {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(open) = rustix::fs::open(path, flags, Mode::empty()).map(File::from) else {
        return false;
    };
    let Ok(meta) = open.metadata() else {
        return false;
    };
    if !owner::can_be_ours(meta.uid(), folder_of(path)) || open.try_lock().is_err() {
        return false;
    }
    let removed = if meta.is_dir() {
        fs::remove_dir_all(path)
    } else if meta.is_file() {
        fs::remove_file(path)
    } else {
        return false;
    };
    removed.is_ok()
}
