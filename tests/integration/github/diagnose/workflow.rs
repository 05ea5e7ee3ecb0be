//! The workflow of a run, and the patches for it.

use serde_json::json;

use super::{facts, findings};
use crate::diagnose::RED;
use crate::gate::Gate;
use crate::github::mock::{Mock, REPOSITORY, STAGING, TOKEN, sha};

/// A log of a job whose step needs a pull request.
fn needs_pull_request() -> String {
    "2026-07-30T10:33:36.1000000Z ##[group]Run actions/checkout@v4\n2026-07-30T10:33:36.2000000Z with:\n\
     2026-07-30T10:33:36.3000000Z ##[endgroup]\n\
     2026-07-30T10:33:38.0000000Z ##[group]Run gh api repos/acme/shop/pulls//files\n\
     2026-07-30T10:33:38.0000000Z \u{1b}[36;1mgh api repos/acme/shop/pulls//files\u{1b}[0m\n\
     2026-07-30T10:33:38.0000000Z shell: /usr/bin/bash -e {0}\n2026-07-30T10:33:38.0000000Z ##[endgroup]\n\
     2026-07-30T10:33:39.0000000Z fatal: couldn't find remote ref refs/pull//merge\n\
     2026-07-30T10:33:39.0000000Z ##[error]Process completed with exit code 128.\n"
        .to_owned()
}

const PULLS: &str = "on: [push, pull_request]
jobs:
  files:
    name: List files
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Files of the pull request
        run: gh api repos/${{ github.repository }}/pulls/${{ github.event.pull_request.number }}/files
";

fn pulls() -> Mock {
    Mock::new()
        .failed(5, 49)
        .job(5, 11, "List files", "failure")
        .steps(
            11,
            &[
                ("Set up job", "success", "2026-07-30T10:33:30Z"),
                ("Run actions/checkout@v4", "success", "2026-07-30T10:33:36Z"),
                ("Files of the pull request", "failure", "2026-07-30T10:33:38Z"),
            ],
        )
        .log(11, Some(&needs_pull_request()))
        .file(&sha(5), STAGING, PULLS)
}

#[test]
fn the_workflow_of_the_commit_and_the_event_make_a_patch() {
    let mock = pulls();
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5", "--write"])
        .code(1)
        .says("wrong-trigger")
        .says("file=.github/workflows/staging.yml,line=8")
        .says("+    if: github.event_name == 'pull_request'")
        .says("staging.yml was not changed: the work tree does not have it");
    assert_eq!(
        facts(&gate, 0, "job"),
        [format!(
            "https://github.com/{REPOSITORY}/actions/runs/5/job/11#step:3:5"
        )]
    );
    assert_eq!(facts(&gate, 0, "event"), ["push"]);
    mock.was_asked_properly();
    // The file of the work tree is changed, as it is there.
    gate.write(STAGING, format!("# edited\n{PULLS}"));
    gate.run(["diagnose", "--run=5", "--write", "--pr-text=pr.md"])
        .code(1)
        .says(&format!("the change was made in {STAGING}"));
    assert!(
        gate.read(STAGING)
            .contains("    if: github.event_name == 'pull_request'\n"),
        "{}",
        gate.read(STAGING)
    );
    assert!(gate.read(STAGING).starts_with("# edited"));
    assert!(
        gate.read("pr.md").contains("The job `List files` "),
        "{}",
        gate.read("pr.md")
    );
    assert!(
        gate.read("pr.md").contains("/actions/runs/5/job/11#step:3:5"),
        "{}",
        gate.read("pr.md")
    );
    // Where it lacks the step, only the one of the commit has a patch.
    gate.write(
        STAGING,
        PULLS
            .replace("/files", "/commits")
            .replace("Files of the pull request", "x"),
    );
    let before = gate.read(STAGING);
    gate.run(["diagnose", "--run=5", "--write"])
        .code(1)
        .says("was not changed");
    assert_eq!(gate.read(STAGING), before);
    // A fork's pull request has no secrets, whatever the log says of them.
    let of_fork = json!({"event": "pull_request", "head_repository": {"full_name": "else/shop"}});
    let mock = pulls().run_with(5, of_fork);
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"]).code(1);
    assert_eq!(
        findings(&gate, "started-by"),
        ["the commit of the run is of a fork: else/shop"]
    );
    // It had a pull request.
    let mock = pulls().run_with(5, json!({"event": "pull_request"}));
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("no patch: it is not clear which event the step needs");
    let mock = pulls().grants(&["actions"]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("no patch:")
        .says("add `contents: read`");
    let gate = mock.gate();
    gate.write(STAGING, PULLS);
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("+    if: github.event_name == 'pull_request'");
}

/// The log has a step for each one of the action, GitHub one for all of them.
#[test]
fn a_step_of_a_composite_action_is_found_where_the_action_is_used() {
    let workflow = "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n      - uses: ./.github/actions/deploy\n";
    let at = "2026-07-30T10:33:38.5000000Z";
    let group =
        format!("{at} ##[group]Run ./.github/actions/deploy\n{at} with:\n{at}   to: staging\n{at} ##[endgroup]\n");
    let log = RED.replacen("2026-07-30T10:33:38", &format!("{group}2026-07-30T10:33:38"), 1);
    let mock = Mock::new()
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some(&log))
        .steps(
            11,
            &[
                ("Set up job", "success", "2026-07-30T10:33:30Z"),
                ("Run actions/checkout@v4", "success", "2026-07-30T10:33:37Z"),
                ("Run ./.github/actions/deploy", "failure", "2026-07-30T10:33:38Z"),
                ("Post Run actions/checkout@v4", "success", "2026-07-30T10:33:40Z"),
            ],
        )
        .file(&sha(5), STAGING, workflow);
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("file=.github/workflows/staging.yml,line=7")
        .says("#step:3:12");
    assert_eq!(facts(&gate, 0, "step-at-github"), ["3 Run ./.github/actions/deploy"]);
}

