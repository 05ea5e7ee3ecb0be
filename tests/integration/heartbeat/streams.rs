//! People see the command's output live and unchanged, and our lines beside it.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Running, found, heartbeat, log, records, report, script};
use crate::gate::Gate;
use crate::servers::eventually;
use crate::skipped::not_checked;

#[test]
fn bytes_stay_on_their_stream_and_are_copied_to_the_log() {
    let gate = Gate::new();
    let ran = script(
        &gate,
        &[],
        r"printf '\033[31mred\000\377'; sleep 0.1; printf 'err\r50%%' >&2; exit 7",
    );
    ran.code(7);
    let red = b"\x1b[31mred\0\xff";
    assert_eq!(ran.output.stdout, red);
    let stderr = &ran.output.stderr;
    assert!(stderr.windows(7).any(|w| w == b"err\r50%"), "{}", ran.explain());
    assert!(!stderr.windows(4).any(|w| w == b"red\0"), "{}", ran.explain());
    let path = gate.evidence().join("logs/sh.log");
    assert_eq!(std::fs::read(path).unwrap(), [&red[..], b"err\r50%"].concat());
}

#[test]
fn output_is_there_before_the_command_has_ended() {
    let gate = Gate::new();
    let running = Running::start(&gate, &[], "mkfifo gate; echo first; read wait < gate; echo last");
    running.said("first");
    eventually("it is in the log", || log(&gate, "sh.log") == "first\n");
    // It would wait for ever: nobody opens the gate but we.
    running.signal(rustix::process::Signal::TERM);
    assert_ne!(running.ended(), Some(0));
}

#[test]
fn our_lines_begin_a_line_and_go_to_standard_error_only() {
    let gate = Gate::new();
    let ran = script(&gate, &[], "printf half >&2; sleep 0.2; printf ' and half\n' >&2");
    ran.code(0);
    assert_eq!(ran.stdout(), "");
    let stderr = ran.stderr();
    let ours = |line: &&str| line.contains(" heartbeat sh: ");
    assert!(stderr.lines().filter(ours).count() >= 4, "{stderr}");
    assert!(
        stderr.lines().filter(ours).all(|line| line.starts_with("20")),
        "{stderr}"
    );
    assert!(stderr.contains("half\n20"), "{stderr}");
}

#[test]
fn a_beat_says_what_was_going_on() {
    let gate = Gate::new();
    script(&gate, &[], "echo one; echo two; sleep 0.3").code(0);
    let beats: Vec<_> = records(&gate)
        .into_iter()
        .filter_map(|record| match record.event {
            stageproof::model::heartbeat::Event::Beat(beat) => Some((record.pid, record.elapsed_ms, beat)),
            _ => None,
        })
        .collect();
    assert!(beats.len() >= 3, "{beats:?}");
    assert_eq!(beats.iter().map(|(_, _, beat)| beat.lines).sum::<u64>(), 2);
    assert_eq!(beats.iter().map(|(_, _, beat)| beat.bytes).sum::<u64>(), 8);
    let (pid, elapsed, second) = &beats[1];
    assert!(*pid > 1 && *elapsed >= 100 && second.quiet_ms >= 50, "{beats:?}");
    if cfg!(target_os = "linux") {
        assert!(
            second.rss_kib.is_some_and(|kib| kib > 100) && second.cpu_ms.is_some(),
            "{beats:?}"
        );
    }
}

/// What a wrapped step says to the runner works as if it was not wrapped; what we say cannot be taken for it.
#[test]
fn a_runner_hears_the_command_and_not_the_words_in_ours() {
    let gate = Gate::new().on_runner("push", "{}").env("MY_TOKEN", "very-secret-9");
    let ran = script(
        &gate,
        &["--stall-after=100ms"],
        "echo '::group::build'; : '##[error]x' very-secret-9; sleep 0.3; echo '::endgroup::'",
    );
    ran.code(0);
    assert_eq!(ran.stdout(), "::group::build\n::endgroup::\n");
    let stderr = ran.stderr();
    let (live, report) = stderr.split_once("::stop-commands::").unwrap();
    assert!(
        live.contains("STALLED") && !live.contains("##[error]") && !live.contains("\n::"),
        "{stderr}"
    );
    assert!(report.contains("Verdict:"), "{stderr}");
    ran.never_says("very-secret-9");
    assert!(!log(&gate, "heartbeat.log").contains("very-secret-9"));
}

#[test]
fn secrets_are_taken_out_of_the_log_in_the_end() {
    let gate = Gate::new()
        .env("DEPLOY", "named-value")
        .env("MY_PASSWORD", "told-by-its-name");
    gate.write(".github/stageproof.yml", "skip-guard:\n  require: [env:DEPLOY]\n");
    script(&gate, &[], "echo $DEPLOY and $MY_PASSWORD; exit 1").code(1);
    assert_eq!(log(&gate, "sh.log"), "*** and ***\n");
    let report = report(&gate).to_string();
    assert!(
        report.contains("*** and ***") && !report.contains("named-value"),
        "{report}"
    );
}

