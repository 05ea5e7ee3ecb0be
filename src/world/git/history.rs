//! What became of one file: in a commit, in the working folder, and in the commits since another one.

use std::collections::HashSet;
use std::path::Path;

use git2::{ErrorCode, ObjectType};

use super::{Commit, GitError, Oid, Repository, Stop};

/// Commits walked between two looks at whether to stop.
const STRIDE: usize = 256;

/// A name in the tree of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Of its content.
    pub id: Oid,
    /// Neither a link nor a folder nor a submodule.
    pub is_file: bool,
}

impl Repository {
    /// The folder of the files that are checked out. A bare repository has none.
    pub fn working_folder(&self) -> Option<&Path> {
        self.0.workdir()
    }

    /// What a tree holds at `path`, which is relative to the working folder.
    pub fn entry(&self, tree: Oid, path: &Path) -> Result<Option<Entry>, GitError> {
        let wrong = |error: git2::Error| {
            let what = format!("`{}` cannot be looked for in the tree {tree}", path.display());
            GitError::broken(what, &error)
        };
        let tree = self.0.find_tree(tree).map_err(wrong)?;
        match tree.get_path(path) {
            Ok(entry) => Ok(Some(Entry {
                id: entry.id(),
                is_file: matches!(entry.filemode(), 0o100_644 | 0o100_664 | 0o100_755),
            })),
            Err(error) if error.code() == ErrorCode::NotFound && self.holds_folders(&tree, path) => Ok(None),
            Err(error) => Err(wrong(error)),
        }
    }

    /// The content of a file in a tree, as it is stored there; `None` if the tree has no such file.
    pub fn content(&self, tree: Oid, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, GitError> {
        let Some(entry) = self.entry(tree, path)?.filter(|entry| entry.is_file) else {
            return Ok(None);
        };
        let what = || format!("`{}` in the tree {tree} cannot be read", path.display());
        let wrong = |error: git2::Error| GitError::broken(what(), &error);
        let blob = self.0.find_blob(entry.id).map_err(wrong)?;
        if blob.size() as u64 > limit {
            let detail = format!("it is larger than {limit} bytes");
            return Err(GitError::Broken { what: what(), detail });
        }
        Ok(Some(blob.content().to_vec()))
    }

    /// Whether the folders above a name are readable as far as there are any: libgit2 says "not found" of a name that is
    /// not there and of a folder whose object is missing alike.
    fn holds_folders(&self, tree: &git2::Tree<'_>, path: &Path) -> bool {
        let above = path.ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        above.into_iter().all(|above| match tree.get_path(above) {
            Ok(entry) if entry.kind() == Some(ObjectType::Tree) => self.0.find_tree(entry.id()).is_ok(),
            _ => true,
        })
    }

    /// The id that the content of a file has in a repository, if no filter changes it on its way there. Memory does not
    /// grow with the file.
    pub fn id_of_file(path: &Path) -> Result<Oid, GitError> {
        Oid::hash_file(ObjectType::Blob, path)
            .map_err(|error| GitError::broken(format!("{} cannot be read", path.display()), &error))
    }

    /// The commits that were merged into one, or the one before it.
    pub fn parents(&self, commit: Oid) -> Result<Vec<Commit>, GitError> {
        let ids = self.parent_ids(commit)?;
        ids.into_iter()
            .map(|id| self.commit(id, || format!("the parent {id} of the commit {commit} cannot be read")))
            .collect()
    }

    /// Whether `commit` is `head` or in its history.
    pub fn holds(&self, head: Oid, commit: Oid) -> Result<bool, GitError> {
        let wrong = |error: git2::Error| {
            GitError::broken(
                format!("{commit} cannot be looked for in the history of {head}"),
                &error,
            )
        };
        // Asked of an object that is not there, libgit2 says no.
        self.0.find_commit(commit).map_err(wrong)?;
        Ok(head == commit || self.0.graph_descendant_of(head, commit).map_err(wrong)?)
    }

    /// Whether a file with this content is anywhere in a tree, under whatever name.
    pub fn holds_content(&self, tree: Oid, content: Oid, stop: Stop<'_>) -> Result<bool, GitError> {
        let wrong = |error: git2::Error| GitError::broken(format!("the tree {tree} cannot be read"), &error);
        // A tree that is in many places is read once: a few objects can describe more files than there are atoms.
        let mut seen = HashSet::from([tree]);
        let mut open = vec![tree];
        while let Some(id) = open.pop() {
            if let Some(reason) = stop() {
                return Err(GitError::Stopped(reason));
            }
            for entry in &self.0.find_tree(id).map_err(wrong)? {
                match entry.kind() {
                    Some(ObjectType::Blob) if entry.id() == content => return Ok(true),
                    Some(ObjectType::Tree) if seen.insert(entry.id()) => open.push(entry.id()),
                    _ => {}
                }
            }
        }
        Ok(false)
    }

    /// The newest commit in the history of `head`, and in that of none of `since`, that changed the file at `path`. A
    /// merge changes it if it differs from all that was merged.
    pub fn last_change(&self, path: &Path, head: Oid, since: &[Oid], stop: Stop<'_>) -> Result<Option<Oid>, GitError> {
        let wrong = |error: git2::Error| GitError::broken(format!("the history of {head} cannot be walked"), &error);
        let mut walk = self.0.revwalk().map_err(wrong)?;
        walk.push(head).map_err(wrong)?;
        for since in since {
            walk.hide(*since).map_err(wrong)?;
        }
        for (walked, id) in walk.enumerate() {
            if walked % STRIDE == 0
                && let Some(reason) = stop()
            {
                return Err(GitError::Stopped(reason));
            }
            let commit = self.0.find_commit(id.map_err(wrong)?).map_err(wrong)?;
            let here = self.entry(commit.tree_id(), path)?;
            let mut changed = here.is_some() || commit.parent_count() > 0;
            for parent in commit.parents() {
                changed &= self.entry(parent.tree_id(), path)? != here;
            }
            if changed {
                return Ok(Some(commit.id()));
            }
        }
        Ok(None)
    }
}
