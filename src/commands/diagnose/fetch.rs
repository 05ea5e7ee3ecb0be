//! The logs of the jobs of a run that failed, from GitHub.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Named, Plan, RunRef, STAGE};
use crate::engine::NotChecked;
use crate::model::text::{count, one_line};
use crate::model::{Check, Ended, Finding};
use crate::world::World;
use crate::world::github::{ApiError, GitHub, Job, Session, Why};
use crate::world::job_log::Source;

/// For all calls about one run.
const TIME: Duration = Duration::from_secs(120);
/// The logs of more jobs say the same.
const MOST_JOBS: usize = 20;

/// What could be fetched, and what could not.
#[derive(Default)]
pub struct Fetched {
    pub logs: Vec<Named>,
    pub checks: Vec<Check>,
}

pub async fn failed_jobs(run: &RunRef, plan: &Plan, world: &World) -> Fetched {
    let started = Instant::now();
    let check = |ended: Ended| {
        let (id, title) = (
            format!("diagnose:run-{}", run.id),
            format!("The jobs of run {} succeed", run.id),
        );
        Check::new(STAGE, id, title, ended, started.elapsed())
    };
    let fetched = tokio::select! {
        signal = world.interrupt.wait() => Err(NotChecked::errored(format!("interrupted by {signal}"))),
        fetched = fetch(run, plan, world, &check) => fetched,
    };
    fetched.unwrap_or_else(|blind| Fetched {
        logs: Vec::new(),
        checks: vec![check(blind.into())],
    })
}

async fn fetch(
    run: &RunRef,
    plan: &Plan,
    world: &World,
    check: &impl Fn(Ended) -> Check,
) -> Result<Fetched, NotChecked> {
    let (env, clock, progress) = (&world.env, world.clock, world.progress.clone());
    let github = match &run.repository {
        Some(repository) => GitHub::connect_to(env, clock, progress, &plan.github_token_env, repository),
        None => GitHub::connect(env, clock, progress, &plan.github_token_env),
    };
    let github = github.map_err(|no| NotChecked::with_help(no.to_string(), no.help()))?;
    let session = github.within(TIME);
    let listed = session.jobs(run.id).await?;
    let mut findings = Vec::new();
    if !listed.whole {
        let message = format!(
            "only the first {} of the run were looked at",
            count(listed.items.len(), "job")
        );
        findings.push(Finding::warning("more-jobs", message).help("name the job: --run URL/job/ID"));
    }
    let jobs = newest(listed.items, run);
    if jobs.iter().any(|job| job.status != "completed") {
        let message = "the run has not ended: jobs may still fail";
        findings.push(Finding::warning("still-running", message).help("run it again when the run has ended"));
    }
    let failed = failed(&jobs);
    if failed.len() > MOST_JOBS {
        let message = format!("{} more failed", count(failed.len() - MOST_JOBS, "job"));
        findings.push(Finding::warning("more-failed", message).help("name a job: --run URL/job/ID"));
    }
    let mut fetched = Fetched::default();
    for job in failed.iter().take(MOST_JOBS) {
        match log(job, &session).await {
            Ok(named) => fetched.logs.push(named),
            Err(blind) => {
                let title = format!("The log of job {} can be read", one_line(&job.name));
                let id = format!("diagnose:job-{}", job.id);
                fetched
                    .checks
                    .push(Check::new(STAGE, id, title, blind.into(), Duration::ZERO));
            }
        }
    }
    if failed.is_empty() || !findings.is_empty() {
        fetched.checks.insert(0, check(Ended::Looked(findings)));
    }
    Ok(fetched)
}

/// Of each name the job of the newest attempt: a repeated attempt may list the others, too.
fn newest(jobs: Vec<Job>, run: &RunRef) -> Vec<Job> {
    let mut newest: BTreeMap<String, Job> = BTreeMap::new();
    let wanted = jobs.into_iter().filter(|job| {
        run.job.is_none_or(|id| id == job.id) && run.attempt.is_none_or(|attempt| job.run_attempt == Some(attempt))
    });
    for job in wanted {
        match newest.get(&job.name) {
            Some(other) if other.run_attempt >= job.run_attempt => {}
            _ => {
                newest.insert(job.name.clone(), job);
            }
        }
    }
    newest.into_values().collect()
}

/// What failed; if nothing did, what was cancelled.
fn failed(jobs: &[Job]) -> Vec<&Job> {
    let with = |conclusions: &[&str]| -> Vec<&Job> {
        let has = |job: &&Job| {
            job.conclusion
                .as_deref()
                .is_some_and(|word| conclusions.contains(&word))
        };
        jobs.iter().filter(has).collect()
    };
    let failed = with(&["failure", "timed_out", "startup_failure"]);
    if failed.is_empty() {
        with(&["cancelled"])
    } else {
        failed
    }
}

async fn log(job: &Job, session: &Session<'_>) -> Result<Named, NotChecked> {
    match session.job_log(job.id).await {
        Ok(bytes) => Ok(Named {
            source: Source::Memory(Arc::new(bytes)),
            name: format!("job {}", one_line(&job.name)),
            link: job.html_url.clone(),
        }),
        Err(ApiError {
            why: Why::NotFound | Why::Unexpected { status: 410, .. },
            ..
        }) => Err(NotChecked::with_help(
            "GitHub does not have it any more",
            "logs are deleted after some time; run the job again",
        )),
        Err(error) => Err(error.into()),
    }
}
