//! The nearest release before HEAD, of the tags that match.
//!
//! The commit graph decides what is nearest. Among releases of which none is an ancestor of another, the highest version
//! wins; dates, which depend on the committer's clock, decide last, and with a warning.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::GitPlan;
use super::messages::Passed;
use super::search::{Answer, FETCH_ALL, Search, blind};
use super::version::{self, Version};
use crate::engine::NotChecked;
use crate::model::Finding;
use crate::model::text::count;
use crate::world::git::{Commit, Oid, PointsTo, RefName, Stop, Tag};

/// The whole history is there.
const NO_TAGS: &str = "if you deploy without tags, set --releases deployments, or name the commit that was deployed before \
with --ref (in a workflow on push: ${{ github.event.before }}); else tag releases, and `git fetch --tags` if only the \
remote has the tags";

/// It was cut, so tags can be missing; but whoever deploys without tags would fetch them in vain.
const NO_TAGS_HERE: &str = "if you deploy without tags, set --releases deployments, or name the commit that was deployed \
before with --ref (in a workflow on push: ${{ github.event.before }}); both need, as tags do, the whole history: \
actions/checkout with `fetch-depth: 0`";

impl Search<'_> {
    pub fn nearest(&self, plan: &GitPlan, stop: Stop<'_>) -> Answer {
        let all = self.repository.tags().map_err(blind)?;
        let pattern = plan.tags.glob().glob();
        let matching: Vec<&Tag> = all
            .iter()
            .filter(|tag| plan.tags.is_match(OsStr::from_bytes(tag.name.short())))
            .collect();
        let mut seen = Passed::default();
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for tag in &matching {
            if let Some(reason) = stop() {
                return Err(NotChecked::errored(reason));
            }
            let version = Version::of(tag.name.short());
            match self.repository.tagged(tag) {
                PointsTo::Commit(commit) if commit.id == self.head.id => seen.heads.push(&tag.name),
                _ if !plan.pre_releases && version.is_some_and(|version| version.is_pre_release()) => {
                    seen.pre_releases.push(&tag.name);
                }
                // It could be the nearest one, so without it no other can be called that.
                PointsTo::Broken(detail) => {
                    return Err(NotChecked::with_help(
                        format!(
                            "the tag {} matches `{pattern}`, but its object cannot be read: {detail}",
                            tag.name
                        ),
                        "fetch it again and check the repository with `git fsck`; or name the release with --ref",
                    ));
                }
                PointsTo::Other(_) => seen.no_commits.push(&tag.name),
                PointsTo::Commit(commit) => candidates.push(Candidate {
                    name: &tag.name,
                    commit,
                }),
            }
        }
        let wanted: HashSet<Oid> = candidates.iter().map(|candidate| candidate.commit.id).collect();
        let nearest = self
            .repository
            .nearest_among(self.head.id, &wanted, stop)
            .map_err(blind)?;
        // Of several tags on a commit, the one that says most.
        let mut choice: HashMap<Oid, &Candidate<'_>> = HashMap::new();
        for candidate in candidates
            .iter()
            .filter(|candidate| nearest.contains(&candidate.commit.id))
        {
            let best = choice.entry(candidate.commit.id).or_insert(candidate);
            if candidate.order(best).is_gt() {
                *best = candidate;
            }
        }
        let mut choice: Vec<&Candidate<'_>> = choice.into_values().collect();
        choice.sort_by(|a, b| b.order(a));
        if let Some((best, others)) = choice.split_first() {
            if self.is_shallow && !others.is_empty() {
                return Err(NotChecked::with_help(
                    format!(
                        "{} and {} are both in the history of HEAD, and the incomplete history here does not tell \
                         which is nearer",
                        best.name, others[0].name
                    ),
                    FETCH_ALL,
                ));
            }
            let mut doubts = Vec::new();
            doubts.extend(others.iter().find_map(|other| undecided(best, other)));
            doubts.extend(self.outdone(best, &candidates, stop)?);
            if !seen.pre_releases.is_empty() {
                doubts.push(Finding::note(
                    "pre-releases",
                    format!(
                        "{} skipped; --pre-releases includes them",
                        count(seen.pre_releases.len(), "pre-release")
                    ),
                ));
            }
            return Ok(Ok(self.found(
                best.commit.clone(),
                Some(best.name.clone()),
                true,
                doubts,
            )));
        }
        seen.elsewhere = candidates.iter().map(|candidate| candidate.name).collect();
        let message = format!(
            "there is no release before HEAD ({}) in {}: {}",
            self.head.id,
            self.repository.folder().display(),
            seen.told(&all, matching.len(), pattern),
        );
        if self.is_shallow {
            let message = format!("{message}; but the history here is incomplete");
            let help = if all.is_empty() { NO_TAGS_HERE } else { FETCH_ALL };
            return Err(NotChecked::with_help(message, help));
        }
        let help = if all.is_empty() {
            NO_TAGS
        } else if matching.is_empty() {
            "give a pattern that matches your releases with --tags, or name one with --ref"
        } else if seen.pre_releases.is_empty() {
            "tag the release that runs now, so that the next one can go back to it; or name one with --ref"
        } else {
            "pass --pre-releases to go back to a pre-release, or name a release with --ref"
        };
        Ok(Err(Box::new(Finding::error("no-previous-release", message).help(help))))
    }

    /// A higher version of the same product that is in the history, too: the graph and the names contradict each other.
    fn outdone(
        &self,
        best: &Candidate<'_>,
        all: &[Candidate<'_>],
        stop: Stop<'_>,
    ) -> Result<Option<Finding>, NotChecked> {
        let higher: Vec<&Candidate<'_>> = all
            .iter()
            .filter(|other| other.commit.id != best.commit.id && other.is_same_product(best))
            .filter(|other| version::precedence(other.name.short(), best.name.short()).is_gt())
            .collect();
        if higher.is_empty() {
            return Ok(None);
        }
        let wanted: HashSet<Oid> = higher.iter().map(|other| other.commit.id).collect();
        let earlier = self
            .repository
            .ancestors_among(self.head.id, &wanted, stop)
            .map_err(blind)?;
        let highest = higher
            .into_iter()
            .filter(|other| earlier.contains(&other.commit.id))
            .max_by(|a, b| a.order(b));
        Ok(highest.map(|other| {
            Finding::warning(
                "version-order",
                format!(
                    "{} is nearest to HEAD, but {} has the higher version and is also in its history",
                    best.name, other.name
                ),
            )
            .help("name the release with --ref, or exclude the other with --tags")
        }))
    }
}

/// A tag that could be the release.
struct Candidate<'a> {
    name: &'a RefName,
    commit: Commit,
}

impl Candidate<'_> {
    /// Among those of which the graph says nothing.
    fn order(&self, other: &Self) -> Ordering {
        let (a, b) = (self.name.short(), other.name.short());
        version::precedence(a, b)
            .then_with(|| self.commit.committed.cmp(&other.commit.committed))
            .then_with(|| version::compare(a, b))
    }

    fn is_same_product(&self, other: &Self) -> bool {
        match (Version::of(self.name.short()), Version::of(other.name.short())) {
            (Some(a), Some(b)) => a.product == b.product,
            _ => false,
        }
    }
}

/// Neither the graph nor the versions put one of them first.
fn undecided(best: &Candidate<'_>, other: &Candidate<'_>) -> Option<Finding> {
    if best.is_same_product(other) && version::precedence(best.name.short(), other.name.short()).is_gt() {
        return None;
    }
    let message = format!(
        "{} and {} are equally near to HEAD (neither is an ancestor of the other) and their names have no order",
        best.name, other.name
    );
    Some(
        Finding::warning("equally-near", message)
            .help("name the release with --ref, or exclude the others with --tags"),
    )
}
