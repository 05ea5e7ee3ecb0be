//! Servers that smoke starts itself: whose answer it is, and how they die.

use std::time::{Duration, Instant};

use super::{OK, reason, smoke};
use crate::gate::Gate;
use crate::servers::{answer, eventually, free_port, hello, runs};

#[test]
fn a_started_server_is_probed_and_leaves_nothing_behind() {
    let gate = Gate::new();
    let port = free_port();
    let start = hello(port);
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--path=/",
        "--path=/healthz",
        "--start",
        &start,
        "--interval=50ms",
    ])
    .code(0)
    .says("3 passed");
    assert!(!runs(&start), "{start} still runs");
    let log = std::fs::read_to_string(gate.evidence().join("logs/server.log")).unwrap();
    assert!(log.contains("GET / HTTP/1.1"), "{log}");
}

#[test]
fn each_label_has_a_log_of_its_own() {
    let gate = Gate::new();
    for label in ["one", "two"] {
        let url = format!("http://127.0.0.1:{}", free_port());
        let start = format!("sh -c 'echo I am {label}; exit 1'");
        gate.run(["smoke", &url, "--label", label, "--start", &start])
            .code(1)
            .says(&format!("| I am {label}"));
    }
    for label in ["one", "two"] {
        let log = gate.evidence().join(format!("logs/server-{label}.log"));
        assert_eq!(std::fs::read_to_string(log).unwrap(), format!("I am {label}\n"));
    }
}

/// D6: start-server-and-test 3.0.12 tests the wrong server here and passes.
#[test]
fn a_port_that_is_taken_is_refused() {
    let gate = Gate::new();
    let url = answer(OK);
    smoke(&gate, &url, &["--start=sleep 4242001"])
        .code(1)
        .says("something already listens")
        .never_says("process-exit")
        .says("the server was not started");
    assert!(!runs("sleep 4242001"));
}

#[test]
fn a_server_that_dies_ends_the_probe_at_once_with_code_or_signal_and_last_lines() {
    let gate = Gate::new();
    let url = format!("http://127.0.0.1:{}", free_port());
    for (start, says) in [
        ("sh -c 'echo no database >&2; exit 3'", "exited with code 3"),
        ("sh -c 'echo no database >&2; kill -SEGV $$'", "killed by SIGSEGV"),
        ("sh -c 'echo no database >&2; exit 0'", "stay in the foreground"),
    ] {
        let began = Instant::now();
        gate.run(["smoke", &url, "--within=60s", "--start", start])
            .code(1)
            .says(says)
            .says("| no database");
        assert!(began.elapsed() < Duration::from_secs(30), "it waited for {start}");
        assert_eq!(reason(&gate), "process-exit");
    }
    gate.run(["smoke", &url, "--start=no-such-program --port 1"])
        .code(1)
        .says("`no-such-program` is not installed");
    gate.run(["smoke", &url, "--start=PORT=1 no-such-program"])
        .code(1)
        .says("next: it runs without a shell, so put `env` before the variable: env PORT=1 no-such-program");
    gate.run(["smoke", &url, "--start=false && true"])
        .code(2)
        .says("so `&&` is a plain argument: put the commands into a script, or write sh -c \"false && true\"");
    gate.write("not-executable", "x");
    gate.run(["smoke", &url, "--start=./not-executable"])
        .code(1)
        .says("lacks execute permission");
}

#[test]
fn the_last_lines_of_a_server_that_died_are_shown_once_and_from_the_error_on() {
    let gate = Gate::new();
    let url = format!("http://127.0.0.1:{}", free_port());
    let frames = (0..25).map(|n| format!("    at frame{n}\n")).collect::<String>();
    gate.write("trace.txt", format!("listening\nError: no database\n{frames}"));
    let ran = gate.run(["smoke", &url, "--start=sh -c 'cat trace.txt; exit 1'"]);
    ran.code(1).never_says("listening");
    for line in ["| Error: no database", "frame24"] {
        assert_eq!(ran.stdout().matches(line).count(), 1, "{}", ran.explain());
    }
}

