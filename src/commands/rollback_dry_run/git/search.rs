//! Which release to go back to: the given one, or the newest tag before HEAD.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::super::claims::Seen;
use super::told::{Passed, suggestion, time};
use super::{GitPlan, version};
use crate::engine::{Blind, Observed};
use crate::model::text::count;
use crate::model::{Fact, Finding, TimeSpan};
use crate::world::git::{Commit, GitError, Oid, PointsTo, RefName, Repository, Stop, Tag};

const FETCH_ALL: &str = "fetch the whole history and the tags: actions/checkout with `fetch-depth: 0` (it brings the \
                         tags along); on a laptop `git fetch --unshallow --tags`";

/// The release to go back to.
#[derive(Clone, Debug)]
pub struct Found {
    pub head: Commit,
    pub release: Commit,
    /// The tag or branch, if it was found by one.
    pub name: Option<RefName>,
    /// The search has shown already that it is an ancestor of HEAD.
    pub is_ancestor: bool,
    pub is_shallow: bool,
}

impl Found {
    /// The word that names it on a command line, before quoting.
    pub fn argument(&self) -> String {
        let name = self.name.as_ref().and_then(RefName::argument);
        name.map_or_else(|| self.release.id.to_string(), str::to_owned)
    }

    /// For people: `v1.2 (commit abc)`.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{name} (commit {})", self.release.id),
            None => format!("commit {}", self.release.id),
        }
    }
}

/// Opens the repository; what is wrong with it comes with the next step.
pub fn open(workspace: &Path) -> Result<Repository, Blind> {
    Repository::open(workspace).map_err(blind)
}

/// What could not be read, with the next step.
pub fn blind(error: GitError) -> Blind {
    let help = match &error {
        GitError::NotARepository(_) => {
            "check the repository out before this step (actions/checkout), or run it inside a repository"
        }
        GitError::NoCommits(_) => "make a commit and tag the release",
        GitError::Broken { .. } => {
            "look at it with `git fsck`; where `.git` is a file (linked worktree, submodule), the folder it names must \
             exist on this machine too, and the container sees only the workspace; a partial clone (`filter:`) lacks \
             objects"
        }
        GitError::Stopped(_) => "run it again with more time, or narrow the search with --tags or --ref",
    };
    Blind::with_help(error.to_string(), help)
}

pub fn find(plan: &GitPlan, workspace: &Path, stop: Stop<'_>) -> Seen<Found> {
    let repository = open(workspace)?;
    repository.check_loose_objects(stop).map_err(blind)?;
    let (head, branch) = match repository.head() {
        Ok(head) => head,
        // This was looked up, and the answer is no.
        Err(error @ GitError::NoCommits(_)) => {
            let finding = Finding::error("no-commits", format!("{error}, so there is no release to go back to"))
                .help("make a commit and tag the release");
            return Ok((None, Observed::found(finding)));
        }
        Err(error) => return Err(blind(error)),
    };
    let search = Search {
        is_shallow: repository.is_shallow(),
        repository: &repository,
        head: &head,
    };
    let outcome = match &plan.reference {
        Some(reference) => search.given(reference)?,
        None => search.newest(plan, stop)?,
    };
    let found = match outcome {
        Ok(found) => found,
        Err(finding) => return Ok((None, Observed::found(*finding))),
    };
    let mut observed = Observed {
        findings: search.doubts(&found),
        ..Observed::default()
    };
    let branch = branch.map_or_else(|| "detached".to_owned(), |name| name.to_string());
    observed.facts = vec![
        Fact::new("release", found.shown()),
        Fact::new("committed", time(found.release.committed)),
        Fact::new("HEAD", format!("{} ({branch})", head.id)),
        Fact::new("repository", repository.folder().display().to_string()),
    ];
    Ok((Some(found), observed))
}

/// A release, or why there is none. `Blind` is for not having been able to tell.
type Answer = Result<Result<Found, Box<Finding>>, Blind>;

