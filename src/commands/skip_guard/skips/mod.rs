//! Skips that never end.
//!
//! A skip is green, so nobody looks at it, and what was to be for a day goes on for months. With a limit the guard counts
//! how often in a row it skipped, and past the limit it fails.
//!
//! An earlier run was skipped if its guard said so, in the annotation it leaves on the run's page; or, where a job is named
//! (`skipped-job`), if that was skipped. A run in which there is no sign of either, such as a cancelled one, whose guard
//! failed or died, or skipped what could not run there, neither counts nor ends the row; one whose guard was ready, or in which
//! the named job ran, ends it. Runs of pull requests are not looked at.

mod history;

use std::time::Duration;

use super::github::{LazyGitHub, run_id};
use super::{DEADLINE, Plan, STAGE, probe};
use crate::engine::{self, NotChecked, Observation};
use crate::model::text::one_line;
use crate::model::{Check, Ended, Finding, Skip, TimeSpan};
use crate::world::World;
use crate::world::github::{ApiError, Session};
use history::History;

const ID: &str = "guard:skips";
/// Also the title of the annotation by which a later run knows that this one was past the limit.
const TITLE: &str = "It was not skipped too often";
/// What follows the environment in the annotation of a run that was past the limit.
const HAS_BEEN: &str = " has been skipped ";

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

/// Counts if there is a limit. What was not counted is said where the skip is explained.
pub async fn count(plan: &Plan, skip: &mut Skip, world: &World) -> Option<Check> {
    if plan.skips.most.is_none() && plan.skips.age.is_none() {
        return None;
    }
    let (limits, environment) = (plan.skips.clone(), plan.environment.clone());
    let requirements = plan.prerequisites.iter().map(|prerequisite| &prerequisite.requirement);
    let titles: Vec<String> = requirements.map(probe::title).collect();
    let (github, inside) = (LazyGitHub::new(&plan.github_token_env), world.clone());
    let look = async move {
        // A run that is skipped anyway is not made red by not knowing this; but nobody shall think it had been counted.
        look(&limits, &environment, titles, &github, &inside)
            .await
            .map_err(unknown)
    };
    let task = engine::Task::new(STAGE, ID, TITLE, DEADLINE, look);
    let check = engine::run(vec![task], 1, &world.interrupt).await.pop()?;
    if let Ended::Skipped { reason } = &check.ended {
        skip.reason = format!("{} And {reason}", skip.reason);
    }
    Some(check)
}

fn unknown(blind: NotChecked) -> NotChecked {
    match blind {
        NotChecked::Errored { cause, help } => {
            let next = help.map_or(String::new(), |help| format!("; next: {help}"));
            NotChecked::Skipped {
                reason: format!("the number of earlier skips is unknown: {cause}{next}"),
            }
        }
        on_purpose @ NotChecked::Skipped { .. } => on_purpose,
    }
}

async fn look(
    limits: &Limits,
    environment: &str,
    titles: Vec<String>,
    github: &LazyGitHub,
    world: &World,
) -> engine::CheckResult {
    let session = github.session(world).await?;
    let this = session.run(run_id(world)?).await?;
    let branch = default_branch(&session, world).await?;
    let history = History {
        session: &session,
        environment,
        job: limits.job.as_deref(),
        guard: world.runner.job(),
        titles,
    };
    let mut row = history.row(&this, &branch).await?;
    // A pull request's own skip is none of what is counted, also where it runs with the base branch as its ref.
    let on_branch = world.runner.git_ref.as_deref() == Some(&format!("refs/heads/{branch}"));
    if on_branch && !this.is_of_pull_request() {
        row.count += 1;
        row.oldest.get_or_insert(this);
    }
    let Some(oldest) = &row.oldest else {
        return Ok(Observation::nothing_wrong().fact("skips in a row", "0"));
    };
    let age = world.clock.now().duration_since(oldest.created_at);
    let age = Duration::try_from(age).unwrap_or_default();
    let since = oldest.created_at.strftime("%Y-%m-%d").to_string();
    let times = match (row.count, row.blind.is_some()) {
        (1, false) => "once".to_owned(),
        (n, false) => format!("{n} times"),
        (n, true) => format!("at least {n} times"),
    };
    let too_often = limits.most.is_some_and(|most| row.count > most);
    let too_long = limits.age.is_some_and(|limit| age > limit.0);
    if !too_often && !too_long {
        // So far is not far enough.
        if let Some(blind) = row.blind {
            return Err(blind);
        }
        return Ok(Observation::nothing_wrong()
            .fact("skips in a row", times)
            .fact("since", since));
    }
    let reason = match &row.first_reason {
        Some(reason) => format!("first reason: {}", world.secrets.shorten(reason.as_str(), REASON)),
        None => format!("the first reason is no longer known ({})", one_line(&oldest.html_url)),
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
    Ok(Observation::found(finding.help(format!(
        "provide what is missing, or remove the job from the workflow; {limit} allows no more"
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
