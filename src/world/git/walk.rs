//! The order that the commit graph gives, whatever the clocks of those who committed said.

use std::collections::HashSet;

use super::{GitError, Oid, Repository, Stop};

/// Commits walked between two looks at whether to stop.
const STRIDE: usize = 1024;

impl Repository {
    /// Which of `wanted` are in the history of `head`, itself included. One walk answers for all of them.
    pub fn ancestors_among(&self, head: Oid, wanted: &HashSet<Oid>, stop: Stop<'_>) -> Result<HashSet<Oid>, GitError> {
        let mut found = HashSet::new();
        self.walk(vec![head], stop, |id| {
            if wanted.contains(&id) {
                found.insert(id);
            }
            if found.len() == wanted.len() {
                Next::End
            } else {
                Next::Parents
            }
        })?;
        Ok(found)
    }

    /// Those of `wanted` that are in the history of `head`, itself not included, and in that of no other of them. In a
    /// history without branches that is one.
    pub fn nearest_among(&self, head: Oid, wanted: &HashSet<Oid>, stop: Stop<'_>) -> Result<HashSet<Oid>, GitError> {
        // Those that some line of commits reaches before any other. Mostly that is the last release, and near.
        let mut nearest = HashSet::new();
        self.walk(self.parent_ids(head)?, stop, |id| {
            if wanted.contains(&id) {
                nearest.insert(id);
                Next::Skip
            } else {
                Next::Parents
            }
        })?;
        // What was branched off an old release and merged later reaches that one, too.
        let mut from = Vec::new();
        for id in nearest.iter().filter(|_| nearest.len() > 1) {
            from.extend(self.parent_ids(*id)?);
        }
        self.walk(from, stop, |id| {
            nearest.remove(&id);
            if nearest.len() > 1 { Next::Parents } else { Next::End }
        })?;
        Ok(nearest)
    }

    /// Visits commits, each once, and what `visit` says next.
    fn walk(&self, from: Vec<Oid>, stop: Stop<'_>, mut visit: impl FnMut(Oid) -> Next) -> Result<(), GitError> {
        let mut open = from;
        let mut seen = HashSet::new();
        while let Some(id) = open.pop() {
            if !seen.insert(id) {
                continue;
            }
            if seen.len() % STRIDE == 1
                && let Some(reason) = stop()
            {
                return Err(GitError::Stopped(reason));
            }
            match visit(id) {
                Next::Parents => open.extend(self.parent_ids(id)?),
                Next::Skip => {}
                Next::End => break,
            }
        }
        Ok(())
    }

    /// None where the history was cut when it was fetched.
    pub(super) fn parent_ids(&self, id: Oid) -> Result<Vec<Oid>, GitError> {
        match self.kind_of_record(id).and_then(|_| self.0.find_commit(id)) {
            Ok(commit) => Ok(commit.parent_ids().collect()),
            Err(error) => Err(GitError::broken(format!("the commit {id} cannot be read"), &error)),
        }
    }
}

enum Next {
    Parents,
    Skip,
    End,
}
