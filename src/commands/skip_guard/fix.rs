//! The command that repairs one prerequisite: runs it, and judges what came of it.

use std::path::Path;
use std::time::Duration;

use super::prerequisite::{Fix, Prerequisite};
use super::requirement::Requirement;
use crate::model::{Check, Ended, Fact, Finding, Status, TimeSpan};
use crate::world::process::{self, Command, Ending, Left, Limits, Ran, RunEnd, StartError};
use crate::world::secrets::Redactor;
use crate::world::workspace;
use crate::world::{World, files, panics};

/// Kept of a command's output: this much of its beginning and of its end.
const KEEP: usize = 4 << 20;
/// Between SIGTERM and SIGKILL, when its time is over or somebody asked to stop.
const GRACE: Duration = Duration::from_secs(2);
const LINES_SHOWN: usize = 15;
const BYTES_SHOWN: usize = 4000;

/// What became of one command.
pub enum Tried {
    Ran {
        ran: Box<Ran>,
        /// The last lines of its output.
        last: String,
    },
    NotStarted(StartError),
    /// It is not known, or not kept, what it did: never green.
    Lost(String),
}

/// What a missing prerequisite's help says about its fix, to be put behind it.
pub fn advice(fix: Option<&Fix>, running: bool) -> String {
    match (fix, running) {
        (Some(fix), false) => format!(" `{fix}` repairs it, and `stageproof skip-guard --fix` runs it."),
        (None, true) => " No fix is configured, so fix it by hand.".to_owned(),
        _ => String::new(),
    }
}

/// Runs it in the workspace, with the environment of this step. Its log is replaced.
pub async fn run(fix: &Fix, log: &Path, world: &World) -> Tried {
    let (fix, log, world) = (fix.clone(), log.to_owned(), world.clone());
    // A defect here must not lose what is known of the other prerequisites.
    tokio::spawn(async move { run_here(&fix, &log, &world).await })
        .await
        .unwrap_or_else(|error| Tried::Lost(format!("while its fix ran: {}", panics::no_result(error))))
}

async fn run_here(fix: &Fix, log: &Path, world: &World) -> Tried {
    let Some((program, args)) = fix.command.split_first() else {
        return Tried::Lost("its fix is empty".to_owned());
    };
    // Before the work instead of after it: what it says is evidence.
    if let Err(error) = files::replace(log, b"") {
        return Tried::Lost(format!(
            "its fix was not run, because its log cannot be written: {error:#}"
        ));
    }
    let command = Command {
        program: program.clone(),
        args: args.to_vec(),
        folder: world.workspace.clone(),
        env: Vec::new(),
    };
    let limits = Limits {
        deadline: fix.within,
        grace: GRACE,
        keep: KEEP,
    };
    match process::run(&command, limits, &world.env, &world.interrupt).await {
        Ok(ran) => {
            let said = ran.output.redacted(&world.secrets);
            match files::replace(log, said.as_bytes()) {
                Ok(()) => Tried::Ran {
                    last: world.secrets.last_lines(said.as_str(), LINES_SHOWN, BYTES_SHOWN),
                    ran: Box::new(ran),
                },
                Err(error) => Tried::Lost(format!("its fix ran, but its log cannot be written: {error:#}")),
            }
        }
        Err(error) => Tried::NotStarted(error),
    }
}

/// Puts what became of a command together with what the look after it saw: `check`, and what it says is `missing`.
pub fn judge(
    check: &mut Check,
    missing: Option<&str>,
    (prerequisite, fix): (&Prerequisite, &Fix),
    tried: &Tried,
    looked_again: bool,
    secrets: &Redactor,
) {
    let wrong = match wrong(fix, tried) {
        Ok(wrong) => wrong,
        Err(cause) => {
            check.ended = Ended::errored(cause);
            return;
        }
    };
    let unknown = !looked_again || check.status() == Status::Errored;
    let failed = |message: String, help: &str| Some(Finding::error("fix-failed", message).help(help));
    let finding = match (wrong, missing) {
        // That nothing is known is what the check says already.
        (None, _) if unknown => return,
        (None, None) => None,
        (None, Some(missing)) => failed(
            format!("{missing}, although its fix exited with code 0"),
            no_effect(&prerequisite.requirement),
        ),
        (Some((how, help)), Some(missing)) => failed(format!("{missing}, and {how}"), help),
        (Some((how, help)), None) if unknown => failed(how, help),
        (Some((how, help)), None) => failed(format!("the prerequisite is met now, but {how}"), help),
    };
    let mut findings = match finding {
        Some(finding) => vec![finding.excerpt(last_lines(tried))],
        None => check.findings().to_vec(),
    };
    findings.extend(left_behind(tried, secrets));
    check.ended = Ended::Looked(findings);
}

