//! Is the long step alive? Runs a command in our place: people see its output live, a log proves that it ran, silence is
//! noticed, limits end it with everything it started, and its exit code is ours.

mod attempt;
mod codes;
mod judge;
mod pulse;
mod tell;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::timeline::SpanState;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Span, TimeSpan, exit, text};
use crate::world::process::StartError;
use crate::world::wrap::{Ending, Live, Log, Reaper, Signals};
use crate::world::{World, files, process};
use attempt::{Attempt, Desk};
pub use codes::Codes;
use tell::{Place, Teller, millis};

const STAGE: &str = "heartbeat";
/// Lines of output that a report about a failure holds.
const LAST_LINES: usize = 15;
const LAST_BYTES: usize = 4000;
/// How long a console may take for our last lines.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Bytes of the command in a check's title.
const TITLE_BYTES: usize = 100;

#[derive(Clone, Debug)]
pub struct Plan {
    /// Words, no shell; with `shell` the one word is a script.
    pub command: Vec<OsString>,
    pub shell: bool,
    /// Part of the log's name.
    pub label: String,
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
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let started = Instant::now();
    let output = Arc::new(Log::of_output(&plan.logs, &plan.label));
    let records = Log::of_records(&plan.logs);
    let mut told = Told {
        started,
        outcome: Outcome::default(),
        facts: Vec::new(),
        attempts: 0,
    };
    let shown = shown(plan, world);
    let result = match (Live::open(), Signals::listen(plan.pty)) {
        (Ok(live), Ok(signals)) => {
            let teller = Teller {
                live: &live,
                records: &records,
                world,
                label: &plan.label,
            };
            let result = told.attempts(plan, teller, signals, &output, &shown).await;
            live.close(LAST_WORDS);
            result
        }
        (Err(error), _) | (_, Err(error)) => own_failure(&error),
    };
    told.judged(plan, world, result, [&output, &records], &shown)
}

/// The findings of the last attempt, and the exit code.
type Result = (Vec<Finding>, u8);

fn own_failure(error: &anyhow::Error) -> Result {
    (
        vec![Finding::error("own-failure", format!("{error:#}"))],
        exit::OWN_FAILURE,
    )
}

/// What there is to tell so far.
struct Told {
    started: Instant,
    outcome: Outcome,
    facts: Vec<Fact>,
    attempts: u32,
}

impl Told {
    async fn attempts(
        &mut self,
        plan: &Plan,
        teller: Teller<'_>,
        signals: Signals,
        output: &Arc<Log>,
        shown: &str,
    ) -> Result {
        if let Some(signal) = teller.world.interrupt.received() {
            return stopped(signal, "before the command was started", None);
        }
        let command = match command(plan, &teller) {
            Ok(command) => command,
            Err(error) => return self.not_started(&teller, &error),
        };
        let mut desk = Desk {
            plan,
            command: &command,
            shown,
            teller,
            output: Arc::clone(output),
            reaper: Reaper::start(),
            signals,
        };
        loop {
            self.attempts += 1;
            let from = self.started.elapsed();
            let attempt = match attempt::run(&mut desk, self.attempts).await {
                Ok(attempt) => attempt,
                Err(error) => return self.not_started(&desk.teller, &error),
            };
            let code = attempt.exit_code();
            self.span(format!("attempt {}", self.attempts), from, attempt.took, state_of(code));
            for (since, until) in &attempt.stalls {
                self.span("stall".to_owned(), from + *since, *until - *since, SpanState::Stalled);
            }
            let again = self.attempts <= plan.retries && plan.retry_on.contain(code) && attempt.told.is_empty();
            if !again {
                self.facts = facts(&attempt, self.attempts);
                let mut findings = judge::last(plan, &attempt);
                if let Some(failure) = attempt.failure {
                    findings.push(Finding::error("output-lost", failure));
                }
                if self.attempts > 1 && code == 0 {
                    let message = format!("it went well at attempt {} only", self.attempts);
                    findings.push(Finding::warning("retried", message));
                }
                return (findings, code);
            }
            let place = Place {
                pid: attempt.pid,
                attempt: self.attempts,
                elapsed: attempt.took,
            };
            let wait = TimeSpan(plan.retry_wait);
            let left = text::count((plan.retries + 1 - self.attempts) as usize, "attempt");
            desk.teller.note(
                place,
                format!("exit code {code} is worth another attempt, in {wait}; {left} left"),
            );
            let from = self.started.elapsed();
            let signal = attempt::wait(&mut desk, plan.retry_wait).await;
            if !plan.retry_wait.is_zero() {
                self.span(
                    "wait".to_owned(),
                    from,
                    self.started.elapsed() - from,
                    SpanState::Waited,
                );
            }
            if let Some(signal) = signal {
                self.facts = facts(&attempt, self.attempts);
                let mut result = stopped(signal.name(), "before the next attempt", Some(code));
                result.0.extend(judge::last(plan, &attempt));
                return result;
            }
        }
    }

    fn not_started(&mut self, teller: &Teller<'_>, error: &StartError) -> Result {
        let (finding, code) = judge::not_started(error);
        let place = Place {
            attempt: self.attempts.max(1),
            ..Place::default()
        };
        teller.note(place, format!("not started: {}", finding.message));
        let end = crate::model::heartbeat::End {
            exit: code,
            ..Default::default()
        };
        teller.tell(place, crate::model::heartbeat::Event::End(end));
        (vec![finding], code)
    }

