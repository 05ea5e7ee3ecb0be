//! What holds whatever comes in.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// How good a state is. Which limit was passed does not matter.
fn rank(state: State) -> u8 {
    match state {
        State::Degraded(_) => 0,
        State::Unwatched(_) => 1,
        State::Open => 2,
        State::Good => 3,
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
            longest_gap: 3 * SECOND,
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
        // … or instead of a good response.
        if let Some(sample) = timed.get(at) && sample.0 == Kind::Good {
            let mut replaced = timed.clone();
            replaced[at].0 = bad;
            prop_assert!(rank(judged(goal, limits, &replaced)) <= rank(before), "{before:?} {replaced:?}");
        }
    }

    /// As long as no larger limit is set for it.
    #[test]
    fn an_attempt_without_an_answer_is_never_better_than_a_wrong_answer(
        goal in goals(), limits in any_limits(), kinds in samples(), place in any::<prop::sample::Index>()
    ) {
        let limits = Limits { transport_errors: limits.transport_errors.min(limits.failures), ..limits };
        let mut timed: Vec<(Kind, Duration)> = (1..).zip(&kinds).map(|(at, kind)| (*kind, at * SECOND)).collect();
        let before = judged(goal, limits, &timed);
        let wrong: Vec<usize> = (0..timed.len()).filter(|at| timed[*at].0 == Kind::Wrong).collect();
        if !wrong.is_empty() {
            timed[wrong[place.index(wrong.len())]].0 = Kind::NoAnswer;
            prop_assert!(rank(judged(goal, limits, &timed)) <= rank(before), "{before:?} {timed:?}");
        }
    }

    /// Whatever the limits in a row allow.
    #[test]
    fn more_failures_than_the_ratio_allows_are_never_good(
        goal in goals(), limits in any_limits(), kinds in samples()
    ) {
        let limits = Limits { failures: 100, transport_errors: 100, min_samples: 0, ..limits };
        let timed: Vec<(Kind, Duration)> = (1..).zip(&kinds).map(|(at, kind)| (*kind, at * SECOND)).collect();
        let mut window = Window::new(goal, limits);
        for (kind, at) in &timed {
            window.add(Run::one(*kind, *at));
        }
        if window.state() == State::Good {
            prop_assert!(!limits.error_ratio.is_exceeded(window.failed(), window.samples()));
        }
    }

    #[test]
    fn a_gap_never_makes_it_better(
        goal in goals(), limits in any_limits(), kinds in samples(), place in any::<prop::sample::Index>(),
        length in 0u64..9
    ) {
        let timed: Vec<(Kind, Duration)> = (1..).zip(&kinds).map(|(at, kind)| (*kind, at * SECOND)).collect();
        let before = judged(goal, limits, &timed);
        let place = place.index(timed.len() + 1);
        let mut window = Window::new(goal, limits);
        for (n, (kind, at)) in timed.iter().enumerate() {
            if n == place {
                window.gap(Duration::from_secs(length));
            }
            window.add(Run::one(*kind, *at));
        }
        let is_long = Duration::from_secs(length) > limits.longest_gap;
        prop_assert!(is_long || window.state() == before);
        prop_assert!(window.state() != State::Good || before == State::Good);
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
