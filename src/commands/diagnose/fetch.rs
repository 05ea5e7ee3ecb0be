//! The logs of the jobs that failed, from GitHub.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::history::{self, History, Row};
use super::jobs::{FAILED, failed, has_gone, log, newest, nothing_started, who_started};
use super::misspelt::{self, Existing};
use super::origin::{Failed, OfRun, Origin};
use super::runs;
use super::{MOST_RUNS, Named, Plan, RunRef, STAGE, sources};
use tokio::sync::OnceCell;

use crate::engine::NotChecked;
use crate::model::text::{count, one_line};
use crate::model::{Check, Ended, Finding, Severity};
use crate::world::World;
use crate::world::github::{GitHub, Job, Listed, NoAccess, Run, Session};
use crate::world::job_log::Source;

/// For all calls about one run.
const TIME: Duration = Duration::from_secs(120);
/// The logs of more jobs say the same.
const MOST_JOBS: usize = 20;
/// Of all runs together: logs, green logs, and their bytes.
const MOST_LOGS: usize = 60;
const MOST_GREEN: usize = 20;
const MOST_BYTES: usize = 256 << 20;

/// What could be fetched, and what could not.
#[derive(Default)]
pub struct Fetched {
    pub logs: Vec<Named>,
    pub checks: Vec<Check>,
}

/// What was read so far of what all runs together may take.
#[derive(Default)]
struct Spent {
    logs: usize,
    green: usize,
    bytes: usize,
    history: History,
}

/// A run, and what is known of it already.
struct Wanted {
    of: RunRef,
    run: Option<Run>,
}

pub async fn all(plan: &Plan, world: &World) -> Fetched {
    let started = Instant::now();
    let mut fetched = Fetched::default();
    let mut wanted: Vec<Wanted> = plan.runs.iter().cloned().map(|of| Wanted { of, run: None }).collect();
    let found = or_interrupted(world, more_runs(plan, world)).await;
    match found {
        Ok((more, check)) => {
            wanted.extend(more);
            fetched.checks.extend(check);
        }
        Err(why) => fetched.checks.push(runs::not_found(why, started.elapsed())),
    }
    let here = runs::here(world);
    let mut seen: Vec<RunRef> = Vec::new();
    wanted.retain(|Wanted { of, .. }| {
        let mut of = of.clone();
        of.repository = of
            .repository
            .or_else(|| here.clone())
            .map(|name| name.to_ascii_lowercase());
        let is_new = !seen.contains(&of);
        seen.extend(is_new.then_some(of));
        is_new
    });
    if wanted.len() > MOST_RUNS {
        let message = format!("{} runs were found; the others are left out", wanted.len());
        let finding = Finding::warning("more-runs", message).help("diagnose them by themselves: --run ID");
        let title = format!("Only the first {MOST_RUNS} runs were diagnosed");
        let ended = Ended::Looked(vec![finding]);
        let check = Check::new(STAGE, "diagnose:more-runs", title, ended, Duration::ZERO);
        fetched.checks.push(check);
        wanted.truncate(MOST_RUNS);
    }
    let mut spent = Spent::default();
    let is_one = wanted.len() == 1;
    for Wanted { of, run } in wanted {
        let started = Instant::now();
        let check = |ended: Ended| {
            let (id, title) = (
                format!("diagnose:run-{}", of.id),
                format!("The jobs of run {} can be read", of.id),
            );
            Check::new(STAGE, id, title, ended, started.elapsed())
        };
        let jobs = failed_jobs((&of, run), (plan, world), is_one, &mut spent, &check);
        match or_interrupted(world, jobs).await {
            Ok(jobs) => {
                fetched.logs.extend(jobs.logs);
                fetched.checks.extend(jobs.checks);
            }
            Err(blind) => fetched.checks.push(check(blind.into())),
        }
    }
    fetched
}

async fn or_interrupted<T>(world: &World, work: impl Future<Output = Result<T, NotChecked>>) -> Result<T, NotChecked> {
    tokio::select! {
        signal = world.interrupt.wait() => Err(NotChecked::errored(format!("interrupted by {signal}"))),
        done = work => done,
    }
}

