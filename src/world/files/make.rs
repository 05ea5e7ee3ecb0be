//! Making files, folders and links, and writing to the end of files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::open::wrong_kind;
use super::{folder_of, is_folder, owner};

/// Makes a folder, unless it is there, and those above it.
pub fn folders(path: &Path) -> anyhow::Result<()> {
    let what = || format!("cannot make the folder {}", path.display());
    all(path).map_err(|error| owner::refused(path, what, error))
}

fn all(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() || is_folder(path) {
        return Ok(());
    }
    let made = match create_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            all(path.parent().ok_or(error)?)?;
            create_folder(path)
        }
        made => made,
    };
    // Another process may have been faster.
    made.or_else(|error| if is_folder(path) { Ok(()) } else { Err(error) })
}

/// Makes a folder, which must not exist.
pub fn create_folder(path: &Path) -> io::Result<()> {
    fs::create_dir(path)?;
    // Not by its name: meanwhile it could be a link to somebody else's folder.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    owner::give(rustix::fs::open(path, flags, Mode::empty())?, folder_of(path))
}

/// Makes a symbolic link, which must not exist.
pub fn create_link(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)?;
    owner::give_link(link, folder_of(link))
}

/// Makes a file, which must not exist, and opens it for writing. The folder must be there.
pub fn create(path: &Path, mode: u32) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    make(path, flags, mode)
}

fn make(path: &Path, flags: OFlags, mode: u32) -> io::Result<File> {
    let file = File::from(rustix::fs::open(path, flags, Mode::from_raw_mode(mode))?);
    owner::give(&file, folder_of(path))?;
    Ok(file)
}

/// Opens a log for writing at its end. It is made, unless it is there. A link is refused, as it could lead to any file of
/// the user.
pub fn append(path: &Path) -> anyhow::Result<File> {
    folders(folder_of(path))?;
    open_log(path).map_err(|error| owner::refused(path, || format!("cannot write {}", path.display()), error))
}

fn open_log(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let flags = flags | OFlags::NOCTTY;
    loop {
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(file) => {
                let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
                return wrong_kind(kind).map_or_else(|| Ok(File::from(file)), Err);
            }
            Err(Errno::NOENT) => {}
            Err(error) => {
                super::open::refuse_other_than_regular(path)?;
                return Err(error.into());
            }
        }
        match make(path, flags | OFlags::CREATE | OFlags::EXCL, 0o666) {
            // Another process made it just now.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made,
        }
    }
}

/// Appends lines to a file the runner made (`GITHUB_OUTPUT`, `GITHUB_STEP_SUMMARY`). One that does not exist is an error:
/// making it would hide that the outputs go nowhere. Another program may have left its last line open; then that line is
/// ended first.
///
/// `/dev/stdout` and `/dev/null` are taken as well, as scripts name them when there is no runner.
pub fn append_lines(path: &Path, lines: &str) -> anyhow::Result<()> {
    // A FIFO that nobody reads, or that is full, is an error and is not waited for.
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map_err(io::Error::from)
        .with_context(|| format!("cannot open {}", path.display()))?;
    let mut text = String::new();
    if !ends_a_line(path) {
        text.push('\n');
    }
    text.push_str(lines);
    File::from(file)
        .write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Whether what is written to the end of it begins a line. What is no regular file has no end to look at.
fn ends_a_line(path: &Path) -> bool {
    let last = |file: File, length: u64| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, length - 1).is_ok_and(|()| byte == *b"\n")
    };
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() && meta.len() > 0 => {
            super::open(path, super::Links::Follow).is_ok_and(|file| last(file, meta.len()))
        }
        _ => true,
    }
}
