//! A log proves that it ran. One that cannot be written does not keep the command from running, and is never green.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{found, heartbeat, log, records, report, script};
use crate::gate::Gate;
use crate::servers::eventually;
use crate::skipped::not_checked;

#[test]
fn records_are_appended_and_output_is_the_last_run_of_a_label() {
    let gate = Gate::new();
    script(&gate, &["--label=build"], "echo first").code(0);
    script(&gate, &["--label=build"], "echo second").code(0);
    assert_eq!(log(&gate, "build.log"), "second\n");
    let records = records(&gate);
    assert_eq!(records.len(), 4);
    assert!(records.iter().all(|record| record.label == "build"));
    assert_eq!(gate.report("heartbeat-build")["checks"][0]["id"], "heartbeat:build");
    let log = gate.report("heartbeat-build")["outputs"]["log"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        log.ends_with("logs/build.log") && log.starts_with("artifacts/"),
        "{log}"
    );
}

#[test]
fn a_log_that_cannot_be_written_is_red_and_the_command_has_run() {
    for (name, found_codes) in [("heartbeat.log", vec!["log-failed"]), ("touch.log", vec!["log-failed"])] {
        let gate = Gate::new();
        fs::create_dir_all(gate.root().join("evidence/logs").join(name)).unwrap();
        heartbeat(&gate, &["--evidence-dir=evidence", "--", "touch", "ran"])
            .code(125)
            .says(name)
            .says("Verdict: fail");
        assert!(gate.root().join("ran").exists());
        let report: serde_json::Value = report(&gate);
        let codes: Vec<&str> = report["checks"][0]["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["code"].as_str().unwrap())
            .collect();
        assert_eq!(codes, found_codes);
        assert_eq!(report["outputs"]["exit-code"], "125");
    }
}

#[test]
fn without_any_place_for_evidence_the_command_runs_and_the_end_is_red() {
    let gate = Gate::new();
    gate.write("evidence", "a file");
    let ran = heartbeat(
        &gate,
        &["--evidence-dir=evidence", "--", "sh", "-c", "echo live; touch ran"],
    );
    ran.code(125).says("evidence");
    assert_eq!(ran.stdout(), "live\n");
    assert!(gate.root().join("ran").exists());
    // What failed anyway keeps its own code.
    heartbeat(&gate, &["--evidence-dir=evidence", "--", "sh", "-c", "exit 7"]).code(7);
}

#[test]
fn a_disk_that_is_full_in_the_middle_stops_nobody() {
    let gate = Gate::new();
    let logs = gate.root().join("evidence/logs");
    fs::create_dir_all(&logs).unwrap();
    let Some(_small) = SmallDisk::mount(&logs) else {
        return not_checked("a full disk", "mounting is not allowed", "STAGEPROOF_REQUIRE_TOOLS");
    };
    let ran = heartbeat(
        &gate,
        &[
            "--evidence-dir=evidence",
            "--",
            "sh",
            "-c",
            "head -c 300000 /dev/zero; echo; echo end",
        ],
    );
    ran.code(125).says("No space left on device");
    assert!(ran.output.stdout.ends_with(b"\0\nend\n") && ran.output.stdout.len() == 300_005);
    let report: serde_json::Value = report(&gate);
    assert_eq!(report["verdict"], "fail");
    assert!(report.to_string().contains("log-failed"), "{report}");
}

/// A limit on the size of files is a signal to whoever writes, and not the end of the run.
#[test]
fn a_log_that_may_not_grow_is_told_and_not_died_of() {
    let gate = Gate::new();
    let program = gate.program();
    let text = format!("ulimit -f 100; '{program}' heartbeat -- sh -c 'head -c 300000 /dev/zero; echo; echo end'");
    let output = Command::new("sh")
        .args(["-c", &text])
        .current_dir(gate.root())
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(125),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.stdout.ends_with(b"\0\nend\n"));
    assert_eq!(found(&gate), ["log-failed"]);
}

#[test]
fn a_log_is_not_written_where_a_link_leads() {
    let gate = Gate::new();
    gate.write("precious", "precious");
    fs::create_dir_all(gate.root().join("evidence/logs")).unwrap();
    std::os::unix::fs::symlink("../../precious", gate.root().join("evidence/logs/true.log")).unwrap();
    heartbeat(&gate, &["--evidence-dir=evidence", "--", "true"])
        .code(125)
        .says("it is a symbolic link");
    assert_eq!(gate.read("precious"), "precious");
}

/// What somebody reads after a kill that nobody can handle.
#[test]
fn a_run_that_was_killed_leaves_its_records_and_a_report_that_is_not_green() {
    let gate = Gate::new();
    let running = super::Running::start(&gate, &[], "echo ready; sleep 1.3");
    running.said("ready");
    eventually("it is in both logs", || {
        log(&gate, "sh.log") == "ready\n" && !records(&gate).is_empty()
    });
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.ended(), None);
    assert_eq!(report(&gate)["verdict"], "inconclusive");
    assert!(!records(&gate).is_empty());
    assert_eq!(log(&gate, "sh.log"), "ready\n");
}

/// A file system of 64 KiB, for as long as the value lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]).arg(folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A command that cleans up behind itself takes the proof along.
#[test]
fn logs_that_are_gone_in_the_end_prove_nothing() {
    for (script, which) in [
        ("rm -rf evidence/logs", "sh.log"),
        ("rm evidence/logs/heartbeat.log", "heartbeat.log"),
        (
            "rm evidence/logs/sh.log; ln -s ../../precious evidence/logs/sh.log",
            "sh.log",
        ),
    ] {
        let gate = Gate::new().env("MY_TOKEN", "VerySecretValue99");
        gate.write("precious", "VerySecretValue99\n");
        heartbeat(&gate, &["--evidence-dir=evidence", "--", "sh", "-c", script])
            .code(125)
            .says(which)
            .says("was removed or replaced while");
        assert_eq!(gate.read("precious"), "VerySecretValue99\n");
    }
}

/// What is refused for writing is not read either: it would stand in the report.
#[test]
fn a_log_of_somebody_else_is_not_read() {
    let gate = Gate::new();
    gate.write("precious", "root:hash\n");
    fs::create_dir_all(gate.path("evidence/logs")).unwrap();
    std::os::unix::fs::symlink(gate.path("precious"), gate.path("evidence/logs/echo.log")).unwrap();
    heartbeat(&gate, &["--evidence-dir=evidence", "--", "echo", "ran"])
        .code(125)
        .says("it is a symbolic link");
    assert!(!report(&gate).to_string().contains("root:hash"));
    let gate = Gate::new();
    fs::create_dir_all(gate.path("evidence/logs")).unwrap();
    let pipe = gate.path("evidence/logs/echo.log");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Reading it would wait for ever.
    heartbeat(&gate, &["--evidence-dir=evidence", "--", "echo", "ran"]).code(125);
}

/// Not being able to say something is no other result.
#[test]
fn a_full_standard_error_does_not_change_the_exit_code() {
    let gate = Gate::new();
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let code = |args: &[&str]| gate.command(args).stderr(full()).status().unwrap().code();
    assert_eq!(code(&["heartbeat", "--", "sh", "-c", "exit 5"]), Some(5));
    assert_eq!(code(&["heartbeat", "--bogus", "--", "true"]), Some(2));
    assert_eq!(code(&["smoke", "--bogus"]), Some(2));
}
