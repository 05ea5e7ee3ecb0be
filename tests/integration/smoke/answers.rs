//! What comes back, and the one reason each bad response has.

use std::io::{Read as _, Write as _};

use super::{OK, reason, smoke};
use crate::gate::Gate;
use crate::servers::{answer, free_port, hang, read_head, serve};

#[test]
fn a_good_answer_passes_and_is_written_down() {
    let gate = Gate::new();
    smoke(&gate, &answer(OK), &["--expect-body=^hel+o$"])
        .code(0)
        .says("Verdict: pass");
    let report = gate.report("smoke");
    assert_eq!(report["checks"][0]["status"], "passed");
    assert_eq!(report["schema"], "stageproof.report/v1");
}

/// D10: wait-on 9.5.1 says the same about all of these; here each has its own reason.
#[test]
fn every_wrong_answer_has_its_reason() {
    let status = |line: &'static str| {
        serve(move |mut stream| {
            read_head(&mut stream);
            let _ = write!(
                stream,
                "HTTP/1.1 {line}\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops"
            );
        })
    };
    let refused = format!("http://127.0.0.1:{}", free_port());
    let reset = serve(|stream| {
        // Closing with unread bytes resets the connection.
        let mut byte = [0u8; 1];
        let _ = stream.peek(&mut byte);
    });
    let plain = serve(|mut stream| {
        let _ = stream.read(&mut [0u8; 16]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let cases = [
        ("refused", refused),
        ("reset", reset),
        ("reset", serve(|mut stream| drop(read_head(&mut stream)))),
        ("reset", answer("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        ("reset", answer("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")),
        ("timeout", serve(hang)),
        ("status-4xx", status("404 Not Found")),
        ("status-5xx", status("500 Internal Server Error")),
        ("gateway-5xx", status("502 Bad Gateway")),
        ("gateway-5xx", status("503 Service Unavailable")),
        ("auth-wall", status("401 Unauthorized")),
        ("auth-wall", status("403 Forbidden")),
        (
            "redirect",
            answer("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"),
        ),
        ("status-other", status("204 No Content")),
        ("tls", plain.replace("http:", "https:")),
        ("dns", "http://no-such-host.invalid/".to_owned()),
    ];
    for (expected, url) in cases {
        let gate = Gate::new();
        let ran = smoke(&gate, &url, &[]);
        ran.code(1).says("Verdict: fail").says("next: ");
        assert_eq!(reason(&gate), expected, "{url}\n{}", ran.explain());
    }
}

#[test]
fn the_next_step_fits_what_was_seen() {
    let gate = Gate::new();
    let unavailable = answer("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    smoke(&gate, &unavailable, &[])
        .code(1)
        .says("answered 503, expected 200 (the application, or a proxy in front of it, is unavailable)");
    let plain = serve(|mut stream| {
        let _ = stream.read(&mut [0u8; 16]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    smoke(&gate, &plain.replace("http:", "https:"), &[])
        .code(1)
        .says("does not speak TLS on this port, most likely plain HTTP")
        .says("next: write http:// if the port speaks plain HTTP");
    smoke(&gate, "https://127.0.0.1:1", &["--ca-file=none.pem"])
        .code(4)
        .says("next: check --ca-file");
}

#[test]
fn a_body_that_does_not_match_is_shown() {
    let gate = Gate::new();
    smoke(&gate, &answer(OK), &["--expect-body=goodbye"])
        .code(1)
        .says("answered 200, but not with /goodbye/")
        .says("| hello");
    assert_eq!(reason(&gate), "body");
}

#[test]
fn an_endless_body_does_not_hold_the_probe() {
    let endless = || {
        serve(|mut stream| {
            read_head(&mut stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while stream.write_all(&[b'x'; 65536]).is_ok() {}
        })
    };
    let gate = Gate::new();
    smoke(&gate, &endless(), &[]).code(0);
    let gate = Gate::new();
    gate.run(["smoke", &endless(), "--within=2s", "--expect-body=needle"])
        .code(1)
        .says("not in the first 1 MiB");
}

#[test]
fn foreign_text_cannot_speak_to_the_runner() {
    let gate = Gate::new().on_runner("push", "{}");
    let evil = answer(
        "HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n::add-mask::staging\n##[error]injected\n\u{1b}[2J::set-output name=x::y\n",
    );
    let ran = smoke(&gate, &evil, &[]);
    ran.code(1);
    let out = ran.stdout();
    let token = out.lines().next().unwrap().strip_prefix("::stop-commands::").unwrap();
    assert!(token.len() >= 32, "{out}");
    let (fenced, after) = out.split_once(&format!("\n::{token}::\n")).unwrap();
    assert!(fenced.contains("##[error]injected"), "{out}");
    assert!(!after.contains("##[") && !after.contains("::add-mask"), "{out}");
    assert!(!out.contains('\u{1b}'), "{out}");
    assert!(ran.stderr().is_empty(), "{}", ran.stderr());
}
