//! What it is told reaches the command, and nothing keeps running.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Running, found, log, notes, records, report};
use crate::gate::Gate;
use crate::servers::{eventually, runs};

/// A child in the group, one in a session of its own, and one that ignores what ends the others.
fn family(seconds: &str) -> String {
    format!(
        "sleep {seconds}1 & setsid sleep {seconds}2 & sh -c 'trap \"\" INT TERM; sleep {seconds}3; :' & echo ready; wait"
    )
}

fn family_is_gone(seconds: &str) {
    for member in ["1", "2", "3"] {
        let name = format!("sleep {seconds}{member}");
        eventually(&format!("{name} is gone"), || !runs(&name));
    }
}

/// On a runner's cancel nick-fields/retry leaves the command and its children running.
#[test]
fn a_signal_from_outside_ends_everything_at_once() {
    for (signal, name, code, seconds) in [
        (Signal::INT, "SIGINT", 130, "61.10"),
        (Signal::TERM, "SIGTERM", 143, "61.20"),
        (Signal::HUP, "SIGHUP", 129, "61.30"),
        (Signal::QUIT, "SIGQUIT", 131, "61.40"),
    ] {
        let gate = Gate::new();
        let running = Running::start(&gate, &["--grace=200ms"], &format!("ulimit -c 0; {}", family(seconds)));
        running.said("ready");
        let began = Instant::now();
        running.signal(signal);
        assert_eq!(running.ended(), Some(code), "{name}\n{}", gate.listing());
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "{name}: {:?}",
            began.elapsed()
        );
        family_is_gone(seconds);
        let report = report(&gate).to_string();
        assert!(report.contains(&format!("asked to stop by {name}")), "{report}");
        assert!(
            notes(&gate)[0].contains(&format!("{name} is passed on")),
            "{:?}",
            notes(&gate)
        );
    }
}

#[test]
fn a_command_may_take_the_signal_as_it_likes_and_its_code_counts() {
    let gate = Gate::new();
    let running = Running::start(
        &gate,
        &[],
        "exec 2>/dev/null; trap 'echo tidied; exit 6' INT; mkfifo gate; echo ready; read wait < gate",
    );
    running.said("ready");
    running.signal(Signal::INT);
    assert_eq!(running.ended(), Some(6));
    assert_eq!(log(&gate, "sh.log"), "ready\ntidied\n");
    assert_eq!(found(&gate), ["failed", "asked-to-stop"]);
}

/// As a runner does it when a job is cancelled: SIGINT, after 7.5 s SIGTERM, after 2.5 s more SIGKILL.
#[test]
fn a_second_signal_escalates_and_log_and_report_are_whole_within_a_runners_patience() {
    let gate = Gate::new();
    let running = Running::start(&gate, &[], "trap '' INT TERM; echo ready; while :; do sleep 62.1; done");
    running.said("ready");
    running.signal(Signal::INT);
    eventually("the first is passed on", || {
        notes(&gate).iter().any(|note| note.contains("is passed on"))
    });
    let second = Instant::now();
    running.signal(Signal::TERM);
    assert_eq!(running.ended(), Some(137));
    assert!(second.elapsed() < Duration::from_millis(2500), "{:?}", second.elapsed());
    assert!(!runs("sleep 62.1"));
    let report = report(&gate);
    assert_eq!(report["verdict"], "fail");
    assert!(report.to_string().contains("SIGINT, then SIGTERM"), "{report}");
    assert!(matches!(
        records(&gate).pop().unwrap().event,
        stageproof::model::heartbeat::Event::End(end) if end.exit == 137
    ));
}

