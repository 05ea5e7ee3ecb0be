//! Skips that never end: past a limit the guard fails.

use super::mock::{Mock, RUN, TOKEN};
use crate::gate::Gate;

/// Runs 1 to `count` on main, of which each skipped its deploy for its own reason: run 1 was `count` hours ago.
fn skipped(count: u64) -> Mock {
    let mut mock = Mock::new();
    for number in 1..=count {
        let hours = i64::try_from(count + 1 - number).unwrap();
        mock = mock
            .run(100 + number, number, "completed", hours)
            .job(100 + number, 1000 + number, "guard", "success")
            .job(100 + number, 2000 + number, "deploy", "skipped")
            .annotation(2, "Skipped", "not ours")
            .annotation(
                1000 + number,
                "Skipped",
                &format!("Staging was skipped: KEY_{number} is not set or empty. Create it and map it."),
            );
    }
    mock
}

fn ask(more: &[&str]) -> Vec<String> {
    let all = ["skip-guard", "--require=env:ABSENT"].iter().chain(more);
    all.map(|word| (*word).to_owned()).collect()
}

#[test]
fn past_the_limit_it_fails_with_the_first_reason() {
    let mock = skipped(13);
    let since = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(13)).strftime("%Y-%m-%d");
    let gate = mock.gate();
    gate.run(ask(&["--max-skips=13"]))
        .code(1)
        .says("Verdict: fail")
        .says(&format!(
            "staging has been skipped 14 times since {since}, first reason: KEY_1 is not set or empty"
        ))
        .says("--max-skips 13 allows no more");
    assert_eq!(gate.outputs()["ready"], "false");
    mock.was_asked_properly();
    let gate = skipped(13).gate();
    gate.run(ask(&["--max-skips=14"])).code(0).says("Verdict: skip");
    let check = &gate.report("skip-guard")["checks"][1];
    assert_eq!(check["id"], "guard:skips");
    assert_eq!(check["status"], "passed");
    assert_eq!(check["facts"][0]["value"], "14 times");
}

#[test]
fn the_age_of_the_first_counts_as_well() {
    let mock = skipped(3);
    mock.gate()
        .run(ask(&["--max-skip-age=4h"]))
        .code(0)
        .says("Verdict: skip");
    mock.gate()
        .run(ask(&["--max-skip-age=2h30m"]))
        .code(1)
        .says("skipped 4 times")
        .says("--max-skip-age 2h30m allows no more");
}

#[test]
fn a_run_that_deployed_ends_the_row() {
    let mock = skipped(5)
        .run(206, 6, "completed", 0)
        .job(206, 3006, "guard", "success")
        .job(206, 3007, "deploy", "success")
        // Skipped by its own `if:`, in a run that was ready.
        .job(206, 3008, "notify", "skipped");
    for more in [&["--max-skips=1"][..], &["--max-skips=1", "--skipped-job=deploy"]] {
        mock.gate().run(ask(more)).code(0).says("Verdict: skip");
    }
}

#[test]
fn a_failed_deploy_ends_the_row_and_a_cancelled_run_does_not() {
    let failed = skipped(5)
        .run(206, 6, "completed", 0)
        .job(206, 3007, "deploy", "failure");
    failed
        .gate()
        .run(ask(&["--max-skips=1", "--skipped-job=deploy"]))
        .code(0);
    let cancelled = skipped(5)
        .run(206, 6, "completed", 0)
        .job(206, 3007, "deploy", "cancelled");
    for more in [&["--max-skips=5"][..], &["--max-skips=5", "--skipped-job=deploy"]] {
        cancelled.gate().run(ask(more)).code(1).says("skipped 6 times");
    }
}

#[test]
fn a_run_that_was_past_the_limit_goes_on_counting() {
    let mock = skipped(3)
        .run(204, 4, "completed", 0)
        .job(204, 3004, "guard", "failure")
        .job(204, 3005, "deploy", "skipped")
        .annotation(
            3004,
            "It was not skipped too often",
            "staging has been skipped 4 times since 2026-01-01, first reason: KEY_1 is not set or empty",
        );
    for more in [&["--max-skips=3"][..], &["--max-skips=3", "--skipped-job=deploy"]] {
        mock.gate().run(ask(more)).code(1).says("skipped 5 times").says("KEY_1");
    }
}

