//! Reading and writing files so that a kill at any moment leaves the old file or the new one.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::model::evidence::{MANIFEST, TEMPORARY};

/// Writes `path` whole or not at all: to a temporary name beside it, then renamed. Missing folders are made.
/// Against a kill of the process that is enough; waiting for the disk would cost more than a whole probe.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    replace_with(path, |file| file.write_all(bytes))
}

/// Like [`replace`], with the bytes coming from `write`.
pub fn replace_with(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> anyhow::Result<()> {
    let folder = folder_of(path);
    let wrong = || format!("cannot write {}", path.display());
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(read_write())
        .tempfile_in(folder)
        .with_context(wrong)?;
    write(temporary.as_file_mut()).with_context(wrong)?;
    temporary
        .persist(path)
        .map_err(|error| error.error)
        .with_context(wrong)?;
    Ok(())
}

/// The folder a file is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Temporary files are private by default; reports are for everybody who may read the workspace.
fn read_write() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::Permissions::from_mode(0o644)
}

/// Appends to a file the runner made (`GITHUB_OUTPUT`, `GITHUB_STEP_SUMMARY`). One that does not exist is an error:
/// making it would hide that the outputs go nowhere.
pub fn append_to_existing(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    file.write_all(text.as_bytes())
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a whole text file of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> anyhow::Result<String> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let bytes = read_whole(file, path, limit)?;
    String::from_utf8(bytes).map_err(|error| {
        anyhow::anyhow!(
            "{} is not UTF-8 text (first wrong byte at offset {})",
            path.display(),
            error.utf8_error().valid_up_to()
        )
    })
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

/// Whether it is a file that somebody may run, as a shell looks for commands: what cannot be looked at is no command.
pub fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The last `lines` lines of a text file, however large it is. What is not UTF-8 is replaced.
pub fn tail(path: &Path, lines: usize) -> anyhow::Result<String> {
    use std::io::{Seek as _, SeekFrom};
    /// Lines of a server's log are far shorter than this divided by any sensible number of them.
    const WINDOW: u64 = 64 * 1024;
    let wrong = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(wrong)?;
    let size = file.metadata().with_context(wrong)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(WINDOW)))
        .with_context(wrong)?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes).with_context(wrong)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// `folder`, or, if it holds sealed evidence already, the first of `folder-2`, `folder-3`, … that does not.
pub fn unsealed(folder: &Path) -> std::path::PathBuf {
    let sealed = |folder: &Path| exists(&folder.join(MANIFEST));
    let mut candidate = folder.to_owned();
    let mut number = 2u32;
    while sealed(&candidate) {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!("-{number}"));
        candidate = std::path::PathBuf::from(name);
        number += 1;
    }
    candidate
}

/// Reads a whole file of at most `limit` bytes. `None` if there is none.
pub fn read_if_there(path: &Path, limit: u64) -> anyhow::Result<Option<Vec<u8>>> {
    let file = match super::hash::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot open {}", path.display())),
    };
    read_whole(file, path, limit).map(Some)
}

fn read_whole(file: File, path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    if bytes.len() as u64 > limit {
        bail!("{} is larger than {limit} bytes", path.display());
    }
    Ok(bytes)
}

/// Renames within one file system; folders above the new name are made.
pub fn rename(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::rename(from, to).with_context(|| format!("cannot rename {} to {}", from.display(), to.display()))
}

/// A second name for a file that nobody writes any more, or a copy where the file system has no such names.
pub fn link_or_copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    fs::hard_link(from, to)
        .or_else(|_| fs::copy(from, to).map(|_| ()))
        .with_context(|| format!("cannot keep {} as {}", from.display(), to.display()))
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

/// Removes a folder if it is empty.
pub fn remove_if_empty(folder: &Path) {
    // One that is not empty is meant to stay.
    let _ = fs::remove_dir(folder);
}

/// A folder inside `folder` whose name begins with `prefix`. It is removed when it is dropped.
pub fn temporary_folder(folder: &Path, prefix: &str) -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(folder_mode())
        .tempdir_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))
}

/// A folder that this process alone works in, until the value is dropped or the process ends in whatever way.
pub struct Claim(#[expect(dead_code, reason = "held open, which holds the lock")] File);

/// Claims `folder`, which is made. `None` if another process has claimed it.
pub fn claim(folder: &Path) -> anyhow::Result<Option<Claim>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let open = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    match open.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(None),
        // Some network file systems cannot lock a folder. The lock only turns a mistake into a clear message.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(Some(Claim(open))),
    }
}

fn folder_mode() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    fs::Permissions::from_mode(0o755)
}

/// A file with a temporary name beside `path`, to become `path` when it is whole. It is removed when it is dropped.
pub fn temporary_beside(path: &Path) -> anyhow::Result<tempfile::NamedTempFile> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(read_write())
        .tempfile_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))
}
