//! `verdict`: reports where nobody looks, of other runs and attempts, with waivers that are over; status files that lie.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::Value;

use crate::gate::{Gate, Ran};

mod contracts;
mod status_file;

fn on_runner() -> Gate {
    Gate::new().on_runner("push", "{}")
}

/// A good report of this run, and a failed one, each in a job's folder of its own.
fn with_reports() -> Gate {
    let gate = on_runner();
    gate.run(["skip-guard", "--require=env:PATH", "--evidence-dir=jobs/good"])
        .code(0);
    gate.run([
        "skip-guard",
        "--strict",
        "--require=env:NO_SUCH_THING",
        "--evidence-dir=bad",
    ])
    .code(1);
    gate
}

const GOOD: &str = "jobs/good/reports/skip-guard.json";
const BAD: &str = "bad/reports/skip-guard.json";

fn verdict<'a>(gate: &'a Gate, more: &[&str]) -> Ran<'a> {
    gate.run([&["verdict", "jobs", "--evidence-dir=v", "--require=skip-guard"], more].concat())
}

fn edit(gate: &Gate, file: &str, change: impl Fn(&mut Value)) {
    let mut report: Value = serde_json::from_str(&gate.read(file)).unwrap();
    change(&mut report);
    gate.write(file, report.to_string());
}

#[test]
fn a_failed_report_is_not_passed_over_wherever_it_lies_and_whatever_it_is_called() {
    verdict(&with_reports(), &[]).code(0).says("Verdict: pass");
    for place in [
        "jobs/skip-guard.json",
        "jobs/flat/skip-guard.json",
        "jobs/Reports/skip-guard.json",
        "jobs/REPORTS/skip-guard.json",
        "jobs/reports-blue/skip-guard.json",
        "jobs/x/reports/reports/skip-guard.json",
        "jobs/x/reports/deep/skip-guard.json",
        "jobs/x/reports/skip-guard.JSON",
        "jobs/skip-guard.JSON",
        "jobs/x/reports/verdict-blue.json",
        "jobs/x/reports/verdict.json",
        "jobs/x/reports/skip-guard.json.bak",
        "jobs/x/reports/skip-guard (1).json",
        "jobs/x/reports/.skip-guard.json",
        "jobs/x/skip-guard.txt",
        "jobs/x/skip-guard",
    ] {
        let gate = with_reports();
        fs::copy(gate.path(BAD), gate.path(place)).unwrap();
        let ran = verdict(&gate, &[]);
        assert_eq!(ran.output.status.code(), Some(1), "{place}\n{}", ran.explain());
        ran.says(place);
    }
}

#[test]
fn half_a_report_is_not_passed_over() {
    for (place, text) in [
        ("jobs/flat/skip-guard.json", "{\"schema\": \"stageproof.rep"),
        ("jobs/flat/smoke-blue.json", ""),
        ("jobs/flat/heartbeat-x.JSON", "{"),
        ("jobs/x/reports/anything.json", "{}"),
        ("jobs/x/reports/anything.JSON", ""),
    ] {
        let gate = with_reports();
        gate.write(place, text);
        verdict(&gate, &[]).code(1).says(place);
    }
}

