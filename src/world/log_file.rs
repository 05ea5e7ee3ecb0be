//! Opening a log that is only ever appended to.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use anyhow::Context as _;
use rustix::fs::{Mode, OFlags};

/// For appending, where it is and not where a link leads: that could be any file of the user.
pub fn open(path: &Path) -> anyhow::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    // Opening a pipe that nobody reads must not make us wait.
    let flags =
        OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let shown = path.display();
    let file = match rustix::fs::open(path, flags, Mode::from_raw_mode(0o666)) {
        Ok(file) => File::from(file),
        Err(rustix::io::Errno::LOOP) => {
            anyhow::bail!("{shown} is a link, and links are not written through; remove it")
        }
        Err(error) => return Err(io::Error::from(error)).with_context(|| format!("cannot write {shown}")),
    };
    let meta = file.metadata().with_context(|| format!("cannot write {shown}"))?;
    anyhow::ensure!(meta.is_file(), "{shown} is not a file; remove it");
    Ok(file)
}
