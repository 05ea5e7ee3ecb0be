//! Why is it red? Reads logs of jobs that failed, and says which lines explain it, what the cause is and what to do.
//! A check for each cause, one for each log that says nothing, and one for the logs in which nothing failed.

mod explain;
mod fetch;
mod read;
mod workflow_file;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::commands::{Keep, Running, Subcommand};
use crate::engine;
use crate::model::diagnose::{Diagnosis, Known, diagnose};
use crate::model::text::count;
use crate::model::waiver::{self, Waiver};
use crate::model::workflow::patch::pull_request::{self, Evidence};
use crate::model::workflow::patch::{Change, Patch};
use crate::model::{Check, Ended, Fact, Outcome, Output, Status};
use crate::world::World;
use crate::world::files;
use crate::world::job_log::Source;
use workflow_file::WorkflowFile;

const STAGE: &str = "diagnose";
const TITLE: &str = "The log can be read";
const NO_MARKS: &str = "give the log of the job as GitHub shows it, or rules for this output: --rules";

#[derive(Clone)]
pub struct Plan {
    /// Runs whose failed jobs are diagnosed.
    pub runs: Vec<RunRef>,
    /// Variable that holds the token for GitHub's API.
    pub github_token_env: String,
    pub logs: Vec<Named>,
    /// What the jobs run, to name the place of the step that failed.
    pub workflow_file: Option<Named>,
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
    pub waivers: Vec<Waiver>,
}

/// A log or another file, and how people call it.
#[derive(Clone, Debug)]
pub struct Named {
    pub source: Source,
    pub name: String,
    /// Where people see it.
    pub link: Option<String>,
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

impl Subcommand for Plan {
    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(async move {
            let (mut own_plan, own_world) = (self.clone(), world.clone());
            let mut outcome = Outcome::default();
            for run in &self.runs {
                let fetched = fetch::failed_jobs(run, self, world).await;
                own_plan.logs.extend(fetched.logs);
                outcome.checks.extend(fetched.checks);
            }
            if !own_plan.logs.is_empty() {
                let explain = move || explain_all(&own_plan, &own_world);
                outcome.append(engine::blocking((STAGE, "diagnose:log", TITLE), explain).await);
            }
            outcome
        })
    }
}

/// What was made of a log.
struct Case {
    name: String,
    /// What people see on the web.
    link: Option<String>,
    is_file: bool,
    found: Diagnosis,
}

fn explain_all(plan: &Plan, world: &World) -> Outcome {
    let started = Instant::now();
    match explain(plan, world) {
        Ok(mut outcome) => {
            waiver::apply(&plan.waivers, &world.clock.date(), &mut outcome.checks);
            // It is the same failure.
            let waived = outcome.checks.iter().filter(|check| check.status() == Status::Waived);
            let waived: Vec<String> = waived
                .map(|check| format!("{}{}", check.id, explain::COULD_RUN))
                .collect();
            outcome.checks.retain(|check| !waived.contains(&check.id));
            outcome
        }
        Err((cause, help)) => {
            let ended = Ended::Errored {
                cause,
                help: Some(help),
            };
            Outcome {
                checks: vec![Check::new(STAGE, "diagnose:log", TITLE, ended, started.elapsed())],
                ..Outcome::default()
            }
        }
    }
}