#[test]
fn where_only_steps_are_skipped_the_guards_own_words_count() {
    let said = "Staging was skipped: KEY is not set or empty. Create it.";
    let mut mock = Mock::new();
    // The guard of this run is in the job `deploy`; many others ran before it.
    for other in 0..30 {
        mock = mock.job(101, 500 + other, &format!("build ({other})"), "success");
    }
    let mock = mock
        .run(101, 1, "completed", 2)
        .job(101, 1001, "deploy", "success")
        .annotation(1001, "Skipped", "Production was skipped: another guard")
        .annotation(1001, "Skipped", said);
    mock.gate()
        .run(ask(&["--max-skips=1"]))
        .code(1)
        .says("first reason: KEY is not set or empty");
    let gate = mock.gate().env("GITHUB_JOB", "another");
    gate.run(ask(&["--max-skips=1"]))
        .code(0)
        .says("too many jobs to find the guard");
}

#[test]
fn a_named_job_needs_no_permission_for_checks_and_must_exist() {
    let mock = skipped(3).grants(&["actions"]);
    mock.gate()
        .run(ask(&["--max-skips=3", "--skipped-job=deploy"]))
        .code(1)
        .says("skipped 4 times")
        .says("the first reason is no longer known");
    mock.gate()
        .run(ask(&["--max-skips=3"]))
        .code(0)
        .says("Verdict: skip")
        .says("the number of earlier skips is unknown")
        .says("give the job that is skipped with --skipped-job, or add `checks: read`");
    mock.gate()
        .run(ask(&["--max-skips=3", "--skipped-job=deplyo"]))
        .code(0)
        .says("no earlier run has a job deplyo; next: did you mean `deploy`?");
}

#[test]
fn what_was_not_counted_is_said_and_does_not_pass() {
    let gate = skipped(13).gate_without_token();
    gate.run(ask(&["--max-skips=3"]))
        .code(0)
        .says("::warning title=Skipped::Staging was skipped: ABSENT is not set or empty")
        .says("the number of earlier skips is unknown: GitHub cannot be queried: GITHUB_TOKEN is not set or empty");
    assert_eq!(gate.report("skip-guard")["checks"][1]["status"], "skipped");
}

#[test]
fn only_skips_of_what_should_run_on_the_default_branch_count() {
    // Nothing is missing, or it cannot be there: nothing is asked.
    let mock = skipped(5);
    mock.gate()
        .env("ABSENT", "here after all")
        .run(ask(&["--max-skips=1"]))
        .code(0)
        .says("Verdict: pass");
    let other = ["skip-guard", "--require=event:schedule", "--max-skips=1"];
    mock.gate().run(other).code(0).says("Verdict: skip");
    assert!(mock.asked().is_empty());
    // A run elsewhere is not counted itself.
    let gate = skipped(2).gate().env("GITHUB_REF", "refs/heads/topic");
    gate.run(ask(&["--max-skips=2"])).code(0).says("Verdict: skip");
    gate.run(ask(&["--max-skips=1"])).code(1).says("skipped 2 times");
}

#[test]
fn a_skip_of_what_could_not_run_is_none_of_the_row() {
    let fork = "Staging was skipped: the run comes from the fork eve/shop. Push the change to the repository itself.";
    // Somebody works on the branch main of a fork.
    let pulls = skipped(1)
        .run_of("pull_request", 202, 2, "completed", 1)
        .job(202, 1002, "guard", "success")
        .job(202, 2002, "deploy", "skipped")
        .annotation(1002, "Skipped", fork);
    for more in [&["--max-skips=2"][..], &["--max-skips=2", "--skipped-job=deploy"]] {
        let gate = pulls.gate();
        gate.run(ask(more)).code(0).says("Verdict: skip");
        assert_eq!(gate.report("skip-guard")["checks"][1]["facts"][0]["value"], "2 times");
    }
    // One that runs with the rights of the base branch has that as its ref, and is not counted either.
    let mock = skipped(2).run_is_of("pull_request_target");
    mock.gate().run(ask(&["--max-skips=2"])).code(0).says("Verdict: skip");
    mock.gate().run(ask(&["--max-skips=1"])).code(1).says("skipped 2 times");
    // Nightly runs are only to build.
    let nightly = skipped(1)
        .run_of("schedule", 202, 2, "completed", 1)
        .job(202, 1002, "guard", "success")
        .annotation_of(
            "notice",
            1002,
            "Skipped",
            "Staging was skipped: the event is schedule, not push.",
        );
    let gate = nightly.gate();
    gate.run(ask(&["--max-skips=2"])).code(0).says("Verdict: skip");
    assert_eq!(gate.report("skip-guard")["checks"][1]["facts"][0]["value"], "2 times");
}

