//! What the records of one label amount to: did it begin and end well, was it ever silent, can its times be true.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Rules, STAGE};
use crate::model::capped::Capped;
use crate::model::heartbeat::{Event, Record};
use crate::model::{Check, Ended, Fact, Finding, TimeSpan};

/// Clocks of two machines differ by less.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// By so much, and one in a hundred, the clock on the wall and the time that passed may differ: a clock that is set right
/// does not always go at its own pace.
const DRIFT: SignedDuration = SignedDuration::from_secs(2);

/// What is known of a label so far.
#[derive(Default)]
pub struct LabelHistory {
    /// Wrong about beginning, order and end.
    order: Capped,
    /// Silences that were too long.
    silence: Capped,
    /// Times that cannot be true.
    times: Capped,
    first: Option<Seen>,
    last: Option<Seen>,
    /// The attempt that goes on.
    open: Option<Attempt>,
    /// The attempt that ended last.
    closed: Option<Closed>,
    attempts: u64,
    records: u64,
    stalls: u64,
    longest_silence: Duration,
}

#[derive(Clone, Copy)]
struct Seen {
    line: u64,
    at: Timestamp,
}

struct Attempt {
    line: u64,
    number: u32,
    pid: u32,
    beats: u64,
    /// Its start among them.
    records: u64,
    /// When it began, by its own count of the time that passed.
    began: Timestamp,
}

struct Closed {
    line: u64,
    /// Whether there was a process at all.
    started: bool,
    number: u32,
    exit: u8,
    signal: Option<String>,
}

impl LabelHistory {
    pub fn add(&mut self, line: u64, record: &Record, at: Timestamp, rules: &Rules) {
        self.records += 1;
        self.times_of(line, record, at, rules);
        self.silence_before(line, record, at, rules);
        if let Some(open) = &mut self.open {
            open.records += 1;
        }
        match &record.event {
            Event::Start { .. } => self.start(line, record, at, rules),
            // There are notes before the first attempt and between two of them.
            Event::Note { .. } => {}
            event => {
                self.inside(line, record, rules);
                match event {
                    Event::Beat(beat) => self.beat(line, record, beat.beat, rules),
                    Event::Stall { .. } => self.stalls += 1,
                    Event::End(end) => {
                        self.complete(line, record, end.records, rules);
                        self.open = None;
                        self.closed = Some(Closed {
                            line,
                            started: record.pid != 0,
                            number: record.attempt,
                            exit: end.exit,
                            signal: end.signal.clone(),
                        });
                    }
                    Event::Start { .. } | Event::Note { .. } | Event::Resumed => {}
                }
            }
        }
        let seen = Seen { line, at };
        self.first.get_or_insert(seen);
        self.last = Some(seen);
    }

    fn start(&mut self, line: u64, record: &Record, at: Timestamp, rules: &Rules) {
        let number = record.attempt;
        if let Some(open) = &self.open {
            let message = format!(
                "`{}` starts again, but the attempt that began in line {} has no end",
                record.label, open.line
            );
            self.order.add(rules.at(line, "started-twice", &message).help(
                "a killed command leaves no end: remove the log and run the step again; commands that run at the same \
                 time need different labels",
            ));
        }
        let follows = self
            .closed
            .as_ref()
            .is_some_and(|closed| closed.exit != 0 && closed.number.checked_add(1) == Some(number));
        if number != 1 && !follows {
            let message = format!(
                "attempt {number} of `{}` does not follow a failed attempt",
                record.label
            );
            self.order.add(torn(rules.at(line, "attempt-missing", &message)));
        }
        self.attempts += 1;
        self.open = Some(Attempt {
            line,
            number,
            pid: record.pid,
            beats: 0,
            records: 1,
            began: at.checked_sub(passed(record.elapsed_ms)).unwrap_or(at),
        });
    }

