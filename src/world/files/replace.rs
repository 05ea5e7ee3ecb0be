//! Replacing files: whole or not at all.

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::open::{self, Links, refuse_other_than_regular};
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

/// Like [`replace`], and the file keeps its permissions.
pub fn replace_with_its_mode(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let stat = rustix::fs::lstat(path).with_context(|| format!("cannot write {}", path.display()))?;
    replace_with(path, |file| {
        file.set_permissions(Permissions::from_mode(stat.st_mode & 0o7777))?;
        file.write_all(bytes)
    })
}

/// Like [`replace`], with the bytes coming from `write`.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> anyhow::Result<()> {
    let wrong = || format!("cannot write {}", path.display());
    refuse_other_than_regular(path).with_context(wrong)?;
    let mut temporary = temporary_beside(path)?;
    write(temporary.as_file_mut()).with_context(wrong)?;
    temporary.persist()
}

/// What is put back if a later file cannot be written. No file that people write is larger.
const LARGEST_KEPT: u64 = 16 << 20;

/// A file to write, and whether one that is there may be replaced.
#[derive(Debug)]
pub struct Planned<'a> {
    pub path: PathBuf,
    pub bytes: &'a [u8],
    pub replaces: bool,
}

/// Writes all of these or none. What fails is found out before the first file has its name, as far as that is possible;
/// if a later one fails even so, the earlier ones are as they were.
pub fn write_together(files: &[Planned<'_>]) -> anyhow::Result<()> {
    let mut ready = Vec::new();
    for file in files {
        let wrong = || format!("cannot write {}", file.path.display());
        refuse_other_than_regular(&file.path).with_context(wrong)?;
        let before = match file.replaces {
            true => open::read_if_there(&file.path, LARGEST_KEPT, Links::Refuse)?,
            false => None,
        };
        let mut temporary = temporary_beside(&file.path)?;
        temporary.as_file_mut().write_all(file.bytes).with_context(wrong)?;
        ready.push((temporary, file.replaces, before));
    }
    let mut done: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
    for (temporary, replaces, before) in ready {
        let path = temporary.becomes.clone();
        let written = match replaces {
            true => temporary.persist(),
            false => temporary.persist_new(),
        };
        if let Err(error) = written {
            for (path, before) in done {
                // The first error is the one to tell.
                let _ = match before {
                    Some(before) => replace(&path, &before),
                    None => super::remove_file(&path),
                };
            }
            return Err(error);
        }
        done.push((path, before));
    }
    Ok(())
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
            .map_err(|error| owner::refused(folder, wrong, error))?;
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

    /// Gives it its name, unless anything has that.
    pub fn persist_new(self) -> anyhow::Result<()> {
        let Self { file, becomes } = self;
        file.persist_noclobber(&becomes)
            .map_err(|error| error.error)
            .with_context(|| format!("cannot write {}", becomes.display()))?;
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn planned(path: PathBuf, replaces: bool) -> Planned<'static> {
        Planned {
            path,
            bytes: b"new",
            replaces,
        }
    }

    #[test]
    fn if_one_file_cannot_be_written_the_others_are_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("there"), "old").unwrap();
        fs::write(at("taken"), "theirs").unwrap();
        // The last one was not there when it was planned.
        let files = [
            planned(at("made"), false),
            planned(at("there"), true),
            planned(at("absent"), true),
            planned(at("taken"), false),
        ];
        let error = write_together(&files).unwrap_err();
        assert!(format!("{error:#}").contains("taken"), "{error:#}");
        let read = |name: &str| fs::read_to_string(at(name)).ok();
        let left = ["made", "there", "absent", "taken"].map(read);
        assert_eq!(
            left.each_ref().map(Option::as_deref),
            [None, Some("old"), None, Some("theirs")]
        );
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing temporary is left"
        );
        write_together(&files[..3]).unwrap();
        let left = ["made", "there", "absent"].map(read);
        assert!(left.iter().all(|text| text.as_deref() == Some("new")), "{left:?}");
    }
}
