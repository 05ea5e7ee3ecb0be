//! Platform `command`: the user's own check.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::repo::{Repo, Told};

fn check(script: &str, more: &[&str]) -> Told {
    check_in(&Repo::none(), script, more)
}

/// The script is run by a shell that the check names, as a user would do it.
fn check_in(repo: &Repo, script: &str, more: &[&str]) -> Told {
    let quoted = shlex::try_quote(script).unwrap();
    let check = format!("--check=sh -c {quoted}");
    let mut args = vec![check.as_str()];
    args.extend(more);
    repo.dry_run(&args)
}

fn is_alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim().starts_with('Z'))
}

#[test]
fn yes() {
    let told = check(
        "echo target v41; test \"$STAGEPROOF_DRY_RUN\" = 1",
        &[
            "--expect-output=v4[0-9]",
            "--rollback-command=flyctl deploy --image 'app:v 41'",
        ],
    );
    told.is(0, &["exits with code 0 and its output matches `v4[0-9]`"]);
    assert_eq!(told.output("command"), "flyctl deploy --image 'app:v 41'");
    assert_eq!(told.output("target"), "");
    assert!(told.notes().contains("its result is trusted"), "{}", told.text);
}

/// Passed on as a word, it would make an `echo` that always succeeds out of what was meant.
#[test]
fn what_is_written_for_a_shell_is_refused() {
    let repo = Repo::none();
    repo.dry_run(&["--check=echo ok | grep v1"])
        .is(2, &["is written for a shell", "sh -c \"echo ok | grep v1\""]);
    repo.dry_run(&["--check=sh -c 'echo ok | grep ok'"]).is(0, &[]);
    repo.dry_run(&["--check=echo '|'"]).is(0, &[]);
}

#[test]
fn no_says_why() {
    let told = check("echo release 41 is gone >&2; exit 3", &["--rollback-command=go back"]);
    told.is(
        1,
        &["exited with code 3, expected 0", "release 41 is gone", "--expect-exit"],
    );
    assert_eq!(told.output("command"), "");
    check("exit 3", &["--expect-exit=3"]).is(0, &[]);
    let told = check("echo nothing", &["--expect-output=^release"]);
    told.is(1, &["does not match `^release`"]);
    assert_eq!(told.codes(), ["unexpected-output"]);
}

#[test]
fn what_cannot_be_run_is_not_a_no() {
    let repo = Repo::none();
    repo.dry_run(&["--check=no-such-program --version"])
        .is(4, &["not installed", "its own image", "`command: install`"]);
    repo.dry_run(&["--check=./missing"])
        .is(4, &["there is no file", "relative to the workspace"]);
    repo.gate.write("plain", "#!/bin/sh\n");
    repo.dry_run(&["--check=./plain"])
        .is(4, &["cannot be executed", "chmod +x"]);
    repo.gate.write("odd", "#!/no/such/interpreter\n");
    fs::set_permissions(repo.root().join("odd"), fs::Permissions::from_mode(0o755)).unwrap();
    repo.dry_run(&["--check=./odd"])
        .is(4, &["its interpreter or loader", "`command: install`"]);
    repo.dry_run(&["--check=."]).is(4, &[]);
    check("kill -KILL $$", &[]).is(4, &["killed by SIGKILL (signal 9)", "has no result"]);
}

#[test]
fn one_that_never_ends_is_ended_with_all_it_started() {
    let repo = Repo::none();
    let pids = repo.outside("pids");
    let script = format!(
        "sleep 90 & echo $! >> {0}; (setsid sh -c 'echo $$ >> {0}; exec sleep 90' &); echo waiting; sleep 0.2; wait",
        pids.display()
    );
    let started = Instant::now();
    let told = check_in(&repo, &script, &["--check-timeout=1s"]);
    told.is(4, &["timed out after 1s", "its last lines: waiting", "--check-timeout"]);
    assert!(started.elapsed() < Duration::from_secs(10));
    let pids = fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 2, "{pids}");
    assert!(!pids.lines().any(is_alive), "{pids}");
}

#[test]
fn what_holds_the_pipe_after_the_end_is_ended_and_named() {
    let repo = Repo::none();
    let pid = repo.outside("pid");
    let script = format!(
        "(setsid sh -c 'echo $$ > {}; exec sleep 90' &); sleep 0.3; echo yes",
        pid.display()
    );
    let started = Instant::now();
    let told = check_in(&repo, &script, &[]);
    told.is(0, &["left processes behind"]);
    assert_eq!(told.report["verdict"], "pass-weak");
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(!is_alive(&fs::read_to_string(pid).unwrap()));
}

#[test]
fn an_interrupt_ends_the_check_in_time() {
    let repo = Repo::none();
    let pid = repo.outside("pid");
    let check = format!(
        "--check=sh -c 'trap \"\" TERM; echo $$ > {}; while :; do sleep 1; done'",
        pid.display()
    );
    let mut child = repo
        .command(repo.root(), &[&check])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while fs::read_to_string(&pid).unwrap_or_default().is_empty() && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let asked = Instant::now();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
    assert!(!is_alive(&fs::read_to_string(pid).unwrap()));
}

#[test]
fn a_flood_of_output_is_read_and_not_kept() {
    let repo = Repo::none();
    let script = "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last";
    let quoted = shlex::try_quote(script).unwrap();
    let check = format!("--check=sh -c {quoted}");
    let told = repo.dry_run(&[&check, "--expect-output=(?s)^first.*last$", "--check-timeout=60s"]);
    // `$` is the very end, where a line break is.
    told.is(1, &["bytes in the middle were not searched"]);
    let mut command = repo.command(repo.root(), &[&check, "--expect-output=(?s)^first.*last\\s*$"]);
    let child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    let mut peak = 0;
    let mut child = child;
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or_default());
        if let Some(status) = child.try_wait().unwrap() {
            assert_eq!(status.code(), Some(0));
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(peak > 0 && peak < 80_000, "{peak} KiB");
}

#[test]
fn output_that_is_not_utf8_and_terminal_codes() {
    let told = check("printf 'a\\377\\033[31mb\\n'; exit 1", &[]);
    told.is(1, &["a\u{fffd}"]);
    assert!(!told.text.contains('\u{1b}'), "{}", told.text);
}

#[test]
fn what_does_not_fit_together_is_a_usage_error() {
    let repo = Repo::none();
    for (args, says) in [
        (vec!["--platform=command"], "needs a command"),
        (
            vec!["--platform=git", "--check=true"],
            "--check requires the platform `command`",
        ),
        (vec!["--platform=git", "--expect-exit=1"], "--expect-exit requires"),
        (vec!["--check=true", "--ref=v1"], "--ref requires the platform `git`"),
        (vec!["--check=true", "--check-timeout=0s"], "longer than 0s"),
        (vec!["--check=true", "--expect-exit=256"], "from 0 to 255"),
        (
            vec!["--check=true", "--rollback-command=go {sha}"],
            "has no placeholders",
        ),
        (vec!["--check=sh -c 'x"], "an unclosed quote"),
        (
            vec!["--rollback-command=go {tag}"],
            "the placeholders are {ref} and {sha}",
        ),
        (
            vec!["--check=true", "--pre-releases"],
            "--pre-releases requires the platform `git`",
        ),
        (vec!["--rollback-command="], "it is empty"),
        (vec!["--tags=[a"], "is not a pattern"),
        (vec!["--ref="], "must not be empty"),
    ] {
        let told = repo.dry_run(&args);
        assert_eq!(told.code, 2, "{args:?}\n{}", told.text);
        assert!(told.text.contains(says), "{args:?}\n{}", told.text);
    }
}