#[test]
fn what_may_be_a_report_and_cannot_be_read_fails() {
    type Make = fn(&Gate, &Path);
    let makes: [(&str, Make); 9] = [
        ("a linked report", |gate, at| {
            symlink(gate.path(BAD), at.join("skip-guard.json")).unwrap();
        }),
        ("one under another name", |gate, at| {
            symlink(gate.path(BAD), at.join("x")).unwrap();
        }),
        ("a linked folder of reports", |gate, at| {
            symlink(gate.path("bad/reports"), at.join("reports")).unwrap();
        }),
        ("a linked folder above", |gate, at| {
            symlink(gate.path("bad").parent().unwrap().join("bad"), at.join("x")).unwrap();
        }),
        ("a link to nowhere", |_, at| {
            symlink("/nowhere", at.join("smoke.json")).unwrap();
        }),
        ("a link to nowhere under another name", |_, at| {
            symlink("/nowhere", at.join("x.json")).unwrap();
        }),
        ("a pipe under another name", |_, at| {
            let made = std::process::Command::new("mkfifo").arg(at.join("x.json")).status();
            assert!(made.unwrap().success());
        }),
        ("a folder", |_, at| fs::create_dir(at.join("smoke.json")).unwrap()),
        ("a pipe", |_, at| {
            let made = std::process::Command::new("mkfifo").arg(at.join("smoke.json")).status();
            assert!(made.unwrap().success());
        }),
    ];
    for (what, make) in makes {
        let gate = with_reports();
        let at = gate.path("jobs/x/y").parent().unwrap().to_owned();
        make(&gate, &at);
        let ran = verdict(&gate, &[]);
        assert_eq!(ran.output.status.code(), Some(1), "{what}\n{}", ran.explain());
        ran.says("may be a report, but was not read");
    }
}

#[test]
fn what_is_no_report_is_left_alone() {
    let gate = with_reports();
    gate.write("jobs/package.json", "{\"schema\": 1}")
        .write("jobs/smoke-results.json", "[1, 2]")
        .write("jobs/broken.json", "{")
        .write("jobs/good/logs/build.log", gate.read(BAD))
        .write("jobs/good/reports/coverage.html", "<html>")
        .write("jobs/good/reports/.keep", "");
    symlink(gate.path("jobs/good"), gate.path("jobs/latest")).unwrap();
    verdict(&gate, &[])
        .code(0)
        .says("Verdict: pass. ")
        .says("jobs/good/reports/coverage.html is not a report");
}

#[test]
fn the_verdict_of_another_job_can_be_required_and_its_own_is_never_evidence() {
    let gate = with_reports();
    verdict(&gate, &["--require=verdict"])
        .code(1)
        .says("report verdict is missing");
    gate.run(["verdict", "jobs/good", "--evidence-dir=jobs/blue", "--label=blue"])
        .code(0);
    gate.run(["verdict", "jobs/good", "--evidence-dir=jobs/green"]).code(0);
    verdict(&gate, &["--require=verdict", "--require=verdict-blue"]).code(0);
    gate.run(["verdict", "bad", "--evidence-dir=jobs/blue", "--label=blue"])
        .code(1);
    verdict(&gate, &["--require=verdict"]).code(1).says("verdict-blue");
    // Its own, which failed just now, does not count in the next.
    gate.run(["verdict", "v", "jobs/good", "--evidence-dir=v"]).code(0);
}

#[test]
fn a_reports_own_waiver_is_over_when_its_day_is() {
    for (until, code) in [
        ("2999-12-31", 0),
        ("2020-01-01", 1),
        ("", 1),
        ("never", 1),
        ("9999-99-99", 1),
        ("20200101", 1),
    ] {
        let gate = with_reports();
        fs::copy(gate.path(BAD), gate.path(GOOD)).unwrap();
        edit(&gate, GOOD, |report| {
            report["verdict"] = "pass-weak".into();
            report["checks"][0]["status"] = "waived".into();
            let waived = serde_json::json!({"reason": "known", "until": until});
            report["checks"][0]["findings"][0]["waived"] = waived;
        });
        let ran = verdict(&gate, &[]);
        assert_eq!(ran.output.status.code(), Some(code), "{until}\n{}", ran.explain());
        verdict(&gate, &["--strict"]).code(1);
    }
}

