//! Brings the evidence directory into a form that can be sealed, and the named files into it.
//!
//! What is there stays where it is, except that odd names become safe ones and links to files become those files. The
//! copies are made in a temporary folder, so that an earlier seal stays whole until the new one is ready.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::found::Found;
use super::safe_name::{SafeNames, as_is};
use super::select::{Own, Selection, shown};
use crate::model::Finding;
use crate::model::evidence::{COPIES, INDEX, Index, MANIFEST, TEMPORARY, Why, encode_path};
use crate::world::copy::{self, CopyError};
use crate::world::hash::{Hashed, Stop};
use crate::world::walk::{Kind, Step, walk};
use crate::world::{cores, files, paths};

/// Larger ones are not ours: this is the index of a million files.
const LARGEST_INDEX: u64 = 512 << 20;

/// A file on its way into the bundle.
pub struct Gathered {
    /// In the bundle.
    pub path: String,
    /// Where it is now.
    pub at: PathBuf,
    pub original: Option<String>,
    pub executable: bool,
    /// Known already for copies, which are hashed while they are made.
    pub copied: Option<Hashed>,
}

/// What the last seal left, which the next one may replace.
pub struct Earlier {
    /// Safe path to original path, for what lies in the evidence directory itself.
    originals: HashMap<String, String>,
}

/// Refuses a directory in which a seal would destroy what is not its own.
pub fn look_at_earlier(evidence_dir: &Path) -> anyhow::Result<Earlier> {
    let index = evidence_dir.join(INDEX);
    let copies = evidence_dir.join(COPIES);
    let Some(bytes) = files::read_if_there(&index, LARGEST_INDEX)? else {
        if paths::kind(&copies)?.is_some() {
            bail!(
                "{} is there, and this directory was never sealed: the folder is where copies go, and is built anew \
                 each time; rename it",
                copies.display()
            );
        }
        return Ok(Earlier {
            originals: HashMap::new(),
        });
    };
    let index = Index::parse(&bytes).with_context(|| {
        format!(
            "{} is there and is not the index of an earlier seal; move it away, or name another --evidence-dir",
            index.display()
        )
    })?;
    let own = index.files.into_iter().filter(|entry| !entry.copied);
    Ok(Earlier {
        originals: own.filter_map(|entry| Some((entry.path, entry.original?))).collect(),
    })
}

/// Everything that is in the evidence directory, under safe names. `keep` is the temporary folder in use.
pub fn tidy(
    dir: &Path,
    keep: &Path,
    own: &Own,
    earlier: &Earlier,
    found: &mut Found,
    stop: Stop<'_>,
) -> anyhow::Result<Vec<Gathered>> {
    let mut listed = list(dir, keep, found, stop)?;
    for link in std::mem::take(&mut listed.links) {
        if replace_link(dir, &link, own, found, stop)? {
            listed.files.push(link);
        }
    }
    let (mut names, mut odd) = (Vec::new(), Vec::new());
    for path in listed.files {
        match as_is(path.as_os_str().as_bytes()) {
            Some(name) => names.push(name.to_owned()),
            None => odd.push(path),
        }
    }
    let mut renamed = HashMap::new();
    let mut safe = SafeNames::taken(names.iter().cloned());
    for path in odd {
        let name = safe.assign(path.as_os_str().as_bytes());
        files::rename(&dir.join(&path), &dir.join(&name))?;
        renamed.insert(name.clone(), encode_path(path.as_os_str().as_bytes()));
        names.push(name);
    }
    // The odd folders are empty now, and the innermost ones come last.
    for folder in listed.odd_folders.iter().rev() {
        files::remove_if_empty(&dir.join(folder));
    }
    names
        .into_iter()
        .map(|path| {
            let at = dir.join(&path);
            Ok(Gathered {
                original: renamed.remove(&path).or_else(|| earlier.originals.get(&path).cloned()),
                executable: paths::may_be_executed(&at).with_context(|| format!("cannot look at {}", at.display()))?,
                path,
                at,
                copied: None,
            })
        })
        .collect()
}

#[derive(Default)]
struct Listed {
    files: Vec<PathBuf>,
    links: Vec<PathBuf>,
    odd_folders: Vec<PathBuf>,
}

fn list(dir: &Path, keep: &Path, found: &mut Found, stop: Stop<'_>) -> anyhow::Result<Listed> {
    let mut listed = Listed::default();
    let mut leftovers = Vec::new();
    let mut others = Vec::new();
    let troubles = walk(dir, |path, kind| {
        if stop() {
            return Step::Stop;
        }
        let bytes = path.as_os_str().as_bytes();
        let name = path.file_name().map_or(&[][..], |name| name.as_bytes());
        if name.starts_with(TEMPORARY.as_bytes()) {
            if path != keep {
                leftovers.push(path.to_owned());
            }
            return Step::Past;
        }
        if bytes == COPIES.as_bytes() || bytes == INDEX.as_bytes() || bytes == MANIFEST.as_bytes() {
            return Step::Past;
        }
        match kind {
            Kind::File => listed.files.push(path.to_owned()),
            Kind::Symlink => listed.links.push(path.to_owned()),
            Kind::Folder if as_is(bytes).is_none() => listed.odd_folders.push(path.to_owned()),
            Kind::Folder => {}
            Kind::Other => others.push(path.to_owned()),
        }
        Step::In
    });
    // Left by a run that was killed while it wrote them.
    for path in leftovers {
        files::remove(&dir.join(path))?;
    }
    for path in others {
        found.left_out(&shown(&path), Why::NotARegularFile, None);
    }
    for trouble in troubles {
        let path = trouble.path.strip_prefix(dir).unwrap_or(&trouble.path);
        found.unreadable(&shown(path), &trouble.detail);
    }
    Ok(listed)
}

/// A link to a regular file in the workspace becomes a copy of it: a link is no evidence once the workspace is gone.
fn replace_link(dir: &Path, link: &Path, own: &Own, found: &mut Found, stop: Stop<'_>) -> anyhow::Result<bool> {
    let at = dir.join(link);
    let said = paths::link_text(&at);
    let why = match paths::real(&at) {
        Err(error) => format!("it points to {said}: {error}"),
        Ok(target) if !target.starts_with(&own.workspace) => format!("it leads out of the workspace, to {said}"),
        Ok(target) => {
            let folder = files::temporary_folder(at.parent().unwrap_or(dir))?;
            let copy = folder.path().join("copy");
            match copy::copy(&target, &copy, &mut Vec::new(), stop) {
                Ok(_) => {
                    files::rename(&copy, &at)?;
                    return Ok(true);
                }
                Err(CopyError::NotARegularFile) => format!("it points to {said}, which is not a regular file"),
                Err(CopyError::Read(error)) => {
                    found.unreadable(&shown(link), &error.to_string());
                    return Ok(false);
                }
                Err(CopyError::Write(error)) => {
                    return Err(error).with_context(|| format!("cannot write {}", copy.display()));
                }
            }
        }
    };
    found.left_out(&shown(link), Why::Symlink, Some(why));
    Ok(false)
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
                    let bytes = copied.hashed.size;
                    let message =
                        format!("{path} was written to while it was copied; its first {bytes} bytes are sealed");
                    let help = "let what writes it end before the evidence is sealed";
                    found.finding(Finding::warning("changed-while-copied", message).help(help));
                }
                gathered.push(Gathered {
                    path: format!("{COPIES}/{safe}"),
                    at,
                    original: original.clone(),
                    executable: copied.executable,
                    copied: Some(copied.hashed),
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
