//! Looks at a repository and writes the two files that gate its staging deploy: the configuration and a workflow.
//!
//! Everything but these two files is only read. What was found is in the checks with where it was found; what nobody but
//! the owner knows is marked `# CHANGE` in the files and listed.

mod aim;
mod apps;
mod as_run;
mod broken;
mod config_file;
mod known;
mod names;
mod pin;
mod platforms;
mod settings;
mod steps;
mod survey;
mod tags;
mod told;
mod workflow_file;
mod workflows;
mod write;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::{Check, Ended, Finding, Outcome};
use crate::world::git::Repository;
use crate::world::{World, workspace};
use known::Known;
pub use names::is_word as is_name;
use pin::Pin;
use survey::Survey;
use write::{Target, There};

const STAGE: &str = "found";
const FILES: &str = "files";
const TO_DO: &str = "to do";
const READABLE: &str = "The repository can be read";
/// What is easily mistaken for the configuration, and is not read.
const MISNAMED: &str = ".github/stageproof.yaml";

#[derive(Clone, Debug)]
pub struct Plan {
    /// The configuration's place in the repository.
    pub config: String,
    /// The address of its schema.
    pub schema: String,
    /// The environment that was asked for, if any.
    pub environment: Option<String>,
    /// The commit of the release.
    pub pin: Option<String>,
    /// Shows what would be written, and writes nothing.
    pub diff: bool,
    /// Replaces what is there.
    pub force: bool,
}

impl Subcommand for Plan {
    /// It is run before there is anything to prove, and leaves nothing but its two files.
    fn report_home(&self) -> ReportHome {
        ReportHome::None
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let (pin, pinned) = pin::find(plan, world).await;
    let (own_plan, own_world) = (plan.clone(), world.clone());
    let mut outcome = engine::blocking((STAGE, "init:repository", READABLE), move || {
        init(&own_plan, &own_world, pin)
    })
    .await;
    outcome.checks.extend(pinned);
    outcome
}

fn init(plan: &Plan, world: &World, pin: Pin) -> Outcome {
    let mut outcome = Outcome::default();
    let started = Instant::now();
    let root = root(world);
    if Repository::open(&root).is_ok_and(|repository| repository.working_folder().is_none()) {
        let message = format!(
            "{} is a bare repository, which has no working tree to write into",
            root.display()
        );
        let refused = Finding::error("bare", message).help("clone it, and run init in the clone");
        let ended = Ended::Looked(vec![refused]);
        outcome
            .checks
            .push(Check::new(STAGE, "init:repository", READABLE, ended, started.elapsed()));
        return outcome;
    }
    let survey = Survey::of(&root);
    let current = world.folder.strip_prefix(&root).unwrap_or(Path::new(""));
    let current = current.to_str().unwrap_or_default();
    let known = Known::of(&root, &survey, current, plan.environment.as_deref(), pin);
    outcome.checks = told::found(&known, &survey, started.elapsed());
    if let Some(signal) = world.interrupt.received() {
        let ended = Ended::errored(format!("interrupted by {signal} before anything was written"));
        let check = Check::new(FILES, "init:files", "The files are written", ended, started.elapsed());
        outcome.checks.push(check);
        return outcome;
    }
    let targets = targets(plan, &root, &survey, &known);
    let is_refused = targets.iter().any(|target| target.refusal(plan.force).is_some());
    outcome.checks.extend(files(plan, &root, &targets, is_refused));
    if plan.diff {
        outcome.notes.extend(targets.iter().filter_map(Target::diff));
    }
    // Of files that are not there, nothing can be filled in.
    if plan.diff || !is_refused {
        outcome.checks.push(told::open(&known, &targets));
    }
    outcome
}

/// The folder that GitHub reads workflows from: the top of the repository.
fn root(world: &World) -> PathBuf {
    let folders = workspace::folders(&world.env, &world.folder);
    folders.last().unwrap_or(&world.folder).clone()
}

fn targets(plan: &Plan, root: &Path, survey: &Survey, known: &Known) -> [Target; 2] {
    let (workflow, _) = workflow_file::path(known, survey);
    let config = config_file::text(known, &plan.schema, &workflow);
    let mut config = Target::new(root, &plan.config, config);
    if survey.has(MISNAMED) && config.there == There::Nothing {
        config.there = There::Obstacle(format!("{MISNAMED} is there, which stageproof does not read"));
    }
    let text = workflow_file::text(known, &plan.config);
    [config, Target::new(root, &workflow, text)]
}

/// A check for each file. Both are written, or none.
fn files(plan: &Plan, root: &Path, targets: &[Target], is_refused: bool) -> Vec<Check> {
    let started = Instant::now();
    let written = match is_refused || plan.diff {
        true => Ok(()),
        false => write::write(root, targets),
    };
    let check = |(id, target): (&str, &Target)| {
        let path = &target.path;
        let title = match (&target.there, plan.diff) {
            (There::Same, _) => format!("{path} is up to date: nothing to do"),
            (There::Other(_), true) => format!("{path} would be replaced, with --force"),
            (There::Nothing, true) => format!("{path} would be written"),
            (There::Other(_), false) if plan.force => format!("{path} is replaced"),
            _ => format!("{path} is written"),
        };
        let ended = match (target.refusal(plan.force), &written) {
            // Showing it refuses nothing.
            (Some(finding), _) if !plan.diff || matches!(target.there, There::Obstacle(_)) => {
                Ended::Looked(vec![finding])
            }
            (None, _) if is_refused && !plan.diff && target.there != There::Same => Ended::Skipped {
                reason: "both files are written, or none".to_owned(),
            },
            (_, Err(error)) => Ended::Looked(vec![
                Finding::error("not-written", format!("{error:#}"))
                    .help("neither file was written; make the folder writable, and run init again"),
            ]),
            (_, Ok(())) => Ended::Looked(Vec::new()),
        };
        Check::new(FILES, id, title, ended, started.elapsed())
    };
    ["init:config", "init:workflow"]
        .into_iter()
        .zip(targets)
        .map(check)
        .collect()
}
