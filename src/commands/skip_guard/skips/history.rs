//! The runs before this one, and how a skip is recognised in them.

use futures_util::StreamExt as _;

use super::{HAS_BEEN, TITLE};
use crate::commands::skip_guard::capitalised;
use crate::commands::skip_guard::github::{JobNames, nearest, quoted};
use crate::engine::NotChecked;
use crate::world::github::{ApiError, Job, Run, Session, Why};

/// The title of the annotation that a skip leaves (`render::annotations`).
const SKIPPED: &str = "Skipped";
/// What stands in it between the environment and the reason.
const WAS_SKIPPED: &str = " was skipped: ";
/// The level of the annotation of a skip that was expected, which is none of what is counted (`render::annotations`).
const EXPECTED: &str = "notice";
/// The level of the annotation of a check that failed or could not be done.
const FAILURE: &str = "failure";
/// In so many jobs of a run the guard's annotation is looked for.
const MOST_JOBS: usize = 20;
/// Runs that are looked at ahead of the one that may end the row.
const AT_ONCE: usize = 4;

/// The skips in a row before this run.
#[derive(Default)]
pub struct Row {
    pub count: u32,
    pub oldest: Option<Run>,
    /// Why there may be more that were not looked at.
    pub blind: Option<NotChecked>,
    pub first_reason: Option<String>,
}

/// The runs before this one, and how a skip is recognised in them.
pub struct History<'a> {
    pub session: &'a Session<'a>,
    pub environment: &'a str,
    /// The job that is skipped when the guard is not ready.
    pub job: Option<&'a str>,
    /// The job this guard runs in. That of an earlier run is most likely to be called the same.
    pub guard: Option<String>,
    /// What the checks of this guard are called, and most likely those of the ones before.
    pub titles: Vec<String>,
}