#[test]
fn a_run_that_was_cancelled_before_its_guard_ended_does_not_end_the_row() {
    let mock = skipped(5)
        .run(206, 6, "completed", 0)
        .job(206, 3006, "lint", "success")
        .job(206, 3007, "guard", "cancelled")
        .job(206, 3008, "deploy", "skipped");
    let guard = mock.gate().env("GITHUB_JOB", "guard");
    guard.run(ask(&["--max-skips=5"])).code(1).says("skipped 6 times");
    // Nothing says which of the jobs is the guard's, and one of them did not come to its end.
    let other = mock.gate().env("GITHUB_JOB", "another");
    other.run(ask(&["--max-skips=5"])).code(1).says("skipped 6 times");
    let whole = skipped(5)
        .run(206, 6, "completed", 0)
        .job(206, 3007, "guard", "cancelled")
        .job(206, 3008, "deploy", "skipped");
    whole
        .gate()
        .run(ask(&["--max-skips=5"]))
        .code(1)
        .says("skipped 6 times");
}

#[test]
fn a_row_longer_than_what_is_looked_at_is_at_least_so_long() {
    let mock = skipped(4).pages_of(3);
    mock.gate()
        .run(ask(&["--max-skips=2"]))
        .code(1)
        .says("skipped at least 4 times");
    // Whether it is longer than this is not known, and that is not the same as that it is not.
    mock.gate()
        .run(ask(&["--max-skip-age=10h"]))
        .code(0)
        .says("the number of earlier skips is unknown: it was skipped in all of the newest 100 runs");
    // A second attempt of this run is this run.
    let mock = Mock::new().job(RUN, 9, "guard", "running");
    mock.gate().run(ask(&["--max-skips=1"])).code(0).says("Verdict: skip");
}

#[test]
fn what_was_counted_before_something_went_wrong_may_be_enough() {
    // Of the newest run the jobs and the annotations are read, and then those of the oldest cannot be.
    let mock = skipped(3).without_jobs(101);
    mock.gate()
        .run(ask(&["--max-skips=2"]))
        .code(1)
        .says("skipped at least 3 times");
    mock.gate()
        .run(ask(&["--max-skips=3"]))
        .code(0)
        .says("the number of earlier skips is unknown")
        .says("(404)");
}

#[test]
fn the_configuration_says_it_as_well() {
    let mock = skipped(3).environments(["production"]);
    let gate = mock.gate_without_token().env("STAGING_READER", TOKEN);
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nskip-guard:\n  require: [\"environment:staging\"]\n  github-token-env: STAGING_READER\n  \
         max-skips: 3\n  max-skip-age: 30d\n  skipped-job: deploy\nsmoke:\n  url: http://127.0.0.1:9/\n",
    );
    for command in ["skip-guard", "rehearse"] {
        let ran = gate.run([command]);
        ran.code(1)
            .says("the environment staging does not exist")
            .never_says(TOKEN);
        ran.says("staging has been skipped 4 times").says("::add-mask::");
    }
    mock.was_asked_properly();
}

#[test]
fn limits_that_mean_nothing_are_refused() {
    let gate = Gate::new();
    gate.run(ask(&["--max-skips=0"])).code(2).says("--strict");
    gate.run(ask(&["--max-skips=101"])).code(2).says("newest 100 runs");
    gate.run(ask(&["--skipped-job=deploy"]))
        .code(2)
        .says("--max-skips or --max-skip-age");
    gate.run(ask(&["--max-skip-age=14"])).code(2).says("has no unit");
}
