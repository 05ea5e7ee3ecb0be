//! `diagnose --run`: the logs of the jobs that failed, from GitHub.

use serde_json::json;

use super::mock::{Mock, REPOSITORY, SIGNATURE, STAGING, TOKEN, Trouble, sha};
use crate::diagnose::RED;
use crate::gate::Gate;

const GREEN: &str = "all is well\n";

/// A run with a job that passed and two that failed for the same cause.
fn mock() -> Mock {
    Mock::new()
        .failed(5, 49)
        .job(5, 10, "lint", "success")
        .job(5, 11, "deploy (a)", "failure")
        .job(5, 12, "deploy (b)", "failure")
        .log(10, Some(GREEN))
        .log(11, Some(RED))
        .log(12, Some(RED))
}

#[test]
fn the_failed_jobs_of_a_run_are_diagnosed_and_the_token_stays_with_the_api() {
    let mock = mock();
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5", "--verbose"])
        .code(1)
        .says("missing-secret: The variable DEPLOY_TOKEN is not set")
        .says("`./deploy.sh staging` succeeds (job deploy (a) and 1 more)")
        .says("also the cause in job deploy (b)")
        .says("/actions/runs/5/job/11")
        .never_says(SIGNATURE)
        .never_says(TOKEN);
    mock.was_asked_properly();
    assert!(
        !mock.asked().iter().any(|path| path.ends_with("/jobs/10/logs")),
        "{:?}",
        mock.asked()
    );
}

#[test]
fn an_address_names_the_repository_the_job_and_the_attempt() {
    let mock = mock().job_of_attempt(5, 2, 21, "deploy (a)", "success");
    let gate = mock.gate().env("GITHUB_REPOSITORY", "other/repository");
    let run = format!("https://github.com/{REPOSITORY}/actions/runs/5");
    gate.run(["diagnose", &format!("--run={run}")])
        .code(1)
        .says("(job deploy (b))")
        .never_says("job deploy (a)");
    gate.run(["diagnose", &format!("--run={run}/attempts/1")])
        .code(1)
        .says("(job deploy (a))");
    gate.run(["diagnose", &format!("--run={run}/job/10")])
        .code(0)
        .says("The jobs of run 5 succeed");
    for odd in [
        "x",
        "https://evil.example/acme/shop/actions/runs/5",
        "https://github.com/acme/shop/pull/5",
    ] {
        gate.run(["diagnose", &format!("--run={odd}")])
            .code(2)
            .says("is no run");
    }
    mock.was_asked_properly();
}