#[test]
fn a_report_of_the_first_attempt_does_not_prove_the_second() {
    let gate = with_reports().env("GITHUB_RUN_ATTEMPT", "2");
    verdict(&gate, &[])
        .code(1)
        .says("is from another attempt: 1, but this is 2");
    verdict(&gate, &["--any-attempt"]).code(0);
    // Nor does one that does not say, or that is later.
    for attempt in [Value::Null, "3".into()] {
        edit(&gate, GOOD, |report| report["subject"]["run_attempt"] = attempt.clone());
        verdict(&gate, &[]).code(1).says("is from another attempt");
    }
    // Another run is another run, whatever the attempt.
    edit(&gate, GOOD, |report| report["subject"]["run_id"] = "76".into());
    verdict(&gate, &["--any-attempt"]).code(1).says("is from another run");
}

#[test]
fn a_missing_leg_of_a_matrix_is_noticed() {
    let gate = with_reports();
    for leg in ["b", "c"] {
        let home = format!("--evidence-dir=jobs/{leg}");
        gate.run(["skip-guard", "--require=env:PATH", &home]).code(0);
    }
    for (expect, code) in [
        ("3", 0),
        ("2", 1),
        ("4", 1),
        ("skip-guard=3", 0),
        ("skip-guard=4", 1),
        ("smoke=1", 1),
    ] {
        let ran = verdict(&gate, &[&format!("--expect={expect}")]);
        assert_eq!(ran.output.status.code(), Some(code), "{expect}\n{}", ran.explain());
    }
    fs::remove_dir_all(gate.path("jobs/b")).unwrap();
    verdict(&gate, &["--expect=3"])
        .code(1)
        .says("found 2 reports of skip-guard, but --expect says 3");
    // In all, if no name is required.
    gate.run(["verdict", "jobs", "--evidence-dir=v", "--expect=2"]).code(0);
    gate.run(["verdict", "jobs", "--evidence-dir=v", "--expect=3"]).code(1);
    for odd in ["0", "-1", "", "x", "=3", "smoke=", "smoke=0", "a/b=1", "1.5"] {
        let ran = verdict(&gate, &[&format!("--expect={odd}")]);
        assert_eq!(ran.output.status.code(), Some(2), "{odd}\n{}", ran.explain());
    }
}

#[test]
fn a_copy_of_a_report_is_no_other_leg_of_a_matrix() {
    let gate = with_reports();
    let copy = gate.path("jobs/b/reports/skip-guard.json");
    for copied in [
        fs::copy(gate.path(GOOD), &copy).map(|_| ()),
        fs::remove_file(&copy).and_then(|()| fs::hard_link(gate.path(GOOD), &copy)),
    ] {
        copied.unwrap();
        verdict(&gate, &["--expect=2"])
            .code(1)
            .says("found 1 report of skip-guard, but --expect says 2")
            .says("counts once");
    }
}

#[test]
fn a_skip_beside_passes_is_weak_and_its_reason_comes_first() {
    let gate = with_reports();
    gate.run([
        "skip-guard",
        "--require=env:NO_SUCH_THING",
        "--label=z",
        "--evidence-dir=jobs/z",
    ])
    .code(0);
    verdict(&gate, &["--require=skip-guard-z"])
        .code(0)
        .says("Verdict: pass-weak");
    let report: Value = serde_json::from_str(&gate.read("v/reports/verdict.json")).unwrap();
    let reason = report["reason"].as_str().unwrap();
    assert!(reason.starts_with("skip-guard-z was skipped: "), "{reason}");
    assert!(reason.contains("NO_SUCH_THING"), "{reason}");
}

#[test]
fn a_report_that_is_old_from_the_future_or_without_a_time_fails() {
    for time in [
        "2999-01-01T00:00:00Z",
        "2020-01-01T00:00:00Z",
        "",
        "now",
        "-999999-01-01T00:00:00Z",
        "2020-01-01",
    ] {
        let gate = with_reports();
        edit(&gate, GOOD, |report| report["finished_at"] = time.into());
        let ran = verdict(&gate, &["--max-age=365d"]);
        assert_eq!(ran.output.status.code(), Some(1), "{time}\n{}", ran.explain());
    }
}
