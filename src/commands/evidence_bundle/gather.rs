//! Copies the named files into a temporary folder, so that an earlier seal stays whole until the new one is ready.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::safe_name::{SafeNames, as_is};
use super::select::{Selection, shown};
use crate::model::evidence::{COPIES, Why, encode_path};
use crate::world::copy::{self, CopyError};
use crate::world::hash::{Hashed, Stop};
use crate::world::{cores, files};

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
}

/// Copies what was selected into `folder`, all cores at once. What cannot be read is left out and fails its pattern.
pub fn copy_in(selection: &mut Selection, folder: &Path, stop: Stop<'_>) -> anyhow::Result<Vec<Gathered>> {
    let Selection { sources, patterns } = selection;
    let as_they_are = sources.keys().filter_map(|path| as_is(path.as_os_str().as_bytes()));
    let mut names = SafeNames::taken(as_they_are.map(str::to_owned));
    let name = |path: &Path| {
        let bytes = path.as_os_str().as_bytes();
        match as_is(bytes) {
            Some(name) => (name.to_owned(), None),
            None => (names.assign(bytes), Some(encode_path(bytes))),
        }
    };
    let (paths, sources): (Vec<_>, Vec<_>) = sources.iter().unzip();
    let names: Vec<(String, Option<String>)> = paths.iter().map(|path: &&PathBuf| path.as_path()).map(name).collect();
    let jobs: Vec<(&Path, PathBuf)> = sources
        .iter()
        .zip(&names)
        .map(|(source, (safe, _))| (source.from.as_path(), folder.join(safe)))
        .collect();
    let mut made = None;
    for (_, to) in &jobs {
        let folder = to.parent().unwrap_or(folder);
        if made != Some(folder) {
            files::folders(folder)?;
            made = Some(folder);
        }
    }
    let copied = cores::each(&jobs, Vec::new, |buffer, (from, to)| copy::copy(from, to, buffer, stop));
    let mut gathered = Vec::with_capacity(jobs.len());
    for (number, copied) in copied.into_iter().enumerate() {
        let path = shown(paths[number]);
        let found = &mut patterns[sources[number].pattern].found;
        let (safe, original) = &names[number];
        let at = jobs[number].1.clone();
        match copied {
            Ok(copied) => {
                if copied.changed {
                    found.changed_while_copied(&path, copied.hashed.size);
                }
                gathered.push(Gathered {
                    path: format!("{COPIES}/{safe}"),
                    at,
                    original: original.clone(),
                    executable: copied.executable,
                    named: true,
                    hashed: Some(copied.hashed),
                    sealed_as: None,
                });
            }
            Err(CopyError::Write(error)) => {
                return Err(error).with_context(|| format!("cannot copy {path} into the evidence directory"));
            }
            Err(CopyError::Read(error)) => {
                files::remove(&at)?;
                found.unreadable(&path, &error.to_string());
            }
            Err(CopyError::NotARegularFile) => found.left_out(&path, Why::NotARegularFile, None),
        }
    }
    Ok(gathered)
}
