//! After the first good response: does it stay right? Knows no clock and no network, only what came back and when.
//!
//! A window is good if it was watched without a gap to its end, its last answer is right, and its failures are within
//! the limits. A failure is an attempt that ended in anything but a good response, also in none at all. It is degraded as
//! soon as a limit is passed, and unwatched, which is neither good nor bad, as soon as a gap without samples is too long.
//!
//! Three rules hold whatever comes in: one more failure never makes the verdict better, an attempt without a response
//! never counts less in the ratio than a bad response, and equal samples count the same one by one or together.

use std::fmt;
use std::time::Duration;

use crate::model::share::Share;
use crate::model::{TimeSpan, text};

/// What a window is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Good without a break for this long. A failure that is within the limits begins the time anew.
    Steady(Duration),
    /// Watched for this long; failures within the limits are tolerated.
    Watch(Duration),
}

impl Goal {
    pub fn lasts(self) -> Duration {
        match self {
            Self::Steady(span) | Self::Watch(span) => span,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steady(span) => write!(f, "steady for {}", TimeSpan(*span)),
            Self::Watch(span) => write!(f, "watched for {}", TimeSpan(*span)),
        }
    }
}

/// When it is over before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bad responses since the last right one. This many end it.
    pub failures: u64,
    /// Attempts without a response since the last right one. This many end it. Of failures of both kinds in a row, as
    /// many end it as the larger limit allows of one.
    pub transport_errors: u64,
    /// Failures of all attempts. More end it.
    pub error_ratio: Share,
    /// The ratio is of at least this many attempts, so that the first failure is not 100 %.
    pub min_samples: u64,
    /// The time in which steadiness must be reached.
    pub deadline: Duration,
    /// The longest gap without a sample.
    pub longest_gap: Duration,
}

/// What an attempt says about the thing that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Good,
    /// It answered, and not what was expected.
    Wrong,
    /// There was no answer.
    NoAnswer,
}

/// Samples of one kind in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub kind: Kind,
    pub count: u64,
    /// When the first and the last came back, from the beginning of the window.
    pub from: Duration,
    pub to: Duration,
}

impl Run {
    pub fn one(kind: Kind, at: Duration) -> Self {
        Self {
            kind,
            count: 1,
            from: at,
            to: at,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Degraded(Why),
    /// The gap without a sample that was too long.
    Unwatched(Duration),
    /// More samples are needed.
    Open,
    Good,
}

/// Which limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    InARow,
    NoAnswerInARow,
    FailuresInARow,
    Ratio,
    NeverSteady,
    NoData,
}

#[derive(Clone, Debug)]
pub struct Window {
    goal: Goal,
    limits: Limits,
    good: u64,
    wrong: u64,
    no_answer: u64,
    wrong_in_a_row: u64,
    no_answer_in_a_row: u64,
    /// Since when every sample was good; at the beginning, the answer before the first sample is.
    good_since: Option<Duration>,
    state: State,
}

impl Window {
    /// A window that begins with the good response just before it.
    pub fn new(goal: Goal, limits: Limits) -> Self {
        Self {
            goal,
            limits,
            good: 0,
            wrong: 0,
            no_answer: 0,
            wrong_in_a_row: 0,
            no_answer_in_a_row: 0,
            good_since: Some(Duration::ZERO),
            state: State::Open,
        }
    }

    pub fn goal(&self) -> Goal {
        self.goal
    }

    pub fn state(&self) -> State {
        self.state
    }

