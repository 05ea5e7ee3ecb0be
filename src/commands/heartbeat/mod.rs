//! Is the long step alive? Runs a command in our place: people see its output live, a log proves that it ran, silence is
//! noticed, limits end it with everything it started, and its exit code is ours.

mod attempt;
mod codes;
mod events;
mod judge;
mod outcome;
mod stall;
mod watch;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use crate::commands::{Keep, Running, Subcommand};
use crate::model::heartbeat::{End, Event};
use crate::model::{Finding, Outcome, TimeSpan, Verbosity, exit, text};
use crate::world::output::Stream;
use crate::world::process::{Ending, StartError};
use crate::world::wrap::{Live, Log, Reaper, Signals};
use crate::world::{World, process};
use attempt::Context;
pub use codes::Codes;
use events::{EventLog, Position};
use outcome::Attempts;

/// How long a console may take for our last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub struct Plan {
    /// Words, no shell; with `shell` the one word is a script.
    pub command: Vec<OsString>,
    pub shell: bool,
    /// Whose records they are.
    pub label: String,
    /// What the log of its output is called, without `.log`.
    pub log: String,
    /// Between two heartbeats.
    pub every: Duration,
    pub stall_after: Option<Duration>,
    pub stall_kill: bool,
    /// For one attempt.
    pub timeout: Option<Duration>,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// It must not be torn: how long a first signal is held back.
    pub critical: Option<Duration>,
    pub pty: bool,
    /// Attempts after the first.
    pub retries: u32,
    pub retry_on: Codes,
    pub retry_wait: Duration,
    /// The folder of the logs.
    pub logs: PathBuf,
    /// Where the command runs.
    pub folder: PathBuf,
    pub verbosity: Verbosity,
    /// What --color says.
    pub color: Option<bool>,
}

