//! Puts this very binary where the later steps of a job find it, which run on the runner's machine and not in the action's
//! container: nothing is downloaded.
//!
//! Two sides see one folder under two names. We write through the container's mount, and what later steps are told is
//! the host's name of it.

mod place;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::commands::{Keep, Running, Subcommand};
use crate::model::text::printable;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Output};
use crate::world::process::{Captured, Command, Ending, Limits, RunEnd};
use crate::world::{World, binary, process};
use place::Place;

const STAGE: &str = "install";
const NAME: &str = "stageproof";
/// It prints a line.
const LIMITS: Limits = Limits {
    deadline: Duration::from_secs(30),
    grace: Duration::from_secs(1),
    keep: 4096,
};

const FOLDER: &str = "Later steps can see the folder";
const BINARY: &str = "The binary is in it";
const RUNS: &str = "The copy runs";
const PATH: &str = "Later steps find it";

#[derive(Clone, Debug)]
pub struct Plan {
    /// Where to, if not into the runner's temporary folder. Relative to the workspace.
    pub to: Option<PathBuf>,
}

impl Subcommand for Plan {
    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let mut outcome = Outcome::default();
    let started = Instant::now();
    let found = suited(world).and_then(|()| place::find(plan, world));
    let (place, findings) = match found {
        Ok(found) => found,
        Err(finding) => {
            outcome.checks = vec![check("folder", FOLDER, Ended::Looked(vec![*finding]), started)];
            skip(&mut outcome, &[("binary", BINARY), ("runs", RUNS), ("path", PATH)]);
            return outcome;
        }
    };
    let mut folder = check("folder", FOLDER, Ended::Looked(findings), started);
    folder.facts = vec![Fact::new("folder", place.outside.clone())];
    outcome.checks.push(folder);
    let copied = copy(&place, &mut outcome);
    if !copied {
        skip(&mut outcome, &[("runs", RUNS), ("path", PATH)]);
        return outcome;
    }
    let started = Instant::now();
    let findings = tried(&place, world).await;
    let runs = findings.is_empty();
    outcome
        .checks
        .push(check("runs", RUNS, Ended::Looked(findings), started));
    if !runs {
        skip(&mut outcome, &[("path", PATH)]);
        return outcome;
    }
    outcome.checks.push(announced(&place, world));
    outcome
}

/// What makes the whole useless is found before anything is written.
fn suited(world: &World) -> Result<(), Box<Finding>> {
    if let Some(system) = world.env.get("RUNNER_OS").filter(|system| *system != "Linux") {
        let message = format!(
            "the runner's system is {}, but this binary is for Linux",
            printable(system)
        );
        return Err(Box::new(
            Finding::error("not-linux", message).help("run the job on Linux (`runs-on: ubuntu-latest`)"),
        ));
    }
    if world.runner.active && world.runner.path.is_none() {
        let finding = Finding::error(
            "no-path-file",
            "GITHUB_PATH is not set, so later steps cannot find the binary",
        );
        return Err(Box::new(
            finding.help("run `install` as a step of a job; the runner sets GITHUB_PATH there"),
        ));
    }
    Ok(())
}

/// Copies, and says whether that went well.
fn copy(place: &Place, outcome: &mut Outcome) -> bool {
    let started = Instant::now();
    let mut findings = Vec::new();
    let copied = place.prepare().and_then(|()| binary::copy_to(&place.inside.join(NAME)));
    let done = copied.is_ok();
    let mut facts = Vec::new();
    match copied {
        Ok(copied) => {
            let (path, sha256) = (format!("{}/{NAME}", place.outside), hex::encode(copied.hashed.sha256));
            facts = vec![
                Fact::new("path", path.clone()),
                Fact::new("SHA-256", sha256.clone()),
                Fact::new("size", format!("{} bytes", copied.hashed.size)),
                Fact::new("was there", if copied.was_there { "yes" } else { "no" }),
            ];
            outcome.outputs.insert("path".to_owned(), Output::exact(path));
            outcome.outputs.insert("sha256".to_owned(), Output::exact(sha256));
        }
        Err(error) => findings.push(
            Finding::error("not-written", format!("{error:#}"))
                .help("name a writable folder with free space with --to"),
        ),
    }
    let mut check = check("binary", BINARY, Ended::Looked(findings), started);
    check.facts = facts;
    outcome.checks.push(check);
    done
}

/// Runs the copy once: a folder may be mounted so that nothing in it can be run.
async fn tried(place: &Place, world: &World) -> Vec<Finding> {
    let command = Command {
        program: place.inside.join(NAME).display().to_string(),
        args: vec!["--version".to_owned()],
        folder: world.workspace.clone(),
        env: Vec::new(),
    };
    let expected = format!("{NAME} {}", binary::VERSION);
    let bad = |why: String| {
        vec![
            Finding::error("does-not-run", format!("{}/{NAME} {why}", place.outside))
                .help("the folder may be mounted with noexec; name another folder with --to"),
        ]
    };
    let said = |output: &Captured| printable(output.redacted(&world.secrets).trim());
    match process::run(&command, LIMITS, &world.env, &world.interrupt).await {
        Ok(ran) if ran.ended == RunEnd::Itself(Ending::Code(0)) && said(&ran.output) == expected => Vec::new(),
        Ok(ran) => {
            let how = match ran.ended {
                RunEnd::Itself(ending) => format!("--version {ending}"),
                RunEnd::Deadline => "--version did not end".to_owned(),
                RunEnd::Interrupted(signal) => format!("--version was interrupted by {signal}"),
            };
            let findings = bad(how);
            findings
                .into_iter()
                .map(|finding| finding.excerpt(said(&ran.output)))
                .collect()
        }
        Err(error) => bad(format!("cannot be run: {error:#}")),
    }
}

fn announced(place: &Place, world: &World) -> Check {
    let started = Instant::now();
    if world.runner.path.is_none() {
        let reason = format!("not in a workflow step: add {} to PATH yourself", place.outside);
        return Check::skipped(STAGE, format!("{STAGE}:path"), PATH, reason);
    }
    let findings = match world.runner.add_to_path(&place.outside) {
        Ok(()) => Vec::new(),
        Err(error) => vec![
            Finding::error("path-not-written", format!("{error:#}"))
                .help("call the binary by its full path, the output `path`"),
        ],
    };
    check("path", PATH, Ended::Looked(findings), started)
}

fn skip(outcome: &mut Outcome, claims: &[(&str, &str)]) {
    for (id, title) in claims {
        let skipped = Check::skipped(STAGE, format!("{STAGE}:{id}"), *title, "an earlier check failed");
        outcome.checks.push(skipped);
    }
}

fn check(id: &str, title: &str, ended: Ended, started: Instant) -> Check {
    Check::new(STAGE, format!("{STAGE}:{id}"), title, ended, started.elapsed())
}
