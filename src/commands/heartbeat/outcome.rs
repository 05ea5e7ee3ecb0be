//! The story of all attempts, as a check with facts, a timeline and an exit code.

use std::path::Path;
use std::time::{Duration, Instant};

use super::attempt::Attempt;
use super::events::millis;
use super::{Judged, Plan};
use crate::commands::advice;
use crate::model::text::count;
use crate::model::timeline::SpanState;
use crate::model::{Check, Ended, Fact, Finding, Outcome, Output, Span, TimeSpan, exit};
use crate::world::process::Ending;
use crate::world::wrap::Log;
use crate::world::{World, files, workspace};

const STAGE: &str = "heartbeat";
/// Lines and bytes of output that a report about a failure holds.
const LAST_LINES: usize = 15;
const LAST_BYTES: usize = 4000;
/// Bytes of the command in a check's title.
const TITLE_BYTES: usize = 100;

/// What there is to tell so far.
pub struct Attempts {
    pub started: Instant,
    pub attempts: u32,
    outcome: Outcome,
    facts: Vec<Fact>,
}

impl Attempts {
    pub fn begin() -> Self {
        Self {
            started: Instant::now(),
            attempts: 0,
            outcome: Outcome::default(),
            facts: Vec::new(),
        }
    }

    /// One more attempt, which began so long after the start.
    pub fn attempt(&mut self, attempt: &Attempt, from: Duration) {
        let state = if attempt.exit_code() == 0 {
            SpanState::Done
        } else {
            SpanState::Failed
        };
        self.span(format!("attempt {}", self.attempts), from, attempt.took, state);
        for (since, until) in &attempt.stalls {
            self.span("stall".to_owned(), from + *since, *until - *since, SpanState::Stalled);
        }
        self.facts = facts(attempt, self.attempts);
    }

    pub fn waited(&mut self, from: Duration) {
        let took = self.started.elapsed() - from;
        self.span("wait".to_owned(), from, took, SpanState::Waited);
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
    pub fn judged(mut self, plan: &Plan, world: &World, result: Judged, logs: [&Log; 2], shown: &str) -> Outcome {
        let [output, records] = logs;
        let (mut findings, mut code) = result;
        output.close();
        let mut failures: Vec<String> = logs.iter().filter_map(|log| log.failure()).collect();
        // Before it is cleaned, which replaces it.
        let is_ours = output.is_in_place();
        if is_ours && let Err(error) = world.secrets.redact_file(output.path()) {
            failures.push(format!("{error:#}; check the log before you publish it"));
        }
        // A folder that cannot be written is told once.
        failures.dedup();
        for failure in failures {
            let help = format!("the command ran, but the log does not prove it; {}", advice(&failure));
            findings.push(Finding::error("log-failed", failure).help(help));
        }
        if code == 0 && findings.iter().any(Finding::fails) {
            code = exit::OWN_FAILURE;
        }
        if code != 0
            && is_ours
            && let Some(first) = findings.first_mut()
        {
            *first = first.clone().excerpt(last_words(output.path(), world));
        }
        let relative = |log: &Log| workspace::shown(log.path(), &world.workspace);
        self.facts.push(Fact::new("exit code", code.to_string()));
        for (name, log) in [("log", output), ("heartbeats", records)] {
            let is_there = files::exists(log.path());
            self.facts.extend(is_there.then(|| Fact::new(name, relative(log))));
        }
        let title = format!("`{}` runs to its end", world.secrets.shorten(shown, TITLE_BYTES));
        let id = format!("{STAGE}:{}", plan.label);
        let mut check = Check::new(STAGE, id, title, Ended::Looked(findings), self.started.elapsed());
        check.facts = self.facts;
        self.outcome.checks.push(check);
        let mut output_of = |name: &str, value| self.outcome.outputs.insert(name.to_owned(), value);
        output_of("exit-code", Output::exact(code.to_string()));
        output_of("attempts", Output::exact(self.attempts.to_string()));
        output_of("log", Output::path(relative(output)));
        self.outcome.exit = Some(code);
        self.outcome
    }
}

/// The end of the log, if there is one.
fn last_words(log: &Path, world: &World) -> String {
    let last = world.secrets.last_lines_of(log, LAST_LINES, LAST_BYTES);
    last.unwrap_or_default()
}

fn facts(attempt: &Attempt, attempts: u32) -> Vec<Fact> {
    // These are of the attempt that counts.
    let of_last = |name: &str| match attempts {
        1 => name.to_owned(),
        _ => format!("{name} (last attempt)"),
    };
    let lines = count(usize::try_from(attempt.reading.lines).unwrap_or(usize::MAX), "line");
    let mut facts = vec![
        Fact::new("process", attempt.pid.to_string()),
        Fact::new("attempts", attempts.to_string()),
        Fact::new(of_last("took"), TimeSpan::measured(attempt.took).to_string()),
        Fact::new(of_last("output"), format!("{} bytes, {lines}", attempt.reading.bytes)),
    ];
    facts.extend(
        attempt
            .cpu
            .map(|cpu| Fact::new("CPU time", TimeSpan::measured(cpu).to_string())),
    );
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
