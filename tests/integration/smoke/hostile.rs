//! Servers that mean harm, or have lost their mind: each ends in time, with a reason, and harms nobody.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{found, has, reply, smoke};
use crate::gate::Gate;
use crate::servers::{read_head, serve};

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n";

/// Writes `parts` one after the other, waiting between them.
fn says(parts: &'static [&'static [u8]], pause: u64) -> String {
    serve(move |mut stream: TcpStream| {
        read_head(&mut stream);
        for part in parts {
            if stream.write_all(part).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(pause));
        }
    })
}

/// Writes `part` for ever.
fn endless(head: &'static [u8], part: &'static [u8], pause: u64) -> String {
    serve(move |mut stream: TcpStream| {
        read_head(&mut stream);
        let mut sent = stream.write_all(head);
        while sent.is_ok() {
            std::thread::sleep(Duration::from_millis(pause));
            sent = stream.write_all(part);
        }
    })
}

#[test]
fn nonsense_is_no_answer() {
    for (what, reason) in [
        (
            &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n"[..],
            "reset",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok",
            "reset",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            "reset",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
            "reset",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok", "reset"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
            "reset",
        ),
        (b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", "reset"),
        (b"HTTP/1.1 000 Zero\r\n\r\n", "reset"),
        (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "status-other"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            "status-other",
        ),
        (b"<html>it works</html>", "reset"),
        (b"\0\0\x12\x04\0\0\0\0\0", "reset"),
    ] {
        let url = serve(move |mut stream: TcpStream| {
            read_head(&mut stream);
            let _ = stream.write_all(what);
        });
        let gate = Gate::new();
        let ran = gate.run(["smoke", &url, "--within=250ms", "--interval=200ms"]);
        ran.code(1);
        assert_eq!(
            found(&gate),
            ["unhealthy", "app", reason],
            "{}",
            String::from_utf8_lossy(what)
        );
    }
}

#[test]
fn odd_answers_that_are_right_are_taken() {
    for what in [
        // Interim answers (RFC 9110 15.2) come before the answer.
        &b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
        b"HTTP/1.0 200 OK\r\n\r\nhello",
        b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello, and more",
        b"HTTP/1.1 200 OK\r\nX: \xff\xfe\r\nContent-Length: 9\r\n\r\n\0\xffhello\x1b\x07",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nX: t\r\n\r\n",
    ] {
        let url = serve(move |mut stream: TcpStream| {
            read_head(&mut stream);
            let _ = stream.write_all(what);
        });
        smoke(&Gate::new(), &url, &["--expect-body=hello"]).code(0);
    }
}

#[test]
fn what_never_ends_is_ended() {
    for (url, reason) in [
        // One byte after the other, in the head and in the body.
        (endless(b"HTTP/1.1 200 OK\r\nX: ", b"a", 20), "timeout"),
        (
            endless(b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n", b"a", 20),
            "timeout",
        ),
        (
            endless(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                b"1\r\na\r\n",
                20,
            ),
            "timeout",
        ),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 5), "timeout"),
        (
            endless(
                b"HTTP/1.1 200 OK\r\n",
                b"X-Many: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
                0,
            ),
            "reset",
        ),
    ] {
        let gate = Gate::new();
        let began = Instant::now();
        let ran = gate.run(["smoke", &url, "--within=500ms", "--interval=400ms"]);
        ran.code(1);
        assert_eq!(found(&gate)[2], reason, "{}", ran.explain());
        assert!(began.elapsed() < Duration::from_secs(8), "{}", ran.explain());
    }
}