#[test]
fn the_event_of_a_log_can_be_named() {
    let gate = Gate::new();
    gate.write("red.log", needs_pull_request())
        .write("other.yml", "on: push\njobs: {a: {steps: [{run: ls}]}}\n");
    gate.write("d.yml", PULLS);
    let args = [
        "diagnose",
        "--log=red.log",
        "--workflow-file=other.yml",
        "--workflow-file=d.yml",
    ];
    gate.run(args).code(1).says("name it with --event");
    gate.run(args.into_iter().chain(["--event=push"]))
        .code(1)
        .says("+++ b/d.yml")
        .says("+    if: github.event_name == 'pull_request'");
    gate.run(["diagnose", "--log=red.log", "--event=Push"])
        .code(2)
        .says("--event `Push` is no event")
        .says("did you mean `push`?");
}

#[test]
fn the_step_of_a_called_workflow_is_found_in_its_file() {
    let caller = "on: push\njobs:\n  ci:\n    name: CI\n    uses: ./.github/workflows/ci.yml\n  files:\n    steps: [{run: ls}]\n";
    let called = PULLS.replace("[push, pull_request]", "workflow_call");
    let mock = pulls()
        .run_with(5, json!({"referenced_workflows": [{"path": format!("{REPOSITORY}/.github/workflows/ci.yml@refs/heads/main"), "sha": sha(5), "ref": "refs/heads/main"}]}))
        .job_with(11, json!({"name": "CI / List files"}))
        .without_file(STAGING)
        .file(&sha(5), STAGING, caller);
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("the job is in the workflow .github/workflows/ci.yml, which was not read");
    let mock = mock.file(&sha(5), ".github/workflows/ci.yml", &called);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("file=.github/workflows/ci.yml,line=8")
        .says("no patch: it is not clear which event");
    mock.was_asked_properly();
    // Called by its full name.
    let caller = caller.replace("./.github/workflows/ci.yml", "Acme/shop/.github/workflows/ci.yml@main");
    let mock = mock.without_file(STAGING).file(&sha(5), STAGING, &caller);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("file=.github/workflows/ci.yml,line=8");
}

/// A workflow with two jobs that need a secret each, and a run in which both lacked it.
fn two_jobs() -> (String, Mock) {
    let step = |job: &str, name: &str| {
        format!(
            "  {job}:\n    runs-on: ubuntu-latest\n    steps:\n      - run: ./deploy.sh staging\n        env:\n          {name}: ${{{{ secrets.{name} }}}}\n"
        )
    };
    let text = format!(
        "on: push\njobs:\n{}{}",
        step("one", "DEPLOY_TOKEN"),
        step("two", "OTHER_TOKEN")
    );
    let mock = Mock::new().file(&sha(5), STAGING, &text);
    (text, both_failed(mock, 5, 49))
}

fn both_failed(mock: Mock, run: u64, number: u64) -> Mock {
    let red = RED.replace("Secret source: None", "Secret source: Actions");
    let other = red.replace("DEPLOY_TOKEN", "OTHER_TOKEN");
    mock.failed(run, number)
        .run_with(run, json!({"head_sha": sha(5)}))
        .job(run, run * 10, "one", "failure")
        .log(run * 10, Some(&red))
        .job(run, run * 10 + 1, "two", "failure")
        .log(run * 10 + 1, Some(&other))
}

