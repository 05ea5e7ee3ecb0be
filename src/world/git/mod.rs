//! A git repository, read and never written.
//!
//! Read-only by construction: what this module offers is a closed list of reading functions, and one that writes the
//! files of a commit into an empty folder of our own. Nothing here can reach the index, a ref, a lock file or the
//! object database for writing. The library is part of the binary, because the container has no `git`.

mod distance;
mod history;
mod loose;
mod names;
mod refs;
mod remote;
mod stand_in;
mod tree;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{ErrorClass, ErrorCode, RepositoryOpenFlags};

use crate::world::paths;

pub use distance::{Change, Distance};
pub use git2::Oid;
pub use history::Entry;
pub use loose::{Cut, alternates, inflate};
pub use names::is_refused;
pub use refs::{PointsTo, RefName, Resolved, Tag};
pub use stand_in::{StandIn, filters};
pub use tree::{Named, TreeError, Written};

/// A commit, as far as going back to it needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub id: Oid,
    pub tree: Oid,
    /// When it was committed, in seconds since 1970 (UTC).
    pub committed: i64,
}

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("{} is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    #[error("the repository {} has no commits", .0.display())]
    NoCommits(PathBuf),
    /// Several things have the given name.
    #[error("`{name}` is ambiguous, it means {}", .meanings.join(" and "))]
    Ambiguous { name: String, meanings: Vec<String> },
    /// Something in it is missing, damaged or not understood.
    #[error("{what}: {detail}")]
    Broken { what: String, detail: String },
    #[error("{0}")]
    Stopped(String),
}

impl GitError {
    fn broken(what: impl Into<String>, error: &git2::Error) -> Self {
        Self::Broken {
            what: what.into(),
            detail: error.message().to_owned(),
        }
    }
}

/// Asked now and then during long work; answers with the reason to stop.
pub type Stop<'a> = &'a dyn Fn() -> Option<String>;

pub struct Repository(git2::Repository);

impl Repository {
    /// The repository that `folder` is in: the folder itself, one above it, a linked worktree or a bare one.
    /// `GIT_DIR` and its like are not looked at.
    pub fn open(folder: &Path) -> Result<Self, GitError> {
        prepare();
        let none: [&str; 0] = [];
        git2::Repository::open_ext(folder, RepositoryOpenFlags::empty(), none)
            .map(Self)
            .map_err(|error| {
                let place = folder
                    .ancestors()
                    .map(|f| f.join(".git"))
                    .find(|f| f.symlink_metadata().is_ok());
                match place {
                    None if error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Repository => {
                        GitError::NotARepository(folder.to_owned())
                    }
                    place => GitError::broken(
                        format!(
                            "{} cannot be opened as a repository",
                            place.as_deref().unwrap_or(folder).display()
                        ),
                        &error,
                    ),
                }
            })
    }

    /// The folder that holds the objects: `.git`, or the repository itself if it is bare.
    pub fn folder(&self) -> &Path {
        self.0.commondir()
    }

    /// Whether the history was cut when it was fetched.
    pub fn is_shallow(&self) -> bool {
        // In a linked worktree libgit2 looks for the mark in the wrong folder.
        let mark = self.0.commondir().join("shallow");
        self.0.is_shallow() || paths::size(&mark).is_ok_and(|size| size > 0)
    }

    /// Whether objects were left out when it was fetched (`git clone --filter`).
    pub fn is_partial(&self) -> bool {
        let Ok(config) = self.0.config() else {
            return false;
        };
        let any = |pattern: &str, is_so: fn(&git2::ConfigEntry<'_>) -> bool| {
            let mut found = false;
            if let Ok(entries) = config.entries(Some(pattern)) {
                let _ = entries.for_each(|entry| found |= is_so(entry));
            }
            found
        };
        any(r"^extensions\.partialclone$", |_| true)
            || any(r"^remote\..*\.promisor$", |entry| {
                entry
                    .value()
                    .is_ok_and(|value| !matches!(value, "false" | "no" | "off" | "0"))
            })
            || any(r"^remote\..*\.partialclonefilter$", |_| true)
    }

    /// Whether git would read other objects than those asked for (`git replace`).
    pub fn replaces_objects(&self) -> Result<bool, GitError> {
        let wrong = |error: git2::Error| GitError::broken("the replaced objects cannot be listed", &error);
        Ok(self
            .0
            .references_glob("refs/replace/*")
            .map_err(wrong)?
            .next()
            .is_some())
    }

    /// The commit that is checked out, and the name of its branch unless the head is detached.
    pub fn head(&self) -> Result<(Commit, Option<RefName>), GitError> {
        let head = self.0.head().map_err(|error| match error.code() {
            ErrorCode::UnbornBranch => GitError::NoCommits(self.folder().to_owned()),
            _ => GitError::broken("HEAD cannot be read", &error),
        })?;
        let what = || "the commit of HEAD cannot be read".to_owned();
        let id = head.target().ok_or_else(|| GitError::Broken {
            what: what(),
            detail: "it points to nothing".to_owned(),
        })?;
        let branch = (head.name_bytes() != b"HEAD").then(|| RefName::new(head.name_bytes()));
        Ok((self.commit(id, what)?, branch))
    }

    /// The commit of this id; `what` begins the error if there is none.
    fn commit(&self, id: Oid, what: impl FnOnce() -> String) -> Result<Commit, GitError> {
        let detail = match self.points_to(id) {
            PointsTo::Commit(commit) => return Ok(commit),
            PointsTo::Other(kind) => format!("it is a {kind}"),
            PointsTo::Broken(detail) => detail,
        };
        Err(GitError::Broken { what: what(), detail })
    }
}

/// Settings of the library that hold for the whole process, made before its first use.
fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[expect(
            unsafe_code,
            reason = "libgit2 keeps these settings in plain global variables. No other module uses libgit2, every \
                      use goes through `open`, and the Once lets no use begin before the settings are made, so \
                      nobody reads them while they are written."
        )]
        // The container runs as root on a workspace that belongs to the runner's user, so the owner never matches. The
        // check protects those who run hooks, filters, fsmonitor or an ssh command out of a stranger's configuration;
        // nothing here runs a program or writes.
        // A partial clone opens too, so that what it lacks can be named instead of the extension.
        unsafe {
            // Neither can fail: the first has no error path, the second fails only when memory runs out.
            let _ = git2::opts::set_verify_owner_validation(false);
            let _ = git2::opts::set_extensions(&["partialclone"]);
        }
    });
}