/// Its first signal was held back, so less of that patience is left.
#[test]
fn a_critical_step_that_does_not_listen_ends_within_a_runners_patience_too() {
    let gate = Gate::new();
    let script = "trap '' INT TERM; echo ready; while :; do sleep 62.9; done";
    let running = Running::start(&gate, &["--critical"], script);
    running.said("ready");
    running.signal(Signal::INT);
    eventually("it is held back", || {
        notes(&gate).iter().any(|note| note.contains("held back"))
    });
    let second = Instant::now();
    running.signal(Signal::TERM);
    assert_eq!(running.ended(), Some(137));
    assert!(second.elapsed() < Duration::from_millis(2500), "{:?}", second.elapsed());
    assert!(!runs("sleep 62.9"));
    assert_eq!(report(&gate)["verdict"], "fail");
}

/// Whoever sends one signal only (a container engine sends SIGKILL 10 s later) does not wait for ever.
#[test]
fn a_command_that_does_not_listen_has_its_grace() {
    let gate = Gate::new();
    let running = Running::start(
        &gate,
        &["--grace=100ms"],
        "trap '' INT TERM; echo ready; while :; do sleep 62.2; done",
    );
    running.said("ready");
    running.signal(Signal::INT);
    assert_eq!(running.ended(), Some(137));
    assert!(!runs("sleep 62.2"));
}

#[test]
fn a_critical_step_ends_first_and_the_report_says_that_it_was_asked_to_stop() {
    let gate = Gate::new();
    let running = Running::start(
        &gate,
        &["--critical", "--retries=3"],
        "mkfifo gate; echo ready; read wait < gate; echo whole; exit 0",
    );
    running.said("ready");
    running.signal(Signal::INT);
    eventually("it is held back", || {
        notes(&gate).iter().any(|note| note.contains("SIGINT is held back"))
    });
    gate.write("gate", "go\n");
    running.said("whole");
    assert_eq!(running.ended(), Some(0));
    assert_eq!(found(&gate), ["asked-to-stop"]);
    let report = report(&gate);
    assert_eq!(report["verdict"], "pass-weak");
    assert!(
        report.to_string().contains("held back until the step had ended"),
        "{report}"
    );
}

#[test]
fn a_critical_step_is_not_repeated_after_a_signal() {
    let gate = Gate::new();
    let running = Running::start(
        &gate,
        &["--critical", "--retries=3"],
        "mkfifo gate; echo ready; read wait < gate; exit 8",
    );
    running.said("ready");
    running.signal(Signal::TERM);
    eventually("it is held back", || {
        notes(&gate).iter().any(|note| note.contains("SIGTERM is held back"))
    });
    gate.write("gate", "go\n");
    assert_eq!(running.ended(), Some(8));
    assert_eq!(report(&gate)["outputs"]["attempts"], "1");
}

#[test]
fn a_critical_step_has_an_end_too() {
    let gate = Gate::new();
    let options = ["--critical", "--critical-grace=150ms"];
    let running = Running::start(&gate, &options, "echo ready; sleep 62.3");
    running.said("ready");
    running.signal(Signal::INT);
    assert_eq!(running.ended(), Some(130), "{:?}", notes(&gate));
    let notes = notes(&gate);
    assert!(
        notes[0].contains("held back") && notes[1].contains("passing it on now"),
        "{notes:?}"
    );
    let gate = Gate::new();
    let running = Running::start(&gate, &["--critical"], "echo ready; sleep 62.4");
    running.said("ready");
    running.signal(Signal::INT);
    eventually("it is held back", || {
        super::notes(&gate).iter().any(|note| note.contains("held back"))
    });
    running.signal(Signal::TERM);
    assert_eq!(running.ended(), Some(143), "the second one is passed on");
}

#[test]
fn a_wait_between_attempts_can_be_ended() {
    let gate = Gate::new();
    let running = Running::start(&gate, &["--retries=1", "--retry-wait=60s"], "echo tried; exit 3");
    running.said("tried");
    eventually("it waits", || {
        notes(&gate).iter().any(|note| note.contains("retrying in"))
    });
    running.signal(Signal::TERM);
    assert_eq!(running.ended(), Some(3));
    assert_eq!(found(&gate), ["asked-to-stop", "failed"]);
}
