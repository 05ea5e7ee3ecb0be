//! Opening regular files for reading, and reading them whole up to a limit.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// What a symbolic link as the last part of a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// What the user named may be a link.
    Follow,
    /// Evidence and files of our own are never links: another program put it there.
    Refuse,
}

/// Opens a regular file. Nothing else is opened, or waited for: an error says what is there instead.
pub fn open(path: &Path, links: Links) -> io::Result<File> {
    open_in(rustix::fs::CWD, path, links)
}

/// Like [`open`], with a path relative to a folder that is open.
pub fn open_in(folder: impl AsFd, path: &Path, links: Links) -> io::Result<File> {
    // Without NONBLOCK a FIFO is waited for until somebody writes into it.
    let mut flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    flags.set(OFlags::NOFOLLOW, links == Links::Refuse);
    let file = match rustix::fs::openat(&folder, path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(error) => return Err(instead(folder, path, links).unwrap_or_else(|| error.into())),
    };
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    match wrong_kind(kind) {
        None => Ok(file),
        Some(wrong) => Err(wrong),
    }
}

/// A folder, to open files in.
pub fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// What is there and could not be opened, if it is no regular file.
fn instead(folder: impl AsFd, path: &Path, links: Links) -> Option<io::Error> {
    let flags = match links {
        Links::Follow => AtFlags::empty(),
        Links::Refuse => AtFlags::SYMLINK_NOFOLLOW,
    };
    let stat = rustix::fs::statat(folder, path, flags).ok()?;
    wrong_kind(FileType::from_raw_mode(stat.st_mode))
}

/// The error for everything that is no regular file.
pub(super) fn wrong_kind(kind: FileType) -> Option<io::Error> {
    let what = match kind {
        FileType::RegularFile => return None,
        FileType::Directory => "a folder",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "of an unknown kind",
    };
    Some(io::Error::other(NotRegular(what)))
}

#[derive(Debug, thiserror::Error)]
#[error("it is {0}, not a regular file")]
struct NotRegular(&'static str);

/// Whether this is why something could not be opened.
pub fn is_not_regular(error: &io::Error) -> bool {
    error
        .get_ref()
        .and_then(|error| error.downcast_ref::<NotRegular>())
        .is_some()
}

/// The error for what is there and is no regular file. A link is none, wherever it leads.
pub(super) fn refuse_other_than_regular(path: &Path) -> io::Result<()> {
    match rustix::fs::lstat(path) {
        Ok(stat) => wrong_kind(FileType::from_raw_mode(stat.st_mode)).map_or(Ok(()), Err),
        // What keeps the folder from being made says so when it is made.
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Reads a whole file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64, links: Links) -> anyhow::Result<Vec<u8>> {
    let file = open(path, links).with_context(|| format!("cannot open {}", path.display()))?;
    read_whole(file, path, limit)
}

/// The first bytes of a file, at most `limit`.
pub fn head(path: &Path, limit: u64, links: Links) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    open(path, links)?.take(limit).read_to_end(&mut head)?;
    Ok(head)
}

/// Like [`read`]; `None` if there is no such file.
pub fn read_if_there(path: &Path, limit: u64, links: Links) -> anyhow::Result<Option<Vec<u8>>> {
    match open(path, links) {
        Ok(file) => read_whole(file, path, limit).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
    }
}

/// Reads a whole text file of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64, links: Links) -> anyhow::Result<String> {
    String::from_utf8(read(path, limit, links)?).map_err(|error| {
        anyhow::anyhow!(
            "{} is not UTF-8 text (first wrong byte at offset {})",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })
}

/// The bytes of an open file, of which there may be `limit`. `path` is what it is called.
pub fn read_whole(file: File, path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > limit {
        bail!("{} is larger than {limit} bytes", path.display());
    }
    Ok(bytes)
}

/// The end of a log of our own, and whether that is all of it. What is shown of it goes through
/// `Redactor::last_lines_of`.
pub fn tail(path: &Path) -> anyhow::Result<(Vec<u8>, bool)> {
    /// Lines of a server's log are far shorter than this divided by any sensible number of them.
    const WINDOW: u64 = 64 * 1024;
    let wrong = || format!("cannot read {}", path.display());
    let mut file = open(path, Links::Refuse).with_context(wrong)?;
    let size = file.metadata().with_context(wrong)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(WINDOW)))
        .with_context(wrong)?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes).with_context(wrong)?;
    Ok((bytes, size <= WINDOW))
}
