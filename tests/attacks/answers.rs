//! Answers of a probed server that lie: cut, contradicting, oversized, from the wrong place.

mod certificates;
mod proxies;

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use crate::gate::{Gate, Ran};
use crate::servers::{answer, hang, read_head, serve};

/// Short limits, so that hopeless cases end soon.
fn smoke<'a>(gate: &'a Gate, url: &str, more: &[&str]) -> Ran<'a> {
    let mut args = vec!["smoke", url, "--within=300ms", "--interval=50ms"];
    args.extend(more);
    gate.run(args)
}

/// Answers 200 with this body.
fn page(body: &str) -> String {
    let body = body.to_owned();
    serve(move |mut stream| {
        read_head(&mut stream);
        let _ = write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
    })
}

/// An HTTP/2 server that says 200 and a length of 100, sends these bytes, and then resets the stream without an error.
fn cut_over_http2(sends: &'static [u8]) -> String {
    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).unwrap();
        [&[0, 0, length, kind, flags, 0, 0, 0, stream][..], payload].concat()
    }
    serve(move |mut stream| {
        let mut preface = [0u8; 24];
        stream.read_exact(&mut preface).unwrap();
        let _ = stream.write_all(&frame(4, 0, 0, &[]));
        // Its settings, a window's size perhaps, and its request.
        let mut head = [0u8; 9];
        while stream.read_exact(&mut head).is_ok() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            stream.read_exact(&mut payload).unwrap();
            match head[3] {
                1 => break,
                4 if head[4] == 0 => stream.write_all(&frame(4, 1, 0, &[])).unwrap(),
                _ => {}
            }
        }
        // :status 200, and content-length as a literal.
        let mut answer = frame(1, 4, 1, b"\x88\x0f\x0d\x03100");
        if !sends.is_empty() {
            answer.extend(frame(0, 0, 1, sends));
        }
        let _ = stream.write_all(&answer);
        std::thread::sleep(Duration::from_millis(30));
        let _ = stream.write_all(&frame(3, 0, 1, &[0; 4]));
        hang(stream);
    })
}

#[test]
fn an_http2_stream_that_is_reset_before_its_declared_end_is_no_answer() {
    for (sends, says) in [
        (&b"ok so far"[..], "body cut: 9 of 100 bytes"),
        (b"", "body cut: 0 of 100 bytes"),
    ] {
        let url = cut_over_http2(sends);
        let gate = Gate::new();
        smoke(&gate, &url, &["--http-version=2"]).code(1).says(says);
        if !sends.is_empty() {
            smoke(&gate, &url, &["--http-version=2", "--expect-body=ok so far"])
                .code(1)
                .says(says);
        } else {
            // It says what length a GET would have.
            smoke(&gate, &url, &["--http-version=2", "--method=HEAD"]).code(0);
        }
        smoke(&gate, &url, &["--http-version=2", "--watch=60s"]).code(1);
    }
}

/// A stream of events, or a long poll: the head comes at once, and the body when there is something to say.
fn begins_later() -> String {
    serve(|mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        hang(stream);
    })
}

/// The application is refused while its control answers: nothing speaks for the platform, and no waiver holds.
#[test]
fn a_control_whose_body_has_not_begun_answers_and_excuses_nothing() {
    let control = begins_later();
    let gate = Gate::new();
    gate.write(
        ".github/stageproof.yml",
        "waivers:\n  - class: infra\n    reason: the platform is shaky\n    until: 2999-01-01\n",
    );
    smoke(&gate, "http://127.0.0.1:1", &["--control", &control])
        .code(1)
        .never_says("the control http");
    let gate = Gate::new();
    gate.run(["skip-guard", "--require", &format!("url:{control}")])
        .code(0)
        .says("Verdict: pass")
        .never_says("does not answer");
}

