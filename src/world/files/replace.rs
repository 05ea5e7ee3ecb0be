//! Replacing files: whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::open::refuse_other_than_regular;
use super::{abandoned, folder_of, make, owner};
use crate::model::evidence::HALF_WRITTEN;

/// Reports are for everybody who may read the workspace.
const MODE: u32 = 0o644;
/// How often in a row another process may take our new file for an abandoned one.
const TRIES: usize = 8;

/// Writes `path` whole or not at all: to a temporary name beside it, then renamed. Missing folders are made. What is there
/// must be a regular file: a rename would also replace a device, and readers behind a link would keep seeing the old
/// file.
/// Against a kill of the process that is enough; waiting for the disk would cost more than a whole probe.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// Like [`replace`], with the bytes coming from `write`.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> anyhow::Result<()> {
    let wrong = || format!("cannot write {}", path.display());
    refuse_other_than_regular(path).with_context(wrong)?;
    let mut temporary = temporary_beside(path)?;
    write(temporary.as_file_mut()).with_context(wrong)?;
    temporary.persist()
}

/// A file with a temporary name beside the one that it is to become. It is removed when it is dropped.
#[derive(Debug)]
pub struct Temporary {
    /// Open and locked, which says that it is not abandoned.
    file: tempfile::NamedTempFile,
    becomes: PathBuf,
}

/// A file with a temporary name beside `path`, to become `path` when it is whole. Missing folders are made.
pub fn temporary_beside(path: &Path) -> anyhow::Result<Temporary> {
    let folder = folder_of(path);
    make::folders(folder)?;
    let wrong = || format!("cannot write into {}", folder.display());
    abandoned::clear_abandoned(folder, HALF_WRITTEN);
    for _ in 0..TRIES {
        let file = tempfile::Builder::new()
            .prefix(HALF_WRITTEN)
            // Without this it would be private.
            .permissions(Permissions::from_mode(MODE))
            .tempfile_in(folder)
            .with_context(wrong)?;
        owner::give(file.as_file(), folder).with_context(wrong)?;
        if abandoned::lock(file.as_file()).with_context(wrong)? {
            return Ok(Temporary {
                file,
                becomes: path.to_owned(),
            });
        }
    }
    bail!("{}: another process removes what is written there", wrong())
}

impl Temporary {
    pub fn as_file_mut(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Gives it its name, unless something else than a regular file has that.
    pub fn persist(self) -> anyhow::Result<()> {
        refuse_other_than_regular(&self.becomes).with_context(|| format!("cannot write {}", self.becomes.display()))?;
        self.persist_over_a_link()
    }

    /// Gives it its name, also in the place of a link, which is removed. Nothing is written through it.
    pub fn persist_over_a_link(self) -> anyhow::Result<()> {
        let Self { file, becomes } = self;
        file.persist(&becomes)
            .map_err(|error| error.error)
            .with_context(|| format!("cannot write {}", becomes.display()))?;
        Ok(())
    }
}
