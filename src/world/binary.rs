//! This program's own file, and a copy of it where others can run it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use anyhow::Context as _;

use super::hash::{self, Hashed, Scratch};
use crate::model::elf;
use crate::model::evidence::TEMPORARY;

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
        File::open("/proc/self/exe")
    } else {
        File::open(std::env::current_exe()?)
    }
}

/// The loader that this program needs; `None` if it is static. An error is that this cannot be told.
pub fn interpreter() -> anyhow::Result<Option<String>> {
    let wrong = "this program's own file cannot be read";
    let mut head = Vec::new();
    own()
        .context(wrong)?
        .take(elf::HEAD)
        .read_to_end(&mut head)
        .context(wrong)?;
    elf::interpreter(&head).map_err(anyhow::Error::msg)
}

/// Copies this program to `target`: whole or not at all, on the disk, executable, and belonging to whoever the folder above
/// `target`'s folder belongs to. As root of a container we would otherwise leave what the runner's user cannot remove.
pub fn copy_to(target: &Path) -> anyhow::Result<Copied> {
    let wrong = || format!("cannot write {}", target.display());
    let folder = target.parent().context("the copy has no folder")?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let owner = folder.parent().and_then(|above| fs::metadata(above).ok());
    let give = |path: &Path| {
        if let Some(owner) = &owner {
            // Not being allowed to means that we are that user, or have no better one.
            let _ = chown(path, Some(owner.uid()), Some(owner.gid()));
        }
    };
    let hashed = hash::hash_stream(own()?, u64::MAX, &mut Scratch::new(), &|| false)
        .context("this program's own file cannot be read")?;
    // A link in its place is replaced, like any other file that is another one.
    if hash::hash_file(target, &|| false).is_ok_and(|there| there == hashed) {
        fs::set_permissions(target, fs::Permissions::from_mode(MODE)).with_context(wrong)?;
        return Ok(Copied {
            hashed,
            was_there: true,
        });
    }
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder)
        .with_context(|| format!("cannot write into {}", folder.display()))?;
    io::copy(&mut own()?, temporary.as_file_mut()).with_context(wrong)?;
    let file = temporary.as_file();
    file.set_permissions(fs::Permissions::from_mode(MODE))
        .with_context(wrong)?;
    give(folder);
    give(temporary.path());
    file.sync_all().with_context(wrong)?;
    let file = temporary
        .persist(target)
        .map_err(|error| error.error)
        .with_context(wrong)?;
    // While it is open for writing nobody can run it.
    drop(file);
    File::open(folder)
        .and_then(|folder| folder.sync_all())
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