#[test]
fn another_version_that_looks_like_the_expected_one_is_another_version() {
    const FULL: &str = "4f2a9c1b7d3e5f60718293a4b5c6d7e8f9012345";
    let more = format!("{FULL}0");
    for (expected, body, code) in [
        ("2.0", "version 2.0", 0),
        ("2.0", "2.0~rc1", 1),
        ("2.0", "2.0-rc1", 1),
        ("2.0", "2.0+build7", 1),
        ("2.0", "2.0^git1", 1),
        ("2.0", "2.0\u{2011}rc1", 1),
        ("2.0", "2.0.1", 1),
        ("2.0~rc1", "2.0~rc1", 0),
        (FULL, FULL, 0),
        (FULL, "4f2a9c1b", 0),
        ("4f2a9c1b", FULL, 0),
        (FULL, more.as_str(), 1),
        (more.as_str(), FULL, 1),
        ("4f2a9c1", "4f2a9c1b", 0),
        ("4f2a9c1", "4f2a9c2b", 1),
        ("4f2a9c1", more.as_str(), 1),
    ] {
        let gate = Gate::new();
        smoke(&gate, &page(body), &["--expect-version", expected]).code(code);
        let header = format!("HTTP/1.1 200 OK\r\nX-Version: {body}\r\nContent-Length: 0\r\n\r\n");
        if header.is_ascii() && !body.contains(' ') {
            let url = answer(header.leak());
            smoke(
                &gate,
                &url,
                &["--version-from=header:X-Version", "--expect-version", expected],
            )
            .code(code);
        }
    }
}

#[test]
fn headers_that_name_two_versions_name_none() {
    for (headers, code) in [
        ("X-Version: 2.0\r\nX-Version: 1.9\r\n", 1),
        ("X-Version: 1.9\r\nX-Version: 2.0\r\n", 1),
        ("X-Version: 2.0, 1.9\r\n", 1),
        ("X-Version: 2.0\r\nx-version: 2.0\r\n", 0),
        ("X-Version: 2.0\r\n", 0),
    ] {
        let url = answer(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n").leak());
        let gate = Gate::new();
        let ran = smoke(
            &gate,
            &url,
            &["--version-from=header:X-Version", "--expect-version=2.0"],
        );
        ran.code(code);
        if headers.matches("Version").count() == 2 && code == 1 {
            ran.says("header:X-Version says both `");
        }
    }
}

#[test]
fn json_that_says_two_things_or_nearly_the_same_number_does_not_pass() {
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    for (body, expected, code) in [
        (r#"{"status":"failed","status":"ok"}"#, "/status = ok", 1),
        (r#"{"status":"ok","status":"failed"}"#, "/status = ok", 1),
        (r#"{"status":"ok","a":{"b":1,"b":1}}"#, "/status = ok", 1),
        (r#"{"status":"failed","\u0073tatus":"ok"}"#, "/status = ok", 1),
        (r#"{"status":"ok","a":{"status":"ok"}}"#, "/status = ok", 0),
        (r#"{"n":9007199254740993}"#, "/n <= 9007199254740992", 1),
        (r#"{"n":9007199254740993}"#, "/n >= 9007199254740993", 0),
        (r#"{"n":9007199254740993}"#, "/n = 9007199254740992.0", 1),
        (r#"{"n":18446744073709551617}"#, "/n = 18446744073709551616", 1),
        (r#"{"n":18446744073709551617}"#, "/n = 18446744073709551617", 0),
        (r#"{"n":0.10000000000000000001}"#, "/n <= 0.1", 1),
        (r#"{"n":1e400}"#, "/n < 1e399", 1),
        (r#"{"n":"7"}"#, "/n < 10", 1),
        (r#"{"n":1e2}"#, "/n = 100", 0),
        (deep.as_str(), "/0", 1),
    ] {
        let gate = Gate::new();
        let began = Instant::now();
        let ran = smoke(&gate, &page(body), &["--expect-json", expected]);
        ran.code(code);
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "{expected} {:?}",
            began.elapsed()
        );
        if body.contains("failed") {
            ran.says("duplicate key `status`");
        }
    }
}
