//! Finds out how the evidence directory can be sealed.
//!
//! Odd names will become safe ones and links to files will become those files, but not here: nothing that is there is
//! touched before the index that knows the original names is in place.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::earlier::Earlier;
use super::found::{Found, is_gone};
use super::gather::Gathered;
use super::rules::{LinkTarget, Rules};
use super::safe_name::{SafeNames, as_is};
use super::select::shown;
use crate::model::evidence::{COPIES, INDEX, MANIFEST, SEALING, TEMPORARY, Why, encode_path, is_git};
use crate::world::copy::{self, CopyError};
use crate::world::files;
use crate::world::hash::Stop;
use crate::world::paths;
use crate::world::walk::{Kind, Step, walk};

/// The folder, in the temporary one, of the files that links stand for.
const BEHIND_LINKS: &str = "links";

/// The evidence directory, as it can be sealed.
pub struct Tidied {
    pub files: Vec<Gathered>,
    /// Links under odd names, whose files get other ones. They go when those are in place.
    pub replaced: Vec<PathBuf>,
    /// Folders under odd names, which are empty when their files are in place. The innermost ones come last.
    pub odd_folders: Vec<PathBuf>,
}

/// Everything that is in the evidence directory, with the safe names it is to get. `temporary` is the folder of this
/// seal, in the directory.
pub fn tidy(
    dir: &Path,
    temporary: &Path,
    rules: &Rules<'_>,
    earlier: &Earlier,
    found: &mut Found,
    stop: Stop<'_>,
) -> anyhow::Result<Tidied> {
    let listed = list(dir, temporary, found, stop)?;
    let mut sources: Vec<(PathBuf, Option<Copied>)> = listed.files.into_iter().map(|path| (path, None)).collect();
    for (number, link) in listed.links.into_iter().enumerate() {
        let to = temporary.join(BEHIND_LINKS).join(number.to_string());
        if let Some(copied) = copy_behind(dir, &link, to, rules, found, stop)? {
            sources.push((link, Some(copied)));
        }
    }
    let as_they_are = sources.iter().map(|(path, _)| path).chain(&listed.others);
    let as_they_are = as_they_are.filter_map(|path| as_is(path.as_os_str().as_bytes()));
    let mut names = SafeNames::taken(as_they_are.map(str::to_owned));
    let mut tidied = Tidied {
        files: Vec::with_capacity(sources.len()),
        replaced: Vec::new(),
        odd_folders: listed.odd_folders,
    };
    for (path, copied) in sources {
        let bytes = path.as_os_str().as_bytes();
        let was = dir.join(&path);
        let (path, original) = match as_is(bytes) {
            Some(name) => (name.to_owned(), earlier.original(name)),
            None => {
                if copied.is_some() {
                    tidied.replaced.push(was.clone());
                }
                (names.assign(bytes), Some(encode_path(bytes)))
            }
        };
        tidied.files.push(match copied {
            Some(Copied { at, copied }) => Gathered {
                path,
                at,
                original,
                executable: copied.executable,
                named: false,
                hashed: Some(copied.hashed),
                sealed_as: None,
                is_clean: false,
                packed: None,
            },
            None => Gathered {
                executable: paths::may_be_executed(&was).with_context(|| format!("cannot read {}", was.display()))?,
                path,
                at: was,
                original,
                named: false,
                hashed: None,
                sealed_as: None,
                is_clean: false,
                packed: None,
            },
        });
    }
    Ok(tidied)
}

#[derive(Default)]
struct Listed {
    files: Vec<PathBuf>,
    links: Vec<PathBuf>,
    odd_folders: Vec<PathBuf>,
    /// What keeps a name taken and is no file.
    others: Vec<PathBuf>,
}

fn list(dir: &Path, temporary: &Path, found: &mut Found, stop: Stop<'_>) -> anyhow::Result<Listed> {
    let mut listed = Listed::default();
    let mut left_by_a_kill = Vec::new();
    let mut in_the_way = Vec::new();
    let troubles = walk(dir, |path, kind| {
        if stop() {
            return Step::Stop;
        }
        let bytes = path.as_os_str().as_bytes();
        let name = path.file_name().map_or(&[][..], |name| name.as_bytes());
        if name.starts_with(TEMPORARY.as_bytes()) {
            if bytes.starts_with(SEALING.as_bytes()) && path == Path::new(path.file_name().unwrap_or_default()) {
                left_by_a_kill.push(dir.join(path));
            } else if files::is_temporary_name(name) && files::remove_if_abandoned(&dir.join(path)) {
                // Nobody waits for it any more.
            } else {
                let detail = format!("its name begins with {TEMPORARY}");
                in_the_way.push((path.to_owned(), Why::OwnOutput, Some(detail)));
            }
            return Step::Past;
        }
        if bytes == COPIES.as_bytes() || bytes == INDEX.as_bytes() || bytes == MANIFEST.as_bytes() {
            return Step::Past;
        }
        if path.file_name().is_some_and(is_git) {
            in_the_way.push((path.to_owned(), Why::GitMetadata, None));
            return Step::Past;
        }
        match kind {
            Kind::File => listed.files.push(path.to_owned()),
            Kind::Symlink => listed.links.push(path.to_owned()),
            Kind::Folder if as_is(bytes).is_none() => listed.odd_folders.push(path.to_owned()),
            Kind::Folder => listed.others.push(path.to_owned()),
            Kind::Other => {
                listed.others.push(path.to_owned());
                in_the_way.push((path.to_owned(), Why::NotARegularFile, None));
            }
        }
        Step::In
    });
    // The directory is claimed, so no other seal works in these. What others are writing is theirs.
    for folder in left_by_a_kill.iter().filter(|folder| *folder != temporary) {
        files::remove(folder)?;
    }
    for (path, why, detail) in in_the_way {
        found.in_the_way(&shown(&path), why, detail);
    }
    for trouble in troubles {
        let path = trouble.path.strip_prefix(dir).unwrap_or(&trouble.path);
        found.unreadable(&shown(path), &trouble.detail, false);
    }
    Ok(listed)
}

struct Copied {
    at: PathBuf,
    copied: copy::Copied,
}

/// A link to a file that may be sealed is to become a copy of it: a link is no evidence once the workspace is gone.
fn copy_behind(
    dir: &Path,
    link: &Path,
    to: PathBuf,
    rules: &Rules<'_>,
    found: &mut Found,
    stop: Stop<'_>,
) -> anyhow::Result<Option<Copied>> {
    let at = dir.join(link);
    files::folders(to.parent().unwrap_or(dir))?;
    let said = || format!("it points to {}", paths::link_text(&at));
    let (why, detail) = match rules.behind(&at, None) {
        LinkTarget::Barred(why) => (why, said()),
        LinkTarget::Nothing(detail) => (Why::Symlink, detail),
        LinkTarget::File(target) => match copy::copy(&target, &to, &mut Vec::new(), stop) {
            Ok(copied) => {
                if copied.changed {
                    found.changed_while_copied(&shown(link), copied.hashed.size);
                }
                return Ok(Some(Copied { at: to, copied }));
            }
            Err(CopyError::NotARegularFile) => (Why::NotARegularFile, said()),
            Err(CopyError::Read(error)) => {
                files::remove(&to)?;
                found.unreadable(&shown(link), &error.to_string(), is_gone(&error));
                return Ok(None);
            }
            Err(CopyError::Write(error)) => {
                return Err(error).with_context(|| format!("cannot write {}", to.display()));
            }
        },
    };
    found.in_the_way(&shown(link), why, Some(detail));
    Ok(None)
}
