//! Event payloads that are missing, huge, deep or odd.

use std::time::{Duration, Instant};

use crate::gate::Gate;

const NOT_FORK: [&str; 2] = ["skip-guard", "--require=not-fork"];

#[test]
fn without_a_payload_nothing_is_known_and_act_is_told_how_to_give_one() {
    for (payload, event) in [
        ("", "push"),
        ("{}", "push"),
        ("[]", "push"),
        ("{}", "pull_request"),
        ("null", "push"),
    ] {
        let gate = Gate::new().on_runner(event, payload);
        gate.run(NOT_FORK)
            .code(4)
            .says("run it in a workflow job")
            .never_says("--eventpath");
        let gate = Gate::new().on_runner(event, payload).env("ACT", "true");
        gate.run(NOT_FORK).code(4).says("act --eventpath FILE");
    }
    let gate = Gate::new().on_runner("push", "{}").env("GITHUB_EVENT_PATH", "");
    gate.run(NOT_FORK).code(4).says("GITHUB_EVENT_PATH is not set");
}

#[test]
fn a_hostile_payload_ends_quickly_and_is_never_a_reason_to_go_on() {
    let deep = "[".repeat(1_000_000);
    let wide = format!("[{}0]", "[],".repeat(300_000));
    let long = format!("{}1", " ".repeat(26_000_000));
    for (what, payload) in [
        ("deep", deep),
        ("wide", wide),
        ("too long", long),
        ("a NUL", "\0".to_owned()),
    ] {
        let gate = Gate::new().on_runner("pull_request", &payload);
        let started = Instant::now();
        let ran = gate.run(NOT_FORK);
        assert_eq!(ran.output.status.code(), Some(4), "{what}\n{}", ran.explain());
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{what}: {:?}",
            started.elapsed()
        );
        assert!(
            ran.output.stdout.len() < 10_000,
            "{what}: {} bytes",
            ran.output.stdout.len()
        );
    }
}

#[test]
fn a_name_without_end_is_cut() {
    let payload = format!(
        r#"{{"pull_request":{{"head":{{"repo":{{"full_name":"{}"}}}},"base":{{"repo":{{"full_name":"a/b"}}}}}}}}"#,
        "x".repeat(3_000_000)
    );
    let gate = Gate::new().on_runner("pull_request", &payload);
    let ran = gate.run(NOT_FORK);
    ran.code(0).says("Verdict: skip");
    assert!(ran.output.stdout.len() < 10_000, "{} bytes", ran.output.stdout.len());
}

#[test]
fn many_checks_read_the_payload_once() {
    let payload = format!(r#"{{"repository":{{"fork":false}},"x":[{}0]}}"#, "[],".repeat(300_000));
    let gate = Gate::new().on_runner("push", &payload);
    let requires: Vec<String> = (0..60).map(|n| format!("--require=env:ABSENT_{n}")).collect();
    let started = Instant::now();
    let all = ["skip-guard".to_owned()].into_iter().chain(requires);
    gate.run(all).code(0).says("Verdict: skip");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