/// Memory stays what it was: a gigabyte is announced and sent, and the first part is all that is read.
#[test]
fn a_gigabyte_is_not_taken_in() {
    let url = serve(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(HEAD);
        let _ = stream.write_all(b"Content-Length: 1073741824\r\n\r\n");
        let block = vec![b'x'; 1 << 20];
        for _ in 0..1024 {
            if stream.write_all(&block).is_err() {
                return;
            }
        }
    });
    if !has("prlimit") {
        return;
    }
    let gate = Gate::new();
    let smoke = gate.command(["smoke", &url, "--expect-body=^x", "--within=5s"]);
    let mut command = std::process::Command::new("prlimit");
    // Threads' stacks are counted as well.
    command
        .arg("--as=700000000")
        .arg("--")
        .arg(smoke.get_program())
        .args(smoke.get_args());
    let output = command.current_dir(gate.root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn what_it_writes_cannot_steer_a_terminal_or_a_report() {
    let url = serve(|stream| {
        let body = "\u{1b}[2J\u{202e}</failure>]]><!-- \u{0} \u{7}";
        reply(stream, "302 Found", "Location: http://h/\u{1b}[31m\r\n", body);
    });
    let gate = Gate::new();
    let ran = smoke(&gate, &url, &[]);
    ran.code(1);
    let out = format!("{}{}", ran.stdout(), ran.stderr());
    assert!(
        !out.contains('\u{1b}') && !out.contains('\u{202e}') && !out.contains('\u{7}'),
        "{out:?}"
    );
    let junit = std::fs::read_to_string(gate.evidence().join("reports/smoke.junit.xml")).unwrap();
    assert_eq!(junit.matches("</failure>").count(), 1, "{junit}");
    assert!(!junit.contains('\u{1b}') && !junit.contains('\0'), "{junit:?}");
}

#[test]
fn retry_after_for_ever_ends_at_once() {
    let asks =
        |value: &'static str| serve(move |stream| reply(stream, "503 Busy", &format!("Retry-After: {value}\r\n"), ""));
    for value in [
        "99999999999",
        "99999999999999999999999999",
        "Fri, 31 Dec 9999 23:59:59 GMT",
    ] {
        let gate = Gate::new();
        let began = Instant::now();
        gate.run(["smoke", &asks(value), "--within=1h"])
            .code(1)
            .says("Retry-After (1d) exceeds the remaining time");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
    // Nonsense is no wish.
    for value in ["-5", "soon", "1.5", "Fri, 31 Feb 2020 23:59:59 GMT"] {
        let gate = Gate::new();
        gate.run(["smoke", &asks(value), "--within=300ms", "--interval=100ms"])
            .code(1)
            .never_says("Retry-After");
    }
}

/// Nothing in it is worth a second attempt, and the report stays readable.
#[test]
fn a_redirect_to_nowhere_is_one() {
    let long: &'static str = "/aaaaaaaaaaaaaaaa".repeat(1000).leak();
    for to in ["ftp://h/x", "://", "javascript:alert(1)", "http://", long] {
        let url = serve(move |stream| reply(stream, "302 Found", &format!("Location: {to}\r\n"), ""));
        let gate = Gate::new();
        let ran = smoke(&gate, &url, &["--follow-redirects"]);
        ran.code(1);
        assert_eq!(found(&gate)[2], "redirect", "{to}");
        assert!(ran.stdout().len() < 8_000, "{}", ran.explain());
    }
}

#[test]
fn user_information_in_a_redirect_is_not_shown() {
    let end = super::statuses(|_| super::GOOD).replace("http://", "http://user:hunter2hunter2@");
    let url = serve(move |stream| reply(stream, "302 Found", &format!("Location: {end}/end\r\n"), ""));
    let gate = Gate::new();
    smoke(&gate, &url, &["--follow-redirects"])
        .code(0)
        .never_says("hunter2");
    let gate = Gate::new();
    smoke(&gate, &url, &[]).code(1).never_says("hunter2");
    assert!(!gate.report("smoke").to_string().contains("hunter2"));
}

#[test]
fn a_thousand_samples_leave_a_small_report() {
    let url = super::statuses(|_| super::GOOD);
    let gate = Gate::new();
    gate.run(["smoke", &url, "--watch=1500ms", "--interval=10ms"]).code(0);
    let points = gate.report("smoke")["checks"][0]["latency"]["points"]
        .as_array()
        .unwrap()
        .len();
    assert!((2..=60).contains(&points), "{points}");
}

#[test]
fn headers_without_an_end_are_refused() {
    let url = says(&[b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", b"\r\n"], 10);
    smoke(&Gate::new(), &url, &[]).code(0);
    let huge = serve(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(HEAD);
        let _ = stream.write_all(&[&b"X: "[..], &[b'a'; 2_000_000], b"\r\nContent-Length: 0\r\n\r\n"].concat());
    });
    let gate = Gate::new();
    smoke(&gate, &huge, &[]).code(1);
    assert_eq!(found(&gate)[2], "reset");
}
