//! Names in a repository and what they point to.

use std::collections::HashSet;
use std::fmt;

use git2::{ErrorCode, ObjectType};

use super::{Commit, GitError, Oid, Repository, Stop, commit_of};

/// Commits walked between two looks at whether to stop.
const STRIDE: usize = 1024;

/// The full name of a ref. git allows any bytes but a few, so it need not be UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Vec<u8>);

impl RefName {
    pub fn new(full: &[u8]) -> Self {
        Self(full.to_owned())
    }

    /// `refs/tags/v1`.
    pub fn full(&self) -> &[u8] {
        &self.0
    }

    /// `v1`, `main`, `origin/main`.
    pub fn short(&self) -> &[u8] {
        ["refs/tags/", "refs/heads/", "refs/remotes/"]
            .iter()
            .find_map(|prefix| self.0.strip_prefix(prefix.as_bytes()))
            .unwrap_or(&self.0)
    }

    /// A word that names it on a command line before quoting, if there is one: the short name, or the full name where
    /// the short one would be read as an option.
    pub fn argument(&self) -> Option<&str> {
        let short = std::str::from_utf8(self.short()).ok()?;
        if short.starts_with('-') {
            std::str::from_utf8(&self.0).ok()
        } else {
            Some(short)
        }
    }
}

/// The short name for people.
impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.short()))
    }
}

#[derive(Clone, Debug)]
pub struct Tag {
    pub name: RefName,
    pub points_to: PointsTo,
}

/// What a name leads to in the end; annotated tags are followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointsTo {
    Commit(Commit),
    /// A `blob` or a `tree`, which can be tagged but is no release.
    Other(&'static str),
    /// Its object is missing or damaged.
    Broken(String),
}

/// What a given name or revision is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Absent for a commit id or an expression such as `HEAD~1`.
    pub name: Option<RefName>,
    pub points_to: PointsTo,
}

impl Repository {
    /// Every tag, in no particular order.
    pub fn tags(&self) -> Result<Vec<Tag>, GitError> {
        let wrong = |error: &git2::Error| GitError::broken("the tags cannot be listed", error);
        let mut tags = Vec::new();
        for reference in self.0.references_glob("refs/tags/*").map_err(|error| wrong(&error))? {
            let reference = reference.map_err(|error| wrong(&error))?;
            tags.push(Tag {
                name: RefName::new(reference.name_bytes()),
                points_to: match reference.peel(ObjectType::Any) {
                    Ok(object) => points_to(&object),
                    Err(error) => PointsTo::Broken(error.message().to_owned()),
                },
            });
        }
        Ok(tags)
    }

    /// What `revision` (tag, branch, commit id or expression) is, or `None` if there is no such thing.
    pub fn resolve(&self, revision: &str) -> Result<Option<Resolved>, GitError> {
        match self.0.revparse_ext(revision) {
            Ok((object, reference)) => Ok(Some(Resolved {
                name: reference.map(|reference| RefName::new(reference.name_bytes())),
                points_to: points_to(&object),
            })),
            Err(error) if error.code() == ErrorCode::Ambiguous => {
                Err(GitError::broken(format!("`{revision}` is ambiguous"), &error))
            }
            // The name may be there and only its object missing, which is another story.
            Err(error) => Ok(self
                .0
                .resolve_reference_from_short_name(revision)
                .ok()
                .map(|reference| Resolved {
                    name: Some(RefName::new(reference.name_bytes())),
                    points_to: PointsTo::Broken(error.message().to_owned()),
                })),
        }
    }

    /// The short names of all tags and branches that are UTF-8, to suggest one.
    pub fn names(&self) -> Vec<String> {
        let Ok(references) = self.0.references() else {
            return Vec::new();
        };
        let names = references.filter_map(Result::ok).map(|r| RefName::new(r.name_bytes()));
        names
            .filter_map(|name| String::from_utf8(name.short().to_owned()).ok())
            .collect()
    }

    /// Which of `wanted` are in the history of `head`, itself included. One walk answers for all of them.
    pub fn ancestors_among(&self, head: Oid, wanted: &HashSet<Oid>, stop: Stop<'_>) -> Result<HashSet<Oid>, GitError> {
        let wrong = |error: git2::Error| GitError::broken(format!("the history of {head} cannot be walked"), &error);
        let mut walk = self.0.revwalk().map_err(wrong)?;
        walk.push(head).map_err(wrong)?;
        let mut found = HashSet::new();
        for (walked, id) in walk.enumerate() {
            if found.len() == wanted.len() {
                break;
            }
            if walked % STRIDE == 0
                && let Some(reason) = stop()
            {
                return Err(GitError::Stopped(reason));
            }
            let id = id.map_err(wrong)?;
            if wanted.contains(&id) {
                found.insert(id);
            }
        }
        Ok(found)
    }
}

fn points_to(object: &git2::Object<'_>) -> PointsTo {
    let end = match object.kind() {
        // Peeling anything but a tag would go one step too far, from a commit to its tree.
        Some(ObjectType::Tag) => object.peel(ObjectType::Any),
        _ => Ok(object.clone()),
    };
    match end {
        Err(error) => PointsTo::Broken(error.message().to_owned()),
        Ok(object) => match object.kind() {
            Some(ObjectType::Commit) => match commit_of(&object) {
                Ok(commit) => PointsTo::Commit(commit),
                Err(error) => PointsTo::Broken(error.to_string()),
            },
            kind => PointsTo::Other(kind.map_or("unknown object", |kind| kind.str())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_looks_like_an_option_is_given_in_full() {
        assert_eq!(RefName::new(b"refs/tags/v1").argument(), Some("v1"));
        assert_eq!(RefName::new(b"refs/heads/a/b").argument(), Some("a/b"));
        assert_eq!(RefName::new(b"refs/tags/--exec").argument(), Some("refs/tags/--exec"));
        assert_eq!(RefName::new(b"refs/tags/v\xff").argument(), None);
        assert_eq!(RefName::new(b"refs/tags/v\xff").to_string(), "v\u{fffd}");
    }
}
