//! After the first right answer: does it stay right? Knows no clock and no network, only what came back and when.
//!
//! Two rules hold whatever comes in: one more failure never makes the verdict better, and equal samples count the same
//! one by one or together.

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
    /// Wrong answers since the last right one. This many end it.
    pub failures: u64,
    /// Attempts without an answer since the last right one. This many end it.
    pub transport_errors: u64,
    /// Wrong answers of all answers. More end it.
    pub error_ratio: Share,
    /// The ratio is of at least this many answers, so that the first failure is not 100 %.
    pub min_samples: u64,
    /// The time in which steadiness must be reached.
    pub deadline: Duration,
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
    /// More samples are needed.
    Open,
    Good,
}

/// Which limit was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    InARow,
    NoAnswerInARow,
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
    /// Since when every sample was good.
    good_since: Option<Duration>,
    state: State,
}

impl Window {
    /// A window that begins with the right answer just before it.
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
                // Both counts run until something is right again: a wrong answer between two silences is no recovery.
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
        // Attempts without an answer are left out of the whole, or one more of them would make the share smaller.
        let answers = (self.good + self.wrong).max(self.limits.min_samples);
        if self.limits.error_ratio.is_exceeded(self.wrong, answers) {
            return State::Degraded(Why::Ratio);
        }
        match self.goal {
            Goal::Steady(span) => {
                // The next streak can begin now at the earliest.
                let since = self.good_since.unwrap_or(now);
                if since.saturating_add(span) > self.limits.deadline {
                    State::Degraded(Why::NeverSteady)
                } else if self.good_since.is_some() && self.good > 0 && now.saturating_sub(since) >= span {
                    State::Good
                } else {
                    State::Open
                }
            }
            // It does not end on a failure: the next right answer or the limit decides.
            Goal::Watch(span) if now >= span && self.good_since.is_some() && self.good > 0 => State::Good,
            Goal::Watch(_) => State::Open,
        }
    }

    /// Failures that did not end it.
    pub fn tolerated(&self) -> u64 {
        self.wrong + self.no_answer
    }

    pub fn samples(&self) -> u64 {
        self.good + self.wrong + self.no_answer
    }

    /// Why it is over, in words.
    pub fn explain(&self, why: Why) -> String {
        match why {
            Why::InARow => format!("{} in a row", text::count(amount(self.wrong_in_a_row), "wrong answer")),
            Why::NoAnswerInARow => format!(
                "{} without an answer in a row",
                text::count(amount(self.no_answer_in_a_row), "attempt")
            ),
            Why::Ratio => format!(
                "{} of {}, more than {} of at least {}",
                text::count(amount(self.wrong), "wrong answer"),
                text::count(amount(self.good + self.wrong), "answer"),
                self.limits.error_ratio,
                self.limits.min_samples
            ),
            Why::NeverSteady => format!(
                "it was not {} within {}",
                self.goal,
                TimeSpan(Duration::from_secs(self.limits.deadline.as_secs()))
            ),
            Why::NoData => "there was no right answer in the whole window".to_owned(),
        }
    }
}

