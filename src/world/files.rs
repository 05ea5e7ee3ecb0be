//! The one way to open, read, make and replace a file.
//!
//! What is opened for reading is a regular file: a FIFO, a device or a socket is refused by name and never waited for.
//! What is made belongs to the owner of the folder it is made in (`owner`). What is replaced is written under a temporary
//! name and renamed, so that a kill at any moment leaves the old file or the new one; the temporary file itself is removed
//! by the next run (`abandoned`).
#![expect(
    clippy::disallowed_methods,
    reason = "this is the one place for what clippy.toml bans elsewhere"
)]

mod abandoned;
mod make;
mod open;
mod owner;
mod replace;
mod temporary;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::model::evidence::MANIFEST;
pub use abandoned::{clear_abandoned, is_temporary_name, remove_if_abandoned};
pub use make::{append, append_lines, create, create_folder, create_link, folders};
pub use open::{
    Links, head, is_not_regular, open, open_folder, open_in, read, read_if_there, read_text, read_whole, tail,
};
pub use owner::NOT_OURS;
pub use replace::{Planned, Temporary, replace, replace_with, replace_with_its_mode, temporary_beside, write_together};
pub use temporary::{TemporaryFolder, temporary_folder};

/// The folder a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Whether something is there. One that cannot be looked at counts as there, so that reading it says why it cannot be.
pub fn exists(path: &Path) -> bool {
    !matches!(fs::symlink_metadata(path), Err(error) if error.kind() == io::ErrorKind::NotFound)
}

/// Whether something is there, at the end of all links. An error is that this could not be found out.
pub fn is_there(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether what is there at the end of all links is a file; `None` if nothing is.
pub fn is_file(path: &Path) -> io::Result<Option<bool>> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta.is_file())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether there is a folder, links followed.
pub fn is_folder(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Whether it is a file that somebody may run, as a shell looks for commands: what cannot be looked at is no command.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// `folder`, or, if it holds sealed evidence already, the first of `folder-2`, `folder-3`, … that does not; and those
/// that do.
pub fn unsealed(folder: &Path) -> anyhow::Result<(PathBuf, Vec<PathBuf>)> {
    /// More sealed folders of one name are a mistake, and looking at each takes time.
    const MOST: u32 = 1000;
    let mut sealed = Vec::new();
    for number in 1..=MOST {
        let mut name = folder.as_os_str().to_owned();
        if number > 1 {
            name.push(format!("-{number}"));
        }
        let candidate = PathBuf::from(name);
        // Where nothing can be looked at, nothing can be written either, which is found out then.
        if fs::symlink_metadata(candidate.join(MANIFEST)).is_err() {
            return Ok((candidate, sealed));
        }
        sealed.push(candidate);
    }
    bail!(
        "{} and its successors up to {}-{MOST} are all sealed",
        folder.display(),
        folder.display()
    )
}

/// Renames within one file system; folders above the new name are made.
pub fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    folders(folder_of(to))?;
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

/// A second name for a file that nobody writes any more, or a copy where the file system has no such names. `to` must not
/// exist.
pub fn link_or_copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let wrong = || format!("cannot keep {} as {}", from.display(), to.display());
    folders(folder_of(to))?;
    match fs::hard_link(from, to) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error).with_context(wrong),
        Err(_) => {
            use std::os::unix::fs::PermissionsExt as _;
            let mut source = open(from, Links::Refuse).with_context(wrong)?;
            let mode = source.metadata().with_context(wrong)?.permissions().mode();
            let mut copy = create(to, mode).with_context(wrong)?;
            io::copy(&mut source, &mut copy).with_context(wrong)?;
            Ok(())
        }
    }
}

/// Removes a file, a link or a folder with everything in it. One that is not there is fine.
pub fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a regular file. One that is not there is fine; something else is an error.
pub fn remove_file(path: &Path) -> anyhow::Result<()> {
    let removed = open::refuse_other_than_regular(path).and_then(|()| fs::remove_file(path));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a folder if it is empty.
pub fn remove_if_empty(folder: &Path) {
    // One that is not empty is meant to stay.
    let _ = fs::remove_dir(folder);
}

/// A folder that this process alone works in, until the value is dropped or the process ends in whatever way.
pub struct Claim(#[expect(dead_code, reason = "held open, which holds the lock")] File);

/// Claims `folder`, which is made. `None` if another process has claimed it.
pub fn claim(folder: &Path) -> anyhow::Result<Option<Claim>> {
    folders(folder)?;
    let open = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    match open.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network file systems cannot lock a folder. The lock only turns a mistake into a clear message.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Claim(open))),
    }
}
