//! `diagnose --run`: the logs of the jobs that failed, from GitHub.

use super::mock::{Mock, REPOSITORY, SIGNATURE, TOKEN, Trouble};
use crate::diagnose::RED;

const GREEN: &str = "all is well\n";

/// A run with a job that passed and two that failed for the same cause.
fn mock() -> Mock {
    Mock::new()
        .run(5, 49, "completed", 1)
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
        .says("`./deploy.sh staging` succeeds (job deploy (a))")
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