/// Two runs of one workflow, and two jobs of it with causes of their own.
#[test]
fn a_change_is_made_once_and_several_of_one_file_are_one_patch() {
    let (text, mock) = two_jobs();
    let mock = both_failed(mock, 6, 50);
    let gate = mock.gate();
    gate.write(STAGING, &text);
    gate.run(["diagnose", "--last=2", "--write", "--pr-text=pr.md"]).code(1);
    let patch = &gate.outputs()["patch"];
    for name in ["DEPLOY_TOKEN", "OTHER_TOKEN"] {
        let line = format!("+          require: env:{name}\n");
        assert_eq!(patch.matches(&*line).count(), 1, "{patch}");
    }
    assert_eq!(patch.matches("+++ ").count(), 1, "{patch}");
    let changed = gate.read(STAGING);
    assert_eq!(changed.matches("command: skip-guard").count(), 2, "{changed}");
    let text = gate.read("pr.md");
    assert!(text.starts_with("Fix 2 workflow failures\n\n## "), "{text}");
    for (index, name) in ["DEPLOY_TOKEN", "OTHER_TOKEN"].iter().enumerate() {
        let job = ["one", "two"][index];
        assert!(
            text.contains(&format!("\n## staging.yml: skip {job} if `{name}` is not set\n")),
            "{text}"
        );
        // Each cause says that its change was made.
        let findings = gate.report("diagnose")["checks"][index + 1]["findings"].to_string();
        assert_eq!(findings.matches("the change was made in ").count(), 1, "{findings}");
    }
    assert_eq!(gate.outputs()["flaky"], "false");
}

/// One job's step is only in the workflow of the commit, the other's also in that of the work tree.
#[test]
fn the_file_of_the_work_tree_is_changed_and_never_replaced_by_that_of_the_commit() {
    let (text, mock) = two_jobs();
    let gate = mock.gate();
    gate.write(
        STAGING,
        format!("# edited\n{}", text.replacen("deploy.sh", "release.sh", 1)),
    );
    gate.run(["diagnose", "--run=5", "--write"])
        .code(1)
        .says(&format!("the change was made in {STAGING}"))
        .says("staging.yml was not changed: the work tree does not have it, or not with this step");
    let changed = gate.read(STAGING);
    assert!(
        changed.starts_with("# edited\n") && changed.contains("run: ./release.sh staging"),
        "{changed}"
    );
    assert_eq!(changed.matches("command: skip-guard").count(), 1, "{changed}");
    assert!(changed.contains("require: env:OTHER_TOKEN"), "{changed}");
    assert!(
        !gate.outputs()["patch"].contains("require: env:DEPLOY_TOKEN"),
        "{}",
        gate.outputs()["patch"]
    );
}

#[test]
fn the_clone_of_another_repository_is_not_changed() {
    let (text, mock) = two_jobs();
    let gate = Gate::new().env("GITHUB_API_URL", &mock.url).env("GITHUB_TOKEN", TOKEN);
    gate.write(STAGING, &text);
    let run = format!("--run=https://github.com/{REPOSITORY}/actions/runs/5");
    gate.run(["diagnose", &run, "--write"]).code(1).says("was not changed");
    assert_eq!(gate.read(STAGING), text);
}

#[test]
fn what_cannot_be_written_is_told_beside_the_diagnosis_and_a_waived_failure_changes_nothing() {
    let (text, mock) = two_jobs();
    let gate = mock.gate();
    gate.write(STAGING, &text).write("folder/x", "");
    gate.run(["diagnose", "--run=5", "--write", "--pr-text=folder"])
        .code(1)
        .says("missing-secret: The variable DEPLOY_TOKEN is not set")
        .says("it is a folder")
        .says(&format!("the change was made in {STAGING}"));
    gate.write(STAGING, &text);
    let report = gate.report("diagnose");
    let checks = report["checks"].as_array().unwrap().iter();
    let waivers: Vec<String> = checks
        .map(|check| {
            format!(
                "{{check: '{}', reason: known, until: 2999-12-31}}",
                check["id"].as_str().unwrap()
            )
        })
        .collect();
    gate.write(
        ".github/stageproof.yml",
        format!("version: 1\nwaivers: [{}]\n", waivers.join(", ")),
    );
    gate.run(["diagnose", "--run=5", "--write"])
        .code(0)
        .says("nothing was written: the failure is waived");
    assert_eq!(gate.read(STAGING), text);
}
