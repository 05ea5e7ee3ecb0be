//! Platform `command`: the user's own read-only command says whether going back is possible.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use crate::commands::rollback_dry_run::{Claim, Claims, Proof, Prove, Proving, Seen, Template};
use crate::engine::{NotChecked, Observation};
use crate::model::{Finding, TimeSpan};
use crate::world::World;
use crate::world::process::{self, Captured, Command, Ending, Left, Limits, Ran, RunEnd, StartError, needs_a_shell};
use crate::world::secrets::Redactor;

/// What is searched and kept of the output: this much of its beginning and of its end.
const KEEP: usize = 1 << 20;
const GRACE: Duration = Duration::from_secs(2);
/// What the engine waits beyond the command's own limit: SIGTERM, SIGKILL, and a machine that is busy.
const MARGIN: Duration = Duration::from_secs(30);
const EXCERPT_LINES: usize = 20;
const EXCERPT_BYTES: usize = 4000;
const TITLE_BYTES: usize = 100;

#[derive(Clone)]
pub struct CommandPlan {
    /// The user's own read-only check, as words: a program and its arguments.
    pub check: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    pub expect_exit: i32,
    pub expect_output: Option<Regex>,
    pub timeout: Duration,
    /// The command that would roll back, to print it.
    pub rollback_command: Option<Template>,
}

impl Prove for CommandPlan {
    fn has_commits(&self) -> bool {
        false
    }

    fn claims(&self) -> &'static [Claim<'static>] {
        &[]
    }

    fn prove<'a>(&'a self, world: &'a World, claims: &'a mut Claims, proof: &'a mut Proof) -> Proving<'a> {
        Box::pin(async move {
            let words = world.secrets.command_line(self.check.iter().map(String::as_str));
            let shown = world.secrets.shorten(words.as_str(), TITLE_BYTES);
            let title = format!("The check passes: {shown}");
            let (plan, world) = (self.clone(), world.clone());
            let deadline = self.timeout.saturating_add(MARGIN);
            let look = async move { look(&plan, &world).await };
            claims.look(("rollback:check", &title), deadline, look).await;
            let matched = match &self.expect_output {
                Some(regex) => format!(" and its output matches `{regex}`"),
                None => String::new(),
            };
            proof.not_covered = vec![
                "anything the check does not look at: its result is trusted".to_owned(),
                format!("that the check changes nothing: {DRY_RUN}=1 asks for it, but nothing enforces it"),
            ];
            if self.expect_output.is_none() {
                proof
                    .not_covered
                    .push("the output of the check: only its exit code counted (see --expect-output)".to_owned());
            }
            proof.not_covered.push(match self.rollback_command {
                Some(_) => "that the rollback command does what the check covers: it is printed as given".to_owned(),
                None => "the rollback command: none was given (--rollback-command)".to_owned(),
            });
            // Without placeholders there is nothing to fill in.
            let command = self.rollback_command.as_ref();
            proof.command = command.and_then(|template| template.fill(|_| String::new()));
            proof.proved = vec![
                format!("`{shown}` exits with code {}{matched}", self.expect_exit),
                "the rollback command was not run".to_owned(),
            ];
            Some(())
        })
    }
}

const DRY_RUN: &str = "STAGEPROOF_DRY_RUN";

async fn look(plan: &CommandPlan, world: &World) -> Seen<()> {
    let Some((program, args)) = plan.check.split_first() else {
        return Err(NotChecked::with_help("the check is empty", "give it a program to run"));
    };
    let command = Command {
        program: program.clone(),
        args: args.to_vec(),
        folder: plan.folder.clone(),
        env: vec![(DRY_RUN.to_owned(), "1".to_owned())],
    };
    let limits = Limits {
        deadline: plan.timeout,
        grace: GRACE,
        keep: KEEP,
    };
    let ran = process::run(&command, limits, &world.env, &world.interrupt)
        .await
        .map_err(|error| not_started(&error, &plan.check))?;
    judge(plan, &ran, &world.secrets)
}

