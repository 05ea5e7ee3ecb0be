//! Copies the named files into a temporary folder, so that an earlier seal stays whole until the new one is ready.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;

use super::found::is_gone;
use super::safe_name::{SafeNames, as_is};
use super::select::{Selection, Source, shown};
use crate::model::cores;
use crate::model::evidence::{COPIES, Why, encode_path};
use crate::world::archive::{Packed, Packer};
use crate::world::copy::{self, CopyError};
use crate::world::files;
use crate::world::hash::{Hashed, Stop};

/// Bytes of small files that are compressed when they are copied. The others are read again when all are packed.
const MOST_PACKED: usize = 8 << 20;

/// Of what is still to be copied.
const NOT_HASHED: Hashed = Hashed {
    sha256: [0; 32],
    size: 0,
};

/// A file on its way into the bundle.
pub struct Gathered {
    /// In the bundle.
    pub path: String,
    /// Where it is now.
    pub at: PathBuf,
    pub original: Option<String>,
    pub executable: bool,
    /// It was named, and goes into the folder of the copies.
    pub named: bool,
    /// Known already for what was copied, which is hashed on the way.
    pub hashed: Option<Hashed>,
    /// The SHA-256 that an earlier seal gave it, for a copy that is kept from there.
    pub sealed_as: Option<String>,
    /// It was searched when it was copied, and nothing is to be said of it.
    pub is_clean: bool,
    pub packed: Option<Packed>,
}

/// Copies what was selected into `folder`, all cores at once. What cannot be read is left out and fails its pattern.
/// `is_clean` is asked about what is small, when it is at hand.
pub fn copy_in(
    selection: &mut Selection,
    folder: &Path,
    is_clean: impl Fn(&Gathered, &[u8]) -> bool + Sync,
    stop: Stop<'_>,
) -> anyhow::Result<Vec<(Gathered, Hashed)>> {
    let Selection { sources, patterns } = selection;
    // Nobody asks for them again, and there can be very many.
    let (paths, sources): (Vec<OsString>, Vec<Source>) = std::mem::take(sources).into_iter().unzip();
    // Each gets its hash in the list that it is in: there can be very many, and a second list would be as long.
    let files: Vec<(Gathered, Hashed)> = names_of(&paths)
        .into_iter()
        .map(|(safe, original)| Gathered {
            // A boxed path has no room to grow, which counts where there are very many.
            at: folder.join(&safe).into_boxed_path().into(),
            path: [COPIES, "/", &safe].concat(),
            original,
            executable: false,
            named: true,
            hashed: None,
            sealed_as: None,
            is_clean: false,
            packed: None,
        })
        .map(|file| (file, NOT_HASHED))
        .collect();
    let mut made = None;
    for (file, _) in &files {
        let folder = file.at.parent().unwrap_or(folder);
        if made != Some(folder) {
            files::folders(folder)?;
            made = Some(folder);
        }
    }
    let all_packed = AtomicUsize::new(0);
    let scratch = || (Vec::new(), Packer::default());
    let jobs: Vec<_> = sources.iter().zip(&files).collect();
    let copied = cores::each(&jobs, scratch, |(buffer, packer), (Source { from, .. }, (file, _))| {
        let copied = copy::copy(from, &file.at, buffer, stop)?;
        let clean = copied.content(buffer).filter(|content| is_clean(file, content));
        let has_room = all_packed.load(Ordering::Relaxed) < MOST_PACKED;
        let packed = clean.filter(|_| has_room).and_then(|content| packer.pack(content));
        all_packed.fetch_add(packed.as_ref().map_or(0, Packed::size), Ordering::Relaxed);
        Ok((copied, clean.is_some(), packed))
    });
    drop(jobs);
    let gathered = files.into_iter().zip(copied).enumerate();
    let gathered = gathered.filter_map(|(number, ((file, _), copied))| {
        let path = shown(paths[number].as_ref());
        let found = &mut patterns[sources[number].pattern].found;
        match copied {
            Ok((copied, is_clean, packed)) => {
                if copied.changed {
                    found.changed_while_copied(&path, copied.hashed.size);
                }
                let file = Gathered {
                    executable: copied.executable,
                    hashed: Some(copied.hashed),
                    is_clean,
                    packed,
                    ..file
                };
                Some(Ok((file, copied.hashed)))
            }
            Err(CopyError::Write(error)) => {
                Some(Err(error).with_context(|| format!("cannot copy {path} into the evidence directory")))
            }
            Err(CopyError::Read(error)) => {
                found.unreadable(&path, &error.to_string(), is_gone(&error));
                files::remove(&file.at).err().map(Err)
            }
            Err(CopyError::NotARegularFile) => {
                found.left_out(&path, Why::NotARegularFile, None);
                None
            }
        }
    });
    gathered.collect()
}

/// The safe name of each, and what it was called if that is another one.
fn names_of(paths: &[OsString]) -> Vec<(String, Option<String>)> {
    let mut names = None;
    let mut name = |path: &OsString| {
        let bytes = path.as_bytes();
        if let Some(name) = as_is(bytes) {
            return (name.to_owned(), None);
        }
        // Most trees have no such name.
        let names = names.get_or_insert_with(|| {
            let as_they_are = paths.iter().filter_map(|path| as_is(path.as_bytes()));
            SafeNames::taken(as_they_are.map(str::to_owned))
        });
        (names.assign(bytes), Some(encode_path(bytes)))
    };
    paths.iter().map(&mut name).collect()
}
