//! Names in a repository and what they point to.

use std::fmt;

use git2::{ErrorCode, ObjectType};

use super::{Commit, GitError, Oid, Repository};

/// Repositories with more tags than this are not searched.
const MOST_TAGS: usize = 500_000;
/// Annotated tags that point to each other.
const MOST_TAGS_OF_TAGS: usize = 100;
/// Of a commit or an annotated tag: it is held in memory, and a message is no file.
const LARGEST_RECORD: usize = 16 << 20;
/// Where git looks for a short name, in this order (gitrevisions(7)).
const PLACES: [(&str, &str); 6] = [
    ("", ""),
    ("refs/", ""),
    ("refs/tags/", ""),
    ("refs/heads/", ""),
    ("refs/remotes/", ""),
    ("refs/remotes/", "/HEAD"),
];

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

    /// A word that names it on a command line before quoting, if there is one. The short name would be another thing where
    /// a branch and a tag have the same.
    pub fn argument(&self) -> Option<&str> {
        std::str::from_utf8(&self.0)
            .ok()
            .filter(|full| full.starts_with("refs/"))
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
    /// The object that it names itself, or why there is none.
    target: Result<Oid, String>,
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
            if tags.len() == MOST_TAGS {
                return Err(GitError::Stopped(format!("there are more than {MOST_TAGS} tags")));
            }
            tags.push(Tag {
                name: RefName::new(reference.name_bytes()),
                target: end_of(&reference),
            });
        }
        Ok(tags)
    }

    /// The branch that a clone checks out, if it is known: that of `origin`, else `main` or `master`, else the one that is
    /// checked out. A branch without a commit counts.
    pub fn default_branch(&self) -> Option<String> {
        let target = |name: &str| {
            let reference = self.0.find_reference(name).ok()?;
            Some(reference.symbolic_target().ok()??.to_owned())
        };
        let of_origin = target("refs/remotes/origin/HEAD")
            .and_then(|target| Some(target.strip_prefix("refs/remotes/origin/")?.to_owned()));
        let usual = || {
            let mut usual = ["main", "master"].into_iter();
            usual.find(|name| self.is_branch(name)).map(str::to_owned)
        };
        let current = || Some(target("HEAD")?.strip_prefix("refs/heads/")?.to_owned());
        of_origin.or_else(usual).or_else(current)
    }

    /// What a tag leads to.
    pub fn tagged(&self, tag: &Tag) -> PointsTo {
        match &tag.target {
            Ok(id) => self.points_to(*id),
            Err(detail) => PointsTo::Broken(detail.clone()),
        }
    }

    /// What an object is; annotated tags are followed. What packed refs say about that is not believed.
    pub(super) fn points_to(&self, id: Oid) -> PointsTo {
        let mut id = id;
        for _ in 0..=MOST_TAGS_OF_TAGS {
            let kind = self.kind_of_record(id);
            let found = match kind {
                Ok(ObjectType::Tag) => self.0.find_tag(id).map(|tag| Err(tag.target_id())),
                Ok(ObjectType::Commit) => self.0.find_commit(id).map(|commit| {
                    Ok(PointsTo::Commit(Commit {
                        id,
                        tree: commit.tree_id(),
                        committed: commit.time().seconds(),
                    }))
                }),
                Ok(kind) => Ok(Ok(PointsTo::Other(kind.str()))),
                Err(error) => Err(error),
            };
            match found {
                Ok(Ok(end)) => return end,
                Ok(Err(next)) => id = next,
                Err(error) => return PointsTo::Broken(error.message().to_owned()),
            }
        }
        PointsTo::Broken(format!("more than {MOST_TAGS_OF_TAGS} tags point to each other"))
    }

    /// The kind of an object, whose size is known before it is read.
    pub(super) fn kind_of_record(&self, id: Oid) -> Result<ObjectType, git2::Error> {
        let (size, kind) = self.0.odb()?.read_header(id)?;
        if matches!(kind, ObjectType::Commit | ObjectType::Tag) && size > LARGEST_RECORD {
            return Err(git2::Error::from_str(&format!(
                "{size} bytes, and a {kind} of more than {LARGEST_RECORD} bytes is not read"
            )));
        }
        Ok(kind)
    }

    /// What `revision` (tag, branch, commit id or expression) is, or `None` if there is no such thing. A name that means
    /// several things is an error.
    pub fn resolve(&self, revision: &str) -> Result<Option<Resolved>, GitError> {
        let ambiguous = |meanings: Vec<String>| GitError::Ambiguous {
            name: revision.to_owned(),
            meanings,
        };
        let meanings = self.meanings(revision);
        if meanings.len() > 1 {
            return Err(ambiguous(meanings));
        }
        match self.0.revparse_ext(revision) {
            Ok((object, reference)) => Ok(Some(Resolved {
                name: reference.map(|reference| RefName::new(reference.name_bytes())),
                points_to: self.points_to(object.id()),
            })),
            Err(error) if error.code() == ErrorCode::Ambiguous => {
                Err(ambiguous(vec!["several objects whose ids begin with it".to_owned()]))
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

    /// Whether `git checkout WORD` goes to the branch of that name, whatever else the word means: it looks at branches
    /// first, also for a full name or the id of a commit.
    pub fn is_branch(&self, word: &str) -> bool {
        self.0.find_reference(&format!("refs/heads/{word}")).is_ok()
    }

    /// All that the name in a revision (`v1` in `v1~2`) can mean, if that is not the same commit.
    fn meanings(&self, revision: &str) -> Vec<String> {
        let name = revision.split(['~', '^', ':']).next().unwrap_or_default();
        let name = name.split("@{").next().unwrap_or_default();
        if name.is_empty() {
            return Vec::new();
        }
        let mut meanings: Vec<(String, PointsTo)> = PLACES
            .iter()
            .filter_map(|(before, after)| self.0.find_reference(&format!("{before}{name}{after}")).ok())
            .map(|reference| {
                let points_to = end_of(&reference).map_or_else(PointsTo::Broken, |id| self.points_to(id));
                (String::from_utf8_lossy(reference.name_bytes()).into_owned(), points_to)
            })
            .collect();
        if !meanings.is_empty()
            && name.len() >= 4
            && name.bytes().all(|byte| byte.is_ascii_hexdigit())
            && let Ok(object) = self.0.find_object_by_prefix(name, None)
        {
            meanings.push((format!("the object {}", object.id()), self.points_to(object.id())));
        }
        if meanings.windows(2).all(|pair| pair[0].1 == pair[1].1) {
            meanings.truncate(1);
        }
        meanings.into_iter().map(|(name, _)| name).collect()
    }
}

/// The object that a ref names, through others (symbolic refs).
fn end_of(reference: &git2::Reference<'_>) -> Result<Oid, String> {
    let end = reference.resolve().map_err(|error| error.message().to_owned())?;
    end.target().ok_or_else(|| "it points to nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_in_full_or_not_at_all() {
        assert_eq!(RefName::new(b"refs/tags/v1").argument(), Some("refs/tags/v1"));
        assert_eq!(RefName::new(b"refs/heads/a/b").argument(), Some("refs/heads/a/b"));
        assert_eq!(RefName::new(b"refs/tags/v\xff").argument(), None);
        assert_eq!(RefName::new(b"HEAD").argument(), None);
        assert_eq!(RefName::new(b"refs/tags/v\xff").to_string(), "v\u{fffd}");
    }
}
