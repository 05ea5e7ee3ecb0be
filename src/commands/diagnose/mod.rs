//! Why is it red? Reads logs of jobs that failed, and says which lines explain it, what the cause is and what to do.
//! A check for each cause, one for each log that says nothing, and one for the logs in which nothing failed.

mod cases;
mod changes;
mod explain;
mod fetch;
mod history;
mod jobs;
mod keep;
mod misspelt;
mod origin;
mod patch;
mod place;
mod read;
mod runs;
mod sources;
mod workflow_file;

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::commands::{Keep, Running, Subcommand};
use crate::engine;
use crate::model::diagnose::Known;
use crate::model::waiver::{self, Waiver};
use crate::model::{Check, Ended, Fact, Outcome, Output, Status};
use crate::world::World;
use crate::world::job_log::Source;
use cases::{Cases, Entry};
use changes::{Changes, Proposed};
use origin::Origin;
pub use runs::{MOST_RUNS, Search, settings_for};

const STAGE: &str = "diagnose";
const TITLE: &str = "The log can be read";
const GREEN_TITLE: &str = "The log of the run that passed can be read";
const WORKFLOW_TITLE: &str = "The workflow can be read";
const RULES_TITLE: &str = "The rules can be read";
const NO_MARKS: &str = "give the log of the job as GitHub shows it, or rules for this output: --rules";

#[derive(Clone)]
pub struct Plan {
    /// Runs whose failed jobs are diagnosed.
    pub runs: Vec<RunRef>,
    /// The newest runs that failed, too.
    pub search: Option<Search>,
    /// The run that this job is in, or that started it.
    pub is_current: bool,
    /// Variable that holds the token for GitHub's API.
    pub github_token_env: String,
    pub logs: Vec<Named>,
    /// What started the run of the logs.
    pub event: Option<String>,
    /// What the jobs run, to name the place of the step that failed.
    pub workflow_files: Vec<Named>,
    /// Whether the workflow is changed.
    pub write: bool,
    /// Where the text of a pull request goes.
    pub pr_text: Option<PathBuf>,
    /// The log of a run of the same job that was green.
    pub green: Option<Named>,
    /// More rules.
    pub rules: Option<PathBuf>,
    /// Lines before and after the best one that are shown, too.
    pub context: usize,
    /// The folder in which fetched logs are kept.
    pub kept: PathBuf,
    pub waivers: Vec<Waiver>,
}

/// A log or another file, and how people call it.
#[derive(Clone, Debug)]
pub struct Named {
    pub source: Source,
    pub name: String,
    /// What GitHub says about it.
    origin: Option<Arc<Origin>>,
}

impl Named {
    pub fn new(source: Source, name: impl Into<String>) -> Self {
        Self {
            source,
            name: name.into(),
            origin: None,
        }
    }
}

/// A run of a workflow at GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRef {
    /// `OWNER/NAME`, if it is not the repository of this run.
    pub repository: Option<String>,
    pub id: u64,
    /// Only this job.
    pub job: Option<u64>,
    /// Only this attempt.
    pub attempt: Option<u64>,
}

impl RunRef {
    /// All of a run of this repository.
    pub fn of(id: u64) -> Self {
        Self {
            repository: None,
            id,
            job: None,
            attempt: None,
        }
    }
}

impl Subcommand for Plan {
    fn shows_logs(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(async move {
            let (mut own_plan, own_world) = (self.clone(), world.clone());
            let fetched = fetch::all(self, world).await;
            own_plan.logs.extend(fetched.logs);
            let mut outcome = Outcome {
                checks: fetched.checks,
                ..Outcome::default()
            };
            if !own_plan.logs.is_empty() {
                let explain = move || explain_all(&own_plan, &own_world);
                outcome.append(engine::blocking((STAGE, "diagnose:log", TITLE), explain).await);
            }
            outcome
        })
    }
}

fn explain_all(plan: &Plan, world: &World) -> Outcome {
    let started = Instant::now();
    match explain(plan, world) {
        Ok(mut outcome) => {
            waiver::apply(&plan.waivers, &world.clock.date(), &mut outcome.checks);
            let waived = outcome
                .checks
                .iter_mut()
                .filter(|check| check.status() == Status::Waived);
            waived.for_each(|check| check.facts.retain(|fact| fact.name != explain::WAIVER));
            outcome
        }
        Err((title, why)) => Outcome {
            checks: vec![unread(title, why, started.elapsed())],
            ..Outcome::default()
        },
    }
}

/// An input that is not read: the title says which, and the reason is a cause and the next step.
fn unread(title: &'static str, (cause, help): (String, String), took: Duration) -> Check {
    let id = match title {
        GREEN_TITLE => "diagnose:green",
        WORKFLOW_TITLE => "diagnose:workflow",
        RULES_TITLE => "diagnose:rules",
        _ => "diagnose:log",
    };
    let ended = Ended::Errored {
        cause,
        help: Some(help),
    };
    Check::new(STAGE, id, title, ended, took)
}

