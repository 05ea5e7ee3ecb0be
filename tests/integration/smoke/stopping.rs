//! A started server is ended, whatever it does and however smoke itself ends.

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::gate::Gate;
use crate::servers::{eventually, free_port, hello, pids, read_head, runs};

/// D8: start-server-and-test 2.1.5 never returns when the server ignores its signal, and 3.0.12 had not after 25 s.
#[test]
fn sigterm_ignored_grandchildren_and_own_sessions_are_ended_all_the_same() {
    let gate = Gate::new();
    let port = free_port();
    let hello = hello(port);
    for start in [
        format!("sh -c 'trap \"\" TERM; sleep 4242002 & {hello}'"),
        format!("sh -c 'setsid sleep 4242002 & exec {hello}'"),
        format!("sh -c '(setsid sh -c \"trap : TERM; sleep 4242002; sleep 4242002\" &) ; exec {hello}'"),
    ] {
        gate.run([
            "smoke",
            &format!("http://127.0.0.1:{port}"),
            "--interval=50ms",
            "--stop-grace=300ms",
            "--start",
            &start,
        ])
        .code(0);
        assert!(!runs("sleep 4242002"), "{start}");
        assert!(!runs(&hello), "{start}");
    }
}

/// D9: on SIGTERM start-server-and-test 3.0.12 goes and leaves the server behind.
#[test]
fn asked_to_stop_it_still_writes_the_report_and_ends_the_server() {
    for signal in ["INT", "TERM"] {
        let gate = Gate::new();
        let port = free_port();
        let start = hello(port);
        let url = format!("http://127.0.0.1:{port}");
        let mut child = gate
            .command(["smoke", &url, "--path=/never", "--within=60s", "--start", &start])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        eventually("the server runs", || runs(&start));
        let kill = std::process::Command::new("kill")
            .args([format!("-{signal}"), child.id().to_string()])
            .status()
            .unwrap();
        assert!(kill.success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(4), "{signal}");
        let report = gate.report("smoke");
        assert_eq!(report["verdict"], "inconclusive");
        assert!(report["reason"].as_str().unwrap().contains(signal), "{report}");
        assert!(!runs(&start));
    }
}

#[test]
fn killed_outright_it_leaves_no_server_behind() {
    let gate = Gate::new();
    let port = free_port();
    let start = hello(port);
    let url = format!("http://127.0.0.1:{port}");
    let mut child = gate
        .command(["smoke", &url, "--path=/never", "--within=60s", "--start", &start])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the server runs", || runs(&start));
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("the server is gone", || !runs(&start));
}

/// The process id that the progress line or the report gives for the server's helper: the parent of the server.
fn helper_of(start: &str) -> String {
    let server = pids(start).into_iter().next().unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{server}/stat")).unwrap();
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap();
    parent.to_owned()
}

fn kill(signal: &str, pid: &str) {
    let status = std::process::Command::new("kill").args([signal, pid]).status().unwrap();
    assert!(status.success(), "kill {signal} {pid}");
}

#[test]
fn a_helper_that_is_killed_takes_nothing_with_it_and_leaves_nothing() {
    let gate = Gate::new();
    let port = free_port();
    // It has no environment by which it could be known, and it has a session of its own.
    let hello = hello(port);
    for start in [
        hello.clone(),
        format!("env -i {hello}"),
        format!("sh -c 'setsid sleep 4242003 & exec {hello}'"),
    ] {
        let url = format!("http://127.0.0.1:{port}");
        let child = gate
            .command(["smoke", &url, "--path=/never", "--within=60s", "--start", &start])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // By then the helper has said that it started the server.
        eventually("the server listens", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        eventually("its child runs", || runs("sleep 4242003") || !start.contains("4242003"));
        kill("-KILL", &helper_of(&hello));
        let ended = child.wait_with_output().unwrap();
        assert!(!runs(&hello) && !runs("sleep 4242003"), "{start}");
        let out = String::from_utf8_lossy(&ended.stdout);
        assert_eq!(ended.status.code(), Some(1), "{out}");
        assert!(out.contains("its supervisor process was killed"), "{out}");
    }
}

#[test]
fn a_long_grace_ends_when_we_are_asked_to_stop() {
    let gate = Gate::new();
    let port = free_port();
    let hello = hello(port);
    let start = format!("sh -c 'trap \"\" TERM; sleep 4242004 & exec {hello}'");
    let url = format!("http://127.0.0.1:{port}");
    let args = [
        "smoke",
        &url,
        "--path=/never",
        "--within=60s",
        "--stop-grace=10m",
        "--start",
        &start,
    ];
    let mut child = gate
        .command(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the server runs", || runs("sleep 4242004") && runs(&hello));
    let began = Instant::now();
    kill("-INT", &child.id().to_string());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    // A runner kills after ten seconds; the machine that tests may be slow.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!(gate.report("smoke")["verdict"], "inconclusive");
    assert!(!runs("sleep 4242004") && !runs(&hello));
}

/// As a container does whose program does not heed SIGTERM: what answers is nobody's child.
#[test]
fn what_still_listens_after_the_end_is_told() {
    let gate = Gate::new();
    let port = free_port();
    let asked = gate.root().join("asked");
    std::thread::spawn(move || {
        eventually("the command was started", || asked.exists());
        let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        for mut stream in listener.incoming().flatten() {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let start = "--start=sh -c 'touch asked; exec sleep 600'";
    let ran = gate.run(["smoke", &format!("http://127.0.0.1:{port}/"), start]);
    ran.says(&format!(
        "something still listens on port {port} after the server was stopped"
    ));
    ran.says("docker run --rm --init");
}
