//! Folders for the length of one piece of work.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::fs::{Mode, OFlags};

use super::{abandoned, owner};

/// It is removed, with everything in it, when it is dropped; after a kill, by whoever clears such folders.
#[derive(Debug)]
pub struct TemporaryFolder {
    folder: tempfile::TempDir,
    #[expect(dead_code, reason = "held open, which holds the lock")]
    lock: File,
}

/// A new folder in `place` whose name begins with `prefix`.
pub fn temporary_folder(place: &Path, prefix: &str, mode: u32) -> anyhow::Result<TemporaryFolder> {
    /// How often in a row another process may take our new folder for an abandoned one.
    const TRIES: usize = 8;
    let wrong = || format!("cannot write into {}", place.display());
    for _ in 0..TRIES {
        let folder = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(mode))
            .tempdir_in(place)
            .with_context(wrong)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = match rustix::fs::open(folder.path(), flags, Mode::empty()) {
            Ok(open) => File::from(open),
            // Taken for abandoned already.
            Err(rustix::io::Errno::NOENT) => continue,
            Err(error) => return Err(io::Error::from(error)).with_context(wrong),
        };
        owner::give(&lock, place).with_context(wrong)?;
        if abandoned::lock(&lock).with_context(wrong)? {
            return Ok(TemporaryFolder { folder, lock });
        }
    }
    bail!("{}: another process removes what is made there", wrong())
}

impl TemporaryFolder {
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Removes it, and says what kept it from being removed.
    pub fn close(self) -> io::Result<()> {
        self.folder.close()
    }
}