    pub fn add(&mut self, run: Run) {
        if self.state != State::Open || run.count == 0 {
            return;
        }
        match run.kind {
            Kind::Good => {
                self.good = self.good.saturating_add(run.count);
                // Both counts run until something is right again: a bad response between two silences is no recovery.
                (self.wrong_in_a_row, self.no_answer_in_a_row) = (0, 0);
                self.good_since.get_or_insert(run.from);
            }
            Kind::Wrong => {
                self.wrong = self.wrong.saturating_add(run.count);
                self.wrong_in_a_row = self.wrong_in_a_row.saturating_add(run.count);
                self.good_since = None;
            }
            Kind::NoAnswer => {
                self.no_answer = self.no_answer.saturating_add(run.count);
                self.no_answer_in_a_row = self.no_answer_in_a_row.saturating_add(run.count);
                self.good_since = None;
            }
        }
        self.state = self.judge(run.to);
    }

    /// The gap without a sample: no attempt was under way, or this process did not run.
    pub fn gap(&mut self, length: Duration) {
        if self.state == State::Open && length > self.limits.longest_gap {
            self.state = State::Unwatched(length);
        }
    }

    /// When there is no time for another sample.
    pub fn finish(&mut self) {
        if self.state == State::Open {
            self.state = State::Degraded(match (self.good, self.goal) {
                (0, _) => Why::NoData,
                (_, Goal::Steady(_)) => Why::NeverSteady,
                // The last samples were failures, and nothing right came after them.
                (_, Goal::Watch(_)) if self.no_answer_in_a_row > 0 => Why::NoAnswerInARow,
                (_, Goal::Watch(_)) => Why::InARow,
            });
        }
    }

    fn judge(&self, now: Duration) -> State {
        if self.wrong_in_a_row >= self.limits.failures.max(1) {
            return State::Degraded(Why::InARow);
        }
        if self.no_answer_in_a_row >= self.limits.transport_errors.max(1) {
            return State::Degraded(Why::NoAnswerInARow);
        }
        let larger = self.limits.failures.max(self.limits.transport_errors);
        if self.failed_in_a_row() >= larger {
            return State::Degraded(Why::FailuresInARow);
        }
        let whole = self.samples().max(self.limits.min_samples);
        if self.limits.error_ratio.is_exceeded(self.failed(), whole) {
            return State::Degraded(Why::Ratio);
        }
        match self.goal {
            Goal::Steady(span) => {
                // The next streak can begin now at the earliest.
                let since = self.good_since.unwrap_or(now);
                if since.saturating_add(span) > self.limits.deadline {
                    State::Degraded(Why::NeverSteady)
                } else if self.good_since.is_some() && now.saturating_sub(since) >= span {
                    State::Good
                } else {
                    State::Open
                }
            }
            // It does not end on a failure: the next good response or the limit decides.
            Goal::Watch(span) if now >= span && self.good_since.is_some() => State::Good,
            Goal::Watch(_) => State::Open,
        }
    }

    fn failed_in_a_row(&self) -> u64 {
        self.wrong_in_a_row.saturating_add(self.no_answer_in_a_row)
    }

    /// Attempts that ended in anything but a good response.
    pub fn failed(&self) -> u64 {
        self.wrong + self.no_answer
    }

    pub fn samples(&self) -> u64 {
        self.good + self.wrong + self.no_answer
    }

    /// Why it is over, in words.
    pub fn explain(&self, why: Why) -> String {
        match why {
            Why::InARow => format!("{} in a row", text::count(amount(self.wrong_in_a_row), "bad response")),
            Why::NoAnswerInARow => format!(
                "{} without a response in a row",
                text::count(amount(self.no_answer_in_a_row), "attempt")
            ),
            Why::FailuresInARow => {
                format!("{} in a row", text::count(amount(self.failed_in_a_row()), "failure"))
            }
            Why::Ratio => format!(
                "{} in {}, more than {} of at least {}",
                text::count(amount(self.failed()), "failure"),
                text::count(amount(self.samples()), "attempt"),
                self.limits.error_ratio,
                self.limits.min_samples
            ),
            Why::NeverSteady => format!(
                "not {} within {}",
                self.goal,
                TimeSpan(Duration::from_secs(self.limits.deadline.as_secs()))
            ),
            Why::NoData => "no good response in the whole window".to_owned(),
        }
    }
}

fn amount(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
