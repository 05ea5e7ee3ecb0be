//! What came before a failure.

use serde_json::json;

use super::{GREEN, findings, mock};
use crate::diagnose::RED;
use crate::github::mock::{Mock, REPOSITORY, sha};

#[test]
fn how_long_it_has_failed_and_a_green_log_are_found() {
    let green = RED.replace("DEPLOY_TOKEN: unbound variable", "all is well");
    let mock = Mock::new()
        .run(2, 46, "completed", 30)
        .job(2, 5, "deploy", "success")
        .log(5, Some(&format!("{green}ERROR: cache 17 is cold\n")))
        .failed(3, 47)
        .job(3, 6, "deploy", "failure")
        .failed(4, 48)
        .job(4, 7, "deploy", "failure")
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some("##[group]Run make\nshell: bash\n##[endgroup]\nERROR: cache 4 is cold\nthe widget is upside down\n##[error]Process completed with exit code 1.\n"));
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("the widget is upside down");
    let since = findings(&gate, "since");
    assert!(
        since[0]
            .contains("the job failed in 3 runs in a row; the first is https://github.com/acme/shop/actions/runs/3"),
        "{since:?}"
    );
    assert!(
        since[0].contains("it passed last in https://github.com/acme/shop/actions/runs/2"),
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
    let red = "##[group]Run make\nshell: bash\n##[endgroup]\nthe widget is upside down\n##[error]Process completed with exit code 1.\n";
    let mock = mock()
        .job_of_attempt(5, 2, 21, "deploy (a)", "success")
        .log(11, Some(red))
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
    // The secret was set in between.
    let run = format!("--run=https://github.com/{REPOSITORY}/actions/runs/5/attempts/1");
    let mock = mock.log(11, Some(RED));
    let gate = mock.gate();
    gate.run(["diagnose", &run]).code(1).says("missing-secret");
    assert_eq!(gate.outputs()["flaky"], "false");
    // In the other run of the commit, the job must have passed.
    let other = Mock::new()
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some(red))
        .run(6, 50, "completed", 1)
        .run_with(6, json!({"head_sha": sha(5)}))
        .job(6, 22, "deploy", "skipped");
    let gate = other.gate();
    gate.run(["diagnose", "--run=5"]).code(1);
    assert_eq!(gate.outputs()["flaky"], "false");
    let gate = other.job_with(22, json!({"conclusion": "success"})).gate();
    gate.run(["diagnose", "--run=5"]).code(1);
    assert!(
        findings(&gate, "flaky")[0].contains("the same commit passed in https://github.com/acme/shop/actions/runs/6")
    );
}

/// Another job was red in between, and the run of a green job may be red.
#[test]
fn since_when_is_that_of_the_job_and_not_of_its_workflow() {
    let mock = Mock::new()
        .failed(2, 46)
        .job(2, 20, "deploy", "success")
        .log(20, Some(GREEN))
        .failed(3, 47)
        .job(3, 30, "deploy", "failure")
        .failed(4, 48)
        .job(4, 40, "lint", "failure")
        .job(4, 41, "deploy", "skipped")
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some(RED));
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"]).code(1);
    let since = findings(&gate, "since");
    assert!(
        since[0]
            .contains("the job failed in 2 runs in a row; the first is https://github.com/acme/shop/actions/runs/3"),
        "{since:?}"
    );
    assert!(since[0].contains("it passed last in https://github.com/acme/shop/actions/runs/2"));
    assert!(findings(&gate, "compared")[0].contains("/job/20"));
    mock.was_asked_properly();
}

#[test]
fn only_so_many_earlier_runs_are_looked_at_and_that_is_told() {
    let many = (0..30).fold(Mock::new(), |mock, number| {
        let id = 1000 + number;
        mock.failed(id, 10 + number).job(id, id * 10, "deploy", "failure")
    });
    let mock = many.failed(5, 49).job(5, 11, "deploy", "failure").log(11, Some(RED));
    let gate = mock.gate();
    gate.run(["diagnose", "--run=5"]).code(1);
    let since = findings(&gate, "since");
    assert!(
        since[0].contains("failed in at least 11 runs in a row; only 10 runs before this one were looked at, back to https://github.com/acme/shop/actions/runs/1020"),
        "{since:?}"
    );
    let listed = mock.asked().iter().filter(|path| path.ends_with("/jobs")).count();
    assert_eq!(listed, 11);
}