#[test]
fn a_log_that_is_gone_or_cannot_be_had_is_told_and_the_others_are_diagnosed() {
    let mock = mock().log(11, None);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("GitHub does not have it any more")
        .says("missing-secret");
    let mock = Mock::new().run(5, 49, "completed", 1).job(5, 11, "deploy", "failure");
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("GitHub does not have it any more");
    let gate = mock.gate();
    gate.run(["diagnose", "--run=6"]).code(4).says("it does not exist");
    gate.run(["diagnose", "--run=5", "--github-token-env=NO_SUCH"])
        .code(4)
        .says("NO_SUCH is not set");
    let mock = Mock::new().grants(&["contents"]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("add `actions: read`");
}

#[test]
fn a_hiccup_is_tried_again_and_a_run_that_goes_on_is_told() {
    let mock = mock().job(5, 13, "smoke", "running").troubles([Trouble::Server(502)]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("the run has not ended")
        .says("missing-secret");
    mock.was_asked_properly();
}

#[test]
fn jobs_on_later_pages_are_found() {
    let many = (100..180).fold(mock(), |mock, id| mock.job(5, id, &format!("matrix ({id})"), "success"));
    let mock = many.pages_of(30);
    mock.gate().run(["diagnose", "--run=5"]).code(1).says("missing-secret");
    mock.was_asked_properly();
}

/// Of the checks' findings, those with this code.
fn findings(gate: &Gate, code: &str) -> Vec<String> {
    let report = gate.report("diagnose");
    let checks = report["checks"].as_array().unwrap().iter();
    let all = checks.flat_map(|check| check["findings"].as_array().cloned().unwrap_or_default());
    let of_code = all.filter(|finding| finding["code"] == code);
    of_code
        .map(|finding| finding["message"].as_str().unwrap().to_owned())
        .collect()
}

fn facts(gate: &Gate, check: usize, name: &str) -> Vec<String> {
    let report = gate.report("diagnose");
    let facts = report["checks"][check]["facts"].as_array().cloned().unwrap_or_default();
    let named = facts.into_iter().filter(|fact| fact["name"] == name);
    named.map(|fact| fact["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_newest_failed_runs_are_found_and_those_with_one_cause_are_one() {
    let mock = mock()
        .workflow(901, "Nightly", ".github/workflows/nightly.yml")
        .failed(6, 50)
        .job(6, 20, "deploy (a)", "failure")
        .log(20, Some(RED))
        .failed(7, 3)
        .run_with(7, json!({"workflow_id": 901, "path": ".github/workflows/nightly.yml", "head_branch": "next", "conclusion": "timed_out"}))
        .job(7, 30, "nightly", "timed_out")
        .log(30, Some(&RED.replace("DEPLOY_TOKEN: unbound", "OTHER_TOKEN: unbound")))
        .run(8, 51, "completed", 0);
    let gate = mock.gate();
    gate.run(["diagnose", "--last=3"])
        .code(1)
        .says("Found 3 failed runs")
        .says("OTHER_TOKEN")
        .says("(job nightly of nightly.yml, run 7)")
        .says("(job deploy (a) of staging.yml, run 6 and 2 more)");
    let links = facts(&gate, 1, "job");
    assert_eq!(links.len(), 3, "{links:?}");
    assert!(links[2].contains("/runs/5/job/12"), "{links:?}");
    mock.was_asked_properly();
    let gate = mock.gate();
    for (args, says) in [
        (vec!["--workflow=staging.yml"], "(job deploy (a))"),
        (vec!["--workflow=Nightly"], "(job nightly)"),
        (vec!["--branch=main"], "also failed and were not diagnosed"),
        (
            vec!["--sha=0000000000000000000000000000000000000006"],
            "Found 1 failed run of commit 0000000000000000000000000000000000000006",
        ),
        (
            vec!["--workflow=nightly.yml", "--branch=main"],
            "No run of nightly.yml on main failed",
        ),
    ] {
        let code = i32::from(!says.starts_with("No run"));
        gate.run(["diagnose", "--verbose"].into_iter().chain(args))
            .code(code)
            .says(says);
    }
    mock.was_asked_properly();
    gate.run(["diagnose", "--workflow=stagin.yml"])
        .code(4)
        .says("no workflow `stagin.yml`");
    for (args, says) in [
        (["--last=0"], "--last 0 is not between 1 and 20"),
        (["--last=21"], "--last 21"),
        (["--sha=abc"], "not the full hash"),
    ] {
        gate.run(["diagnose"].into_iter().chain(args)).code(2).says(says);
    }
}

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

/// On a laptop, the repository is that of the clone.
#[test]
fn the_repository_is_the_one_that_was_cloned() {
    let mock = mock();
    let gate = Gate::new().env("GITHUB_API_URL", &mock.url).env("GITHUB_TOKEN", TOKEN);
    gate.run(["diagnose", "--last=1"])
        .code(4)
        .says("GITHUB_REPOSITORY is not set");
    for args in [
        &["init", "--quiet"][..],
        &["remote", "add", "origin", "git@github.com:acme/shop.git"],
    ] {
        let ran = std::process::Command::new("git")
            .args(args)
            .current_dir(gate.root())
            .status();
        assert!(ran.unwrap().success());
    }
    gate.run(["diagnose", "--last=1"]).code(1).says("missing-secret");
    mock.was_asked_properly();
}

/// With `continue-on-error`, a step fails in the log and passes at GitHub.
#[test]
fn the_step_that_failed_is_the_one_that_github_names() {
    let step = |second: u32, name: &str, says: &str| {
        let at = format!("2026-07-30T10:33:{second}.0000000Z");
        format!(
            "{at} ##[group]Run {name}\n{at} shell: bash\n{at} ##[endgroup]\n{at} {says}\n{at} ##[error]Process completed with exit code 1.\n"
        )
    };
    let log = step(36, "make lint", "ERROR: the roof leaks")
        + &step(38, "make dist", "ERROR: the door is shut")
        + &step(40, "echo report", "ERROR: no mail");
    let steps = |conclusions: [&'static str; 3]| {
        let mock = Mock::new()
            .failed(5, 49)
            .job(5, 11, "make", "failure")
            .log(11, Some(&log));
        let names = [
            ("Run make lint", "2026-07-30T10:33:36Z"),
            ("Run make dist", "2026-07-30T10:33:38Z"),
            ("Run echo report", "2026-07-30T10:33:40Z"),
        ];
        let steps: Vec<_> = names
            .iter()
            .zip(conclusions)
            .map(|((name, at), conclusion)| (*name, conclusion, *at))
            .collect();
        mock.steps(11, &steps)
    };
    for (conclusions, says, link) in [
        (["failure", "success", "success"], "the roof leaks", "#step:1:4"),
        (["success", "failure", "success"], "the door is shut", "#step:2:4"),
        (["success", "success", "failure"], "no mail", "#step:3:4"),
    ] {
        let mock = steps(conclusions);
        let gate = mock.gate();
        gate.run(["diagnose", "--run=5"]).code(1);
        let report = gate.report("diagnose");
        let finding = &report["checks"][0]["findings"][0];
        assert!(
            finding["excerpt"]
                .as_str()
                .unwrap()
                .lines()
                .next()
                .unwrap()
                .contains(says),
            "{finding}"
        );
        assert!(
            facts(&gate, 0, "job")[0].ends_with(link),
            "{:?}",
            facts(&gate, 0, "job")
        );
    }
}

#[test]
fn the_event_of_a_log_can_be_named() {
    let gate = Gate::new();
    gate.write("red.log", needs_pull_request())
        .write("other.yml", "on: push\njobs: {a: {steps: [{run: ls}]}}\n");
    gate.write(
        "d.yml",
        PULLS.replace(
            "gh api repos/${{ github.repository }}/pulls/${{",
            "gh api repos/acme/shop/pulls//files # ${{",
        ),
    );
    let args = [
        "diagnose",
        "--log=red.log",
        "--workflow-file=other.yml",
        "--workflow-file=d.yml",
    ];
    gate.run(args).code(1).says("name it with --event");
    gate.run(["diagnose", "--log=red.log", "--event=Push"])
        .code(2)
        .says("--event `Push` is no event");
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
}

#[test]
fn how_long_it_has_failed_and_a_green_log_are_found() {
    let green = RED.replace("DEPLOY_TOKEN: unbound variable", "all is well");
    let mock = Mock::new()
        .run(2, 46, "completed", 30)
        .job(2, 5, "deploy", "success")
        .log(5, Some(&format!("{green}ERROR: cache 17 is cold\n")))
        .failed(3, 47)
        .failed(4, 48)
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some("##[group]Run make\nshell: bash\n##[endgroup]\nERROR: cache 4 is cold\nthe widget is upside down\n##[error]Process completed with exit code 1.\n"));
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("the widget is upside down");
    let since = findings(&gate, "since");
    assert!(
        since[0].contains("failed in 3 runs in a row; the first is https://github.com/acme/shop/actions/runs/3"),
        "{since:?}"
    );
    assert!(
        since[0].contains("the last that passed is https://github.com/acme/shop/actions/runs/2"),
        "{since:?}"
    );
    assert!(findings(&gate, "compared")[0].contains("/job/5"));
    assert_eq!(gate.outputs()["flaky"], "false");
    mock.was_asked_properly();
    // Without the green log it is diagnosed all the same.
    let mock = mock.log(5, None);
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"]).code(1).says("cache 4 is cold");
    assert!(findings(&gate, "no-green-log")[0].contains("GitHub no longer has its log"));
}

#[test]
fn a_commit_that_was_green_in_another_attempt_is_flaky() {
    let mock = mock()
        .job_of_attempt(5, 2, 21, "deploy (a)", "success")
        .log(21, Some(GREEN));
    let gate = mock.gate();
    gate.run([
        "diagnose",
        &format!("--run=https://github.com/{REPOSITORY}/actions/runs/5/attempts/1"),
    ])
    .code(1);
    let flaky = findings(&gate, "flaky");
    assert!(
        flaky[0].contains("job deploy (a) is flaky: the same commit passed in attempt 2"),
        "{flaky:?}"
    );
    assert_eq!(gate.outputs()["flaky"], "true");
    mock.was_asked_properly();
}

/// A later job with `if: failure()`, and a workflow that another one starts.
#[test]
fn the_current_run_is_diagnosed_without_its_own_job() {
    let mock = Mock::new()
        .job(77, 11, "deploy", "failure")
        .job(77, 12, "diagnose", "running")
        .log(11, Some(RED));
    mock.gate()
        .run(["diagnose"])
        .code(1)
        .says("missing-secret")
        .never_says("the run has not ended");
    mock.was_asked_properly();
    let mock = mock.job(77, 13, "smoke", "running");
    mock.gate().run(["diagnose"]).code(1).says("the run has not ended");
    let mock = mock.failed(5, 49).job(5, 31, "release", "failure").log(31, Some(RED));
    let payload = r#"{"workflow_run":{"id":5,"head_repository":{"full_name":"acme/shop"}},"repository":{"full_name":"acme/shop"}}"#;
    let gate = mock.gate().on_runner("workflow_run", payload);
    gate.run(["diagnose"]).code(1).says("(job release)");
    mock.gate_without_token()
        .run(["diagnose"])
        .code(4)
        .says("GITHUB_TOKEN is not set");
}

#[test]
fn fetched_logs_are_kept_without_secrets_and_with_their_hash() {
    let secret = "s3cr3t-v4lue-0815";
    let long = format!(
        "{secret}\n{}{}{secret}\n",
        RED.replace("Deploying", secret),
        "x\n".repeat(3 << 20)
    );
    let mock = mock().log(11, Some(&long));
    let gate = mock.gate().env("DEPLOY_TOKEN", secret);
    gate.run(["diagnose", "--run=5"]).code(1);
    let kept = gate.evidence().join("logs/diagnose");
    let log = std::fs::read_to_string(kept.join("run-5-job-11.log")).unwrap();
    assert!(!log.contains(secret) && log.contains("***"));
    assert!(
        log.len() < 5 << 20 && log.contains("stageproof left out"),
        "{}",
        log.len()
    );
    let fact = facts(&gate, 0, "log");
    let whole = std::fs::read(kept.join("run-5-job-12.log")).unwrap();
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&whole);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(
        fact[1].contains("run-5-job-12.log") && fact[1].contains(&hash),
        "{fact:?}"
    );
    assert!(fact[0].contains("without its middle"), "{fact:?}");
}

#[test]
fn a_job_without_a_log_is_explained_by_its_annotations() {
    let mock = Mock::new().failed(5, 49).job(5, 11, "deploy", "failure").annotation_of(
        "failure",
        11,
        "",
        "The job was not started because recent account payments have failed.",
    );
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("account payments have failed");
    assert!(findings(&gate, "no-log")[0].contains("its annotations"));
    mock.was_asked_properly();
    // Nothing ran at all.
    let mock = Mock::new().failed(5, 49);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("GitHub started no job: the workflow .github/workflows/staging.yml is not valid");
}

#[test]
fn too_many_jobs_are_left_out_and_a_rate_limit_is_waited_for() {
    let many = (200..330).fold(Mock::new().failed(5, 49), |mock, id| {
        mock.job(5, id, &format!("matrix ({id})"), "failure").log(id, Some(RED))
    });
    let mock = many.troubles([Trouble::RateLimit(1), Trouble::SecondaryLimit(Some(1))]);
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("110 jobs more failed, and are left out")
        .says("and 19 more");
    mock.was_asked_properly();
    let mock = Mock::new().failed(5, 49).troubles([Trouble::RateLimit(3600)]);
    mock.gate()
        .run(["diagnose", "--run=5"])
        .code(4)
        .says("rate limit is exhausted until");
}