/// The error is a cause and the next step.
fn explain(plan: &Plan, world: &World) -> Result<Outcome, (String, String)> {
    let rules = read::rules(plan)?;
    let workflow = plan.workflow_file.as_ref().map(WorkflowFile::read).transpose()?;
    let green = plan.green.as_ref().map(|green| read::green(green, world)).transpose()?;
    let mut outcome = Outcome::default();
    let mut cases: Vec<(Case, Vec<String>)> = Vec::new();
    let mut fine = Vec::new();
    let mut unread = Vec::new();
    let mut logs = Vec::new();
    for named in &plan.logs {
        match read::each(std::slice::from_ref(named)) {
            Ok(inside) => logs.extend(inside),
            Err(why) => unread.push((named.name.clone(), why)),
        }
    }
    for named in &logs {
        let log = match read::log(named, world) {
            Ok(log) => log,
            Err(why) if world.interrupt.received().is_some() => return Err(why),
            Err(why) => {
                unread.push((named.name.clone(), why));
                continue;
            }
        };
        match diagnose(&log, &rules, green.as_ref(), plan.context) {
            Some(found) => match cases
                .iter_mut()
                .find(|(case, _)| case.found.fingerprint == found.fingerprint)
            {
                Some((_, same)) => same.push(named.name.clone()),
                None => cases.push((
                    Case {
                        name: named.name.clone(),
                        link: named.link.clone(),
                        is_file: matches!(named.source, Source::File(_)),
                        found,
                    },
                    Vec::new(),
                )),
            },
            None if log.has_marks => fine.push(format!("{} ({})", named.name, count(log.lines, "line"))),
            // What a step wrote does not say whether it failed.
            None => {
                let why = format!("nothing in {} is known to explain a failure", named.name);
                unread.push((named.name.clone(), (why, NO_MARKS.to_owned())));
            }
        }
    }
    for (index, (case, same)) in cases.iter().enumerate() {
        let proposed = workflow.as_ref().map(|file| (file, file.patch(&case.found)));
        let mut written = Vec::new();
        if index == 0 {
            outcome.outputs = outputs(&case.found, world);
            if let Some((file, Ok((change, patch)))) = &proposed {
                outcome.outputs.insert("patch".to_owned(), Output::exact(&*patch.diff));
                written = write(plan, case, (file, change, patch), world)?;
            }
        }
        let patch = (proposed.as_ref()).map(|(_, proposed)| proposed.as_ref().map(|(_, patch)| patch));
        outcome
            .checks
            .extend(explain::checks(case, same, workflow.as_ref(), (patch, &written), world));
    }
    for (index, (name, (cause, help))) in unread.into_iter().enumerate() {
        let (id, title) = (
            format!("diagnose:log-{}", index + 1),
            format!("{name} can be diagnosed"),
        );
        let help = Some(help);
        let ended = Ended::Errored { cause, help };
        outcome.checks.push(Check::new(STAGE, id, title, ended, Duration::ZERO));
    }
    if !fine.is_empty() {
        let title = format!("Nothing failed in {}", fine.join(", "));
        let mut check = Check::new(STAGE, "diagnose:fine", title, Ended::Looked(Vec::new()), Duration::ZERO);
        check.facts = vec![Fact::new("logs", fine.len().to_string())];
        outcome.checks.push(check);
    }
    Ok(outcome)
}

/// Writes what was asked for: the changed workflow, and the text of a pull request. Says what it wrote.
fn write(
    plan: &Plan,
    case: &Case,
    (file, change, patch): (&WorkflowFile, &Change, &Patch),
    world: &World,
) -> Result<Vec<String>, (String, String)> {
    let mut written = Vec::new();
    let failed = |error: anyhow::Error| (format!("{error:#}"), "check the path and its permissions".to_owned());
    if plan.write {
        files::replace_with_its_mode(&file.path, patch.text.as_bytes()).map_err(failed)?;
        written.push(format!("the change was made in {}", file.name));
    }
    if let Some(path) = &plan.pr_text {
        let lines: Vec<(u64, String)> = (case.found.lines.iter())
            .map(|line| {
                let text = world.secrets.shorten(explain::part(&line.text), explain::LONGEST);
                (line.number as u64, text)
            })
            .collect();
        let lines: Vec<(u64, &str)> = lines.iter().map(|(number, text)| (*number, &**text)).collect();
        let cause = world.secrets.shorten(&*case.found.sentence, explain::LONGEST);
        let step = world.secrets.shorten(&*case.found.step, explain::LONGEST);
        let evidence = Evidence {
            run: case.link.as_deref(),
            job: &case.name,
            step: Some(&*step).filter(|step| !step.is_empty()),
            cause: &cause,
            lines: &lines,
        };
        let text = pull_request::text(change, &file.name, &evidence);
        files::replace(path, text.as_bytes()).map_err(failed)?;
        written.push(format!("the text of a pull request was written to {}", path.display()));
    }
    Ok(written)
}

fn outputs(found: &Diagnosis, world: &World) -> std::collections::BTreeMap<String, Output> {
    let line = found
        .lines
        .first()
        .map(|line| world.secrets.shorten(explain::part(&line.text), explain::LONGEST));
    let fix = found.fix.as_ref().map_or("", |fix| fix.id());
    [
        ("class", Output::exact(found.cause.as_str())),
        (
            "cause",
            Output::words(world.secrets.shorten(&*found.sentence, explain::LONGEST)),
        ),
        ("confidence", Output::exact(found.confidence.as_str())),
        ("fix", Output::exact(fix)),
        ("line", Output::words(line.unwrap_or_default())),
        ("fingerprint", Output::exact(&*found.fingerprint)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Of a green run.
type Green = Known;