/// The error is a title, and a cause with the next step. Without its workflow or the log of a run that passed, a log is
/// diagnosed all the same.
fn explain(plan: &Plan, world: &World) -> Result<Outcome, (&'static str, (String, String))> {
    // The process ends soon, and hundreds of regexes are not freed in no time.
    let rules = ManuallyDrop::new(read::rules(plan).map_err(|why| (RULES_TITLE, why))?);
    let mut outcome = Outcome::default();
    let mut lacks = |title, why| outcome.checks.push(unread(title, why, Duration::ZERO));
    let green = plan.green.as_ref().map(|green| read::green(green, world));
    let green = green.and_then(|read| read.map_err(|why| lacks(GREEN_TITLE, why)).ok());
    let mut bare = plan.clone();
    bare.workflow_files = Vec::new();
    let mut changes = match Changes::new(plan, world) {
        Ok(changes) => changes,
        Err(why) => {
            lacks(WORKFLOW_TITLE, why);
            Changes::new(&bare, world).map_err(|why| (WORKFLOW_TITLE, why))?
        }
    };
    let cases = Cases::of(plan, &rules, green.as_ref(), world).map_err(|why| (TITLE, why))?;
    let mut causes = cases.causes;
    let propose = |cause: &mut Vec<Entry>| {
        let is_waived = is_waived(cause, plan, world);
        let proposed = cause.iter_mut().map(|entry| changes.propose(entry, is_waived));
        (is_waived, proposed.collect::<Vec<_>>())
    };
    let proposed: Vec<_> = causes.iter_mut().map(propose).collect();
    let has_patch =
        |(_, proposed): &&(bool, Vec<Proposed>)| proposed.iter().any(|proposed| matches!(proposed.patch, Some(Ok(_))));
    let written = changes.write(proposed.iter().any(|each| has_patch(&each)));
    let told_at = proposed
        .iter()
        .position(|each| has_patch(&each) && !each.0)
        .unwrap_or(0);
    for (index, (cause, each)) in causes.iter().zip(&proposed).enumerate() {
        let is_changed = |name: &str| {
            let mut places = each.1.iter().filter_map(|proposed| proposed.place.as_ref());
            has_patch(&each) && !each.0 && places.any(|(file, _)| file == name)
        };
        let of_this = written
            .iter()
            .filter(|(name, _)| name.map_or(index == told_at, is_changed));
        let written = (plan.write, of_this.map(|(_, finding)| finding.clone()).collect());
        outcome.checks.extend(explain::check(cause, &each.1, written, world));
    }
    if let Some(cause @ [first, ..]) = causes.first().map(Vec::as_slice) {
        outcome.outputs = outputs(
            first,
            cause,
            proposed.first().map_or(&[], |(_, proposed)| &**proposed),
            world,
        );
        let diff = changes.diff();
        if !diff.is_empty() {
            outcome.outputs.insert("patch".to_owned(), Output::exact(diff));
        }
    }
    for (index, log) in cases.unread.into_iter().enumerate() {
        let (id, title) = (
            format!("diagnose:log-{}", index + 1),
            format!("{} can be diagnosed", log.name),
        );
        let ended = Ended::Errored {
            cause: log.why,
            help: Some(log.help),
        };
        let mut check = Check::new(STAGE, id, title, ended, Duration::ZERO);
        let kept = log.kept.map(|kept| kept.unwrap_or_else(|why| explain::not_kept(&why)));
        check.facts.extend(kept.map(|kept| Fact::new("log", kept)));
        outcome.checks.push(check);
    }
    if !cases.fine.is_empty() {
        let title = format!("Nothing failed in {}", cases.fine.join(", "));
        let mut check = Check::new(STAGE, "diagnose:fine", title, Ended::Looked(Vec::new()), Duration::ZERO);
        check.facts = vec![Fact::new("logs", cases.fine.len().to_string())];
        outcome.checks.push(check);
    }
    Ok(outcome)
}

fn is_waived(cause: &[Entry], plan: &Plan, world: &World) -> bool {
    let mut checks = match plan.waivers.is_empty() {
        true => Vec::new(),
        false => Vec::from_iter(explain::check(cause, &[], (false, Vec::new()), world)),
    };
    waiver::apply(&plan.waivers, &world.clock.date(), &mut checks);
    checks.first().is_some_and(|check| check.status() == Status::Waived)
}

fn outputs(entry: &Entry, cause: &[Entry], proposed: &[Proposed], world: &World) -> BTreeMap<String, Output> {
    let found = &entry.found;
    let line = found
        .lines
        .first()
        .map(|line| world.secrets.shorten(cases::part(&line.text), cases::LONGEST));
    let fix = explain::fix(found, proposed).unwrap_or_default();
    let is_flaky = cause.iter().any(|entry| explain::flaky(entry).is_some());
    [
        ("class", Output::exact(found.cause.as_str())),
        (
            "cause",
            Output::words(world.secrets.shorten(&*found.sentence, cases::LONGEST)),
        ),
        ("confidence", Output::exact(found.confidence.as_str())),
        ("fix", Output::exact(fix)),
        ("line", Output::words(line.unwrap_or_default())),
        ("fingerprint", Output::exact(&*found.fingerprint)),
        ("flaky", Output::exact(is_flaky.to_string())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Of a green run.
type Green = Known;