/// What is wrong with how it went, and what to do. An error is that it is not known what it did.
fn wrong(fix: &Fix, tried: &Tried) -> Result<Option<(String, &'static str)>, String> {
    let (ended, whole) = match tried {
        Tried::Lost(cause) => return Err(cause.clone()),
        Tried::NotStarted(error @ StartError::Interrupted(_)) => return Err(format!("its fix was {error}")),
        Tried::NotStarted(error) => return Ok(Some((format!("its fix did not start: {error}"), NOT_STARTED))),
        Tried::Ran { ran, .. } => (ran.ended, how_far(ran)),
    };
    Ok(match ended {
        RunEnd::Itself(Ending::Code(0)) => None,
        RunEnd::Itself(ending) => Some((format!("its fix {ending}"), FAILED)),
        RunEnd::Deadline => {
            let within = TimeSpan(fix.within);
            let how = format!("its fix timed out after {within} and was ended {whole}");
            Some((how, TOO_LONG))
        }
        RunEnd::Interrupted(signal) => {
            return Err(format!(
                "interrupted by {signal} while its fix ran, which was ended {whole}"
            ));
        }
    })
}

/// How much of what it started was ended.
fn how_far(ran: &Ran) -> &'static str {
    match ran.survivors.as_slice() {
        [] => "with all its processes",
        _ => "with only some of its processes",
    }
}

fn left_behind(tried: &Tried, secrets: &Redactor) -> Vec<Finding> {
    let Tried::Ran { ran, .. } = tried else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    let ended: Vec<Left> = ran
        .left_behind
        .iter()
        .filter(|left| !ran.survivors.contains(left))
        .cloned()
        .collect();
    if !ended.is_empty() {
        let left = Left::named(&ended, secrets);
        findings.push(
            Finding::warning(
                "left-behind",
                format!("its fix left processes behind, which were ended: {left}"),
            )
            .help("start services with a service manager or with `services:` of the job"),
        );
    }
    findings.extend(Left::survived(&ran.survivors, "its fix", secrets));
    findings
}

const NOT_STARTED: &str = "its first word must be a program on the PATH, or an executable path in the workspace; the \
container action has nothing to run, so run it on the host";
const FAILED: &str = "its log says why; run the command by hand in the workspace";
const TOO_LONG: &str = "find out what it is waiting for (its standard input is empty), or raise `fix-within`";

fn no_effect(requirement: &Requirement) -> &'static str {
    match requirement {
        Requirement::Command(_) => {
            "install to a folder on the PATH of this step; additions to GITHUB_PATH are discarded"
        }
        _ => "check its log for what it did instead",
    }
}

/// What a reader of the report wants to know of it.
pub fn facts(fix: &Fix, tried: &Tried, log: &Path, world: &World) -> Vec<Fact> {
    let mut facts = vec![Fact::new("fix", fix.to_string())];
    if let Tried::Ran { ran, .. } = tried {
        let exit = match ran.ended {
            RunEnd::Itself(Ending::Code(code)) => code.to_string(),
            RunEnd::Itself(Ending::Signal(number)) => format!("signal {number}"),
            RunEnd::Deadline => format!("ended after {}", TimeSpan(fix.within)),
            RunEnd::Interrupted(signal) => format!("ended by {signal}"),
        };
        facts.push(Fact::new("exit", exit));
        facts.push(Fact::new("took", TimeSpan::measured(ran.took).to_string()));
        facts.push(Fact::new("log", workspace::shown(log, &world.workspace)));
    }
    facts
}

fn last_lines(tried: &Tried) -> &str {
    match tried {
        Tried::Ran { last, .. } => last,
        Tried::NotStarted(_) | Tried::Lost(_) => "",
    }
}
