//! Its exit code is the command's, whatever that is.

use std::time::Instant;

use stageproof::model::heartbeat::Event;

use super::{found, heartbeat, notes, records, report, script};
use crate::gate::Gate;

#[test]
fn every_exit_code_is_passed_on_and_anything_but_0_fails() {
    for code in [0, 1, 2, 3, 4, 42, 124, 137, 255] {
        let gate = Gate::new();
        script(&gate, &[], &format!("echo said; exit {code}")).code(code);
        let report = report(&gate);
        assert_eq!(report["verdict"], if code == 0 { "pass" } else { "fail" }, "{code}");
        assert_eq!(report["outputs"]["exit-code"], code.to_string());
        assert_eq!(report["checks"][0]["id"], "heartbeat:sh");
        let last = records(&gate).pop().unwrap();
        assert!(matches!(last.event, Event::End(end) if i32::from(end.exit) == code && end.lines == 1));
    }
}

#[test]
fn what_needs_a_shell_is_said_with_the_way_to_one() {
    let gate = Gate::new();
    heartbeat(&gate, &["--", "true && true"])
        .code(127)
        .says("next: a script in one word needs --shell");
    heartbeat(&gate, &["--", "A=1", "true"])
        .code(127)
        .says("next: it runs without a shell: put `env` before");
}

/// nick-fields/retry takes each of these for success.
#[test]
fn death_by_a_signal_is_128_and_its_number() {
    for (signal, name, code) in [
        ("KILL", "SIGKILL", 137),
        ("SEGV", "SIGSEGV", 139),
        ("ABRT", "SIGABRT", 134),
    ] {
        let gate = Gate::new();
        script(&gate, &[], &format!("ulimit -c 0; kill -{signal} $$; sleep 9"))
            .code(code)
            .says(&format!("it was killed by {name} (signal {})", code - 128));
        assert_eq!(found(&gate), ["killed"]);
        let last = records(&gate).pop().unwrap();
        assert!(matches!(last.event, Event::End(end) if end.signal.as_deref() == Some(name)));
    }
}

#[test]
fn a_sigkill_that_was_not_ours_comes_with_what_the_kernel_says_about_memory() {
    let gate = Gate::new();
    script(&gate, &[], "kill -KILL $$").code(137).says("OOM");
}

/// The system forgets how children ended if whoever started us ignores that they do.
#[test]
fn the_code_is_known_although_the_end_of_children_is_ignored() {
    if std::process::Command::new("python3").arg("--version").output().is_err() {
        let why = "python3 is not installed";
        return crate::skipped::not_checked("an ignored SIGCHLD", why, "STAGEPROOF_REQUIRE_TOOLS");
    }
    let gate = Gate::new();
    let program = gate.program();
    let text =
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])";
    let output = std::process::Command::new("python3")
        .args([
            "-c",
            text,
            &program,
            "heartbeat",
            "--timeout=9s",
            "--",
            "sh",
            "-c",
            "exit 7",
        ])
        .current_dir(gate.root())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(7),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn what_cannot_be_run_has_the_codes_of_timeout_and_a_next_step() {
    for (command, code, says) in [
        ("no-such-command-anywhere", 127, "not found in PATH"),
        ("./absent", 127, "there is no file"),
        ("./plain", 126, "cannot be executed"),
        ("./folder", 126, "cannot be executed"),
        ("./lost", 126, "its interpreter or loader does not"),
        ("./no-shebang", 126, "#!/bin/sh"),
    ] {
        let gate = Gate::new();
        gate.write("plain", "x")
            .write("lost", "#!/no/such/interpreter\n")
            .write("no-shebang", "echo x\n");
        gate.path("folder/x");
        for executable in ["lost", "no-shebang"] {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(gate.root().join(executable), mode).unwrap();
        }
        heartbeat(&gate, &["--", command])
            .code(code)
            .says(says)
            .says("Verdict: fail");
        assert!(matches!(&records(&gate).pop().unwrap().event, Event::End(end) if i32::from(end.exit) == code));
    }
}

#[test]
fn a_wrong_command_line_runs_nothing() {
    for (args, says) in [
        (&["heartbeat"][..], "COMMAND"),
        (&["heartbeat", "--every=5", "--", "true"], "5s"),
        (&["heartbeat", "--every=1ms", "--", "true"], "10ms"),
        (&["heartbeat", "--timeout=0s", "--", "true"], "longer than 0s"),
        (&["heartbeat", "--stall-kill", "--", "true"], "--stall-after"),
        (&["heartbeat", "--retry-on=1", "--", "true"], "--retries"),
        (&["heartbeat", "--retries=1", "--retry-on=0", "--", "true"], "1,75-78"),
        (&["heartbeat", "--label=heartbeat", "--", "true"], "run-heartbeat"),
        (&["heartbeat", "--shell", "--", "echo", "x"], "--shell -- '"),
    ] {
        let gate = Gate::new();
        gate.run(args).code(2).says(says);
        assert!(!gate.root().join("artifacts").exists(), "{args:?}");
    }
    let gate = Gate::new().env("INPUT_COMMAND", "heartbeat");
    gate.run([] as [&str; 0]).code(2).says("`run:` step");
}