    /// Whether a record is of the attempt that goes on.
    fn inside(&mut self, line: u64, record: &Record, rules: &Rules) {
        let name = match record.event {
            Event::Beat(_) => "a beat",
            Event::End(_) => "an end",
            _ => "a record",
        };
        match &self.open {
            // heartbeat tells the end of a command that never began, too.
            None if record.pid == 0 && matches!(&record.event, Event::End(end) if end.exit != 0) => {}
            None => {
                let message = format!("{name} of `{}` without a start before it", record.label);
                self.order.add(torn(rules.at(line, "no-start", &message)));
            }
            Some(open) if (open.number, open.pid) != (record.attempt, record.pid) => {
                let message = format!(
                    "{name} of attempt {}, process {}, inside of attempt {}, process {}, of `{}`",
                    record.attempt, record.pid, open.number, open.pid, record.label
                );
                self.order.add(
                    rules
                        .at(line, "another-process", &message)
                        .help("commands that run at the same time need different labels: heartbeat --label"),
                );
            }
            Some(_) => {}
        }
    }

    /// Whether every record of the attempt that ends is there.
    fn complete(&mut self, line: u64, record: &Record, claimed: u64, rules: &Rules) {
        if let Some(open) = self.open.as_ref().filter(|open| open.records != claimed) {
            let message = format!(
                "the end of `{}` counts {claimed} records since its start in line {}, but there are {}",
                record.label, open.line, open.records
            );
            self.order.add(torn(rules.at(line, "record-missing", &message)));
        }
    }

    fn beat(&mut self, line: u64, record: &Record, number: u64, rules: &Rules) {
        let Some(open) = &mut self.open else {
            return;
        };
        let expected = open.beats.saturating_add(1);
        if number != expected {
            let message = format!("beat {number} of `{}` is where beat {expected} should be", record.label);
            self.order.add(torn(rules.at(line, "beat-missing", &message)));
        }
        open.beats = number;
    }

    fn times_of(&mut self, line: u64, record: &Record, at: Timestamp, rules: &Rules) {
        let label = &record.label;
        if let Some(last) = self.last.filter(|last| at < last.at) {
            let message = format!(
                "the time {} of `{label}` is before that of its record in line {}",
                record.time, last.line
            );
            self.times.add(
                rules
                    .at(line, "time-goes-back", &message)
                    .help("lines were moved, or the machine's clock was set back while it ran; run the step again"),
            );
        }
        if at.duration_since(rules.now) > CLOCK_SKEW {
            let message = format!("the time {} of `{label}` is in the future", record.time);
            self.times.add(
                rules
                    .at(line, "in-the-future", &message)
                    .help("set the clocks of both machines, and run the step again"),
            );
        }
        let Some(open) = self.open.as_ref().filter(|open| open.number == record.attempt) else {
            return;
        };
        let (claimed, shown) = (
            passed(record.elapsed_ms),
            TimeSpan(Duration::from_millis(record.elapsed_ms)),
        );
        let by_clock = at.duration_since(open.began);
        let drift = DRIFT.saturating_add(claimed.abs() / 100);
        // An end is told when also its output has ended, and says how long the command itself ran.
        let later = match record.event {
            Event::End(_) => signed(rules.max_gap),
            _ => SignedDuration::ZERO,
        };
        let too_long = claimed.saturating_sub(by_clock) > drift;
        let too_short = by_clock.saturating_sub(claimed) > drift.saturating_add(later);
        if too_long || too_short {
            let by_clock = TimeSpan(Duration::try_from(by_clock).unwrap_or_default());
            let message = format!(
                "`{label}` claims {shown} of elapsed time, but its times say {by_clock} since its start in line {}",
                open.line
            );
            self.times.add(rules.at(line, "elapsed-differs", &message).help(
                "the log was changed, or the machine slept or had its clock set while it ran; run the step again",
            ));
        }
    }

    /// What is heard of nothing that runs is no silence: there may be hours between two runs.
    fn silence_before(&mut self, line: u64, record: &Record, at: Timestamp, rules: &Rules) {
        let goes_on = matches!(record.event, Event::Start { .. }) && record.attempt > 1;
        let Some(last) = self.last.filter(|_| self.open.is_some() || goes_on) else {
            return;
        };
        let silence = Duration::try_from(at.duration_since(last.at)).unwrap_or_default();
        self.longest_silence = self.longest_silence.max(silence);
        if silence > rules.max_gap {
            let message = format!(
                "no record of `{}` for {} after line {}; --max-gap is {}",
                record.label,
                TimeSpan(silence),
                last.line,
                TimeSpan(rules.max_gap)
            );
            self.silence.add(rules.at(line, "gap", &message).help(
                "the machine was stalled, or lines are missing; --max-gap must be longer than heartbeat's --every and \
                 --retry-wait",
            ));
        }
    }

