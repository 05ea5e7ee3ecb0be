//! `skip-guard --fix`: what is missing and can be repaired is repaired, and looked at again.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::gate::Gate;

const PUSH: &str = r#"{"repository":{"fork":false,"full_name":"acme/shop"}}"#;
const FORK_PULL: &str = r#"{"pull_request":{"head":{"repo":{"full_name":"eve/shop"}},
    "base":{"repo":{"full_name":"acme/shop"}}},"repository":{"fork":false}}"#;

/// A guard with these prerequisites, in a push to main.
fn guard(list: &str) -> Gate {
    guard_in("push", PUSH, list)
}

fn guard_in(event: &str, payload: &str, list: &str) -> Gate {
    let gate = Gate::new().on_runner(event, payload);
    gate.write(".github/stageproof.yml", format!("skip-guard:\n  require:\n{list}"));
    gate
}

/// An executable script in the workspace.
fn script(gate: &Gate, name: &str, text: &str) {
    gate.write(name, format!("#!/bin/sh\n{text}\n"));
    fs::set_permissions(gate.path(name), fs::Permissions::from_mode(0o755)).unwrap();
}

fn check(gate: &Gate, id: &str) -> Value {
    let report = gate.report("skip-guard");
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["id"] == format!("guard:{id}"));
    found.unwrap_or_else(|| panic!("no {id} in {report:#}")).clone()
}

fn fact<'a>(check: &'a Value, name: &str) -> &'a str {
    let facts = check["facts"].as_array().unwrap();
    let found: Vec<&Value> = facts.iter().filter(|fact| fact["name"] == name).collect();
    assert_eq!(found.len(), 1, "{name} in {check:#}");
    found[0]["value"].as_str().unwrap()
}

fn log(gate: &Gate, number: usize) -> String {
    fs::read_to_string(gate.evidence().join(format!("logs/fix-{number}.log"))).unwrap()
}

fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
}

const MAKE: &str = "    - file:there\n    - require: file:built/app\n      fix: ./make 'built/app' --yes\n";