struct Search<'a> {
    repository: &'a Repository,
    head: &'a Commit,
    is_shallow: bool,
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
                None if self.is_shallow => Err(Blind::with_help(
                    format!("{message}, which holds only a part of the history"),
                    FETCH_ALL,
                )),
                None => no(
                    "unknown-ref",
                    format!("{message} ({} to choose from)", count(names.len(), "name")),
                    FETCH_ALL.to_owned(),
                ),
            };
        };
        match resolved.points_to {
            PointsTo::Other(kind) => no(
                "not-a-commit",
                format!("`{reference}` points to a {kind}, and only a commit can be a release"),
                "give a tag or branch that points to a commit".to_owned(),
            ),
            PointsTo::Broken(detail) => no(
                "broken-release",
                format!("`{reference}` is there, but its object cannot be read: {detail}"),
                "fetch it again, and look at the repository with `git fsck`".to_owned(),
            ),
            PointsTo::Commit(commit) if commit.id == self.head.id => no(
                "same-as-head",
                format!(
                    "`{reference}` is HEAD itself ({}), so there is nothing to go back to",
                    commit.id
                ),
                "give an earlier release, or leave --ref out to take the newest earlier tag".to_owned(),
            ),
            PointsTo::Commit(release) => Ok(Ok(Found {
                head: self.head.clone(),
                release,
                name: resolved.name,
                is_ancestor: false,
                is_shallow: self.is_shallow,
            })),
        }
    }

    fn newest(&self, plan: &GitPlan, stop: Stop<'_>) -> Answer {
        let all = self.repository.tags().map_err(blind)?;
        let pattern = plan.tags.glob().glob();
        let matching: Vec<&Tag> = all
            .iter()
            .filter(|tag| plan.tags.is_match(OsStr::from_bytes(tag.name.short())))
            .collect();
        let mut seen = Passed::default();
        let mut candidates: Vec<(&RefName, &Commit)> = Vec::new();
        for tag in &matching {
            match &tag.points_to {
                // It could be the newest one, so without it no other can be called that.
                PointsTo::Broken(detail) => {
                    return Err(Blind::with_help(
                        format!(
                            "the tag {} matches `{pattern}`, but its object cannot be read: {detail}",
                            tag.name
                        ),
                        "fetch it again and look at the repository with `git fsck`; or name the release with --ref",
                    ));
                }
                PointsTo::Other(_) => seen.no_commits.push(&tag.name),
                PointsTo::Commit(commit) if commit.id == self.head.id => seen.heads.push(&tag.name),
                PointsTo::Commit(commit) => candidates.push((&tag.name, commit)),
            }
        }
        let wanted: HashSet<Oid> = candidates.iter().map(|(_, commit)| commit.id).collect();
        let earlier = self
            .repository
            .ancestors_among(self.head.id, &wanted, stop)
            .map_err(blind)?;
        candidates.retain(|(name, commit)| {
            let is_earlier = earlier.contains(&commit.id);
            if !is_earlier {
                seen.elsewhere.push(name);
            }
            is_earlier
        });
        let newest = candidates.into_iter().max_by(|(a, x), (b, y)| {
            x.committed
                .cmp(&y.committed)
                .then_with(|| version::compare(a.short(), b.short()))
        });
        if let Some((name, release)) = newest {
            return Ok(Ok(Found {
                head: self.head.clone(),
                release: release.clone(),
                name: Some(name.clone()),
                is_ancestor: true,
                is_shallow: self.is_shallow,
            }));
        }
        let message = format!(
            "there is no release before HEAD ({}) in {}: {}",
            self.head.id,
            self.repository.folder().display(),
            seen.told(&all, matching.len(), pattern),
        );
        if self.is_shallow {
            let message = format!("{message}; but the repository holds only a part of the history");
            return Err(Blind::with_help(message, FETCH_ALL));
        }
        let help = if all.is_empty() {
            FETCH_ALL
        } else if matching.is_empty() {
            "give a pattern that matches your releases with --tags, or name one with --ref"
        } else {
            "tag the release that runs now, so that the next one can go back to it; or name one with --ref"
        };
        Ok(Err(Box::new(Finding::error("no-previous-release", message).help(help))))
    }

    /// What speaks against the release without ruling it out.
    fn doubts(&self, found: &Found) -> Vec<Finding> {
        let mut doubts = Vec::new();
        if found.release.tree == self.head.tree {
            doubts.push(
                Finding::warning(
                    "same-content",
                    format!(
                        "{} has exactly the files of HEAD: going back would change nothing",
                        found.shown()
                    ),
                )
                .help("name an earlier release with --ref if this one is no way back"),
            );
        }
        if self.is_shallow {
            doubts.push(
                Finding::warning(
                    "shallow",
                    "the repository holds only a part of the history, so a newer release could be missing",
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
                    TimeSpan::from_secs(ahead)
                ),
            ));
        }
        doubts
    }
}