/// Those that were not named.
async fn more_runs(plan: &Plan, world: &World) -> Result<(Vec<Wanted>, Option<Check>), NotChecked> {
    if plan.is_current {
        let of = runs::current(world)?;
        return Ok((vec![Wanted { of, run: None }], None));
    }
    let Some(search) = &plan.search else {
        return Ok((Vec::new(), None));
    };
    let github = connect(None, plan, world)?;
    let (found, check) = runs::newest_failed(search, &github.within(TIME)).await?;
    let wanted = found.into_iter().map(|run| Wanted {
        of: RunRef::of(run.id),
        run: Some(run),
    });
    Ok((wanted.collect(), Some(check)))
}

fn connect(repository: Option<&str>, plan: &Plan, world: &World) -> Result<GitHub, NotChecked> {
    runs::check_server(world)?;
    let (env, clock, progress) = (&world.env, world.clock, world.progress.clone());
    let github = match repository.map(str::to_owned).or_else(|| runs::here(world)) {
        Some(repository) => GitHub::connect_to(env, clock, progress, &plan.github_token_env, &repository),
        None if world.runner.active => GitHub::connect(env, clock, progress, &plan.github_token_env),
        None => return Err(runs::not_here(world)),
    };
    github.map_err(|no| match &no {
        NoAccess::NoToken(name) if !world.runner.active => {
            let help =
                format!("export {name}=$(gh auth token); or name the variable that holds a token: --github-token-env");
            NotChecked::with_help(no.to_string(), help)
        }
        _ => NotChecked::with_help(no.to_string(), no.help()),
    })
}

async fn failed_jobs(
    (of, run): (&RunRef, Option<Run>),
    (plan, world): (&Plan, &World),
    is_one: bool,
    spent: &mut Spent,
    check: &impl Fn(Ended) -> Check,
) -> Result<Fetched, NotChecked> {
    let github = connect(of.repository.as_deref(), plan, world)?;
    let session = github.within(TIME);
    let run = match run {
        Some(run) => run,
        None => session.run(of.id).await?,
    };
    let listed = session.jobs(of.id).await?;
    let mut findings = Vec::new();
    if !listed.whole {
        let message = format!(
            "only the first {} of the run were looked at",
            count(listed.items.len(), "job")
        );
        findings.push(Finding::warning("more-jobs", message).help("name the job: --run URL/job/ID"));
    }
    let jobs = newest(&listed.items, of);
    let page = || format!("open its page: {}", one_line(&run.html_url));
    if jobs.is_empty() && !listed.items.is_empty() {
        let what = match (of.job, of.attempt) {
            (Some(job), _) => format!("job {job}"),
            (None, attempt) => format!("attempt {}", attempt.unwrap_or(1)),
        };
        let among = if listed.whole {
            ""
        } else {
            " among the jobs that were looked at"
        };
        let why = format!("run {} has no {what}{among}", of.id);
        return Err(NotChecked::with_help(why, page()));
    }
    let is_here = runs::here(world).is_some_and(|here| here.eq_ignore_ascii_case(session.repository()));
    // The job that asks is one of them.
    let own = usize::from(is_here && world.runner.run_id() == Some(of.id));
    if jobs.iter().filter(|job| job.status != "completed").count() > own {
        let message = "the run has not ended: jobs may still fail";
        findings.push(Finding::warning("still-running", message).help("run it again when the run has ended"));
    }
    if jobs.is_empty() && matches!(run.conclusion.as_deref(), Some("failure" | "startup_failure")) {
        findings.push(nothing_started(&run, &session).await);
    }
    let failed = failed(&jobs);
    let conclusion = run.conclusion.as_deref().unwrap_or_default();
    let has_failed = FAILED.contains(&conclusion);
    let is_whole = of.job.is_none() && of.attempt.is_none();
    if has_failed && is_whole && failed.is_empty() && !(jobs.is_empty() && conclusion != "timed_out") {
        let why = format!(
            "run {} ended with `{conclusion}`, but no job that GitHub lists failed",
            of.id
        );
        return Err(NotChecked::with_help(why, page()));
    }
    let most = MOST_JOBS.min(MOST_LOGS.saturating_sub(spent.logs));
    if failed.len() > most {
        let more = failed.len() - most;
        let were = if more == 1 { "was" } else { "were" };
        let message = format!("{} failed and {were} not diagnosed", count(more, "more job"));
        findings.push(Finding::warning("more-failed", message).help("name a job: --run URL/job/ID"));
    }
    let mut fetched = Fetched::default();
    let mut shared = None;
    for job in failed.iter().take(most) {
        if spent.bytes > MOST_BYTES {
            let message = format!(
                "256 MiB of logs were read; that of job {} and those after it are left out",
                one_line(&job.name)
            );
            findings.push(Finding::warning("more-failed", message).help("name a job: --run URL/job/ID"));
            break;
        }
        let (bytes, note) = match log(job, &session).await {
            Ok(log) => log,
            Err(blind) => {
                let title = format!("The log of job {} can be read", one_line(&job.name));
                let id = format!("diagnose:job-{}", job.id);
                fetched
                    .checks
                    .push(Check::new(STAGE, id, title, blind.into(), Duration::ZERO));
                continue;
            }
        };
        spent.logs += 1;
        spent.bytes += bytes.len();
        let of = match &shared {
            Some(of) => Arc::clone(of),
            None => {
                let (files, unread) = sources::of(&run, &session, plan).await;
                let run = run.clone();
                Arc::clone(shared.insert(Arc::new(OfRun {
                    run,
                    files,
                    unread,
                    is_here,
                    secrets: OnceCell::new(),
                })))
            }
        };
        if misspelt::may_be(&bytes, &of.files) {
            of.secrets
                .get_or_init(|| Existing::of(&of.files, &failed, &session))
                .await;
        }
        let mut origin = Origin {
            step: Failed::of(job, &bytes),
            job: (*job).clone(),
            of,
            green: None,
            flaky: None,
            notes: note.into_iter().chain(who_started(&run)).collect(),
        };
        look_back(&mut origin, &listed.items, (plan, &session), spent).await;
        let file = run.file().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        let name = match is_one {
            true => format!("job {}", one_line(&job.name)),
            false => format!("job {} of {}, run {}", one_line(&job.name), one_line(file), run.id),
        };
        fetched.logs.push(Named {
            source: Source::Memory(Arc::new(bytes)),
            name,
            origin: Some(Arc::new(origin)),
        });
    }
    if failed.is_empty() || !findings.is_empty() {
        let never_started = findings.iter().any(|finding| finding.severity == Severity::Error);
        let title = match (of.job, of.attempt) {
            _ if !failed.is_empty() => format!("The failed jobs of run {} were read", of.id),
            _ if never_started => format!("Run {} failed before a job started", of.id),
            (Some(job), _) => format!("Job {job} of run {} did not fail", of.id),
            (None, Some(attempt)) => format!("No job failed in attempt {attempt} of run {}", of.id),
            (None, None) => format!("No job of run {} failed", of.id),
        };
        let mut check = check(Ended::Looked(findings));
        check.title = title;
        fetched.checks.insert(0, check);
    }
    Ok(fetched)
}

