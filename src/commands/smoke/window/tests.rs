//! Windows, sample by sample.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits {
        failures: 3,
        transport_errors: 4,
        error_ratio: Share::percent(5),
        min_samples: 60,
        deadline: 60 * SECOND,
        longest_gap: 3 * SECOND,
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
    assert_eq!(
        state(steady, "ggwgggggg"),
        State::Good,
        "from the next good response on"
    );
    assert_eq!(state(steady, &"gggw".repeat(15)), State::Degraded(Why::Ratio));
    assert_eq!(state(steady, &"gggt".repeat(15)), State::Degraded(Why::Ratio));
    let limits = Limits {
        error_ratio: Share::percent(100),
        ..limits()
    };
    let never = after(steady, limits, &"gggt".repeat(15)).state();
    assert_eq!(never, State::Degraded(Why::NeverSteady));
    // The time that is left is just enough, more than enough, and too short.
    let just = format!("{}gtgggggg", "gggt".repeat(13));
    assert_eq!(after(steady, limits, &just).state(), State::Good);
    let just = format!("{}{}", "gggt".repeat(13), "ggg");
    assert_eq!(after(steady, limits, &format!("{just}ggggg")).state(), State::Good);
    let one_less = format!("{}ggggg", "gggt".repeat(14));
    assert_eq!(
        after(steady, limits, &one_less).state(),
        State::Degraded(Why::NeverSteady)
    );
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
    assert_eq!(state(watch, "gwwt"), State::Open);
    assert_eq!(
        state(watch, "gwwtt"),
        State::Degraded(Why::FailuresInARow),
        "of both kinds"
    );
}

#[test]
fn it_ends_as_soon_as_the_result_cannot_change() {
    // 4 bad responses are more than 5 % of 60, whatever the other 56 are.
    assert_eq!(state(Goal::Watch(900 * SECOND), "wgwgwg"), State::Open);
    assert_eq!(state(Goal::Watch(900 * SECOND), "wgwgwgw"), State::Degraded(Why::Ratio));
}

#[test]
fn an_attempt_without_an_answer_counts_in_the_ratio() {
    assert_eq!(state(Goal::Watch(900 * SECOND), "tgtgtg"), State::Open);
    assert_eq!(state(Goal::Watch(900 * SECOND), "tgtgwgt"), State::Degraded(Why::Ratio));
    // Four of five.
    let limits = Limits {
        failures: 100,
        transport_errors: 5,
        min_samples: 5,
        ..limits()
    };
    let dead = after(Goal::Watch(60 * SECOND), limits, &"ttttg".repeat(12));
    assert_eq!(dead.state(), State::Degraded(Why::Ratio));
    // As many as allowed, of as many as there were: 5 of 100 are 5 %.
    let enough = format!("{}{}", "g".repeat(95), "tttt".to_owned() + "gw");
    let limits = Limits {
        transport_errors: 5,
        ..limits
    };
    let state = |samples: &str| after(Goal::Watch(900 * SECOND), limits, samples).state();
    assert_eq!(state(&enough), State::Open);
    assert_eq!(
        state(&format!("{}{}", "g".repeat(93), "ttttgwt")),
        State::Degraded(Why::Ratio)
    );
}

#[test]
fn a_gap_is_neither_good_nor_bad() {
    let limits = limits();
    for goal in [Goal::Watch(5 * SECOND), Goal::Steady(5 * SECOND)] {
        let mut window = after(goal, limits, "gg");
        window.gap(limits.longest_gap);
        assert_eq!(window.state(), State::Open, "as long as allowed");
        let gap = limits.longest_gap + Duration::from_millis(1);
        window.gap(gap);
        assert_eq!(window.state(), State::Unwatched(gap));
        for at in 6..20 {
            window.add(Run::one(Kind::Good, at * SECOND));
        }
        window.finish();
        window.gap(2 * gap);
        assert_eq!(
            window.state(),
            State::Unwatched(gap),
            "what comes later does not fill it"
        );
        let mut over = after(goal, limits, "ggggg");
        over.gap(gap);
        assert_eq!(over.state(), State::Good, "after the end nobody has to look");
        let mut bad = after(goal, limits, "www");
        bad.gap(gap);
        assert_eq!(bad.state(), State::Degraded(Why::InARow));
    }
}

#[test]
fn it_is_said_why_it_is_over() {
    let watch = Goal::Watch(900 * SECOND);
    for (samples, expected) in [
        ("www", "3 bad responses in a row"),
        ("gtttt", "4 attempts without a response in a row"),
        ("gwtwt", "4 failures in a row"),
        ("wgtgwgt", "4 failures in 7 attempts, more than 5% of at least 60"),
    ] {
        let window = after(watch, limits(), samples);
        let State::Degraded(why) = window.state() else {
            panic!("{samples}: {:?}", window.state());
        };
        assert_eq!(window.explain(why), expected, "{samples}");
    }
    let window = after(Goal::Steady(5 * SECOND), limits(), "g");
    assert_eq!(window.explain(Why::NeverSteady), "not steady for 5s within 1m");
    assert_eq!(window.goal(), Goal::Steady(5 * SECOND));
    assert_eq!(window.goal().to_string(), "steady for 5s");
    assert_eq!(watch.to_string(), "watched for 15m");
    assert_eq!(watch.lasts(), 900 * SECOND);
    let window = after(watch, limits(), "gwtg");
    assert_eq!((window.failed(), window.samples()), (2, 4));
}

#[test]
fn what_the_last_samples_were_decides_when_time_is_up() {
    let watch = Goal::Watch(900 * SECOND);
    for (goal, samples, why) in [
        (watch, "gt", Why::NoAnswerInARow),
        (watch, "gw", Why::InARow),
        (watch, "gtw", Why::NoAnswerInARow),
        (watch, "wt", Why::NoData),
        (Goal::Steady(900 * SECOND), "g", Why::NeverSteady),
    ] {
        let limits = Limits {
            deadline: 2000 * SECOND,
            ..limits()
        };
        let mut window = after(goal, limits, samples);
        window.finish();
        assert_eq!(window.state(), State::Degraded(why), "{goal} {samples}");
    }
    let mut good = after(Goal::Watch(SECOND), limits(), "g");
    good.finish();
    assert_eq!(good.state(), State::Good);
}

#[test]
fn nothing_is_no_sample() {
    let mut window = Window::new(Goal::Watch(SECOND), limits());
    window.add(Run {
        count: 0,
        ..Run::one(Kind::Good, 9 * SECOND)
    });
    assert_eq!((window.state(), window.samples()), (State::Open, 0));
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