impl History<'_> {
    pub async fn row(&self, this: &Run, branch: &str) -> Result<Row, NotChecked> {
        let listed = self.session.ended_runs(this.workflow_id, branch).await?;
        let mut row = Row::default();
        let mut first = None;
        let mut strangers: Vec<String> = Vec::new();
        let mut found = false;
        let mut ended = false;
        let earlier = listed
            .items
            .into_iter()
            // A fork's branch may be called like the default branch; its pull requests are listed under that name.
            .filter(|run| run.run_number < this.run_number && !run.is_of_pull_request());
        let mut looks = futures_util::stream::iter(earlier)
            .map(|run| async {
                let seen = self.see(&run).await;
                (run, seen)
            })
            .buffered(AT_ONCE);
        while let Some((run, seen)) = looks.next().await {
            let (jobs, skipped) = match seen {
                Ok(seen) => seen,
                // What was counted may be enough.
                Err(blind) if row.count > 0 => {
                    row.blind = Some(blind);
                    break;
                }
                Err(blind) => return Err(blind),
            };
            found |= self.job.is_none_or(|name| !jobs.named(name).is_empty());
            match skipped {
                Some(true) => {
                    row.count += 1;
                    row.oldest = Some(run);
                    first = Some(jobs);
                }
                Some(false) => {
                    ended = true;
                    break;
                }
                None => strangers.extend(jobs.all().iter().map(|job| job.name.clone())),
            }
        }
        if let (Some(name), false, false) = (self.job, found, strangers.is_empty()) {
            return Err(no_such_job(name, &strangers));
        }
        if !ended && !listed.whole {
            row.blind.get_or_insert_with(|| {
                NotChecked::with_help(
                    "it was skipped in all of the newest 100 runs, and no more are read",
                    "set a lower limit with --max-skips",
                )
            });
        }
        if let Some(jobs) = first {
            // The row is known even if its reason is not.
            if let Ok(Said::Skip(message)) = self.said(&jobs).await {
                row.first_reason = reason(&message);
            }
        }
        Ok(row)
    }

    async fn see(&self, run: &Run) -> Result<(JobNames, Option<bool>), NotChecked> {
        let listed = self.session.jobs(run.id).await?;
        let jobs = JobNames::new(listed.items);
        match self.was_skipped(&jobs).await? {
            // What was not read may be the guard's job, or the one that is named.
            skipped if !listed.whole && skipped != Some(true) => Err(too_many_jobs()),
            skipped => Ok((jobs, skipped)),
        }
    }

    /// Whether the guard skipped in a run; `None` if that run says nothing about it.
    async fn was_skipped(&self, jobs: &JobNames) -> Result<Option<bool>, NotChecked> {
        let skipped = |job: &Job| job.conclusion.as_deref() == Some("skipped");
        if let Some(name) = self.job {
            let named = jobs.named(name);
            let ran = |job: &&Job| !matches!(job.conclusion.as_deref(), Some("skipped" | "cancelled") | None);
            return Ok(match named.iter().any(ran) {
                true => Some(false),
                false => named.iter().any(|job| skipped(job)).then_some(true),
            });
        }
        match self.said(jobs).await {
            Ok(Said::Skip(_)) => Ok(Some(true)),
            Ok(Said::ExpectedSkip) => Ok(None),
            // A guard that failed is no skip, and is not ready either.
            Ok(Said::Failure) => Ok(None),
            // Of a guard that did not come to its end there are no words to be expected.
            Ok(Said::Nothing) => Ok(self.guard_was_ready(jobs).then_some(false)),
            Ok(Said::TooManyJobs) => Err(too_many_jobs()),
            Err(ApiError {
                why: Why::NotAllowed { .. },
                ..
            }) => Err(NotChecked::with_help(
                "the token may not read what earlier guards reported",
                "give the job that is skipped with --skipped-job, or add `checks: read` to `permissions:` of the job",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a guard that said nothing came to its end. A job that failed may have done so before its guard, and where
    /// nothing says which job is the guard's it may be any.
    fn guard_was_ready(&self, jobs: &JobNames) -> bool {
        let named = self.guard.as_ref().map(|name| jobs.named(name)).unwrap_or_default();
        let jobs: Vec<&Job> = match named.is_empty() {
            true => jobs.all().iter().collect(),
            false => named,
        };
        let is = |job: &&Job, conclusions: &[&str]| job.conclusion.as_deref().is_some_and(|c| conclusions.contains(&c));
        jobs.iter().any(|job| is(job, &["success"]))
            && jobs.iter().all(|job| is(job, &["success", "neutral", "skipped"]))
    }

    /// What the guard of a run said about its skip.
    async fn said(&self, jobs: &JobNames) -> Result<Said, ApiError> {
        let skipped = format!("{}{WAS_SKIPPED}", capitalised(self.environment));
        let past_limit = format!("{}{HAS_BEEN}", self.environment);
        let ran = |job: &&Job| !matches!(job.conclusion.as_deref(), Some("skipped") | None);
        let mut ran: Vec<&Job> = jobs.all().iter().filter(ran).collect();
        ran.sort_by_key(|job| self.guard.as_ref() != Some(&job.name));
        let mut failed = false;
        for job in ran.iter().take(MOST_JOBS) {
            for annotation in self.session.annotations(job.id).await?.items {
                let message = annotation.message.unwrap_or_default();
                let level = annotation.annotation_level.as_deref();
                let title = annotation.title.as_deref().unwrap_or_default();
                failed |= level == Some(FAILURE) && self.titles.iter().any(|known| known == title);
                let ours = match annotation.title.as_deref() {
                    Some(SKIPPED) => message.starts_with(&skipped),
                    Some(TITLE) => message.starts_with(&past_limit),
                    _ => false,
                };
                if ours {
                    return Ok(match level {
                        Some(EXPECTED) => Said::ExpectedSkip,
                        _ => Said::Skip(message),
                    });
                }
            }
        }
        Ok(match ran.len() > MOST_JOBS {
            _ if failed => Said::Failure,
            true => Said::TooManyJobs,
            false => Said::Nothing,
        })
    }
}

enum Said {
    Skip(String),
    /// A skip of what could not run there.
    ExpectedSkip,
    /// Something was missing where that is a failure, or could not be looked up.
    Failure,
    Nothing,
    /// Nothing in those that were looked at.
    TooManyJobs,
}

fn too_many_jobs() -> NotChecked {
    NotChecked::with_help(
        "earlier runs have too many jobs to find the guard",
        "give the job that is skipped with --skipped-job",
    )
}

/// A name that is written wrong would never count anything.
fn no_such_job(name: &str, known: &[String]) -> NotChecked {
    let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let near = nearest(name, names.iter().copied());
    NotChecked::with_help(
        format!("no earlier run has a job {name}"),
        match near.is_empty() {
            false => format!("did you mean {}?", quoted(near, " or ")),
            true => format!(
                "give the job that is skipped with --skipped-job: {}",
                quoted(names, ", ")
            ),
        },
    )
}

/// "Staging was skipped: A is not set. Create it." is about "A is not set".
fn reason(message: &str) -> Option<String> {
    let (_, reason) = message.split_once(WAS_SKIPPED)?;
    let reason = reason.lines().next().unwrap_or_default();
    let reason = reason.split_once(". ").map_or(reason, |(reason, _)| reason);
    Some(reason.trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_was_missing_and_not_what_to_do() {
        let said = "Staging was skipped: FLY_API_TOKEN is not set or empty; x.y is gone. Create it and map it.";
        assert_eq!(reason(said).unwrap(), "FLY_API_TOKEN is not set or empty; x.y is gone");
        let said =
            "Staging was skipped: A is not set; B is not set.\nA is not set. Create it.\nB is not set. Create it.";
        assert_eq!(reason(said).unwrap(), "A is not set; B is not set");
        assert_eq!(reason("something else"), None);
    }
}