/// Since when, whether it is flaky, and a green log. None of it is needed, so what cannot be read is only told.
async fn look_back(origin: &mut Origin, all: &[Job], (plan, session): (&Plan, &Session<'_>), spent: &mut Spent) {
    let of = Arc::clone(&origin.of);
    let ended = spent.history.ended(&of.run, session).await.unwrap_or_else(|why| {
        origin
            .notes
            .push(("no-history", format!("earlier runs are not known: {why}")));
        Arc::new(Listed {
            items: Vec::new(),
            whole: false,
        })
    });
    let row = Row::of(&of.run, &ended);
    let (notes, last) = row.of_job(&origin.job, &mut spent.history, session).await;
    origin.notes.extend(notes);
    origin.flaky = row.flaky(&origin.job, all, &mut spent.history, session).await;
    if plan.green.is_some() || spent.green >= MOST_GREEN || spent.bytes > MOST_BYTES {
        return;
    }
    let asked = (&mut spent.history, session);
    match history::green_log(&origin.job, all, (&row, last), asked).await {
        Ok(green) => {
            spent.green += usize::from(green.is_some());
            if let Some(Source::Memory(bytes)) = green.as_ref().map(|green| &green.source) {
                spent.bytes += bytes.len();
            }
            origin.green = green;
        }
        Err(error) => {
            let why = match has_gone(&error) {
                true => "GitHub no longer has its log".to_owned(),
                false => error.to_string(),
            };
            origin
                .notes
                .push(("no-green-log", format!("not compared with a run that passed: {why}")));
        }
    }
}
