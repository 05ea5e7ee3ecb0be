//! This program's own file, and a copy of it where others can run it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use super::files::{self, Links};
use super::hash::{self, Hashed, Scratch};

/// As `--version` prints it: the version, the commit it was built from, and the target.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("STAGEPROOF_BUILD"), ")");

const MODE: u32 = 0o755;

/// A copy that is in its place.
#[derive(Debug)]
pub struct Copied {
    pub hashed: Hashed,
    /// It was there already, with the very same bytes.
    pub was_there: bool,
}

/// The file that this process was started from, also if its name has gone to another one since.
fn own() -> io::Result<File> {
    if cfg!(target_os = "linux") {
        files::open(Path::new("/proc/self/exe"), Links::Follow)
    } else {
        files::open(&std::env::current_exe()?, Links::Follow)
    }
}

/// Copies this program to `target`: whole or not at all, on the disk, and executable. A link in its place is replaced.
pub fn copy_to(target: &Path) -> anyhow::Result<Copied> {
    let wrong = || format!("cannot write {}", target.display());
    let folder = target.parent().context("the copy has no folder")?;
    let hashed = hash::hash_stream(own()?, u64::MAX, &mut Scratch::new(), &|| false)
        .context("this program's own file cannot be read")?;
    if hash::hash_file(target, &|| false).is_ok_and(|there| there == hashed) {
        files::open(target, Links::Refuse)
            .and_then(|file| file.set_permissions(fs::Permissions::from_mode(MODE)))
            .with_context(wrong)?;
        return Ok(Copied {
            hashed,
            was_there: true,
        });
    }
    let mut temporary = files::temporary_beside(target)?;
    let file = temporary.as_file_mut();
    io::copy(&mut own()?, file).with_context(wrong)?;
    file.set_permissions(fs::Permissions::from_mode(MODE))
        .with_context(wrong)?;
    file.sync_all().with_context(wrong)?;
    // Closed as well: while it is open for writing nobody can run it.
    temporary.persist_over_a_link()?;
    files::open_folder(folder)
        .and_then(|folder| File::from(folder).sync_all())
        .with_context(wrong)?;
    let written = hash::hash_file(target, &|| false).with_context(wrong)?;
    anyhow::ensure!(
        written == hashed,
        "{} is not what was written into it",
        target.display()
    );
    Ok(Copied {
        hashed,
        was_there: false,
    })
}