#[test]
fn a_secret_in_the_name_of_what_is_not_there_is_not_shown() {
    let gate = Gate::new().env("MY_TOKEN", "very-secret-8");
    let ran = heartbeat(&gate, &["--label=x", "--", "./very-secret-8"]);
    ran.code(127).says("not started: ").never_says("very-secret-8");
    assert!(!log(&gate, "heartbeat.log").contains("very-secret-8"));
}

/// Quoted for a shell it would read differently, and cut it would not be known.
#[test]
fn a_secret_in_the_command_is_not_shown_however_it_is_written() {
    let secret = format!("it's {}", "s3cret".repeat(60));
    let gate = Gate::new().env("MY_TOKEN", &secret);
    let ran = heartbeat(
        &gate,
        &["--stall-after=100ms", "--", "sh", "-c", "sleep 0.3; exit 1", &secret],
    );
    ran.code(1).says("STALLED").says("***").never_says("s3cret");
    let seen = log(&gate, "heartbeat.log") + &report(&gate).to_string();
    assert!(!seen.contains("s3cret"), "{seen}");
}

#[test]
fn a_terminal_is_there_for_those_who_need_one() {
    if Command::new("python3").arg("--version").output().is_err() {
        return not_checked("--pty", "python3 is not installed", "STAGEPROOF_REQUIRE_TOOLS");
    }
    let ask = "import os,sys; s=os.get_terminal_size(); print(sys.stdin.isatty(), sys.stdout.isatty(), \
               sys.stderr.isatty(), s.columns, s.lines, os.environ['TERM']); print(os.tcgetpgrp(0)==os.getpgrp()); \
               sys.exit(5)";
    let gate = Gate::new().env("TERM", "xterm-256color").env("COLUMNS", "132");
    let ran = heartbeat(&gate, &["--pty", "--", "python3", "-c", ask]);
    ran.code(5);
    assert_eq!(ran.stdout(), "True True True 132 40 xterm-256color\nTrue\n");
    let gate = Gate::new();
    let ran = heartbeat(
        &gate,
        &["--", "python3", "-c", "import sys; print(sys.stdout.isatty())"],
    );
    assert_eq!(ran.stdout(), "False\n");
    assert_eq!(log(&gate, "python3.log"), "False\n");
}

#[test]
fn a_terminal_passes_input_on_and_ends_it() {
    let gate = Gate::new();
    let mut command = gate.command(["heartbeat", "--pty", "--", "cat"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"typed\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "typed\n");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn standard_input_is_the_commands() {
    let gate = Gate::new();
    let mut command = gate.command(["heartbeat", "--", "cat"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"in").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"in");
}

/// Nested time limits fail when the step waits for whoever holds its output.
#[test]
fn somebody_who_holds_the_output_does_not_hold_the_step() {
    let gate = Gate::new();
    let began = Instant::now();
    let ran = script(&gate, &[], "sleep 7.31 & echo mine; exit 4");
    ran.code(4).says("another process still holds its output open");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(ran.stdout(), "mine\n");
    assert_eq!(found(&gate), ["failed", "output-cut", "left-behind"]);
}

/// Also one that goes on writing.
#[test]
fn an_orphan_that_writes_does_not_hold_the_step_either() {
    let gate = Gate::new();
    let began = Instant::now();
    let ran = script(&gate, &[], "(while sleep 0.05; do echo orphan; done) & echo mine");
    ran.code(0);
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    assert!(
        ran.stdout().starts_with("mine\n") && ran.stdout().contains("orphan"),
        "{}",
        ran.stdout()
    );
}

/// A reader that takes its time gets all the same: what the command wrote before it ended is not cut.
#[test]
fn a_slow_reader_loses_nothing() {
    let gate = Gate::new();
    let mut command = gate.command(["heartbeat", "--", "head", "-c", "900000", "/dev/zero"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 1000];
    stdout.read_exact(&mut first).unwrap();
    // Longer than output is waited for that somebody else holds open.
    std::thread::sleep(Duration::from_millis(700));
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), 899_000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// One stream that ends only after the command says nothing about the other, which is still being read.
#[test]
fn a_slow_reader_of_one_stream_loses_nothing_when_the_other_was_held_open() {
    let gate = Gate::new();
    let script = "head -c 900000 /dev/zero >&2; sleep 0.2 2> /dev/null & exit 0";
    let mut command = gate.command(["heartbeat", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    // Longer than output is waited for that somebody else holds open.
    std::thread::sleep(Duration::from_secs(1));
    let mut all = Vec::new();
    stderr.read_to_end(&mut all).unwrap();
    assert_eq!(all.iter().filter(|byte| **byte == 0).count(), 900_000);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(log(&gate, "sh.log").len(), 900_000);
}

#[test]
fn a_reader_that_goes_away_ends_the_command_as_if_it_was_not_wrapped() {
    let gate = Gate::new();
    let mut command = gate.command(["heartbeat", "--", "yes"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut some = [0; 100];
    child.stdout.take().unwrap().read_exact(&mut some).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 13), "SIGPIPE");
}

#[test]
fn output_that_cannot_be_passed_on_is_our_failure_and_still_in_the_log() {
    let gate = Gate::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = gate.command(["heartbeat", "--", "echo", "kept"]);
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert_eq!(log(&gate, "echo.log"), "kept\n");
    assert_eq!(found(&gate), ["output-lost"]);
}