/// D7: start-server-and-test 3.0.12 exits 0 here.
#[test]
fn a_server_that_dies_after_it_answered_does_not_pass() {
    let gate = Gate::new();
    let good = free_port();
    let start = format!(
        "sh -c '{} >asked & until grep -q GET asked; do sleep 0.05; done; exit 9'",
        hello(good)
    );
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{good}"),
        "--path=/",
        "--path=/never",
        "--within=20s",
        "--interval=50ms",
        "--start",
        &start,
    ])
    .code(1)
    .says("exited with code 9");
    // The probe of what never answers ends with it; but that the server ran to the end is a claim of its own.
    let report = gate.report("smoke");
    assert_eq!(report["checks"][0]["id"], "smoke:server");
    assert_eq!(report["checks"][0]["status"], "failed", "{report}");
    assert_eq!(report["checks"][0]["findings"][0]["reason"], "process-exit", "{report}");
    assert!(!runs(&hello(good)), "the grandchild is gone too");
}

#[test]
fn a_hundred_megabytes_of_log_are_no_burden() {
    let gate = Gate::new();
    let port = free_port();
    let start = format!(
        "sh -c 'head -c 100000000 /dev/zero | tr \"\\\\0\" x; exec {}'",
        hello(port)
    );
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--interval=50ms",
        "--start",
        &start,
    ])
    .code(0);
    let size = std::fs::metadata(gate.evidence().join("logs/server.log"))
        .unwrap()
        .len();
    assert!(size >= 100_000_000, "{size}");
}

#[test]
fn a_log_that_is_a_link_is_not_written_through() {
    let gate = Gate::new();
    gate.write("precious", "precious");
    let logs = gate.path("proof/logs");
    std::fs::create_dir_all(&logs).unwrap();
    std::os::unix::fs::symlink(gate.path("precious"), logs.join("server.log")).unwrap();
    let url = format!("http://127.0.0.1:{}", free_port());
    gate.run(["smoke", &url, "--evidence-dir=proof", "--start=sleep 4242005"])
        .code(4)
        .says("server.log: it is a symbolic link");
    assert_eq!(std::fs::read_to_string(gate.path("precious")).unwrap(), "precious");
    assert!(!runs("sleep 4242005"));
}

#[test]
fn an_answer_of_somebody_else_is_not_the_servers() {
    let gate = Gate::new();
    let port = free_port();
    // Free at the start, and taken by another before the started command would.
    let other = std::thread::spawn(move || {
        eventually("the start command runs", || runs("sleep 4242009"));
        std::net::TcpListener::bind(("127.0.0.1", port)).map(|_listener| {
            // Kept open until the listeners were looked at.
            eventually("the start command is ended", || !runs("sleep 4242009"));
        })
    });
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--interval=20ms",
        "--start=sleep 4242009",
    ])
    .code(1)
    .says("which no start command started");
    other.join().unwrap().unwrap();
}

#[test]
fn a_server_that_dies_of_its_first_request_does_not_pass() {
    let gate = Gate::new();
    let port = free_port();
    let program = format!("timeout 60 {}", hello(port));
    // Ends the server as soon as it has logged a request.
    let script =
        format!("{program} >log 2>&1 & server=$!; while ! grep -q GET log; do sleep 0.02; done; kill $server; exit 3");
    gate.write("serve.sh", script);
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--interval=20ms",
        "--start=sh serve.sh",
    ])
    .code(1)
    .says("exited with code 3");
}

#[test]
fn secrets_in_the_servers_log_do_not_become_evidence() {
    let gate = Gate::new().env("MY_TOKEN", "hunter2hunter2");
    let port = free_port();
    let start = format!("sh -c 'echo $MY_TOKEN; exec {}'", hello(port));
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--interval=20ms",
        "--start",
        &start,
    ])
    .code(0);
    let log = std::fs::read_to_string(gate.evidence().join("logs/server.log")).unwrap();
    assert!(log.starts_with("***\n") && log.contains("GET /"), "{log}");
}