/// An action around it may have an input of the same name.
#[test]
fn inputs_of_a_step_are_not_meant_for_it() {
    let gate = Gate::new().env("INPUT_TIMEOUT", "1").env("INPUT_EVERY", "x");
    heartbeat(&gate, &["--", "true"]).code(0);
}

/// nick-fields/retry waits 10 s for 0, and once more after the last attempt.
#[test]
fn attempts_are_counted_and_there_is_no_wait_after_the_last() {
    let gate = Gate::new();
    let began = Instant::now();
    script(&gate, &["--retries=2", "--retry-wait=300ms"], "echo try; exit 3").code(3);
    let took = began.elapsed().as_millis();
    assert!(
        (600..900).contains(&took) || took > 900 && waits(&gate) == 2,
        "two waits and not three: {took} ms"
    );
    assert_eq!(waits(&gate), 2);
    assert_eq!(super::log(&gate, "sh.log"), "try\ntry\ntry\n");
    let starts = records(&gate)
        .into_iter()
        .filter(|r| matches!(r.event, Event::Start { .. }));
    assert_eq!(starts.map(|record| record.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let names: Vec<String> = timeline(&gate);
    assert_eq!(names, ["attempt 1", "wait", "attempt 2", "wait", "attempt 3"]);
}

fn waits(gate: &Gate) -> usize {
    notes(gate).iter().filter(|note| note.contains("retrying in")).count()
}

fn timeline(gate: &Gate) -> Vec<String> {
    let report = report(gate);
    let spans = report["timeline"].as_array().unwrap();
    spans
        .iter()
        .map(|span| span["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_wait_of_0s_is_none() {
    let gate = Gate::new();
    script(&gate, &["--retries=3", "--retry-wait=0s"], "exit 3").code(3);
    assert_eq!(timeline(&gate), ["attempt 1", "attempt 2", "attempt 3", "attempt 4"]);
}

#[test]
fn only_the_named_codes_are_worth_another_attempt_and_a_time_limit_is_one_of_them() {
    let attempts = |options: &[&str], text: &str| {
        let gate = Gate::new();
        script(&gate, &[&["--retries=2"], options].concat(), text);
        report(&gate)["outputs"]["attempts"].as_str().unwrap().to_owned()
    };
    assert_eq!(attempts(&["--retry-on=75"], "exit 3"), "1");
    assert_eq!(attempts(&["--retry-on=3,75"], "exit 3"), "3");
    assert_eq!(attempts(&["--retry-on=124", "--timeout=80ms"], "sleep 9"), "3");
    assert_eq!(attempts(&[], "kill -KILL $$"), "3");
    assert_eq!(attempts(&[], "exit 0"), "1");
}

#[test]
fn what_went_well_only_later_is_a_weak_pass() {
    let gate = Gate::new();
    script(&gate, &["--retries=3"], "test -e once || { touch once; exit 9; }")
        .code(0)
        .says("pass-weak");
    assert_eq!(found(&gate), ["retried"]);
}

/// nick-fields/retry runs a script without -e: a failure in the middle passes.
#[test]
fn a_script_ends_at_its_first_failure_and_no_shell_is_there_unasked() {
    let gate = Gate::new();
    heartbeat(&gate, &["--shell", "--", "false\necho behind"])
        .code(1)
        .never_says("\nbehind");
    let gate = Gate::new();
    heartbeat(&gate, &["--shell", "--", "exit 5 | cat"]).code(5);
    assert_eq!(super::log(&gate, "shell.log"), "");
    let gate = Gate::new();
    let ran = heartbeat(&gate, &["--", "echo", "$HOME", "a  b", "*"]);
    assert_eq!(ran.stdout(), "$HOME a  b *\n");
}

#[test]
fn without_bash_the_script_is_read_by_sh_which_is_said() {
    let gate = Gate::new();
    std::os::unix::fs::symlink("/bin/sh", gate.path("bin/sh")).unwrap();
    let path = gate.root().join("bin").display().to_string();
    let gate = gate.env("PATH", &path);
    heartbeat(&gate, &["--shell", "--", "echo in sh; false; echo behind"])
        .code(1)
        .says("in sh")
        .says("there is no bash");
}

#[test]
fn on_a_runner_there_is_a_picture_of_it_in_the_summary() {
    let gate = Gate::new().on_runner("push", "{}");
    script(&gate, &["--retries=1"], "sleep 0.5; exit 3").code(3);
    let summary = gate.read("runner/summary");
    assert!(
        summary.contains("```mermaid\ngantt\n") && summary.contains("failed attempt 2 :crit,"),
        "{summary}"
    );
    assert!(summary.contains("| attempt 2 | failed |"), "{summary}");
    assert_eq!(gate.outputs()["exit-code"], "3");
}

/// A step that went well must not hide one that did not.
#[test]
fn each_program_has_a_report_of_its_own() {
    let gate = Gate::new();
    heartbeat(&gate, &["--", "false"]).code(1);
    heartbeat(&gate, &["--", "true"]).code(0);
    assert_eq!(gate.report("heartbeat-false")["verdict"], "fail");
    assert_eq!(gate.report("heartbeat-true")["verdict"], "pass");
    gate.run(["verdict", "--require=heartbeat-true"]).code(1);
}
