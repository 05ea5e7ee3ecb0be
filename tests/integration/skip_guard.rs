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
    .says("::warning title=Skipped::Staging was skipped: ABSENT is not set or empty; EMPTY is");
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
    let workflow_run = |head: &str| {
        format!(
            r#"{{"workflow_run":{{"head_repository":{head}}},"repository":{{"full_name":"acme/shop","fork":false}}}}"#
        )
    };
    for (event, payload, ready) in [
        ("pull_request", FORK_PULL, "false"),
        ("pull_request_target", FORK_PULL, "false"),
        ("pull_request", GONE_PULL, "false"),
        ("pull_request", OWN_PULL, "true"),
        ("workflow_run", &workflow_run(r#"{"full_name":"eve/shop"}"#), "false"),
        ("workflow_run", &workflow_run("null"), "false"),
        ("workflow_run", &workflow_run(r#"{"full_name":"acme/shop"}"#), "true"),
        ("push", PUSH, "true"),
        ("push", r#"{"repository":{"fork":true}}"#, "false"),
        ("schedule", r#"{"schedule":"0 1 * * *"}"#, "true"),
    ] {
        let gate = Gate::new().on_runner(event, payload);
        gate.run(["skip-guard", "--require=not-fork"]).code(0);
        assert_eq!(gate.outputs()["ready"], ready, "{event} {payload}");
    }
}

#[test]
fn a_guard_that_cannot_decide_is_an_error_and_not_a_skip() {
    let comment = r#"{"issue":{"pull_request":{}},"repository":{"fork":false}}"#;
    for (event, payload) in [
        ("pull_request", ""),
        ("pull_request", "{"),
        ("pull_request", "{}"),
        ("pull_request", PUSH),
        ("pull_request", r#"{"pull_request":{"head":{},"base":{}}}"#),
        ("push", "{}"),
        ("push", "null"),
        ("push", r#"{"repository":{"fork":"false"}}"#),
        ("workflow_run", PUSH),
        ("issue_comment", comment),
    ] {
        let gate = Gate::new().on_runner(event, payload);
        gate.run(["skip-guard", "--require=not-fork"])
            .code(4)
            .says("could not check");
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

/// Of several, too, in the report as on the console.
#[test]
fn each_missing_prerequisite_has_its_own_advice() {
    let gate = Gate::new();
    gate.run([
        "skip-guard",
        "--require=env:A_TOKEN",
        "--require=file:x.txt",
        "--require=command:no-such-tool",
    ])
    .code(0);
    let report = gate.report("skip-guard");
    let advice = ["export A_TOKEN=", "Check the path", "Install it in a step"];
    for (check, advice) in report["checks"].as_array().unwrap().iter().zip(advice) {
        let reason = check["skip_reason"].as_str().unwrap();
        assert!(reason.contains(advice), "{reason}");
    }
    for (name, advice) in ["env:A_TOKEN", "file:x.txt", "command:no-such-tool"].iter().zip(advice) {
        let reason = report["reason"].as_str().unwrap();
        let own = reason.split_once(&format!("{name}: ")).unwrap().1;
        assert!(own.split(". ").next().unwrap().contains(advice), "{reason}");
    }
}

#[test]
fn a_misspelled_kind_names_the_nearest_one() {
    let gate = Gate::new();
    gate.run(["skip-guard", "--require=evn:FOO"])
        .code(2)
        .says("`evn:FOO` is not a prerequisite; did you mean `env:FOO`?");
    gate.run(["skip-guard", "--require=nonsense"])
        .code(2)
        .says("write one of env:NAME");
}

#[test]
fn nothing_to_check_is_a_usage_error() {
    Gate::new()
        .run(["skip-guard"])
        .code(2)
        .says("skip-guard has nothing to check")
        .says("next: give --require");
}

/// What cannot exist in a run is no reason to warn, let alone to fail; what should exist is.
#[test]
fn missing_secrets_mean_something_else_in_each_kind_of_run() {
    // event, payload, actor, exit code, verdict, annotation, sentence
    let cases = [
        (
            "pull_request",
            FORK_PULL,
            "eve",
            0,
            "notice",
            "is not available to pull requests from forks. Nothing to do.",
        ),
        (
            "pull_request",
            GONE_PULL,
            "eve",
            0,
            "notice",
            "is not available to pull requests from forks. Nothing to do.",
        ),
        (
            "pull_request",
            OWN_PULL,
            "dependabot[bot]",
            0,
            "notice",
            "is not available to runs that Dependabot starts.",
        ),
        (
            "push",
            r#"{"repository":{"fork":true}}"#,
            "eve",
            0,
            "notice",
            "is not available to runs in a fork",
        ),
        (
            "pull_request",
            OWN_PULL,
            "ann",
            0,
            "warning",
            "is not set or empty. Create it and map it",
        ),
        (
            "pull_request_target",
            FORK_PULL,
            "eve",
            0,
            "warning",
            "is not set or empty. Create it and map it",
        ),
        (
            "schedule",
            r#"{"schedule":"0 1 * * *"}"#,
            "ann",
            0,
            "warning",
            "is not set or empty. Create it and map it",
        ),
        ("workflow_dispatch", PUSH, "ann", 1, "error", "is not set or empty"),
    ];
    for (event, payload, actor, code, annotation, says) in cases {
        let gate = Gate::new().on_runner(event, payload).env("GITHUB_ACTOR", actor);
        let ran = gate.run(["skip-guard", "--require=env:FLY_API_TOKEN"]);
        ran.code(code)
            .says(&format!("FLY_API_TOKEN {says}"))
            .says(&format!("::{annotation} title="));
        if code == 0 {
            ran.says("Verdict: skip. Staging was skipped: ");
        }
        assert_eq!(gate.outputs()["ready"], "false", "{event}");
    }
}

#[test]
fn the_configuration_says_where_a_missing_secret_fails() {
    for (fail_on, code) in [
        ("ref:main", 1),
        ("ref:release/**", 0),
        ("event:push,schedule", 1),
        ("event:schedule", 0),
        ("never", 0),
    ] {
        let gate = Gate::new().on_runner("push", PUSH);
        gate.write(
            ".github/stageproof.yml",
            format!("skip-guard:\n  require: [env:TOKEN]\n  fail-on: ['{fail_on}']\n"),
        );
        gate.run(["skip-guard"]).code(code);
        let gate = Gate::new().on_runner("push", PUSH).env("INPUT_FAIL-ON", fail_on);
        gate.run(["skip-guard", "--require=env:TOKEN"]).code(code);
    }
    let gate = Gate::new().on_runner("workflow_dispatch", PUSH);
    gate.run(["skip-guard", "--require=env:TOKEN", "--fail-on=never"])
        .code(0);
    gate.run(["skip-guard", "--require=env:TOKEN", "--fail-on=always"])
        .code(2)
        .says("event:LIST, ref:GLOB or never");
    // A fork has no secrets, whoever pressed the button.
    let gate = Gate::new().on_runner("workflow_dispatch", r#"{"repository":{"fork":true}}"#);
    gate.run(["skip-guard", "--require=env:TOKEN"]).code(0);
}

#[test]
fn a_group_that_is_partly_set_always_fails_and_names_both_halves() {
    for event in ["push", "pull_request"] {
        let gate = Gate::new()
            .on_runner(event, FORK_PULL)
            .env("AWS_KEY_ID", "AKIA-not-to-be-shown");
        gate.run([
            "skip-guard",
            "--require=group:AWS_KEY_ID,AWS_SECRET,AWS_REGION",
            "--fail-on=never",
        ])
        .code(1)
        .says("AWS_KEY_ID is set, but AWS_SECRET, AWS_REGION are not")
        .never_says("AKIA-not-to-be-shown");
    }
    let gate = Gate::new().on_runner("push", PUSH);
    gate.run(["skip-guard", "--require=group:A_ONE,A_TWO"])
        .code(0)
        .says("A_ONE, A_TWO are not set or empty");
    let gate = Gate::new().env("A_ONE", "1").env("A_TWO", "2");
    gate.run(["skip-guard", "--require=group:A_ONE,A_TWO"])
        .code(0)
        .says("Verdict: pass");
}

#[test]
fn variables_and_ports_are_looked_up() {
    let url = crate::servers::answer("x");
    let port = url.rsplit(':').next().unwrap().to_owned();
    let gate = Gate::new().env("REGION", "eu");
    gate.run([
        "skip-guard",
        "--require=var:REGION",
        &format!("--require=tcp:127.0.0.1:{port}"),
        &format!("--require=tcp:localhost:{port}"),
    ])
    .code(0)
    .says("3 passed");
    gate.run([
        "skip-guard",
        "--require=var:ZONE",
        &format!("--require=tcp:127.0.0.1:{}", crate::servers::free_port()),
        "--require=tcp:no-such-host.invalid:5432",
    ])
    .code(0)
    .says("export ZONE=")
    .says("(connection refused)")
    .says("no-such-host.invalid");
}

#[test]
fn a_freeze_holds_until_its_end_and_an_unreadable_one_holds_too() {
    let freeze = |text: &str, code: i32, says: &str| {
        let gate = Gate::new().on_runner("push", PUSH);
        gate.write(".github/freeze.yml", text);
        gate.run([
            "skip-guard",
            "--require=not-frozen:.github/freeze.yml",
            "--fail-on=event:push",
            "--verbose",
        ])
        .code(code)
        .says(says);
        if text.is_empty() {
            return;
        }
        let gate = Gate::new().on_runner("push", PUSH).env("STAGING_FREEZE", text);
        gate.run([
            "skip-guard",
            "--require=not-frozen:env:STAGING_FREEZE",
            "--fail-on=event:push",
            "--verbose",
        ])
        .code(code)
        .says(says);
    };
    freeze(
        "reason: release 4.2\nby: ops\nuntil: 2999-12-31\n",
        1,
        "deploys are frozen: release 4.2, says ops, until 2999-12-31",
    );
    freeze("{reason: no end}", 1, "deploys are frozen: no end");
    freeze(
        "{reason: over, until: '2020-01-01T00:00:00Z'}",
        0,
        "the last freeze ended",
    );
    freeze("please stop", 1, "an unreadable freeze");
    freeze("", 1, "an unreadable freeze");
    let gate = Gate::new().on_runner("push", PUSH).env("NO_FREEZE", "");
    gate.run([
        "skip-guard",
        "--require=not-frozen:none.yml",
        "--require=not-frozen:env:NO_FREEZE",
    ])
    .code(0)
    .says("2 passed");
}