#[test]
fn what_is_missing_is_repaired_and_what_is_there_is_left_alone() {
    let gate = guard(&format!("{MAKE}    - require: file:there\n      fix: ./destroy\n"));
    gate.write("there", "as it was");
    script(&gate, "make", "echo making $1 $2; mkdir -p built; echo app > \"$1\"");
    script(&gate, "destroy", "rm there");
    gate.run(["skip-guard", "--fix"]).code(0).says("Verdict: pass");
    let outputs = gate.outputs();
    assert_eq!(outputs["ready"], "true");
    assert_eq!(outputs["missing"], "[]");
    assert_eq!(outputs["fixed"], r#"["file:built/app"]"#);
    assert_eq!(gate.read("there"), "as it was");
    let check = check(&gate, "file:built/app");
    assert_eq!(check["status"], "passed");
    assert_eq!(fact(&check, "repair"), "fixed");
    assert_eq!(fact(&check, "fix"), "./make built/app --yes");
    assert_eq!(fact(&check, "exit"), "0");
    assert!(fact(&check, "took").ends_with('s'));
    assert!(fact(&check, "log").ends_with("/logs/fix-2.log"));
    assert_eq!(log(&gate, 2), "making built/app --yes\n");
    // Once more: nothing is missing any more, and nothing is run.
    fs::remove_file(gate.path("make")).unwrap();
    gate.run(["skip-guard", "--fix"]).code(0);
    assert_eq!(gate.outputs()["fixed"], "[]");
}

#[test]
fn nothing_is_run_unless_the_command_line_says_so() {
    let gate = guard(MAKE);
    gate.write("there", "");
    script(&gate, "make", "touch ran");
    gate.run(["skip-guard"])
        .code(0)
        .says("Verdict: skip")
        .says("`./make built/app --yes` repairs it, and `stageproof skip-guard --fix` runs it.")
        .says("`stageproof skip-guard --fix` would run the configured fix of file:built/app.");
    gate.run(["skip-guard", "--strict"]).code(1).says("skip-guard --fix");
    gate.run(["skip-guard", "--fix=false"]).code(0);
    assert!(!gate.outputs().contains_key("fixed"));
    assert_eq!(fact(&check(&gate, "file:built/app"), "fix"), "./make built/app --yes");
    gate.write(
        "smoke.yml",
        format!("skip-guard:\n  require:\n{MAKE}smoke: {{url: 'http://127.0.0.1:9/'}}\n"),
    );
    gate.run(["rehearse", "--config=smoke.yml"])
        .code(0)
        .says("Verdict: skip");
    gate.run(["rehearse", "--config=smoke.yml", "--fix"]).code(2);
    assert!(!gate.path("ran").exists());
    // A file cannot decide it.
    gate.write("on.yml", format!("skip-guard:\n  fix: true\n  require:\n{MAKE}"));
    gate.run(["skip-guard", "--config=on.yml"])
        .code(2)
        .says("on.yml:2:3: unknown key `fix`");
    gate.run(["skip-guard", "--fix", "--require=file:x"])
        .code(2)
        .says("--fix has nothing to run");
}

#[test]
fn a_fix_that_fails_fails_the_guard_and_shows_its_last_words() {
    let gate = guard(&format!("{MAKE}    - require: file:later\n      fix: touch later\n"));
    gate.write("there", "");
    script(&gate, "make", "echo to stdout; echo to stderr >&2; exit 3");
    gate.run(["skip-guard", "--fix"])
        .code(1)
        .says("the file built/app does not exist, and its fix exited with code 3")
        .says("to stdout")
        .says("to stderr")
        .says("::error title=");
    let failed = check(&gate, "file:built/app");
    assert_eq!(fact(&failed, "repair"), "failed");
    assert_eq!(fact(&failed, "exit"), "3");
    assert_eq!(log(&gate, 2), "to stdout\nto stderr\n");
    // The others are repaired all the same.
    let outputs = gate.outputs();
    assert_eq!(outputs["fixed"], r#"["file:later"]"#);
    assert_eq!(outputs["missing"], r#"["file:built/app"]"#);
    assert_eq!(outputs["ready"], "false");
}

#[test]
fn one_that_does_its_work_and_fails_is_not_believed() {
    let gate = guard(MAKE);
    gate.write("there", "");
    script(&gate, "make", "mkdir built; touch built/app; kill -SEGV $$");
    gate.run(["skip-guard", "--fix"])
        .code(1)
        .says("the prerequisite is met now, but its fix was killed by SIGSEGV (signal 11)");
    let outputs = gate.outputs();
    assert_eq!(
        (&*outputs["missing"], &*outputs["fixed"], &*outputs["ready"]),
        ("[]", "[]", "false")
    );
}

#[test]
fn success_without_an_effect_is_a_failure() {
    let gate = guard("    - require: command:no-such-tool\n      fix: echo installed\n");
    gate.run(["skip-guard", "--fix", "--fail-on=never"])
        .code(1)
        .says("the command no-such-tool is not installed, although its fix exited with code 0")
        .says("GITHUB_PATH");
    assert_eq!(gate.outputs()["missing"], r#"["command:no-such-tool"]"#);
}

#[test]
fn one_that_cannot_be_started_is_a_failure_that_says_why() {
    for (fix, says) in [
        (
            "no-such-program --yes",
            "the command `no-such-program` is not installed",
        ),
        ("./no-such-script", "there is no file"),
        ("./plain", "cannot be executed"),
    ] {
        let gate = guard(&format!("    - require: file:x\n      fix: {fix}\n"));
        gate.write("plain", "");
        gate.run(["skip-guard", "--fix"])
            .code(1)
            .says("the file x does not exist, and its fix did not start")
            .says(says);
    }
}

#[test]
fn what_has_no_fix_is_left_to_people_under_the_ordinary_rule() {
    let list = format!("{MAKE}    - env:TOKEN\n");
    for (event, code) in [("push", 0), ("workflow_dispatch", 1)] {
        let gate = guard_in(event, PUSH, &list);
        gate.write("there", "");
        script(&gate, "make", "mkdir built; touch built/app");
        gate.run(["skip-guard", "--fix"])
            .code(code)
            .says("TOKEN is not set or empty")
            .says("No fix is configured, so fix it by hand.");
        let manual = check(&gate, "env:TOKEN");
        assert_eq!(fact(&manual, "repair"), "manual");
        let outputs = gate.outputs();
        assert_eq!(outputs["missing"], r#"["env:TOKEN"]"#);
        assert_eq!(outputs["fixed"], r#"["file:built/app"]"#);
        assert_eq!(outputs["ready"], "false");
    }
}

#[test]
fn one_fix_may_meet_what_comes_after_it() {
    let gate = guard(
        "    - require: file:a\n      fix: touch a b c\n    - require: file:b\n      fix: touch wrong\n    - file:c\n",
    );
    gate.run(["skip-guard", "--fix"]).code(0).says("Verdict: pass");
    assert_eq!(gate.outputs()["fixed"], r#"["file:a","file:b","file:c"]"#);
    assert!(!gate.path("wrong").exists(), "what was there by then was touched");
}

#[test]
fn a_stranger_s_commands_are_not_run() {
    let list = "    - require: file:x\n      fix: touch x\n";
    for (event, payload, more, says) in [
        ("pull_request", FORK_PULL, "", "the run comes from the fork eve/shop"),
        (
            "pull_request_target",
            FORK_PULL,
            "",
            "the run comes from the fork eve/shop",
        ),
        (
            "pull_request",
            FORK_PULL,
            "    - env:TOKEN\n",
            "TOKEN is not available to pull requests from forks",
        ),
        ("push", PUSH, "    - event:schedule\n", "the event is push"),
        ("push", "{}", "", "cannot tell whether the run comes from a fork"),
    ] {
        let gate = guard_in(event, payload, &format!("{list}{more}"));
        gate.run(["skip-guard", "--fix"])
            .code(0)
            .says("Verdict: skip")
            .says(&format!("No fix was run: {says}"));
        assert!(!gate.path("x").exists(), "{event}");
        assert_eq!(fact(&check(&gate, "file:x"), "repair"), "not tried");
        assert_eq!(gate.outputs()["fixed"], "[]");
    }
}

#[test]
fn one_that_hangs_is_ended_with_all_it_started() {
    let gate = guard("    - require: file:x\n      fix: ./hang\n      fix-within: 1s\n");
    script(
        &gate,
        "hang",
        "trap '' TERM; sleep 90 & echo $! >> pids; (setsid sh -c 'echo $$ >> pids; exec sleep 90' &)\n\
         while [ $(wc -l < pids) -lt 2 ]; do :; done; echo waiting; wait",
    );
    let started = Instant::now();
    gate.run(["skip-guard", "--fix"])
        .code(1)
        .says("its fix timed out after 1s and was ended with all its processes")
        .says("waiting")
        .says("fix-within");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    let pids = gate.read("pids");
    assert_eq!(pids.lines().count(), 2, "{pids}");
    assert!(!pids.lines().any(is_alive), "{pids}");
    assert_eq!(log(&gate, 1), "waiting\n");
}

#[test]
fn what_it_leaves_behind_is_ended_and_said() {
    let gate = guard("    - require: file:pid\n      fix: ./serve\n");
    script(
        &gate,
        "serve",
        "setsid sh -c 'echo $$ > pid; exec sleep 90 > /dev/null 2>&1' &\nwhile [ ! -s pid ]; do :; done",
    );
    gate.run(["skip-guard", "--fix"])
        .code(0)
        .says("Verdict: pass-weak")
        .says("left processes behind, which were ended");
    assert!(!is_alive(&gate.read("pid")));
}

#[test]
fn secrets_stay_out_of_its_log_and_its_last_words() {
    let gate =
        guard("    - env:DEPLOY_KEY\n    - require: file:x\n      fix: ./show\n").env("DEPLOY_KEY", "s3cr3t-value");
    script(
        &gate,
        "show",
        "echo \"key=$DEPLOY_KEY!\"; echo \"$DEPLOY_KEY\" >&2\n\
         printf 'ci:%s' \"$DEPLOY_KEY\" | base64; exit 1",
    );
    gate.run(["skip-guard", "--fix", "--format=json"])
        .code(1)
        .never_says("s3cr3t-value");
    assert_eq!(log(&gate, 2), "key=***!\n***\nY2k6***\n");
}

#[test]
fn the_guard_s_outputs_are_its_own_word() {
    let gate = guard("    - require: file:x\n      fix: ./lie\n");
    script(
        &gate,
        "lie",
        "touch x; echo ready=maybe >> \"$GITHUB_OUTPUT\"; echo lies >> \"$GITHUB_STEP_SUMMARY\"\n\
         echo '::error::no command'; echo \"$GITHUB_SHA\"",
    );
    let ran = gate.run(["skip-guard", "--fix"]);
    ran.code(0).never_says("::error::no command");
    assert_eq!(gate.outputs()["ready"], "true");
    assert!(!gate.read("runner/output").contains("maybe"));
    assert!(!gate.read("runner/summary").contains("lies"));
    // The rest of the environment is any step's.
    assert!(log(&gate, 1).ends_with("0123456789abcdef0123456789abcdef01234567\n"));
}

#[test]
fn each_label_has_logs_of_its_own() {
    let gate = guard("    - require: file:x\n      fix: touch x\n");
    gate.run(["skip-guard", "--fix", "--label=blue"]).code(0);
    assert!(gate.evidence().join("logs/fix-blue-1.log").is_file());
}

#[test]
fn a_log_that_cannot_be_kept_is_never_green_and_nothing_is_run() {
    let gate = guard("    - require: file:x\n      fix: touch x\n");
    gate.write("evidence/logs", "a file where a folder belongs");
    gate.run(["skip-guard", "--fix", "--evidence-dir=evidence"])
        .code(4)
        .says("its fix was not run, because its log cannot be written");
    assert!(!gate.path("x").exists());
}

#[test]
fn a_signal_ends_the_fix_and_the_report_is_whole() {
    let gate = guard(
        "    - file:there\n    - require: file:a\n      fix: ./hang\n    - require: file:b\n      fix: touch b\n    - \
         env:TOKEN\n",
    );
    gate.write("there", "");
    script(
        &gate,
        "hang",
        "trap '' TERM; echo begun; setsid sh -c 'echo $$ >> pids; exec sleep 90' & echo $$ >> pids\n\
         while :; do sleep 1; done",
    );
    let mut child = gate
        .command(["skip-guard", "--fix"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    let pids = gate.path("pids");
    while fs::read_to_string(&pids).unwrap_or_default().lines().count() < 2 {
        assert!(started.elapsed() < Duration::from_secs(20), "the fix did not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
    let pids = fs::read_to_string(pids).unwrap();
    assert!(!pids.lines().any(is_alive), "{pids}");
    assert!(!gate.path("b").exists(), "a fix was begun after the signal");
    assert_eq!(check(&gate, "file:there")["status"], "passed");
    let cut = check(&gate, "file:a");
    assert_eq!(cut["status"], "errored");
    assert!(
        cut["error"].as_str().unwrap().contains("SIGTERM while its fix ran"),
        "{cut:#}"
    );
    assert_eq!(log(&gate, 2), "begun\n");
    let never = check(&gate, "file:b");
    assert!(
        never["error"].as_str().unwrap().contains("before its fix ran"),
        "{never:#}"
    );
    assert_eq!(check(&gate, "env:TOKEN")["status"], "skipped");
    let outputs = gate.outputs();
    assert_eq!(outputs["ready"], "false");
    assert_eq!(outputs["missing"], r#"["file:a","file:b","env:TOKEN"]"#);
}

#[test]
fn what_is_written_wrong_is_said_with_its_place() {
    let item = |lines: &str| format!("skip-guard:\n  require:\n    - env:TOKEN\n    - {lines}\n");
    for (text, says) in [
        (
            item("require: file:x\n      fixx: a"),
            "c.yml:5:7: unknown key `fixx`\n5 |       fixx: a",
        ),
        (item("require: file:x\n      fixx: a"), "did you mean `fix`?"),
        (
            item("require: file:x\n      fix: a\n      fix-witin: 1m"),
            "did you mean `fix-within`?",
        ),
        (
            item("require: file:x\n      fix: a\n      fix-within: 30"),
            "c.yml:6:19: ",
        ),
        (
            item("require: file:x\n      fix: a\n      fix-within: 30"),
            "has no unit",
        ),
        (
            item("require: nonsense:x"),
            "c.yml:4:16: `nonsense:x` is not a prerequisite",
        ),
        (item("nonsense:x"), "c.yml:4:7: `nonsense:x` is not a prerequisite"),
        (
            item("require: file:x\n      fix: sh -c 'x"),
            "c.yml:5:12: the fix `sh -c 'x` has an unclosed quote",
        ),
        (item("require: file:x\n      fix-within: 1m"), "needs a `fix`"),
        (item("require: env:X\n      fix: a"), "`env:X` cannot have a `fix`"),
        (item("fix: a"), "require"),
        (item("[a, b]"), "c.yml:4:"),
    ] {
        let gate = Gate::new();
        gate.write("c.yml", &text);
        gate.run(["skip-guard", "--config=c.yml"])
            .code(2)
            .says("c.yml:")
            .says(says);
    }
}
