//! Limits really end it, and silence is noticed.

use std::time::{Duration, Instant};

use stageproof::model::heartbeat::Event;

use super::{found, heartbeat, notes, records, report, script};
use crate::gate::Gate;
use crate::servers::{eventually, runs};

/// `timeout` leaves the child in its own session running.
#[test]
fn a_time_limit_ends_everything_wherever_it_went() {
    let gate = Gate::new();
    let began = Instant::now();
    script(
        &gate,
        &["--timeout=300ms", "--grace=200ms"],
        "setsid sleep 63.1 & (setsid sh -c 'trap \"\" TERM; sleep 63.2; sleep 63.3' &) ; sleep 63.4",
    )
    .code(124)
    .says("timed out after 300ms");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    for seconds in ["63.1", "63.2", "63.3", "63.4"] {
        assert!(!runs(&format!("sleep {seconds}")), "sleep {seconds}");
    }
    assert_eq!(found(&gate), ["timed-out"]);
    assert!(
        notes(&gate)
            .iter()
            .any(|note| note.contains("SIGKILL to all remaining processes"))
    );
}

/// Also without an environment to be known by, and twice detached.
#[test]
fn a_daemon_that_hides_is_ended_too() {
    let gate = Gate::new();
    script(
        &gate,
        &["--timeout=400ms", "--grace=0s"],
        "(env -i setsid sh -c 'exec sleep 63.5 </dev/null >/dev/null 2>&1' &) ; sleep 63.6",
    )
    .code(124);
    eventually("the daemon is gone", || !runs("sleep 63.5"));
}

/// The time that a command has to end is not silent, and costs us no more than the time before.
#[test]
fn while_it_is_being_ended_it_is_watched_on() {
    let gate = Gate::new();
    script(
        &gate,
        &["--timeout=100ms", "--grace=600ms"],
        "trap '' TERM; while :; do sleep 68.1; done",
    )
    .code(124);
    let (beats, longest) = beats(&gate);
    assert!(beats.iter().any(|at| *at > 150), "none after the limit: {beats:?}");
    assert!(
        beats.len() as u64 <= longest / 50 + 1,
        "more than one in 50 ms: {beats:?}"
    );
}

/// When there were beats, and the end, in milliseconds.
fn beats(gate: &Gate) -> (Vec<u64>, u64) {
    let records = records(gate);
    let beats = records.iter().filter(|record| matches!(record.event, Event::Beat(_)));
    let longest = records.iter().map(|record| record.elapsed_ms).max();
    (beats.map(|record| record.elapsed_ms).collect(), longest.unwrap())
}

#[test]
fn what_ends_well_on_sigterm_is_still_a_time_limit() {
    let gate = Gate::new();
    script(
        &gate,
        &["--timeout=200ms"],
        "trap 'exit 0' TERM; while :; do sleep 0.05; done",
    )
    .code(124);
    assert!(
        notes(&gate)
            .iter()
            .all(|note| !note.contains("SIGKILL to all remaining"))
    );
}

