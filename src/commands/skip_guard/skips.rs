//! Skips that never end.
//!
//! A skip is green, so nobody looks at it, and what was to be for a day goes on for months. With a limit the guard counts
//! how often in a row it skipped, and past the limit it fails.
//!
//! An earlier run was skipped if the named job (`skipped-job`) was skipped in it. Without a name it was if some job was
//! skipped and the guard of that run said so, in the annotation it leaves on the run's page. A run in which there is no sign of
//! either, such as a cancelled one, neither counts nor ends the row; one in which the job ran ends it, and without a name one
//! in which the guard did not skip.

use std::sync::Arc;
use std::time::Duration;

use super::github::{JobNames, nearest, quoted, run_id};
use super::probe::Clients;
use super::{DEADLINE, Plan, STAGE, capitalised};
use crate::engine::{self, Blind, Observed};
use crate::model::text::{cut, one_line};
use crate::model::{Check, Ended, Finding, Skip, TimeSpan};
use crate::world::World;
use crate::world::github::{ApiError, Job, Run, Session, Why};

const ID: &str = "guard:skips";
/// Also the title of the annotation by which a later run knows that this one was past the limit.
const TITLE: &str = "It was not skipped too often";
/// The title of the annotation that a skip leaves (`render::annotations`).
const SKIPPED: &str = "Skipped";
/// What stands in it between the environment and the reason.
const WAS_SKIPPED: &str = " was skipped: ";
/// What follows the environment in the annotation of a run that was past the limit.
const HAS_BEEN: &str = " has been skipped ";
/// Of a run without a named job, in so many jobs the guard's annotation is looked for.
const MOST_JOBS: usize = 5;
/// What of a first reason is shown, in bytes.
const REASON: usize = 200;

/// How long skipping what should run may go on. Without limits it is not counted.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// So many in a row, this one counted in.
    pub most: Option<u32>,
    /// Since the first in the row.
    pub age: Option<TimeSpan>,
    /// The job that is skipped when the guard is not ready.
    pub job: Option<String>,
}

/// The skips in a row before this run.
#[derive(Default)]
struct Row {
    count: u32,
    oldest: Option<Run>,
    /// There may be more that were not looked at.
    cut: bool,
    first_reason: Option<String>,
}

/// Counts if there is a limit. What was not counted is said where the skip is explained.
pub async fn count(plan: &Plan, skip: &mut Skip, clients: &Arc<Clients>, world: &World) -> Option<Check> {
    if plan.skips.most.is_none() && plan.skips.age.is_none() {
        return None;
    }
    let (limits, environment) = (plan.skips.clone(), plan.environment.clone());
    let (clients, inside) = (Arc::clone(clients), world.clone());
    let look = async move { look(&limits, &environment, &clients, &inside).await };
    let task = engine::Task::new(STAGE, ID, TITLE, DEADLINE, look);
    let mut check = engine::run(vec![task], 1, &world.interrupt).await.pop()?;
    // A run that is skipped anyway is not made red by this; but nobody shall think it had been counted.
    if let Ended::Errored { cause, help } = &check.ended {
        let next = help.as_ref().map_or(String::new(), |help| format!("; next: {help}"));
        let reason = format!("how often it was skipped before is not known: {cause}{next}");
        skip.reason = format!("{} And {reason}", skip.reason);
        check.ended = Ended::Skipped { reason };
    }
    Some(check)
}

async fn look(limits: &Limits, environment: &str, clients: &Clients, world: &World) -> engine::Looked {
    let session = clients.github.session(world).await?;
    let this = session.run(run_id(world)?).await?;
    let branch = default_branch(&session, world).await?;
    let history = History {
        session: &session,
        environment,
        job: limits.job.as_deref(),
    };
    let mut row = history.row(&this, &branch).await?;
    // A pull request's own skip is none of what is counted.
    if world.runner.git_ref.as_deref() == Some(&format!("refs/heads/{branch}")) {
        row.count += 1;
        row.oldest.get_or_insert(this);
    }
    let Some(oldest) = &row.oldest else {
        return Ok(Observed::nothing_wrong().fact("skips in a row", "0"));
    };
    let age = world.clock.now().duration_since(oldest.created_at);
    let age = Duration::try_from(age).unwrap_or_default();
    let since = oldest.created_at.strftime("%Y-%m-%d").to_string();
    let times = match (row.count, row.cut) {
        (1, false) => "once".to_owned(),
        (n, false) => format!("{n} times"),
        (n, true) => format!("at least {n} times"),
    };
    let too_often = limits.most.is_some_and(|most| row.count > most);
    let too_long = limits.age.is_some_and(|limit| age > limit.0);
    if !too_often && !too_long {
        return Ok(Observed::nothing_wrong()
            .fact("skips in a row", times)
            .fact("since", since));
    }
    let reason = match &row.first_reason {
        Some(reason) => format!("first reason: {reason}"),
        None => format!(
            "what the first reason was is no longer known ({})",
            one_line(&oldest.html_url)
        ),
    };
    let finding = Finding::error(
        "skipped-too-often",
        format!("{environment}{HAS_BEEN}{times} since {since}, {reason}"),
    );
    let limit = match (too_often, limits.most, limits.age) {
        (true, Some(most), _) => format!("--max-skips {most}"),
        (_, _, Some(age)) => format!("--max-skip-age {age}"),
        _ => "the limit".to_owned(),
    };
    Ok(Observed::found(finding.help(format!(
        "provide what is missing, or take the job out of the workflow; {limit} allows no more"
    ))))
}

