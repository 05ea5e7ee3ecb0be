//! How far two commits are from each other: the commits between them, and the files that differ.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::ErrorCode;

use super::{Commit, GitError, Oid, PointsTo, Repository, Stop};

/// Commits walked between two looks at whether to stop.
const STRIDE: usize = 1024;
/// Larger trees exist only to keep readers busy.
const MOST_ENTRIES: usize = 3_000_000;
const FOLDER: i32 = 0o040_000;
const SUBMODULE: i32 = 0o160_000;

/// The commits that each of two commits has in its history and the other one lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Distance {
    /// Of the current one: so many commits back.
    pub back: usize,
    /// Of the previous one; none if it is an ancestor of the current one.
    pub aside: usize,
}

/// What became of a path from one tree to the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Added,
    Changed,
    Removed,
    /// Its files are in another repository.
    Submodule,
}

/// Id and mode of each name in a folder.
type Entries = BTreeMap<Vec<u8>, (Oid, i32)>;

impl Repository {
    /// The commit of this full id, if it is here.
    pub fn commit_if_here(&self, id: &str) -> Option<Commit> {
        let id = Oid::from_str(id).ok().filter(|oid| oid.to_string() == id)?;
        match self.points_to(id) {
            PointsTo::Commit(commit) => Some(commit),
            PointsTo::Other(_) | PointsTo::Broken(_) => None,
        }
    }

    pub fn distance(&self, current: Oid, previous: Oid, stop: Stop<'_>) -> Result<Distance, GitError> {
        Ok(Distance {
            back: self.lacking(current, previous, stop)?,
            aside: self.lacking(previous, current, stop)?,
        })
    }

    /// How many commits of the history of `of` are not in that of `other`.
    fn lacking(&self, of: Oid, other: Oid, stop: Stop<'_>) -> Result<usize, GitError> {
        let wrong = |error: git2::Error| GitError::broken(format!("the history of {of} cannot be walked"), &error);
        let mut walk = self.0.revwalk().map_err(wrong)?;
        walk.push(of).map_err(wrong)?;
        walk.hide(other).map_err(wrong)?;
        let mut walked = 0;
        for id in walk {
            id.map_err(wrong)?;
            if walked % STRIDE == 0
                && let Some(reason) = stop()
            {
                return Err(GitError::Stopped(reason));
            }
            walked += 1;
        }
        Ok(walked)
    }

    /// Visits every file that differs between two trees (`None` is an empty one), until `visit` breaks. A file that was
    /// renamed was removed and added.
    pub fn differences(
        &self,
        old: Option<Oid>,
        new: Option<Oid>,
        stop: Stop<'_>,
        mut visit: impl FnMut(&Path, Change) -> ControlFlow<()>,
    ) -> Result<(), GitError> {
        let mut entries = 0;
        let mut open = vec![(old, new, PathBuf::new())];
        while let Some((old, new, above)) = open.pop() {
            if let Some(reason) = stop() {
                return Err(GitError::Stopped(reason));
            }
            let old = self.entries(old)?;
            let new = self.entries(new)?;
            entries += old.len() + new.len();
            if entries > MOST_ENTRIES {
                return Err(GitError::Broken {
                    what: "the files cannot be compared".to_owned(),
                    detail: format!("there are more than {MOST_ENTRIES}"),
                });
            }
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                let (was, is) = (old.get(name), new.get(name));
                if was == is {
                    continue;
                }
                let path = above.join(OsStr::from_bytes(name));
                let folder = |entry: Option<&(Oid, i32)>| entry.filter(|(_, mode)| *mode == FOLDER).map(|(id, _)| *id);
                let file = |entry: Option<&(Oid, i32)>| entry.filter(|(_, mode)| *mode != FOLDER).copied();
                let change = match (file(was), file(is)) {
                    (Some((_, SUBMODULE)), _) | (_, Some((_, SUBMODULE))) => Some(Change::Submodule),
                    (Some(_), Some(_)) => Some(Change::Changed),
                    (Some(_), None) => Some(Change::Removed),
                    (None, Some(_)) => Some(Change::Added),
                    (None, None) => None,
                };
                if let Some(change) = change
                    && visit(&path, change).is_break()
                {
                    return Ok(());
                }
                let (was, is) = (folder(was), folder(is));
                if was != is {
                    open.push((was, is, path));
                }
            }
        }
        Ok(())
    }

    fn entries(&self, tree: Option<Oid>) -> Result<Entries, GitError> {
        let Some(id) = tree else {
            return Ok(Entries::new());
        };
        let tree = self.0.find_tree(id).map_err(|error| {
            let partial = error.code() == ErrorCode::NotFound && self.is_partial();
            let here = if partial { " in this partial clone" } else { "" };
            GitError::broken(format!("the tree {id} cannot be read{here}"), &error)
        })?;
        let entry = |entry: git2::TreeEntry<'_>| (entry.name_bytes().to_owned(), (entry.id(), entry.filemode()));
        Ok(tree.iter().map(entry).collect())
    }
}