#[test]
fn a_limit_holds_although_nobody_reads_the_output() {
    let gate = Gate::new();
    let mut command = gate.command(["heartbeat", "--timeout=300ms", "--grace=100ms", "--", "yes"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The reading end stays open, and nobody reads.
    let _stdout = child.stdout.take();
    assert_eq!(child.wait().unwrap().code(), Some(124));
    assert_eq!(found(&gate), ["timed-out", "output-cut"]);
}

#[test]
fn silence_is_told_once_with_the_processes_and_again_after_activity() {
    let gate = Gate::new();
    script(&gate, &["--stall-after=200ms"], "sleep 0.7; echo awake; sleep 0.6")
        .code(0)
        .says("STALLED")
        .says("sleep 0.7");
    let events: Vec<&str> = records(&gate)
        .iter()
        .filter_map(|record| match record.event {
            Event::Stall { processes, .. } => Some(if processes == 2 { "stall" } else { "stall of few" }),
            Event::Resumed => Some("resumed"),
            _ => None,
        })
        .collect();
    assert_eq!(events, ["stall", "resumed", "stall"]);
    assert_eq!(found(&gate), ["stalled"]);
    let report = report(&gate);
    assert_eq!(report["verdict"], "pass-weak");
    let states = report["timeline"].as_array().unwrap().iter().map(|span| &span["state"]);
    assert_eq!(states.filter(|state| **state == "stalled").count(), 2);
}

#[test]
fn silent_work_is_no_stall() {
    let gate = Gate::new();
    script(
        &gate,
        &["--stall-after=400ms", "--timeout=1s", "--grace=0s"],
        "while :; do :; done",
    )
    .code(124);
    assert_eq!(found(&gate), ["timed-out"]);
}

#[test]
fn a_stalled_command_can_be_ended() {
    let gate = Gate::new();
    script(
        &gate,
        &["--stall-after=200ms", "--stall-kill"],
        "echo begun; sleep 63.7",
    )
    .code(124)
    .says("no output or CPU activity for 200ms");
    assert!(!runs("sleep 63.7"));
    assert_eq!(found(&gate), ["stalled"]);
}

#[test]
fn what_a_failed_attempt_left_behind_is_gone_before_the_next() {
    let gate = Gate::new();
    script(
        &gate,
        &["--retries=1"],
        "if test -e once; then exit 0; fi; touch once; setsid sleep 63.8 & exit 9",
    )
    .code(0);
    assert!(!runs("sleep 63.8"));
    assert!(
        notes(&gate)
            .iter()
            .any(|note| note.contains("leftover processes before the next attempt"))
    );
}

#[test]
fn what_a_good_command_left_behind_runs_on_and_is_named() {
    let gate = Gate::new();
    script(&gate, &[], "sleep 3.17 >/dev/null 2>&1 &")
        .code(0)
        .says("sleep 3.17");
    assert!(runs("sleep 3.17"));
    assert_eq!(found(&gate), ["left-behind"]);
    assert_eq!(report(&gate)["verdict"], "pass");
}

/// A shell that became us may have started something before.
#[test]
fn who_was_there_before_is_left_alone() {
    let gate = Gate::new();
    let program = gate.program();
    let text = format!("sleep 4.19 & exec '{program}' heartbeat --timeout=200ms -- sleep 63.9");
    let output = std::process::Command::new("sh")
        .args(["-c", &text])
        .current_dir(gate.root())
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(output.code(), Some(124));
    assert!(runs("sleep 4.19"));
}

/// As the first process of a container it gets every orphan, and signals that it did not ask for are ignored.
#[test]
fn it_works_as_process_1() {
    let gate = Gate::new();
    let program = gate.program();
    let unshare = |args: &[&str]| {
        let mut command = std::process::Command::new("unshare");
        command
            .args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"])
            .args(args);
        command.current_dir(gate.root()).output()
    };
    if !unshare(&["true"]).is_ok_and(|output| output.status.success()) {
        crate::skipped::not_checked(
            "heartbeat as process 1",
            "unshare is not allowed",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
        return;
    }
    // Orphans that end before the command does must not stay as dead ones.
    let text = "for i in 1 2 3 4 5; do (sleep 0.01 &) ; done; sleep 0.3; \
                grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l; exit 12";
    let output = unshare(&[&program, "heartbeat", "--", "sh", "-c", text]).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(12), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0", "{said}");
    let output = unshare(&[
        &program,
        "heartbeat",
        "--timeout=200ms",
        "--",
        "sh",
        "-c",
        "setsid sleep 68.2 & sleep 68.3",
    ]);
    assert_eq!(output.unwrap().status.code(), Some(124));
    assert!(!runs("sleep 68.2") && !runs("sleep 68.3"));
}

#[test]
fn several_at_once_write_whole_records_into_one_file() {
    let gate = Gate::new();
    let names: Vec<String> = (0..6).map(|n| format!("--label=step-{n}")).collect();
    std::thread::scope(|scope| {
        for name in &names {
            let gate = &gate;
            scope.spawn(move || {
                // A long command makes long records.
                let long = "x".repeat(3000);
                gate.run(["heartbeat", "--every=10ms", name, "--", "sh", "-c", "sleep 0.4", &long])
                    .code(0);
            });
        }
    });
    let records = records(&gate);
    for n in 0..6 {
        let own: Vec<_> = records
            .iter()
            .filter(|record| record.label == format!("step-{n}"))
            .collect();
        assert!(matches!(own[0].event, Event::Start { .. }) && matches!(own.last().unwrap().event, Event::End(_)));
        let beats = own
            .iter()
            .filter(|record| matches!(record.event, Event::Beat(_)))
            .count();
        assert!(beats >= 5, "{beats}");
        assert!(gate.report(&format!("heartbeat-step-{n}"))["verdict"] == "pass");
    }
}

#[test]
fn a_beat_comes_as_often_as_asked() {
    let gate = Gate::new();
    heartbeat(&gate, &["--", "sleep", "0.6"]).code(0);
    let (beats, longest) = beats(&gate);
    assert!(
        beats.len() >= 3 && beats.len() as u64 <= longest / 50 + 1,
        "{beats:?} at every 50 ms"
    );
}

/// What the README shows.
#[test]
fn the_demonstration_stalls() {
    let gate = Gate::new();
    let demonstration = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/stall.sh");
    gate.run([
        "heartbeat",
        "--label=demo",
        "--every=100ms",
        "--stall-after=1200ms",
        "--stall-kill",
        "--",
        demonstration,
        "62.5",
    ])
    .code(124)
    .says("downloading")
    .says("STALLED")
    .says("sleep 62.5");
    assert!(!runs("sleep 62.5"));
}
