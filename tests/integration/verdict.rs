//! `verdict`: what do all reports together amount to? And waivers, here and in smoke.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::gate::Gate;
use crate::servers::answer;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const DOWN: &str = "HTTP/1.1 503 Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

fn on_runner() -> Gate {
    Gate::new().on_runner("push", "{}").env("INPUT_EVIDENCE-DIR", "proof")
}

/// Two reports of this run: a guard that was ready and a probe.
fn with_reports(gate: &Gate, response: &'static str) {
    gate.run(["skip-guard", "--require=env:PATH"]).code(0);
    gate.run(["smoke", &answer(response), "--within=300ms"]);
}

/// Changes a report as somebody with an editor would.
fn edit(gate: &Gate, name: &str, change: impl Fn(&mut Value)) {
    let file = format!("proof/reports/{name}.json");
    let mut report: Value = serde_json::from_str(&gate.read(&file)).unwrap();
    change(&mut report);
    gate.write(&file, report.to_string());
}

fn status(gate: &Gate) -> String {
    gate.read("proof/verdict.md").lines().nth(1).unwrap().to_owned()
}

#[test]
fn good_reports_of_this_run_pass_and_the_file_says_success() {
    let gate = on_runner();
    with_reports(&gate, OK);
    gate.run(["verdict", "--require=skip-guard", "--require=smoke"])
        .code(0)
        .says("Verdict: pass");
    assert_eq!(status(&gate), "staging_status: SUCCESS");
    gate.run(["verdict", "--read=proof/verdict.md"]).code(0);
    // Once more: the verdict's own report is not evidence for the next verdict.
    gate.run(["verdict", "--require=smoke"]).code(0).says("2 passed");
}

/// Outside of a run nothing tells two runs apart, and a report takes the place of the last one.
#[test]
fn on_a_laptop_a_failure_does_not_vanish_without_a_word() {
    let gate = Gate::new();
    let (down, up) = (answer(DOWN), answer(OK));
    let smoke = |url: &str, status: &str| gate.run(["smoke", url, status, "--within=300ms", "--evidence-dir=proof"]);
    smoke(&down, "--expect-status=200").code(1);
    smoke(&up, "--expect-status=200")
        .code(0)
        .says("UTC (fail). `smoke:")
        .says("was not checked again; keep such reports apart with --label");
    smoke(&up, "--expect-status=200").code(0).never_says("This replaces");
    smoke(&down, "--expect-status=201").code(1);
    smoke(&down, "--expect-status=503")
        .code(0)
        .says("This replaces the report of")
        .never_says("not checked again");
}

/// Who reads the verdict alone must find the way back there, and never one that was not proved.
#[test]
fn the_proved_way_back_is_in_the_verdict() {
    let gate = on_runner();
    with_reports(&gate, OK);
    let rehearse = |label: &str, check: &str| {
        let (label, check) = (format!("--label={label}"), format!("--check={check}"));
        gate.run(["rollback-dry-run", &check, &label, "--rollback-command=./deploy.sh v1"]);
    };
    let way_back = || {
        gate.write("runner/summary", "").run(["verdict"]);
        gate.read("runner/summary").contains("./deploy.sh v1")
    };
    assert!(!way_back(), "none was rehearsed");
    rehearse("broken", "false");
    assert!(!way_back(), "it was not proved");
    rehearse("blue", "true");
    assert!(way_back());
    rehearse("green", "true");
    assert!(!way_back(), "two are none");
}

