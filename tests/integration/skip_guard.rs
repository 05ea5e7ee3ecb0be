//! `skip-guard`: may this job run here at all?

use crate::gate::Gate;

const PUSH: &str = r#"{"repository":{"fork":false,"full_name":"acme/shop"}}"#;
const FORK_PULL: &str = r#"{"pull_request":{"head":{"repo":{"full_name":"eve/shop"}},
    "base":{"repo":{"full_name":"acme/shop"}}},"repository":{"fork":false}}"#;
const OWN_PULL: &str = r#"{"pull_request":{"head":{"repo":{"full_name":"acme/shop"}},
    "base":{"repo":{"full_name":"acme/shop"}}},"repository":{"fork":false}}"#;
const GONE_PULL: &str = r#"{"pull_request":{"head":{"repo":null},
    "base":{"repo":{"full_name":"acme/shop"}}},"repository":{"fork":false}}"#;

#[test]
fn ready_when_everything_is_there() {
    let gate = Gate::new().on_runner("push", PUSH).env("DEPLOY_TOKEN", "abcdefgh1234");
    gate.write("fly.toml", "app = 'shop'\n");
    gate.run([
        "skip-guard",
        "--require=env:DEPLOY_TOKEN",
        "--require=file:fly.toml",
        "--require=command:sh",
        "--require=event:push,workflow_dispatch",
        "--require=ref:main",
        "--require=not-fork",
    ])
    .code(0)
    .says("Verdict: pass")
    .never_says("abcdefgh1234");
    let outputs = gate.outputs();
    assert_eq!(outputs["ready"], "true");
    assert_eq!(outputs["missing"], "[]");
    assert_eq!(outputs["verdict"], "pass");
}

#[test]
fn what_is_missing_is_a_skip_that_names_everything() {
    let gate = Gate::new().on_runner("push", PUSH).env("EMPTY", "").env("BLANK", "  ");
    gate.run([
        "skip-guard",
        "--require=env:ABSENT",
        "--require=env:EMPTY",
        "--require=env:BLANK",
        "--require=file:fly.toml",
        "--require=command:no-such-program",
        "--require=event:workflow_dispatch",
        "--require=ref:release/*",
        "--require=url:http://127.0.0.1:9/",
    ])
    .code(0)
    .says("Verdict: skip")
    .says("::notice title=Skipped::Skipped: ABSENT is not set or is empty; EMPTY is");
    let outputs = gate.outputs();
    assert_eq!(outputs["ready"], "false");
    let missing: Vec<String> = serde_json::from_str(&outputs["missing"]).unwrap();
    assert_eq!(
        missing,
        [
            "env:ABSENT",
            "env:EMPTY",
            "env:BLANK",
            "file:fly.toml",
            "command:no-such-program",
            "event:workflow_dispatch",
            "ref:release/*",
            "url:http://127.0.0.1:9/"
        ]
    );
    let summary = gate.read("runner/summary");
    assert!(summary.contains("stageproof skip-guard: skip"), "{summary}");
    assert!(summary.contains("ABSENT is not set"), "{summary}");
    assert_eq!(gate.report("skip-guard")["verdict"], "skip");
}

#[test]
fn strict_turns_the_skip_into_a_failure() {
    let gate = Gate::new().on_runner("push", PUSH);
    gate.run(["skip-guard", "--strict", "--require=env:ABSENT"])
        .code(1)
        .says("Verdict: fail")
        .says("::error title=ABSENT is set::");
    assert_eq!(gate.outputs()["ready"], "false");
}

#[test]
fn pull_requests_from_forks_are_told_from_own_ones() {
    for (payload, ready) in [(FORK_PULL, "false"), (GONE_PULL, "false"), (OWN_PULL, "true")] {
        let gate = Gate::new().on_runner("pull_request", payload);
        gate.run(["skip-guard", "--require=not-fork"]).code(0);
        assert_eq!(gate.outputs()["ready"], ready, "{payload}");
    }
}

#[test]
fn a_guard_that_cannot_decide_is_an_error_and_not_a_skip() {
    for payload in ["", "{", r#"{"pull_request":{"head":{},"base":{}}}"#] {
        let gate = Gate::new().on_runner("pull_request", payload);
        gate.run(["skip-guard", "--require=not-fork"])
            .code(4)
            .says("could not look");
        assert_eq!(gate.outputs()["ready"], "false");
        assert_eq!(gate.outputs()["verdict"], "inconclusive");
    }
}

#[test]
fn on_a_laptop_questions_about_the_run_do_not_apply() {
    let gate = Gate::new();
    gate.write("fly.toml", "");
    gate.run([
        "skip-guard",
        "--require=file:fly.toml",
        "--require=event:push",
        "--require=not-fork",
    ])
    .code(0)
    .says("Verdict: pass");
}

#[test]
fn nothing_to_check_is_a_usage_error() {
    Gate::new()
        .run(["skip-guard"])
        .code(2)
        .says("skip-guard has nothing to check")
        .says("next: give --require");
}
