//! Until the first good response: patient, but within its time, and in few words.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::{GOOD, OK, fact, nth, reason, reply};
use crate::gate::Gate;
use crate::servers::{free_port, hang, read_head, serve};

#[test]
fn patience_until_the_first_success() {
    let asked = AtomicUsize::new(0);
    let url = serve(move |mut stream| {
        read_head(&mut stream);
        let late = asked.fetch_add(1, Ordering::SeqCst) >= 3;
        let bytes = if late {
            OK
        } else {
            "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
        };
        let _ = stream.write_all(bytes.as_bytes());
    });
    let gate = Gate::new();
    gate.run(["smoke", &url, "--within=20s", "--interval=10ms"]).code(0);
    assert_eq!(fact(&gate, "attempts"), "4 (gateway-5xx 3)");
}

/// D11: wait-on 9.5.1 had opened eleven connections after three seconds.
#[test]
fn a_hanging_server_is_asked_once_at_a_time_and_the_total_time_holds() {
    static CONNECTIONS: AtomicUsize = AtomicUsize::new(0);
    let url = serve(|stream| {
        CONNECTIONS.fetch_add(1, Ordering::SeqCst);
        hang(stream);
    });
    let gate = Gate::new();
    let began = Instant::now();
    gate.run(["smoke", &url, "--within=1s", "--interval=10ms", "--timeout=30s"])
        .code(1);
    // The limit is one second; ten would mean that the attempt's own thirty were used.
    assert!(began.elapsed() < Duration::from_secs(10));
    // The first attempt has the whole second, so a second connection would be one beside it.
    assert_eq!(CONNECTIONS.load(Ordering::SeqCst), 1);
}

#[test]
fn an_attempt_that_was_cut_short_does_not_hide_the_reason() {
    let asked = AtomicUsize::new(0);
    let url = serve(move |mut stream| {
        if asked.fetch_add(1, Ordering::SeqCst) > 0 {
            return hang(stream);
        }
        read_head(&mut stream);
        let _ = stream.write_all(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\nConnection: close\r\n\r\nno workers",
        );
    });
    let gate = Gate::new();
    gate.run(["smoke", &url, "--within=2s", "--interval=10ms", "--timeout=30s"])
        .code(1)
        .says("answered 503")
        .says("| no workers")
        .says("timeout 1, gateway-5xx 1");
    assert_eq!(reason(&gate), "gateway-5xx");
}

#[test]
fn one_line_for_each_change_and_not_for_each_attempt() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let url = serve(move |mut stream| {
        read_head(&mut stream);
        let line = match count.fetch_add(1, Ordering::SeqCst) {
            0..5 => "503 Service Unavailable",
            5..10 => "500 Internal Server Error",
            _ => "200 OK",
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
    });
    let gate = Gate::new();
    let ran = gate.run(["smoke", &url, "--within=60s", "--interval=10ms", "--verbose"]);
    ran.code(0);
    assert_eq!(asked.load(Ordering::SeqCst), 11);
    let told = format!("{}{}", ran.stdout(), ran.stderr());
    let told: Vec<&str> = told
        .lines()
        .filter(|line| line.contains(&format!("GET {url}/: ")))
        .collect();
    assert_eq!(told.len(), 3, "{told:#?}");
    for (line, says) in told.iter().zip(["answered 503", "answered 500", "200 in "]) {
        assert!(line.contains(says), "{line}");
    }
}