fn not_started(error: &StartError, check: &[String]) -> NotChecked {
    let help = match error {
        StartError::Interrupted(_) => return NotChecked::errored(error.to_string()),
        StartError::NotInPath(_) => {
            "install it in a step before this one; the container action sees only what is in its own image, so for \
             this check bring stageproof to the runner with `command: install` and call it in a `run:` step"
        }
        StartError::NoFile(_) => {
            "check the path, which is relative to the workspace; the container action sees only its own image and the \
             workspace"
        }
        StartError::NotExecutable(_) => {
            "make it executable (`chmod +x`, and `git update-index --chmod=+x` for the next checkout)"
        }
        StartError::NoInterpreter(_) => {
            "install the interpreter its first line names; the container action has no shell and no system libraries, \
             so for this check bring stageproof to the runner with `command: install` and call it in a `run:` step"
        }
        StartError::Other { .. } | StartError::System(_) => "run the command by hand in the same folder",
    };
    NotChecked::with_help(
        error.to_string(),
        needs_a_shell(check).unwrap_or_else(|| help.to_owned()),
    )
}

fn judge(plan: &CommandPlan, ran: &Ran, secrets: &Redactor) -> Seen<()> {
    let last = secrets.last_lines(ran.output.redacted(secrets).as_str(), EXCERPT_LINES, EXCERPT_BYTES);
    let blind = |cause: String, help: &str| {
        let cause = if last.is_empty() {
            format!("{cause}; no output")
        } else {
            format!(
                "{cause}; its last lines: {}",
                secrets.shorten(last.lines().last().unwrap_or_default(), 200)
            )
        };
        Err(NotChecked::with_help(cause, help))
    };
    let code = match ran.ended {
        RunEnd::Itself(Ending::Code(code)) => code,
        RunEnd::Itself(ending @ Ending::Signal(_)) => {
            return blind(
                format!("the check {ending}, so it has no result"),
                "signal 9 usually means a lack of memory, 11 a bug in the program: run it by hand in the same folder",
            );
        }
        RunEnd::Deadline => {
            return blind(
                format!(
                    "the check timed out after {} and was ended with {} of its processes",
                    TimeSpan(plan.timeout),
                    if ran.survivors.is_empty() { "all" } else { "only some" }
                ),
                "find out what it is waiting for (a prompt, a login?), or raise --check-timeout",
            );
        }
        RunEnd::Interrupted(signal) => {
            return Err(NotChecked::errored(format!("interrupted by {signal} before it ended")));
        }
    };
    let mut observed = Observation::nothing_wrong()
        .fact("exit code", code.to_string())
        .fact("output", size(&ran.output));
    if code != plan.expect_exit {
        observed = observed.with(
            Finding::error(
                "unexpected-exit",
                format!("the check exited with code {code}, expected {}", plan.expect_exit),
            )
            .help("check its last lines; if this code is a success, set --expect-exit")
            .excerpt(last.clone()),
        );
    }
    if let Some(expected) = plan
        .expect_output
        .as_ref()
        .filter(|regex| !regex.is_match(&ran.output.lines_kept()))
    {
        let searched = match ran.output.left_out() {
            0 => String::new(),
            n => format!(" ({n} bytes in the middle were not searched)"),
        };
        observed = observed.with(
            Finding::error(
                "unexpected-output",
                format!("the output of the check does not match `{expected}`{searched}"),
            )
            .help("compare its last lines with --expect-output")
            .excerpt(last),
        );
    }
    if !ran.left_behind.is_empty() {
        let left = Left::named(&ran.left_behind, secrets);
        observed = observed.with(
            Finding::warning("left-behind", format!("the check left processes behind: {left}"))
                .help("a read-only check should wait for the processes it starts"),
        );
    }
    (observed.findings).extend(Left::survived(&ran.survivors, "the check", secrets));
    Ok((Some(()), observed))
}

fn size(output: &Captured) -> String {
    match output.left_out() {
        0 => format!("{} bytes", output.total()),
        n => format!("{} bytes, {n} of them not kept", output.total()),
    }
}