/// Other gates read the file while the verdict is found, and after a runner that died.
#[test]
fn a_verdict_that_is_killed_half_way_leaves_a_file_that_says_failed() {
    let gate = on_runner();
    with_reports(&gate, OK);
    // Forty good reports that take long to read, so that there is time to kill it while it reads them.
    edit(&gate, "smoke", |report| {
        report["notes"] = vec!["n"; 1_000_000].into();
    });
    let verdict = ["verdict", "--require=smoke"];
    gate.run(verdict).code(0);
    assert_eq!(status(&gate), "staging_status: SUCCESS");
    for number in 0..40 {
        let slow = gate.path(&format!("proof/reports/slow-{number}.json"));
        std::fs::hard_link(gate.path("proof/reports/smoke.json"), slow).unwrap();
    }
    let mut child = gate
        .command(verdict)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while status(&gate) != "staging_status: FAILED" {
        assert!(started.elapsed() < Duration::from_secs(30), "it still says SUCCESS");
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it was over before it was killed");
    assert_eq!(status(&gate), "staging_status: FAILED");
    gate.run(["verdict", "--read=proof/verdict.md"])
        .code(1)
        .says("says FAILED");
}

#[test]
fn a_missing_report_fails_by_name() {
    let gate = on_runner();
    with_reports(&gate, OK);
    gate.run(["verdict", "--require=smoke", "--require=rollback-dry-run"])
        .code(1)
        .says("the required report rollback-dry-run is missing");
    assert_eq!(status(&gate), "staging_status: FAILED");
    gate.run(["verdict", "--read=proof/verdict.md"])
        .code(1)
        .says("says FAILED");
}

#[test]
fn no_reports_at_all_are_never_green() {
    let gate = on_runner();
    gate.write("proof/reports/.keep", "");
    gate.run(["verdict"]).code(3).says("Verdict: nothing-checked");
    assert_eq!(status(&gate), "staging_status: FAILED");
    gate.run(["verdict", "no/such/folder"]).code(4).says("no/such/folder");
}

#[test]
fn what_is_not_of_this_run_recent_and_whole_fails_by_name() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (
            |r| r["subject"]["run_id"] = "76".into(),
            "is from another run: 76, but this is 77",
        ),
        (|r| r["subject"]["sha"] = "f00".into(), "is from another commit: f00"),
        (
            |r| r["subject"]["repository"] = "eve/shop".into(),
            "is from another repository: eve/shop",
        ),
        (|r| r["finished_at"] = "2020-01-01T00:00:00Z".into(), "is older than 1d"),
        (
            |r| r["finished_at"] = "2999-01-01T00:00:00Z".into(),
            "ended in the future",
        ),
        (|r| r["finished_at"] = "yesterday".into(), "does not say when it ended"),
        (
            |r| r["schema"] = "stageproof.report/v9".into(),
            "its schema is `stageproof.report/v9`",
        ),
        (|r| r["verdict"] = "pass-weak".into(), "its checks add up to pass"),
    ];
    for (change, says) in cases {
        let gate = on_runner();
        with_reports(&gate, OK);
        edit(&gate, "smoke", change);
        gate.run(["verdict", "--require=smoke"]).code(1).says(says);
    }
    for text in ["", "{", "[]", "null", "{\"schema\":1}", "\u{1}"] {
        let gate = on_runner();
        with_reports(&gate, OK);
        gate.write("proof/reports/smoke.json", text);
        gate.run(["verdict", "--require=smoke"])
            .code(1)
            .says("proof/reports/smoke.json");
    }
}

#[test]
fn a_failed_report_fails_the_whole_and_several_jobs_are_folded() {
    let gate = on_runner();
    with_reports(&gate, OK);
    std::fs::create_dir_all(gate.path("jobs/blue/reports")).unwrap();
    std::fs::rename(gate.path("proof/reports"), gate.root().join("jobs/green")).unwrap();
    std::fs::rename(gate.root().join("jobs/green"), gate.path("jobs/green2/reports")).unwrap();
    gate.run(["smoke", &answer(DOWN), "--within=300ms", "--evidence-dir=jobs/blue"])
        .code(1);
    gate.run(["verdict", "--require=smoke", "jobs"])
        .code(1)
        .says("[app: gateway-5xx]")
        .says("2 passed, 1 failed");
}

#[test]
fn one_skipped_report_among_others_is_a_warning_and_all_skipped_is_a_skip() {
    let gate = on_runner();
    gate.run(["skip-guard", "--require=env:NO_SUCH_THING"]).code(0);
    gate.run(["verdict", "--require=skip-guard"])
        .code(0)
        .says("Verdict: skip");
    assert_eq!(
        status(&gate),
        "staging_status: FAILED",
        "nothing was deployed, so nothing may be promoted"
    );
    gate.run(["smoke", &answer(OK)]).code(0);
    gate.run(["verdict", "--require=skip-guard"])
        .code(0)
        .says("Verdict: pass-weak");
}

fn waiving(gate: &Gate, until: &str) {
    gate.write(
        ".github/stageproof.yml",
        format!("waivers:\n  - class: app\n    reason: the balancer flaps, OPS-12\n    until: {until}\n"),
    );
}

#[test]
fn a_waiver_makes_a_failure_weak_until_its_day_and_strict_switches_it_off() {
    let gate = on_runner();
    waiving(&gate, "2999-12-31");
    let down = answer(DOWN);
    let smoke = ["smoke", &down, "--within=300ms"];
    gate.run(smoke)
        .code(0)
        .says("Verdict: pass-weak")
        .says("the balancer flaps, OPS-12");
    gate.run(["verdict", "--require=smoke"])
        .code(0)
        .says("Verdict: pass-weak");
    assert_eq!(status(&gate), "staging_status: SUCCESS");
    gate.run(["verdict", "--require=smoke", "--strict"]).code(1);
    gate.run(["smoke", &down, "--within=300ms", "--strict"]).code(1);
    let mut off = gate.command(smoke);
    assert_eq!(off.env("STAGEPROOF_WAIVERS", "off").status().unwrap().code(), Some(1));
    let mut typo = gate.command(smoke);
    assert_eq!(typo.env("STAGEPROOF_WAIVERS", "of").status().unwrap().code(), Some(2));
    waiving(&gate, "2020-01-01");
    gate.run(smoke).code(1).says("expired on 2020-01-01");
}