    fn span(&mut self, name: String, from: Duration, took: Duration, state: SpanState) {
        self.outcome.timeline.push(Span {
            name,
            from_ms: millis(from),
            to_ms: millis(from + took),
            state,
        });
    }

    /// Everything that was found, as a check with an exit code.
    fn judged(mut self, plan: &Plan, world: &World, result: Result, logs: [&Log; 2], shown: &str) -> Outcome {
        let [output, records] = logs;
        let (mut findings, mut code) = result;
        output.close();
        let mut failures: Vec<String> = logs.iter().filter_map(|log| log.failure()).collect();
        if output.is_there
            && let Err(error) = world.secrets.redact_file(output.path())
        {
            failures.push(format!(
                "{error:#}; do not publish the log before somebody has looked at it"
            ));
        }
        for failure in failures {
            findings.push(
                Finding::error("log-failed", failure).help(
                    "the command was run, but the log does not prove it; make room or name another --evidence-dir",
                ),
            );
        }
        if code == 0 && findings.iter().any(Finding::fails) {
            code = exit::OWN_FAILURE;
        }
        if code != 0
            && let Some(first) = findings.first_mut()
        {
            *first = first.clone().excerpt(last_words(output.path()));
        }
        let relative = |log: &Log| {
            let path = log.path();
            path.strip_prefix(&world.workspace)
                .unwrap_or(path)
                .display()
                .to_string()
        };
        self.facts.push(Fact::new("exit code", code.to_string()));
        self.facts.push(Fact::new("log", relative(output)));
        self.facts.push(Fact::new("heartbeats", relative(records)));
        let title = format!("`{}` runs to its end", text::cut(&text::one_line(shown), TITLE_BYTES));
        let id = format!("{STAGE}:{}", plan.label);
        let mut check = Check::new(STAGE, id, title, Ended::Looked(findings), self.started.elapsed());
        check.facts = self.facts;
        self.outcome.checks.push(check);
        let mut output_of = |name: &str, value: String| self.outcome.outputs.insert(name.to_owned(), value);
        output_of("exit-code", code.to_string());
        output_of("attempts", self.attempts.to_string());
        output_of("log", relative(output));
        self.outcome.exit = Some(code);
        self.outcome
    }
}

/// The end of the log, if there is one.
fn last_words(log: &Path) -> String {
    let last = text::printable(&files::tail(log, LAST_LINES).unwrap_or_default());
    let mut start = last.len().saturating_sub(LAST_BYTES);
    while !last.is_char_boundary(start) {
        start += 1;
    }
    last[start..].to_owned()
}

/// We were told to end while there was nothing to end.
fn stopped(signal: &str, when: &str, code: Option<u8>) -> Result {
    let finding = Finding::error("asked-to-stop", format!("it was asked to stop by {signal} {when}"));
    let number = process::signal_number(signal).unwrap_or(0);
    (
        vec![finding],
        code.unwrap_or_else(|| Ending::Signal(number).exit_code()),
    )
}

fn state_of(code: u8) -> SpanState {
    if code == 0 { SpanState::Done } else { SpanState::Failed }
}

fn facts(attempt: &Attempt, attempts: u32) -> Vec<Fact> {
    let mut facts = vec![
        Fact::new("process", attempt.pid.to_string()),
        Fact::new("attempts", attempts.to_string()),
        Fact::new("took", TimeSpan(attempt.took).to_string()),
        Fact::new(
            "output",
            format!("{} bytes, {} lines", attempt.reading.bytes, attempt.reading.lines),
        ),
    ];
    facts.extend(attempt.cpu.map(|cpu| Fact::new("CPU time", TimeSpan(cpu).to_string())));
    facts.extend(
        attempt
            .peak_kib
            .map(|kib| Fact::new("peak memory", format!("{kib} KiB"))),
    );
    facts.extend(
        attempt
            .ending
            .and_then(Ending::signal)
            .map(|signal| Fact::new("signal", signal)),
    );
    facts
}

/// The command in words, without secrets.
fn shown(plan: &Plan, world: &World) -> String {
    let word = |word: &OsString| {
        let word = word.to_string_lossy().into_owned();
        shlex::try_quote(&word).map_or_else(|_| word.clone(), std::borrow::Cow::into_owned)
    };
    let words: Vec<String> = if plan.shell {
        plan.command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect()
    } else {
        plan.command.iter().map(word).collect()
    };
    world.secrets.redact(&words.join(" "))
}

/// What is started: the words, or a shell that reads the script as a runner's does.
fn command(plan: &Plan, teller: &Teller<'_>) -> std::result::Result<Vec<OsString>, StartError> {
    if !plan.shell {
        return Ok(plan.command.clone());
    }
    let there_is = |shell: &str| process::find(shell, &plan.folder, &teller.world.env);
    let shell: &[&str] = match there_is("bash") {
        Ok(_) => &["bash", "-e", "-o", "pipefail", "-c"],
        Err(_) => {
            there_is("sh")?;
            teller.note(
                Place::default(),
                "there is no bash: the script is read by sh -e, which takes a pipe's last exit code only",
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
        }
    }
}