async fn default_branch(session: &Session<'_>, world: &World) -> Result<String, ApiError> {
    let event = world.runner.event().ok();
    let named = event
        .as_ref()
        .and_then(|event| event.pointer("/repository/default_branch")?.as_str());
    match named {
        Some(branch) => Ok(branch.to_owned()),
        None => Ok(session.repository_itself().await?.default_branch),
    }
}

/// The runs before this one, and how a skip is recognised in them.
struct History<'a> {
    session: &'a Session<'a>,
    environment: &'a str,
    /// The job that is skipped when the guard is not ready.
    job: Option<&'a str>,
}

impl History<'_> {
    async fn row(&self, this: &Run, branch: &str) -> Result<Row, Blind> {
        let listed = self.session.ended_runs(this.workflow_id, branch).await?;
        let mut row = Row::default();
        let mut first = None;
        let mut strangers: Vec<String> = Vec::new();
        let mut found = false;
        let mut ended = false;
        for run in listed.items {
            if run.id == this.id || run.run_number > this.run_number {
                continue;
            }
            let jobs = match self.session.jobs(run.id).await {
                Ok(jobs) => JobNames::new(jobs.items),
                // What was counted is worth more than nothing.
                Err(ApiError {
                    why: Why::OutOfTime, ..
                }) if row.count > 0 => {
                    row.cut = true;
                    ended = true;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            found |= self.job.is_none_or(|name| !jobs.named(name).is_empty());
            match self.was_skipped(&jobs).await? {
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
        row.cut |= !ended && !listed.whole;
        if let Some(jobs) = first {
            // The row is known even if its reason is not.
            let said = self.said(&jobs).await.ok().flatten();
            row.first_reason = said.and_then(|message| reason(&message));
        }
        Ok(row)
    }

    /// Whether the guard skipped in a run; `None` if that run says nothing about it.
    async fn was_skipped(&self, jobs: &JobNames) -> Result<Option<bool>, Blind> {
        let skipped = |job: &Job| job.conclusion.as_deref() == Some("skipped");
        if let Some(name) = self.job {
            let named = jobs.named(name);
            let ran = |job: &&Job| !matches!(job.conclusion.as_deref(), Some("skipped" | "cancelled") | None);
            return Ok(match named.iter().any(ran) {
                true => Some(false),
                false => named.iter().any(|job| skipped(job)).then_some(true),
            });
        }
        if jobs
            .all()
            .iter()
            .all(|job| job.conclusion.as_deref() == Some("cancelled"))
        {
            return Ok(None);
        }
        if !jobs.all().iter().any(skipped) {
            return Ok(Some(false));
        }
        match self.said(jobs).await {
            Ok(said) => Ok(Some(said.is_some())),
            Err(ApiError {
                why: Why::NotAllowed { .. },
                ..
            }) => Err(Blind::with_help(
                "the token may not read what earlier guards said",
                "name the job that is skipped with --skipped-job, or add `checks: read` to `permissions:` of the job",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// What the guard of a run said about its skip, if it skipped.
    async fn said(&self, jobs: &JobNames) -> Result<Option<String>, ApiError> {
        let ran = |job: &&Job| !matches!(job.conclusion.as_deref(), Some("skipped") | None);
        let skipped = format!("{}{WAS_SKIPPED}", capitalised(self.environment));
        let past_limit = format!("{}{HAS_BEEN}", self.environment);
        for job in jobs.all().iter().filter(ran).take(MOST_JOBS) {
            for annotation in self.session.annotations(job.id).await?.items {
                let message = annotation.message.unwrap_or_default();
                let ours = match annotation.title.as_deref() {
                    Some(SKIPPED) => message.starts_with(&skipped),
                    Some(TITLE) => message.starts_with(&past_limit),
                    _ => false,
                };
                if ours {
                    return Ok(Some(message));
                }
            }
        }
        Ok(None)
    }
}

/// A name that is written wrong would never count anything.
fn no_such_job(name: &str, known: &[String]) -> Blind {
    let mut names: Vec<&str> = known.iter().map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let near = nearest(name, names.iter().copied());
    Blind::with_help(
        format!("no earlier run has a job {name}"),
        match near.is_empty() {
            false => format!("did you mean {}?", quoted(near, " or ")),
            true => format!(
                "name the one that is skipped with --skipped-job: {}",
                quoted(names, ", ")
            ),
        },
    )
}

/// "Staging was skipped: A is not set. Create it." is about "A is not set".
fn reason(message: &str) -> Option<String> {
    let (_, reason) = message.split_once(WAS_SKIPPED)?;
    let reason = reason.split_once(". ").map_or(reason, |(reason, _)| reason);
    Some(cut(&one_line(reason.trim_end_matches('.')), REASON))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_what_was_missing_and_not_what_to_do() {
        let said = "Staging was skipped: FLY_API_TOKEN is not set or empty; x.y is gone. Create it and map it.";
        assert_eq!(reason(said).unwrap(), "FLY_API_TOKEN is not set or empty; x.y is gone");
        assert_eq!(reason("something else"), None);
    }
}
