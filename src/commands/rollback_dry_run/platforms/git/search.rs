//! Which release to go back to: the given one, or the nearest tag before HEAD (`nearest.rs`).

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::GitPlan;
use super::messages::{suggestion, time};
use crate::commands::rollback_dry_run::{Seen, age, is_plain};
use crate::engine::{NotChecked, Observation};
use crate::model::text::count;
use crate::model::{Finding, TimeSpan};
use crate::world::git::{Commit, GitError, PointsTo, RefName, Repository, Stop};

pub const FETCH_ALL: &str = "fetch the whole history and the tags: actions/checkout with `fetch-depth: 0` (it brings \
the tags along); on a laptop `git fetch --unshallow --tags`";

/// A partial clone has left out what is looked for.
pub const UNFILTERED: &str = "fetch without `--filter`: actions/checkout without `filter:`; on a laptop \
                              `git fetch --refetch --no-filter`";

/// The release to go back to.
#[derive(Clone, Debug)]
pub struct Found {
    pub head: Commit,
    pub release: Commit,
    /// The tag or branch, if it was found by one.
    pub name: Option<RefName>,
    /// The word that names it on a command line, before quoting.
    pub argument: String,
    /// Why another release could be meant.
    doubts: Vec<Finding>,
    /// The search has shown already that it is an ancestor of HEAD.
    pub is_ancestor: bool,
    pub is_shallow: bool,
}

impl Found {
    /// For people: `v1.2 (commit abc)`.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} (commit {})", self.release.id),
            None => format!("commit {}", self.release.id),
        }
    }
}

/// Opens the repository; what is wrong with it comes with the next step.
pub fn open(workspace: &Path) -> Result<Repository, NotChecked> {
    Repository::open(workspace).map_err(blind)
}

/// What could not be read, with the next step.
pub fn blind(error: GitError) -> NotChecked {
    let help = match &error {
        GitError::NotARepository(_) => {
            "check the repository out before this step (actions/checkout), or run it inside a repository"
        }
        GitError::NoCommits(_) => "make a commit and tag the release",
        GitError::Ambiguous { .. } => "use the full name (refs/tags/v1, refs/heads/main) or the commit id",
        GitError::Broken { .. } => {
            "check it with `git fsck`; if `.git` is a file (linked worktree, submodule), the folder it names must \
             also exist on this machine, and the container sees only the workspace; a partial clone \
             (`filter:`) lacks objects"
        }
        GitError::Stopped(_) => "run it again, or narrow the search with --tags or --ref",
    };
    NotChecked::with_help(error.to_string(), help)
}

pub fn find(plan: &GitPlan, workspace: &Path, now: Timestamp, stop: Stop<'_>) -> Seen<Found> {
    let repository = open(workspace)?;
    repository.check_loose_objects(stop).map_err(blind)?;
    let (head, branch) = match repository.head() {
        Ok(head) => head,
        // This was looked up, and the answer is no.
        Err(error @ GitError::NoCommits(_)) => {
            let finding = Finding::error("no-commits", format!("{error}, so there is no release to go back to"))
                .help("make a commit and tag the release");
            return Ok((None, Observation::found(finding)));
        }
        Err(error) => return Err(blind(error)),
    };
    if repository.replaces_objects().map_err(blind)? {
        return Err(NotChecked::with_help(
            format!(
                "{} replaces objects (refs/replace), so git may check out something else than was proved",
                repository.folder().display()
            ),
            "list them with `git replace --list` and delete them here",
        ));
    }
    let search = Search {
        is_shallow: repository.is_shallow(),
        repository: &repository,
        head: &head,
    };
    let outcome = match &plan.reference {
        Some(reference) => search.given(reference)?,
        None => search.nearest(plan, stop)?,
    };
    let found = match outcome {
        Ok(found) => found,
        Err(finding) => return Ok((None, Observation::found(*finding))),
    };
    // `git checkout` looks at branches first, even for the id of a commit.
    if repository.is_branch(&found.release.id.to_string()) {
        let message = format!(
            "git would check out the branch named {} instead of the commit",
            found.release.id
        );
        let finding = Finding::error("ambiguous-commit", message).help("delete or rename the branch");
        return Ok((None, Observation::found(finding)));
    }
    let branch = branch.map_or_else(|| "detached".to_owned(), |name| name.to_string());
    let observed = Observation {
        findings: search.doubts(&found),
        ..Observation::default()
    };
    let observed = observed.fact("release", found.shown());
    let observed = age::tell(observed, "committed", &time(found.release.committed), now)
        .fact("HEAD", format!("{} ({branch})", head.id))
        .fact("repository", repository.folder().display().to_string());
    Ok((Some(found), observed))
}