/// Everything that a deploy goes through on its way up.
#[test]
fn nearly_everything_may_heal() {
    let url = nth(|n, mut stream| match n {
        // An empty reply, then a reset, then half an answer.
        0 => drop(read_head(&mut stream)),
        1 => {
            let _ = stream.peek(&mut [0u8]);
        }
        2 => {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf");
        }
        3 => reply(stream, "404 Not Found", "", ""),
        4 => reply(stream, "502 Bad Gateway", "", ""),
        5 => reply(stream, "503 Service Unavailable", "", ""),
        6 => reply(stream, "504 Gateway Timeout", "", ""),
        7 => reply(stream, "500 Internal Server Error", "", ""),
        8 => reply(stream, "403 Forbidden", "", ""),
        _ => reply(stream, GOOD, "", ""),
    });
    let gate = Gate::new();
    gate.run(["smoke", &url, "--within=20s", "--interval=10ms"]).code(0);
    let attempts = fact(&gate, "attempts");
    assert!(attempts.starts_with("10 ("), "{attempts}");
    for part in [
        "reset 3",
        "status-4xx 1",
        "gateway-5xx 3",
        "status-5xx 1",
        "auth-wall 1",
    ] {
        assert!(attempts.contains(part), "{attempts}");
    }
}

/// Three of them in a row, over two seconds.
#[test]
fn a_status_that_waiting_does_not_change_ends_it_soon() {
    let asked = |status: &'static str, more: &[&str]| {
        let url = nth(move |_, stream| reply(stream, status, "", ""));
        let gate = Gate::new();
        let args = ["smoke", &url, "--within=4s", "--interval=100ms"];
        let began = Instant::now();
        let ran = gate.run([&args, more].concat());
        (ran.output.status.code(), ran.stdout(), began.elapsed())
    };
    let (code, said, lasted) = asked("403 Forbidden", &[]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("stopped early, because waiting rarely changes a 403; to keep trying, use --retry-on-status 403"),
        "{said}"
    );
    assert!((2.0..3.5).contains(&lasted.as_secs_f64()), "{lasted:?}");
    for (status, more) in [
        ("403 Forbidden", "--retry-on-status=401,403"),
        ("404 Not Found", "--method=GET"),
    ] {
        let (code, said, lasted) = asked(status, &[more]);
        assert_eq!(code, Some(1));
        assert!(
            lasted.as_secs_f64() > 3.5 && !said.contains("does not change"),
            "{lasted:?}: {said}"
        );
    }
    assert_eq!(asked("410 Gone", &["--expect-status=410"]).0, Some(0));
    // It is the same one that has to come back.
    let url = nth(|n, stream| reply(stream, ["401 Unauthorized", "403 Forbidden"][n % 2], "", ""));
    let ran = Gate::new();
    ran.run(["smoke", &url, "--within=3s", "--interval=100ms"])
        .code(1)
        .never_says("does not change");
}

#[test]
fn refused_may_heal() {
    let port = free_port();
    let gate = Gate::new();
    let url = format!("http://127.0.0.1:{port}");
    let mut child = gate
        .command(["smoke", &url, "--within=60s", "--interval=10ms", "--verbose"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("refused"));
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            reply(stream, GOOD, "", "");
        }
    });
    assert_eq!(lines.count(), 1, "the good response is a line of its own");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn retry_after_is_waited_for() {
    let url = nth(|n, stream| match n {
        0 => reply(stream, "503 Busy", "Retry-After: 1\r\n", ""),
        _ => reply(stream, GOOD, "", ""),
    });
    let gate = Gate::new();
    let began = Instant::now();
    gate.run(["smoke", &url, "--within=30s", "--interval=10ms"]).code(0);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(fact(&gate, "attempts"), "2 (gateway-5xx 1)");
}

/// What the server asks for is not cut down to what is left.
#[test]
fn retry_after_beyond_the_time_that_is_left_ends_it() {
    let url = nth(|n, stream| match n {
        0 => reply(stream, "429 Too Many Requests", "Retry-After: 1\r\n", ""),
        _ => reply(stream, GOOD, "", ""),
    });
    let gate = Gate::new();
    gate.run(["smoke", &url, "--within=1050ms", "--interval=10ms"])
        .code(1)
        .says("Retry-After (1s) exceeds");
    assert_eq!(reason(&gate), "status-4xx");
}