    /// The three claims about this label.
    pub fn into_checks(mut self, label: &str, rules: &Rules) -> Vec<Check> {
        self.end(label, rules);
        let span = self
            .first
            .zip(self.last)
            .map(|(first, last)| last.at.duration_since(first.at));
        let span = TimeSpan::measured(Duration::try_from(span.unwrap_or_default()).unwrap_or_default());
        let max = |limit: Duration| TimeSpan(limit);
        let mut ended = ended(label, self.order);
        ended.facts = vec![
            Fact::new("attempts", self.attempts.to_string()),
            Fact::new("records", self.records.to_string()),
            Fact::new("stalls", self.stalls.to_string()),
        ];
        let title = format!("`{label}` was never silent for more than {}", max(rules.max_gap));
        let mut alive = claim(label, "alive", title, self.silence);
        alive.facts = vec![Fact::new(
            "longest silence",
            TimeSpan::measured(self.longest_silence).to_string(),
        )];
        // What never ran is neither.
        if self.attempts == 0 && alive.findings().is_empty() {
            alive.ended = Ended::Skipped {
                reason: "it was never started".to_owned(),
            };
        }
        let title = format!(
            "The times of `{label}` are plausible, and younger than {}",
            max(rules.max_age)
        );
        let mut times = claim(label, "times", title, self.times);
        times.facts = vec![Fact::new("from first to last record", span.to_string())];
        vec![ended, alive, times]
    }

    /// What can only be said at the end of the log.
    fn end(&mut self, label: &str, rules: &Rules) {
        if let Some(open) = &self.open {
            let message = format!("attempt {} of `{label}` begins here and has no end", open.number);
            self.order.add(rules.at(open.line, "no-end", &message).help(
                "it is still running, or was killed together with stageproof; wait for its end, or run the step again",
            ));
        }
        match &self.closed {
            None if self.open.is_none() => {
                let line = self.first.map_or(1, |first| first.line);
                let message = format!("`{label}` has records, but no start and no end");
                self.order.add(torn(rules.at(line, "no-start", &message)));
            }
            Some(closed) if closed.exit != 0 && self.open.is_none() => {
                let signal = closed
                    .signal
                    .as_ref()
                    .map(|name| format!(" ({})", crate::model::text::one_line(name)));
                let (message, help) = match closed.started {
                    true => (
                        format!(
                            "the last attempt of `{label}` exited with code {}{}",
                            closed.exit,
                            signal.unwrap_or_default()
                        ),
                        format!("its output is in {label}.log beside the log; fix the command and run the step again"),
                    ),
                    false => (
                        format!(
                            "the command of `{label}` could not be started (exit code {})",
                            closed.exit
                        ),
                        "the note above that line says why; fix the command and run the step again".to_owned(),
                    ),
                };
                self.order.add(rules.at(closed.line, "exit-code", &message).help(help));
            }
            _ => {}
        }
        if let Some(last) = self.last {
            let age = rules.now.duration_since(last.at);
            if age > signed(rules.max_age) {
                let age = TimeSpan(Duration::from_secs(age.as_secs().unsigned_abs()));
                let message = format!(
                    "the last record of `{label}` is {age} old; --max-age is {}",
                    TimeSpan(rules.max_age)
                );
                self.times.add(
                    rules
                        .at(last.line, "too-old", &message)
                        .help("run the step again; use --require to leave out labels that no longer count"),
                );
            }
        }
    }
}

fn torn(finding: Finding) -> Finding {
    finding.help("lines are missing or were moved; restore the log, or remove it and run the step again")
}

pub fn ended(label: &str, findings: Capped) -> Check {
    let title = format!("`{label}` began, and exited with code 0");
    claim(label, "ended", title, findings)
}

fn claim(label: &str, id: &str, title: String, findings: Capped) -> Check {
    let ended = Ended::Looked(findings.into_vec());
    Check::new(STAGE, format!("{STAGE}:{id}:{label}"), title, ended, Duration::ZERO)
}

fn passed(ms: u64) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

fn signed(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}