#[test]
fn a_verdict_says_that_a_waiver_expired_or_is_for_no_check() {
    let gate = on_runner();
    let down = answer(DOWN);
    let waiver = |check: &str| {
        let waiver = format!("  - check: \"smoke:{check}/\"\n    reason: known, OPS-12\n    until: 2020-01-01\n");
        gate.write(".github/stageproof.yml", format!("waivers:\n{waiver}"));
    };
    waiver(&down);
    gate.run(["smoke", &down, "--within=300ms"]).code(1);
    let told = "a waiver for this expired on 2020-01-01: known, OPS-12";
    let ran = gate.run(["verdict", "--require=smoke"]);
    ran.code(1).says(told).never_says("matches no check");
    assert_eq!(ran.stdout().matches(told).count(), 1, "{}", ran.stdout());
    waiver(&down.replace("http:", "https:"));
    gate.run(["verdict", "--require=smoke"])
        .code(1)
        .says("(known, OPS-12) matches no check. Did you mean `smoke:http:");
    gate.run(["check"])
        .says("the waiver `known, OPS-12` expired on 2020-01-01");
}

#[test]
fn a_waiver_without_reason_or_end_is_refused_with_its_place() {
    for (waiver, says) in [
        ("class: app\n    reason: x", "until"),
        ("class: app\n    until: 2026-12-31", "reason"),
        ("class: app\n    reason: ' '\n    until: 2026-12-31", "needs a reason"),
        ("reason: x\n    until: 2026-12-31", "either a `class`"),
        (
            "class: app\n    check: y\n    reason: x\n    until: 2026-12-31",
            "either a `class`",
        ),
        ("class: app\n    reason: x\n    until: 2026-02-30", "is not a day"),
        ("class: app\n    reason: x\n    until: soon", "is not a day"),
        ("class: network\n    reason: x\n    until: 2026-12-31", "network"),
    ] {
        let gate = Gate::new();
        gate.write("c.yml", format!("waivers:\n  - {waiver}\n"));
        gate.run(["smoke", "http://127.0.0.1:9/", "--config=c.yml"])
            .code(2)
            .says("c.yml:")
            .says(says);
    }
}

#[test]
fn reading_a_status_file_is_fail_closed() {
    let gate = Gate::new();
    gate.run(["verdict", "--read=none.md"]).code(1).says("counts as FAILED");
    for text in [
        "",
        "staging_status: SUCCESS\n",
        "---\nstaging_status: SUCCESS\nstaging_status: SUCCESS\n---\n",
        "---\nstaging_status: MAYBE\n---\n",
    ] {
        gate.write("v.md", text);
        gate.run(["verdict", "--read=v.md"]).code(1).says("counts as FAILED");
    }
}

/// A step of another kind, under the name of the one that is asked for.
#[test]
fn a_report_is_what_it_says_and_not_what_it_is_called() {
    let gate = Gate::new();
    gate.run(["smoke", &answer(OK), "--evidence-dir=e"]).code(0);
    std::fs::copy(
        gate.path("e/reports/smoke.json"),
        gate.path("e/reports/skip-guard.json"),
    )
    .unwrap();
    gate.run(["verdict", "e", "--require=skip-guard", "--evidence-dir=e"])
        .code(1)
        .says("is named skip-guard, but is a report of smoke");
}

#[test]
fn a_report_of_another_environment_proves_nothing() {
    let gate = Gate::new();
    gate.run(["smoke", &answer(OK), "--evidence-dir=e"]).code(0);
    gate.run([
        "verdict",
        "e",
        "--require=smoke",
        "--environment=production",
        "--evidence-dir=e",
    ])
    .code(1)
    .says("is from another environment: staging, but this is production");
}

#[test]
fn a_folder_named_twice_counts_once() {
    let gate = Gate::new();
    gate.run(["smoke", &answer(OK), "--evidence-dir=e"]).code(0);
    gate.run(["verdict", "e", "./e", "e/reports", "--evidence-dir=v"])
        .code(0)
        .says("1 passed");
}

#[test]
fn a_status_file_that_contradicts_itself_is_failed() {
    let gate = Gate::new();
    gate.run(["smoke", &answer(OK), "--evidence-dir=e"]).code(0);
    gate.run(["verdict", "--require=smoke", "--evidence-dir=e"]).code(0);
    let good = gate.read("e/verdict.md");
    gate.run(["verdict", "--read=e/verdict.md"]).code(0);
    for wrong in [
        format!("{good}{good}"),
        format!("{good}\n---\nstaging_status: FAILED\n---\n"),
        good.replace("\nfailed: 0\n", "\nfailed: 3\n"),
        good.replace("verdict: \"pass\"", "verdict: \"fail\""),
    ] {
        assert_ne!(wrong, good);
        gate.write("wrong.md", &wrong);
        gate.run(["verdict", "--read=wrong.md"])
            .code(1)
            .says("counts as FAILED");
    }
}