/// A release, or why there is none. `NotChecked` is for not having been able to tell.
pub type Answer = Result<Result<Found, Box<Finding>>, NotChecked>;

pub struct Search<'a> {
    pub repository: &'a Repository,
    pub head: &'a Commit,
    pub is_shallow: bool,
}

impl Search<'_> {
    fn given(&self, reference: &str) -> Answer {
        let no = |code: &'static str, message: String, help: String| {
            Ok(Err(Box::new(Finding::error(code, message).help(help))))
        };
        let place = self.repository.folder().display();
        let Some(resolved) = self.repository.resolve(reference).map_err(blind)? else {
            let names = self.repository.names();
            let message = format!("there is no tag, branch or commit `{reference}` in {place}");
            return match suggestion(reference, &names) {
                Some(name) => no("unknown-ref", message, format!("did you mean `{name}`?")),
                None if self.is_shallow => Err(NotChecked::with_help(
                    format!("{message}, whose history here is incomplete"),
                    FETCH_ALL,
                )),
                None => no(
                    "unknown-ref",
                    format!("{message} ({} to choose from)", count(names.len(), "name")),
                    "check its spelling; `git fetch --tags` brings tags that only the remote has".to_owned(),
                ),
            };
        };
        match resolved.points_to {
            PointsTo::Other(kind) => no(
                "not-a-commit",
                format!("`{reference}` points to a {kind}; only a commit can be a release"),
                "give a tag or branch that points to a commit".to_owned(),
            ),
            PointsTo::Broken(detail) if self.repository.is_partial() => Err(NotChecked::with_help(
                format!("`{reference}` exists, but its object is not in this partial clone: {detail}"),
                UNFILTERED,
            )),
            PointsTo::Commit(commit) if commit.id == self.head.id => no(
                "same-as-head",
                format!(
                    "`{reference}` is HEAD itself ({}), so there is nothing to roll back to",
                    commit.id
                ),
                "name an earlier release, or leave --ref out to take the nearest earlier tag".to_owned(),
            ),
            PointsTo::Broken(detail) => no(
                "broken-release",
                format!("`{reference}` exists, but its object cannot be read: {detail}"),
                "fetch it again, and check the repository with `git fsck`".to_owned(),
            ),
            PointsTo::Commit(release) => Ok(Ok(self.found(release, resolved.name, false, Vec::new()))),
        }
    }

    pub fn found(&self, release: Commit, name: Option<RefName>, is_ancestor: bool, doubts: Vec<Finding>) -> Found {
        let word = name.as_ref().and_then(RefName::argument);
        let argument = match word {
            Some(word) if is_plain(word) && !self.repository.is_branch(word) => word.to_owned(),
            _ => release.id.to_string(),
        };
        Found {
            head: self.head.clone(),
            release,
            name,
            argument,
            doubts,
            is_ancestor,
            is_shallow: self.is_shallow,
        }
    }

    /// What speaks against the release without ruling it out.
    fn doubts(&self, found: &Found) -> Vec<Finding> {
        let mut doubts = found.doubts.clone();
        if found.release.tree == self.head.tree {
            doubts.push(
                Finding::warning(
                    "same-content",
                    format!(
                        "{} has exactly the files of HEAD: going back would change nothing",
                        found.shown()
                    ),
                )
                .help("name an earlier release with --ref if you cannot go back to this one"),
            );
        }
        if self.is_shallow {
            doubts.push(
                Finding::warning(
                    "shallow",
                    "the history here is incomplete, so a newer release could be missing",
                )
                .help(FETCH_ALL),
            );
        }
        if found.is_ancestor && found.release.committed > self.head.committed {
            let ahead = found.release.committed.abs_diff(self.head.committed);
            doubts.push(Finding::note(
                "clock",
                format!(
                    "it was committed {} after HEAD, by its own clock",
                    TimeSpan::measured(Duration::from_secs(ahead))
                ),
            ));
        }
        doubts
    }
}