impl Subcommand for Plan {
    fn is_wrapper(&self) -> bool {
        true
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let output = Arc::new(Log::of_output(&plan.logs, &plan.log));
    let records = Log::of_records(&plan.logs);
    let mut story = Attempts::begin();
    let shown = shown(plan, world);
    let result = match (
        Live::open(Stream::Err.has_color(plan.color, &world.env)),
        Signals::listen(plan.pty),
    ) {
        (Ok(live), Ok(signals)) => {
            let teller = EventLog {
                live: &live,
                records: &records,
                world,
                label: &plan.label,
                verbosity: plan.verbosity,
                told: AtomicU64::new(0),
            };
            let result = attempts(&mut story, plan, teller, signals, &output, &shown).await;
            live.close(LAST_WORDS);
            result
        }
        (Err(error), _) | (_, Err(error)) => own_failure(&error),
    };
    story.judged(plan, world, result, [&output, &records], &shown)
}

/// The findings of the last attempt, and the exit code.
type Judged = (Vec<Finding>, u8);

fn own_failure(error: &anyhow::Error) -> Judged {
    (
        vec![Finding::error("own-failure", format!("{error:#}"))],
        exit::OWN_FAILURE,
    )
}

/// Tries until it went well, or there is no attempt left.
async fn attempts(
    story: &mut Attempts,
    plan: &Plan,
    teller: EventLog<'_>,
    signals: Signals,
    output: &Arc<Log>,
    shown: &str,
) -> Judged {
    if let Some(signal) = teller.world.interrupt.received() {
        return stopped(signal, "before the command was started", None);
    }
    let command = match command(plan, &teller) {
        Ok(command) => command,
        Err(error) => return not_started(plan, story, &teller, &error),
    };
    let mut context = Context {
        plan,
        command: &command,
        shown,
        teller,
        output: Arc::clone(output),
        reaper: Reaper::start(),
        signals,
    };
    loop {
        story.attempts += 1;
        let from = story.started.elapsed();
        let attempt = match watch::run(&mut context, story.attempts).await {
            Ok(attempt) => attempt,
            Err(error) => return not_started(plan, story, &context.teller, &error),
        };
        let code = attempt.exit_code();
        story.attempt(&attempt, from);
        let again = story.attempts <= plan.retries && plan.retry_on.contain(code) && attempt.told.is_empty();
        if !again {
            let mut findings = judge::last(plan, &attempt);
            if let Some(failure) = attempt.failure {
                findings.push(Finding::error("output-lost", failure));
            }
            if story.attempts > 1 && code == 0 {
                let message = format!("it succeeded only at attempt {}", story.attempts);
                findings.push(Finding::warning("retried", message));
            }
            return (findings, code);
        }
        let place = Position {
            pid: attempt.pid,
            attempt: story.attempts,
            elapsed: attempt.took,
        };
        let wait = TimeSpan(plan.retry_wait);
        let left = text::count((plan.retries + 1 - story.attempts) as usize, "attempt");
        context
            .teller
            .note(place, format!("exit code {code}: retrying in {wait}; {left} left"));
        let from = story.started.elapsed();
        let signal = watch::wait(&mut context, plan.retry_wait).await;
        if !plan.retry_wait.is_zero() {
            story.waited(from);
        }
        if let Some(signal) = signal {
            let mut result = stopped(signal.name(), "before the next attempt", Some(code));
            result.0.extend(judge::last(plan, &attempt));
            return result;
        }
    }
}

fn not_started(plan: &Plan, story: &Attempts, teller: &EventLog<'_>, error: &StartError) -> Judged {
    let program = plan
        .command
        .first()
        .map(|word| word.to_string_lossy())
        .unwrap_or_default();
    let (finding, code) = judge::not_started(error, &program);
    let place = Position {
        attempt: story.attempts.max(1),
        ..Position::default()
    };
    let why = teller.world.secrets.redact(&finding.message);
    teller.note(place, format!("not started: {why}"));
    let end = End {
        exit: code,
        ..Default::default()
    };
    teller.tell(place, Event::End(end));
    (vec![finding], code)
}

/// We were told to end while there was nothing to end.
fn stopped(signal: &str, when: &str, code: Option<u8>) -> Judged {
    let finding = Finding::error("asked-to-stop", format!("it was asked to stop by {signal} {when}"));
    let number = process::signal_number(signal).unwrap_or(0);
    (
        vec![finding],
        code.unwrap_or_else(|| Ending::Signal(number).exit_code()),
    )
}

/// The command in words, without secrets.
fn shown(plan: &Plan, world: &World) -> String {
    let words: Vec<_> = plan.command.iter().map(|word| word.to_string_lossy()).collect();
    match plan.shell {
        true => world.secrets.redact(&words.join(" ")),
        false => world.secrets.command_line(words.iter().map(AsRef::as_ref)),
    }
}

/// What is started: the words, or a shell that reads the script as a runner's does.
fn command(plan: &Plan, teller: &EventLog<'_>) -> Result<Vec<OsString>, StartError> {
    if !plan.shell {
        return Ok(plan.command.clone());
    }
    let there_is = |shell: &str| process::find(shell, &plan.folder, &teller.world.env);
    let shell: &[&str] = match there_is("bash") {
        Ok(_) => &["bash", "-e", "-o", "pipefail", "-c"],
        Err(_) => {
            there_is("sh")?;
            teller.note(
                Position::default(),
                "there is no bash: the script runs with sh -e, which sees only the last exit code of a pipe",
            );
            &["sh", "-e", "-c"]
        }
    };
    let words = shell.iter().map(OsString::from);
    Ok(words.chain(plan.command.iter().cloned()).collect())
}

#[cfg(test)]
impl Plan {
    /// One that the tests of the parts can judge by.
    pub fn of_tests() -> Self {
        Self {
            command: vec!["true".into()],
            shell: false,
            label: "true".to_owned(),
            log: "true".to_owned(),
            every: Duration::from_secs(15),
            stall_after: Some(Duration::from_secs(5)),
            stall_kill: false,
            timeout: Some(Duration::from_secs(9)),
            grace: Duration::from_secs(1),
            critical: None,
            pty: false,
            retries: 0,
            retry_on: Codes::failures(),
            retry_wait: Duration::ZERO,
            logs: PathBuf::from("logs"),
            folder: PathBuf::from("."),
            verbosity: Verbosity::Normal,
            color: None,
        }
    }
}
