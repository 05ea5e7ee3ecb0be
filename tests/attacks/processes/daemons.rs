//! What a fix or a check leaves running.

use std::os::unix::process::CommandExt as _;

use super::{is_alive, may_change_user, tool};
use crate::gate::Gate;
use crate::servers::{eventually, free_port, hello, pids, runs};
use crate::skipped::not_checked;

/// A guard whose one prerequisite a script makes.
fn guard(script: &str) -> Gate {
    let gate = Gate::new();
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nskip-guard:\n  require:\n    - require: file:made\n      fix: sh ./fix\n      fix-within: 1s\n",
    )
    .write("fix", script);
    gate
}

/// Each writes its process id to `pid`, and waits until the daemon has done so.
const DAEMONS: [(&str, &str); 5] = [
    (
        "emptied its environment",
        "env -i /usr/bin/setsid -f /bin/sh -c 'echo $$ > pid; exec sleep 90'",
    ),
    (
        "overwrote the mark",
        "STAGEPROOF_PROCESS=x setsid -f sh -c 'echo $$ > pid; exec sleep 90' > /dev/null 2>&1",
    ),
    (
        "detached twice over",
        "(env -i setsid sh -c '(setsid sh -c \"echo \\$\\$ > pid; exec sleep 90\" &)' &) > /dev/null 2>&1",
    ),
    (
        "closed everything",
        "env -i setsid -f sh -c 'exec >/dev/null 2>&1; echo $$ > pid; exec sleep 90'",
    ),
    (
        "is deaf",
        "env -i setsid -f sh -c 'trap \"\" TERM; echo $$ > pid; sleep 90; sleep 90' > /dev/null 2>&1",
    ),
];

#[test]
fn a_daemon_of_a_fix_is_ended_and_named_whatever_it_did_to_its_environment() {
    for (what, daemon) in DAEMONS {
        let gate = guard(&format!(
            "{daemon}\nwhile [ ! -s pid ]; do sleep 0.01; done; touch made\n"
        ));
        let ran = gate.run(["skip-guard", "--fix"]);
        let pid = gate.read("pid");
        assert!(!is_alive(&pid), "{what}: {}", ran.explain());
        ran.code(0)
            .says("pass-weak")
            .says("left processes behind, which were ended: process ")
            .says(pid.trim());
    }
}

#[test]
fn at_the_time_limit_a_daemon_is_ended_as_well() {
    for (what, daemon) in &DAEMONS[..2] {
        let gate = guard(&format!(
            "{daemon}\nwhile [ ! -s pid ]; do sleep 0.01; done; sleep 90\n"
        ));
        let ran = gate.run(["skip-guard", "--fix"]);
        ran.code(1).says("was ended with all its processes");
        assert!(!is_alive(&gate.read("pid")), "{what}: {}", ran.explain());
    }
}

/// As `sudo` or `su -` leave it: a daemon that we may not end.
#[test]
fn a_daemon_of_another_user_is_named_and_nobody_says_that_it_was_ended() {
    let Some(setpriv) = tool("setpriv").filter(|_| may_change_user()) else {
        return;
    };
    // With the set-user-ID bit it is what sudo is.
    let gate = guard(
        "./sudo --reuid=0 setsid -f sh -c 'exec sleep 9 < /dev/null > /dev/null 2>&1 & echo $! >&3' 3> pid\n\
             while [ ! -s pid ]; do sleep 0.01; done; sleep 90\n",
    );
    std::fs::copy(&setpriv, gate.root().join("sudo")).unwrap();
    for (path, mode) in [(gate.root().join("sudo"), 0o4755), (gate.root().to_owned(), 0o777)] {
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    let mut command = gate.command(["skip-guard", "--fix"]);
    let output = command.uid(65534).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let pid = gate.read("pid");
    if !is_alive(&pid) {
        not_checked(
            "a daemon of root's",
            "set-user-ID does not count here",
            "STAGEPROOF_REQUIRE_ROOT",
        );
        return;
    }
    std::process::Command::new("kill")
        .args(["-9", pid.trim()])
        .status()
        .unwrap();
    let named = format!("could not be ended and keep running: process {}", pid.trim());
    assert!(
        said.contains(&named) && said.contains("was ended with only some of its processes"),
        "{said}"
    );
    assert!(
        !said.contains("with all its processes") && !said.contains("which were ended"),
        "{said}"
    );
}

/// The processes that watch over a server: its parents up to us.
#[test]
fn a_server_that_kills_its_helper_process_leaves_nothing_behind() {
    let gate = Gate::new();
    let port = free_port();
    let hello = hello(port);
    // The daemon has no mark and a session of its own when its helper dies.
    let start = format!(
        "sh -c 'env -i setsid -f sh -c \"echo \\$\\$ > pid; exec sleep 4242100\"; while ! test -s pid; do :; done; \
         (sleep 0.5; kill -9 $PPID) & exec {hello}'"
    );
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--interval=20ms",
        "--watch=10s",
        "--stop-grace=100ms",
        "--start",
        &start,
    ])
    .code(1);
    assert!(!is_alive(&gate.read("pid")));
    assert!(!runs(&hello), "{:?}", pids(&hello));
}

#[test]
fn what_was_below_us_before_is_left_alone() {
    let gate = guard("touch made\n");
    // A shell that becomes us has started something of its own.
    let us = gate.command(["skip-guard", "--fix"]);
    let script = "sleep 9 > /dev/null 2>&1 & echo $! > before; exec \"$0\" \"$@\"";
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg(script)
        .arg(us.get_program())
        .args(us.get_args())
        .current_dir(gate.root());
    for (name, value) in us.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.arg0("sh");
    let output = shell.output();
    let before = gate.read("before");
    assert!(is_alive(&before), "{output:?}");
    assert!(
        std::process::Command::new("kill")
            .arg(before.trim())
            .status()
            .unwrap()
            .success()
    );
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("left"), "{output:?}");
    eventually("it is gone", || !is_alive(&before));
}
