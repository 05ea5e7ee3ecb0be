//! `previous-job:NAME`: a job of this run succeeded.

use super::mock::{Mock, RUN};
use crate::gate::Gate;

const ASK: [&str; 2] = ["skip-guard", "--require=previous-job:build"];

#[test]
fn one_that_succeeded_is_met_and_so_is_a_whole_matrix() {
    let mock = Mock::new()
        .job(RUN, 1, "lint", "failure")
        .job(RUN, 2, "build", "success");
    mock.gate().run(ASK).code(0).says("Verdict: pass");
    let mock = Mock::new()
        .job(RUN, 1, "build (linux)", "success")
        .job(RUN, 2, "builder", "failure")
        .job(RUN, 3, "build (mac, 14)", "success")
        .pages_of(2);
    mock.gate().run(ASK).code(0).says("Verdict: pass");
    mock.was_asked_properly();
}

#[test]
fn each_way_not_to_succeed_has_its_sentence() {
    for (conclusion, says) in [
        ("failure", "the job build failed (https://github.com/"),
        ("skipped", "the job build was skipped"),
        ("cancelled", "the job build was cancelled"),
        ("timed_out", "the job build timed out"),
        ("running", "the job build is still running"),
        ("queued", "the job build has not started (queued)"),
        ("neutral", "the job build ended as neutral"),
    ] {
        let mock = Mock::new().job(RUN, 1, "build", conclusion);
        mock.gate().run(ASK).code(0).says("::warning title=Skipped").says(says);
    }
    let mock = Mock::new()
        .job(RUN, 1, "biuld", "success")
        .job(RUN, 2, "lint", "success");
    mock.gate()
        .run(ASK)
        .code(0)
        .says("there is no job build in this run")
        .says("Did you mean `biuld`?");
}

#[test]
fn one_of_a_matrix_that_failed_is_enough() {
    let mock = Mock::new()
        .job(RUN, 1, "build (linux)", "success")
        .job(RUN, 2, "build (mac)", "failure");
    let gate = mock.gate();
    gate.run(ASK)
        .code(0)
        .says("the job build (mac) failed")
        .never_says("build (linux)");
}

#[test]
fn a_job_that_was_not_run_again_counts_as_it_was() {
    let mock = Mock::new()
        .job_of_attempt(RUN, 1, 1, "build", "success")
        .job_of_attempt(RUN, 1, 2, "test", "failure")
        .job_of_attempt(RUN, 2, 3, "test", "success");
    let gate = mock.gate().env("GITHUB_RUN_ATTEMPT", "2");
    gate.run(ASK).code(0).says("Verdict: pass");
    gate.run(["skip-guard", "--require=previous-job:test"])
        .code(0)
        .says("Verdict: pass");
    // What succeeded first and failed when it was repeated has failed.
    let mock = Mock::new()
        .job_of_attempt(RUN, 1, 1, "build", "success")
        .job_of_attempt(RUN, 2, 2, "build", "failure");
    mock.gate().run(ASK).code(0).says("the job build failed");
}

#[test]
fn who_may_not_look_or_is_not_in_a_run_does_not_know() {
    let mock = Mock::new().job(RUN, 1, "build", "success").grants(&["contents"]);
    mock.gate().run(ASK).code(4).says("add `actions: read`");
    let gate = Mock::new().gate().env("GITHUB_RUN_ID", "");
    gate.run(ASK).code(4).says("GITHUB_RUN_ID is not set");
    let gate = Mock::new().gate().env("GITHUB_RUN_ID", "99999");
    gate.run(ASK).code(4).says("(404)");
    Gate::new().run(ASK).code(0).says("not in a workflow run");
}
