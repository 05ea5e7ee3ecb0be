//! `--max-skips` and what makes it start anew.

use crate::github::Mock;

const ASK: [&str; 2] = ["skip-guard", "--require=env:ABSENT"];
const SAID: &str = "Staging was skipped: ABSENT is not set or empty. Create it.";

/// A change to what GitHub knows.
type Change = fn(Mock) -> Mock;

/// Three runs whose guard, of the job that `Gate::on_runner` is in, skipped.
fn skipped() -> Mock {
    (1..=3).fold(Mock::new(), |mock, number| {
        mock.run(100 + number, number, "completed", 10 - i64::try_from(number).unwrap())
            .job(100 + number, 1000 + number, "deploy", "success")
            .annotation(1000 + number, "Skipped", SAID)
    })
}

/// Run 4, in between.
fn then(change: Change) -> Mock {
    change(skipped().run(104, 4, "completed", 1))
}

#[test]
fn a_run_whose_guard_was_not_ready_does_not_end_the_row() {
    let table: [(&str, Change); 8] = [
        ("a failed dispatch with the same secret missing", |mock| {
            mock.job(104, 1, "deploy", "failure").annotation_of(
                "failure",
                1,
                "ABSENT is set",
                "ABSENT is not set or empty",
            )
        }),
        ("the same, with continue-on-error", |mock| {
            mock.job(104, 1, "deploy", "success").annotation_of(
                "failure",
                1,
                "ABSENT is set",
                "ABSENT is not set or empty",
            )
        }),
        ("an errored guard", |mock| {
            mock.job(104, 1, "deploy", "failure").annotation_of(
                "failure",
                1,
                "ABSENT is set",
                "could not check: the event cannot be read",
            )
        }),
        ("a job that died before its guard", |mock| {
            mock.job(104, 1, "deploy", "failure")
        }),
        ("a job that ran out of time", |mock| {
            mock.job(104, 1, "deploy", "timed_out")
        }),
        ("a job that never started", |mock| {
            mock.job(104, 1, "deploy", "startup_failure")
        }),
        ("another job that went well beside it", |mock| {
            mock.job(104, 1, "deploy", "failure").job(104, 2, "lint", "success")
        }),
        ("a run without jobs", |mock| mock),
    ];
    for (what, change) in table {
        let mock = then(change);
        let gate = mock.gate();
        let ran = gate.run(ASK.iter().chain(&["--max-skips=3"]));
        assert_eq!(ran.output.status.code(), Some(1), "{what}\n{}", ran.explain());
        ran.says("staging has been skipped 4 times");
        gate.run(ASK.iter().chain(&["--max-skips=4"]))
            .code(0)
            .says("Verdict: skip");
    }
}

#[test]
fn where_the_guard_s_job_is_called_otherwise_one_that_failed_may_be_it() {
    let mock = skipped()
        .run(104, 4, "completed", 1)
        .job(104, 1, "May we deploy?", "failure")
        .job(104, 2, "lint", "success");
    let gate = mock.gate().env("GITHUB_JOB", "guard");
    gate.run(ASK.iter().chain(&["--max-skips=3"]))
        .code(1)
        .says("skipped 4 times");
}

#[test]
fn a_guard_that_was_ready_ends_the_row_whatever_became_of_the_rest() {
    let table: [Change; 3] = [
        |mock| mock.job(104, 1, "deploy", "success"),
        |mock| mock.job(104, 1, "deploy", "success").job(104, 2, "smoke", "failure"),
        |mock| mock.job(104, 1, "deploy", "success").job(104, 2, "notify", "skipped"),
    ];
    for change in table {
        let mock = then(change);
        mock.gate()
            .run(ASK.iter().chain(&["--max-skips=1"]))
            .code(0)
            .says("Verdict: skip");
    }
}
