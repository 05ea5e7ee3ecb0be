//! `heartbeat`: readers that do not read, logs that are changed, records that are taken out or made up.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Killed;
use crate::gate::{Gate, Ran};
use crate::servers::eventually;

/// A pipe that takes nothing any more, and the end that nobody reads.
fn full_pipe() -> (Stdio, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    let writer = OwnedFd::from(writer);
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut file = File::from(writer);
    while file.write(&[b'x'; 4096]).is_ok() {}
    while file.write(b"x").is_ok() {}
    rustix::io::ioctl_fionbio(&file, false).unwrap();
    (file.into(), reader.into())
}

/// Waits for its end, for so long at most.
#[track_caller]
fn code(child: &mut Killed, limit: Duration) -> i32 {
    let started = Instant::now();
    loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            return status.code().unwrap();
        }
        assert!(started.elapsed() < limit, "it still runs after {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn it_ends_although_nobody_reads_standard_error() {
    for (args, expected) in [
        (&["--timeout=300ms", "--grace=100ms", "--", "sleep", "60"][..], 124),
        (&["--", "sh", "-c", "exit 7"], 7),
        (&["--", "true"], 0),
    ] {
        let gate = Gate::new().on_runner("push", "{}");
        let (stderr, _unread) = full_pipe();
        let mut command = gate.command(["heartbeat", "--label=x"]);
        let mut child = Killed::start(command.args(args).stdout(Stdio::null()).stderr(stderr));
        assert_eq!(code(&mut child, Duration::from_secs(20)), expected, "{args:?}");
        assert_eq!(gate.report("heartbeat-x")["outputs"]["exit-code"], expected.to_string());
    }
}

#[test]
fn it_ends_although_nobody_reads_what_the_command_prints() {
    let gate = Gate::new();
    let ((stdout, _unread), (stderr, _unread_either)) = (full_pipe(), full_pipe());
    let mut command = gate.command([
        "heartbeat",
        "--label=x",
        "--",
        "sh",
        "-c",
        "echo out; printf err >&2; sleep 60",
    ]);
    let mut child = Killed::start(command.stdout(stdout).stderr(stderr));
    eventually("it has printed", || {
        gate.root().join("artifacts").exists() && gate.listing().contains(" artifacts/staging")
    });
    let pid = child.0.id().to_string();
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }
    assert_eq!(code(&mut child, Duration::from_secs(20)), 143);
    assert_eq!(gate.report("heartbeat-x")["verdict"], "fail");
}

#[test]
fn asked_to_stop_it_ends_although_nobody_reads_what_it_says() {
    let gate = Gate::new();
    for (args, err) in [
        (&["schema", "report"][..], false),
        (&["--help"], false),
        (&["smoke", "--no-such-flag"], true),
    ] {
        let (stream, _unread) = full_pipe();
        let mut command = gate.command(args);
        if err {
            command.stdout(Stdio::null()).stderr(stream);
        } else {
            command.stdout(stream).stderr(Stdio::null());
        }
        let mut child = Killed::start(&mut command);
        std::thread::sleep(Duration::from_millis(200));
        let pid = child.0.id().to_string();
        assert!(
            Command::new("kill").args(["-TERM", &pid]).status().unwrap().success(),
            "{args:?}"
        );
        assert_ne!(code(&mut child, Duration::from_secs(20)), 0, "{args:?}");
    }
}

/// Wraps a script, in which LOG and RECORDS are the two logs.
fn wrap(gate: &Gate, script: &str) -> (i32, String) {
    let script = script
        .replace("LOG", "ev/logs/x.log")
        .replace("RECORDS", "ev/logs/heartbeat.log");
    let ran: Ran<'_> = gate.run([
        "heartbeat",
        "--evidence-dir=ev",
        "--label=x",
        "--every=50ms",
        "--",
        "sh",
        "-c",
        &script,
    ]);
    (ran.output.status.code().unwrap(), ran.explain())
}

#[test]
fn a_log_that_is_changed_in_place_proves_nothing() {
    for (what, change) in [
        ("emptied", ": > LOG; echo two"),
        ("emptied, and nothing after", ": > LOG"),
        ("shortened", "truncate -s 1 LOG; echo two"),
        ("appended to", "echo more >> LOG; echo two"),
        ("appended to in the end", "echo more >> LOG"),
        (
            "overwritten",
            "printf ONE | dd of=LOG conv=notrunc status=none; echo two",
        ),
        ("filled up", "truncate -s 1 LOG; truncate -s 4 LOG"),
        ("the records are emptied", ": > RECORDS; sleep 0.1"),
        (
            "a record is overwritten",
            "printf time=1999 | dd of=RECORDS conv=notrunc status=none",
        ),
    ] {
        let gate = Gate::new();
        let (code, explained) = wrap(&gate, &format!("echo one; sleep 0.2; {change}"));
        assert_eq!(code, 125, "{what}: {explained}");
        assert!(
            explained.contains("was changed while the command ran"),
            "{what}: {explained}"
        );
    }
    let gate = Gate::new();
    // Others append to the records, and only to these.
    let (code, explained) = wrap(&gate, "echo one; echo other >> RECORDS; sleep 0.2; echo two");
    assert_eq!(code, 0, "{explained}");
    assert_eq!(gate.read("ev/logs/x.log"), "one\ntwo\n");
}

#[test]
fn a_record_that_is_taken_out_or_made_up_is_noticed() {
    let gate = Gate::new();
    let (code, explained) = wrap(&gate, "sleep 0.5");
    assert_eq!(code, 0, "{explained}");
    let whole = gate.read("ev/logs/heartbeat.log");
    let lines: Vec<&str> = whole.lines().collect();
    assert!(lines.len() >= 5, "{whole}");
    let prove = |lines: &[&str]| {
        gate.write("proof.log", lines.join("\n") + "\n");
        let ran = gate.run(["foreground-proof", "--log=proof.log"]);
        (ran.output.status.code(), ran.explain())
    };
    let (code, explained) = prove(&lines);
    assert_eq!(code, Some(0), "{explained}");
    let last = lines.len() - 1;
    for from in 1..last {
        // The last beats, some or all of them, and the end stays.
        let cut = [&lines[..from], &lines[last..]].concat();
        let (code, explained) = prove(&cut);
        assert_eq!(code, Some(1), "{explained}");
        assert!(explained.contains("records since its start"), "{explained}");
    }
    let end = lines[last];
    for made_up in [
        end.replace("exit=0", "exit=0 signal=SIGKILL"),
        end.replace("exit=0", "exit=139 signal=SIGKILL"),
        end.split(' ')
            .filter(|pair| !pair.starts_with("records="))
            .collect::<Vec<_>>()
            .join(" "),
        end.split(' ')
            .map(|pair| if pair.starts_with("pid=") { "pid=0" } else { pair })
            .collect::<Vec<_>>()
            .join(" "),
    ] {
        let changed = [&lines[..last], &[made_up.as_str()]].concat();
        let (code, explained) = prove(&changed);
        assert_eq!(code, Some(1), "{made_up}: {explained}");
        assert!(explained.contains("the line is not a record"), "{explained}");
    }
}
