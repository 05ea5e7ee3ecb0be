//! What is sent, to whom, and over which connection.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{OK, fact, found, smoke};
use crate::gate::Gate;
use crate::servers::{free_port, read_head, serve};
use crate::skipped::not_checked;

const SECRET: &str = "hunter2hunter2";

/// Whole requests, as they came.
type Log = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

fn length(head: &str) -> usize {
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    length.map_or(0, |length| length.trim().parse().unwrap())
}

/// Writes down every request, and answers with what `answer` makes of its number.
fn recorder(answer: impl Fn(usize) -> String + Send + Sync + 'static) -> (String, Log) {
    let log = Log::default();
    let kept = Arc::clone(&log);
    let url = serve(move |mut stream: TcpStream| {
        let head = read_head(&mut stream);
        let mut body = vec![0; length(&head)];
        if stream.read_exact(&mut body).is_err() {
            body.clear();
        }
        let n = {
            let mut kept = kept.lock().unwrap();
            kept.push((head, body));
            kept.len() - 1
        };
        let _ = stream.write_all(answer(n).as_bytes());
        // Closed with something unread, it would be reset, and the answer could be lost.
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    (url, log)
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut values = lines
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.trim().to_owned());
    values.next()
}

/// D15: wait4x 3.7 sends the body once, and every later attempt without it (its source).
#[test]
fn every_attempt_sends_the_whole_body_again() {
    let (url, log) = recorder(|n| match n {
        0..2 => "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        _ => OK.to_owned(),
    });
    let body: Vec<u8> = (0..=255u8).cycle().take(300_000).collect();
    let gate = Gate::new();
    gate.write("body.bin", &body);
    gate.run([
        "smoke",
        &url,
        "--path=/orders?dry=1",
        "--method=post",
        "--header=Content-Type: application/x-thing",
        "--header=X-Two: one",
        "--header=X-Two: two",
        "--body-file=body.bin",
        "--interval=10ms",
        "--within=20s",
    ])
    .code(0);
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 3);
    for (head, sent) in log.iter() {
        assert!(head.starts_with("POST /orders?dry=1 HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(head, "content-type").unwrap(), "application/x-thing");
        assert_eq!(head.to_ascii_lowercase().matches("x-two: ").count(), 2, "{head}");
        assert!(header(head, "user-agent").unwrap().starts_with("stageproof/"));
        assert!(*sent == body, "{} bytes", sent.len());
    }
}

#[test]
fn a_body_on_the_command_line_is_sent_as_it_is() {
    let (url, log) = recorder(|_| OK.to_owned());
    smoke(&Gate::new(), &url, &["--method=PUT", r#"--body={"a": "ä"}"#]).code(0);
    assert_eq!(log.lock().unwrap()[0].1, r#"{"a": "ä"}"#.as_bytes());
}

/// Into every file and every line that is left behind.
fn assert_never_shown(gate: &Gate, secrets: &[&str]) {
    for file in walkdir::WalkDir::new(gate.root()).into_iter().flatten() {
        if file.file_type().is_file() {
            let text = String::from_utf8_lossy(&std::fs::read(file.path()).unwrap()).into_owned();
            for secret in secrets {
                assert!(!text.contains(secret), "{} holds {secret}", file.path().display());
            }
        }
    }
}

#[test]
fn credentials_come_from_the_environment_and_are_not_shown() {
    // Base64 of user:hunter2hunter2.
    let basic = "dXNlcjpodW50ZXIyaHVudGVyMg==";
    for (flag, name, expected) in [
        ("--bearer-env=TOKEN", "authorization", format!("Bearer {SECRET}")),
        ("--basic-env=LOGIN", "authorization", format!("Basic {basic}")),
        ("--header-env=X-Bypass: TOKEN", "x-bypass", SECRET.to_owned()),
    ] {
        // An application that tells everybody what it was sent.
        let (url, log) = recorder(|_| {
            let body = format!("got {SECRET}");
            format!("HTTP/1.1 500 {SECRET}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        });
        let gate = Gate::new().env("TOKEN", SECRET).env("LOGIN", &format!("user:{SECRET}"));
        smoke(&gate, &url, &[flag]).code(1).says("| got ***").never_says(SECRET);
        assert_eq!(header(&log.lock().unwrap()[0].0, name).unwrap(), expected);
        assert_never_shown(&gate, &[SECRET]);
    }
}

#[test]
fn credentials_are_not_sent_to_another_place() {
    let (elsewhere, seen) = recorder(|_| OK.to_owned());
    let (url, first) = recorder(move |_| {
        format!("HTTP/1.1 307 Moved\r\nLocation: {elsewhere}/there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    });
    let gate = Gate::new().env("TOKEN", SECRET);
    smoke(
        &gate,
        &url,
        &[
            "--follow-redirects",
            "--bearer-env=TOKEN",
            "--header-env=X-Bypass: TOKEN",
            "--header=Cookie: session=1",
            "--header=X-Plain: yes",
        ],
    )
    .code(0);
    assert_eq!(header(&first.lock().unwrap()[0].0, "x-bypass").unwrap(), SECRET);
    let head = &seen.lock().unwrap()[0].0;
    assert!(head.starts_with("GET /there "), "{head}");
    for name in ["authorization", "x-bypass", "cookie"] {
        assert_eq!(header(head, name), None, "{head}");
    }
    assert_eq!(header(head, "x-plain").unwrap(), "yes");
}

#[test]
fn a_variable_that_is_not_there_is_named() {
    for flag in ["--bearer-env=NOPE", "--basic-env=NOPE", "--header-env=X: NOPE"] {
        Gate::new()
            .run(["smoke", "http://127.0.0.1:1/", flag])
            .code(2)
            .says("NOPE, named by --")
            .says("is not set or empty");
    }
    let gate = Gate::new().env("LOGIN", SECRET);
    gate.run(["smoke", "http://127.0.0.1:1/", "--basic-env=LOGIN"])
        .code(2)
        .says("not of the form user:password")
        .never_says(SECRET);
    // Somebody who writes the value where its variable belongs.
    gate.run(["smoke", "http://127.0.0.1:1/", "--header-env=hunter2hunter2/x"])
        .code(2)
        .never_says(SECRET);
}

#[test]
fn a_name_can_be_given_an_address() {
    let (url, log) = recorder(|_| OK.to_owned());
    let port = url.rsplit(':').next().unwrap();
    let resolve = format!("--resolve=shop.example:{port}:127.0.0.1");
    let gate = Gate::new();
    smoke(&gate, &format!("http://shop.example:{port}/"), &[&resolve]).code(0);
    assert_eq!(
        header(&log.lock().unwrap()[0].0, "host").unwrap(),
        format!("shop.example:{port}")
    );
    assert_eq!(fact(&gate, "address"), "127.0.0.1");
    // Another port of the same name is not covered.
    let gate = Gate::new();
    smoke(
        &gate,
        "http://shop.invalid:1/",
        &[&resolve.replace("example", "invalid")],
    )
    .code(1);
    assert_eq!(found(&gate)[2], "dns");
}

/// A server on `localhost` in one family only, as many programs are by accident.
fn on(address: &str) -> Option<u16> {
    let listener = TcpListener::bind((address, 0)).ok()?;
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            read_head(&mut stream);
            let _ = stream.write_all(OK.as_bytes());
        }
    });
    Some(port)
}

/// dockerize, wait-on and many others see one family and say nothing of the other.
#[test]
fn localhost_has_two_families_and_both_are_told() {
    let Some(six) = on("::1") else {
        return not_checked("IPv6", "this machine has no ::1", "STAGEPROOF_REQUIRE_TOOLS");
    };
    let four = on("127.0.0.1").unwrap();
    for (port, right, wrong, told) in [
        (
            four,
            "--ipv4",
            "--ipv6",
            "IPv4 answers (200), IPv6 does not answer (connection refused",
        ),
        (six, "--ipv6", "--ipv4", "IPv4 does not answer (connection refused"),
    ] {
        let url = format!("http://localhost:{port}");
        let gate = Gate::new();
        smoke(&gate, &url, &[]).code(0);
        assert!(fact(&gate, "families").starts_with(told), "{}", fact(&gate, "families"));
        let gate = Gate::new();
        smoke(&gate, &url, &[right]).code(0);
        assert_eq!(fact(&gate, "families"), "", "only one was to be used");
        let gate = Gate::new();
        smoke(&gate, &url, &[wrong]).code(1);
        assert_eq!(found(&gate)[2], "refused");
    }
    let gate = Gate::new();
    smoke(&gate, &format!("http://[::1]:{six}/"), &[]).code(0);
    assert_eq!(fact(&gate, "address"), "::1");
}

#[test]
fn a_proxy_that_is_named_is_used_except_for_this_machine() {
    let (proxy, log) = recorder(|_| OK.to_owned());
    let flag = format!("--proxy={proxy}");
    smoke(&Gate::new(), "http://away.example/x", &[&flag]).code(0);
    assert!(
        log.lock().unwrap()[0]
            .0
            .starts_with("GET http://away.example/x HTTP/1.1")
    );
    let refused = format!("http://127.0.0.1:{}", free_port());
    let gate = Gate::new();
    smoke(&gate, &refused, &[&flag]).code(1);
    assert_eq!(found(&gate)[2], "refused");
    smoke(&Gate::new(), &refused.replace("127.0.0.1", "localhost"), &[&flag]).code(1);
    assert_eq!(log.lock().unwrap().len(), 1, "loopback is not asked for at a proxy");
    let gate = Gate::new().env("http_proxy", &proxy);
    smoke(&gate, "http://away.invalid/", &["--proxy=none"]).code(1);
    assert_eq!(found(&gate)[2], "dns");
}

#[test]
fn only_the_http_version_that_was_asked_for_is_spoken() {
    let (url, _) = recorder(|_| OK.to_owned());
    let gate = Gate::new();
    smoke(&gate, &url, &["--http-version=1.1"]).code(0);
    assert!(fact(&gate, "answer").ends_with("HTTP/1.1"));
    smoke(&Gate::new(), &url, &["--http-version=2"]).code(1).says("HTTP/2");
}

/// What is nearer replaces what excludes it farther away: a flag beats the file.
#[test]
fn a_flag_replaces_what_it_excludes() {
    let (url, log) = recorder(|_| OK.to_owned());
    let gate = Gate::new().env("TOKEN", SECRET).env("LOGIN", "user:word4word4");
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nsmoke:\n  basic-env: LOGIN\n  body-file: none\n  steady: 10m\n  ipv6: true\n  interval: 20ms\n",
    );
    gate.run([
        "smoke",
        &url,
        "--bearer-env=TOKEN",
        "--body=x",
        "--watch=100ms",
        "--ipv4",
    ])
    .code(0)
    .says("watched for 100ms");
    let log = log.lock().unwrap();
    assert_eq!(header(&log[0].0, "authorization").unwrap(), format!("Bearer {SECRET}"));
}