fn amount(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits {
            failures: 3,
            transport_errors: 4,
            error_ratio: Share::percent(5),
            min_samples: 60,
            deadline: 60 * SECOND,
        }
    }

    fn kind(letter: char) -> Kind {
        match letter {
            'g' => Kind::Good,
            'w' => Kind::Wrong,
            't' => Kind::NoAnswer,
            other => panic!("{other}"),
        }
    }

    /// One sample a second; `g`ood, `w`rong, or `t`ransport error.
    fn after(goal: Goal, limits: Limits, samples: &str) -> Window {
        let mut window = Window::new(goal, limits);
        for (at, letter) in (1..).zip(samples.chars()) {
            window.add(Run::one(kind(letter), at * SECOND));
        }
        window
    }

    fn state(goal: Goal, samples: &str) -> State {
        after(goal, limits(), samples).state()
    }

    #[test]
    fn steady_is_a_streak_and_a_failure_begins_it_anew() {
        let steady = Goal::Steady(5 * SECOND);
        assert_eq!(state(steady, "gggg"), State::Open);
        assert_eq!(state(steady, "ggggg"), State::Good);
        assert_eq!(state(steady, "ggwggggg"), State::Open);
        assert_eq!(state(steady, "ggwgggggg"), State::Good, "from the next right answer on");
        assert_eq!(state(steady, &"gggw".repeat(15)), State::Degraded(Why::Ratio));
        assert_eq!(state(steady, &"gggt".repeat(15)), State::Degraded(Why::NeverSteady));
    }

    /// Told one by one, and as one run that goes on behind the deadline.
    #[test]
    fn a_streak_that_cannot_end_in_time_is_none() {
        let limits = Limits {
            failures: 2,
            deadline: 2 * SECOND,
            ..limits()
        };
        let steady = Goal::Steady(SECOND);
        let singly = after(steady, limits, "tgg").state();
        let mut window = after(steady, limits, "t");
        window.add(Run {
            kind: Kind::Good,
            count: 2,
            from: 2 * SECOND,
            to: 3 * SECOND,
        });
        assert_eq!(singly, State::Degraded(Why::NeverSteady));
        assert_eq!(window.state(), singly);
    }

    #[test]
    fn a_watch_tolerates_what_is_within_the_limits() {
        let watch = Goal::Watch(30 * SECOND);
        assert_eq!(state(watch, &"g".repeat(30)), State::Good);
        assert_eq!(state(watch, &format!("gwg{}", "g".repeat(27))), State::Good);
        assert_eq!(state(watch, "gggwww"), State::Degraded(Why::InARow));
        assert_eq!(
            state(watch, "gggwwtwg"),
            State::Degraded(Why::InARow),
            "a silence is no recovery"
        );
        assert_eq!(
            state(watch, "gttt"),
            State::Open,
            "transport errors have their own limit"
        );
        assert_eq!(state(watch, "gtttt"), State::Degraded(Why::NoAnswerInARow));
    }

    #[test]
    fn it_ends_as_soon_as_the_result_cannot_change() {
        // 4 wrong answers are more than 5 % of 60, whatever the other 56 are.
        assert_eq!(state(Goal::Watch(900 * SECOND), "wgwgwg"), State::Open);
        assert_eq!(state(Goal::Watch(900 * SECOND), "wgwgwgw"), State::Degraded(Why::Ratio));
    }

    #[test]
    fn it_does_not_end_on_a_failure() {
        let watch = Goal::Watch(3 * SECOND);
        assert_eq!(state(watch, "ggt"), State::Open);
        assert_eq!(state(watch, "ggtg"), State::Good);
        assert_eq!(state(watch, "ggtttt"), State::Degraded(Why::NoAnswerInARow));
    }

    #[test]
    fn no_data_is_never_good() {
        for goal in [Goal::Steady(Duration::ZERO), Goal::Watch(Duration::ZERO)] {
            let mut window = Window::new(goal, limits());
            window.finish();
            assert_eq!(window.state(), State::Degraded(Why::NoData));
        }
    }

    /// How good a state is. Which limit was passed does not matter.
    fn rank(state: State) -> u8 {
        match state {
            State::Degraded(_) => 0,
            State::Open => 1,
            State::Good => 2,
        }
    }

    fn samples() -> impl Strategy<Value = Vec<Kind>> {
        let kinds = prop_oneof![8 => Just(Kind::Good), 1 => Just(Kind::Wrong), 1 => Just(Kind::NoAnswer)];
        prop::collection::vec(kinds, 0..80)
    }

    fn goals() -> impl Strategy<Value = Goal> {
        (0u64..40, any::<bool>()).prop_map(|(secs, steady)| match steady {
            true => Goal::Steady(Duration::from_secs(secs)),
            false => Goal::Watch(Duration::from_secs(secs)),
        })
    }

    fn any_limits() -> impl Strategy<Value = Limits> {
        (1u64..6, 1u64..6, 0u32..=100, 0u64..30, 1u64..90).prop_map(|(failures, transport, percent, min, deadline)| {
            Limits {
                failures,
                transport_errors: transport,
                error_ratio: Share::percent(percent),
                min_samples: min,
                deadline: Duration::from_secs(deadline),
            }
        })
    }

    /// The final state with samples at the given times.
    fn judged(goal: Goal, limits: Limits, samples: &[(Kind, Duration)]) -> State {
        let mut window = Window::new(goal, limits);
        for (kind, at) in samples {
            window.add(Run::one(*kind, *at));
        }
        window.state()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn equal_samples_count_the_same_one_by_one_or_together(
            goal in goals(), limits in any_limits(), kinds in samples(), cuts in prop::collection::vec(any::<bool>(), 80)
        ) {
            let timed: Vec<(Kind, Duration)> = (1..).zip(&kinds).map(|(at, kind)| (*kind, at * SECOND)).collect();
            let singly = judged(goal, limits, &timed);
            let mut window = Window::new(goal, limits);
            let mut rest = timed.as_slice();
            while let Some((kind, from)) = rest.first().copied() {
                let mut length = 1;
                while length < rest.len() && rest[length].0 == kind && !cuts[length] {
                    length += 1;
                }
                let to = rest[length - 1].1;
                window.add(Run { kind, count: length as u64, from, to });
                rest = &rest[length..];
            }
            prop_assert_eq!(rank(window.state()), rank(singly));
        }

        #[test]
        fn one_more_failure_never_makes_it_better(
            goal in goals(), limits in any_limits(), kinds in samples(), place in any::<prop::sample::Index>(),
            silent in any::<bool>()
        ) {
            let bad = if silent { Kind::NoAnswer } else { Kind::Wrong };
            let timed: Vec<(Kind, Duration)> = (1..).zip(&kinds).map(|(at, kind)| (*kind, at * SECOND)).collect();
            let before = judged(goal, limits, &timed);
            // In addition to the others …
            let at = place.index(timed.len() + 1);
            let mut added = timed.clone();
            let when = timed.get(at).or(timed.last()).map_or(SECOND, |(_, when)| *when);
            added.insert(at, (bad, when));
            // A window that was over before it came is over.
            prop_assert!(rank(judged(goal, limits, &added)) <= rank(before), "{before:?} {added:?}");
            // … or instead of a right answer.
            if let Some(sample) = timed.get(at) && sample.0 == Kind::Good {
                let mut replaced = timed.clone();
                replaced[at].0 = bad;
                prop_assert!(rank(judged(goal, limits, &replaced)) <= rank(before), "{before:?} {replaced:?}");
            }
        }

        #[test]
        fn only_right_answers_make_it_good(goal in goals(), limits in any_limits(), kinds in samples()) {
            let timed: Vec<(Kind, Duration)> = (1..)
                .zip(kinds.iter().filter(|kind| **kind != Kind::Good))
                .map(|(at, kind)| (*kind, at * SECOND))
                .collect();
            prop_assert_ne!(judged(goal, limits, &timed), State::Good);
        }
    }
}
