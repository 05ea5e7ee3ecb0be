//! `no-other-run`: nobody else is still deploying.

use super::mock::{Mock, Trouble};

const ASK: [&str; 2] = ["skip-guard", "--require=no-other-run"];

#[test]
fn alone_is_met_and_newer_and_ended_runs_do_not_matter() {
    let mock = Mock::new().run(78, 51, "in_progress", 0).run(70, 40, "completed", 1);
    mock.gate().run(ASK).code(0).says("Verdict: pass");
    mock.was_asked_properly();
}

#[test]
fn an_older_run_that_goes_on_is_waited_for() {
    for status in ["in_progress", "queued", "waiting", "pending", "requested"] {
        let mock = Mock::new().run(70, 49, status, 0);
        mock.gate()
            .run(ASK)
            .code(0)
            .says("::warning title=Skipped")
            .says("an older run of this workflow is still going on: run 49 (")
            .says("https://github.com/acme/shop/actions/runs/70")
            .says("Wait for it to end");
    }
    let mut mock = Mock::new().pages_of(2);
    for number in 41..=45 {
        mock = mock.run(number, number, "queued", 0);
    }
    mock.gate()
        .run(ASK)
        .code(0)
        .says("5 older runs of this workflow are")
        .says("and 2 more");
}

#[test]
fn a_silent_one_is_stale_and_named_and_does_not_block() {
    let mock = Mock::new().run(70, 49, "in_progress", 3);
    mock.gate().run(ASK).code(0).says("Verdict: skip");
    let gate = mock.gate();
    gate.run(["skip-guard", "--require=no-other-run:2h"])
        .code(0)
        .says("Verdict: pass-weak")
        .says("run 49 (in progress, https://github.com/acme/shop/actions/runs/70) has been silent for 3h");
    assert_eq!(
        gate.report("skip-guard")["checks"][0]["findings"][0]["code"],
        "stale-run"
    );
    let mock = Mock::new().run(70, 49, "in_progress", 7);
    mock.gate().run(ASK).code(0).says("Verdict: pass-weak");
}

#[test]
fn who_may_not_look_does_not_know() {
    let mock = Mock::new().grants(&[]);
    mock.gate().run(ASK).code(4).says("add `actions: read`");
    let mock = Mock::new().troubles([Trouble::RateLimit(3000)]);
    mock.gate().run(ASK).code(4).says("rate limit");
}
