//! What a good response is: each expectation holds for one answer and fails for another, with its reason.

use super::{GOOD, fact, found, nth, reply, smoke, statuses};
use crate::gate::Gate;
use crate::servers::{answer, serve};

fn saying(headers: &'static str, body: &'static str) -> String {
    serve(move |stream| reply(stream, GOOD, headers, body))
}

/// Nothing if it holds, or the reason and the words with which it does not.
type Judged = Result<(), (&'static str, &'static str)>;

/// Each flag holds for the answer or not.
#[track_caller]
fn table(url: &str, cases: &[(&str, Judged)]) {
    for (flag, expected) in cases {
        let gate = Gate::new();
        let ran = gate.run(["smoke", url, "--within=250ms", "--interval=200ms", flag]);
        match expected {
            Ok(()) => {
                ran.code(0);
            }
            Err((reason, words)) => {
                ran.code(1).says(words).says("next: ");
                assert_eq!(found(&gate), ["unhealthy", "app", *reason], "{flag}\n{}", ran.explain());
            }
        }
    }
}

#[test]
fn statuses_are_lists_and_classes() {
    table(
        &statuses(|_| "204 No Content"),
        &[
            ("--expect-status=204", Ok(())),
            ("--expect-status=200,204", Ok(())),
            ("--expect-status=2xx", Ok(())),
            ("--expect-status=3xx,2XX", Ok(())),
            (
                "--expect-status=200",
                Err(("status-other", "answered 204, expected 200")),
            ),
            ("--expect-status=200,3xx", Err(("status-other", "expected 200,3xx"))),
        ],
    );
    table(
        &statuses(|_| "404 Not Found"),
        &[
            ("--expect-status=404", Ok(())),
            ("--expect-status=2xx", Err(("status-4xx", "answered 404"))),
        ],
    );
}

/// D15: wait4x 3.7 passes on a 500 unless a status is named (its source).
#[test]
fn a_500_is_not_right_unless_it_is_asked_for() {
    table(
        &statuses(|_| "500 Internal Server Error"),
        &[
            ("--expect-body=hello", Err(("status-5xx", "answered 500"))),
            ("--expect-status=500", Ok(())),
        ],
    );
}

/// D15: wait4x 3.7 reads the body once for each, and the second sees nothing (its source).
#[test]
fn a_regex_and_json_and_a_version_read_the_same_body() {
    let url = saying("", r#"{"status":"ok","version":"1.2.3"}"#);
    let all = [
        "--expect-body=status",
        "--expect-json=/status = ok",
        "--expect-json=/version",
        "--expect-version=1.2.3",
        "--version-from=json:/version",
    ];
    smoke(&Gate::new(), &url, &all).code(0);
}

#[test]
fn bodies_match_regular_expressions() {
    table(
        &saying("", "line one\nline two"),
        &[
            ("--expect-body=(?m)^line two$", Ok(())),
            (
                "--expect-body=^line two",
                Err(("body", "not with /^line two/: it is not in the body")),
            ),
        ],
    );
    table(
        &saying("", ""),
        &[("--expect-body=.", Err(("body", "the body is empty")))],
    );
}

#[test]
fn json_is_looked_into_by_pointer() {
    table(
        &saying("", r#"{"status":"ok","checks":[{"up":true,"lag":7}],"a/b":null}"#),
        &[
            ("--expect-json=/status = ok", Ok(())),
            ("--expect-json=/checks/0/lag < 10", Ok(())),
            ("--expect-json=/a~1b", Ok(())),
            (
                "--expect-json=/checks/0/lag < 7",
                Err(("body", "/checks/0/lag is 7, expected /checks/0/lag < 7")),
            ),
            ("--expect-json=/missing", Err(("body", "/missing"))),
            (
                "--expect-json=/status != ok",
                Err(("body", r#"expected /status != "ok""#)),
            ),
        ],
    );
    table(
        &saying("", "<html>"),
        &[(
            "--expect-json=/status",
            Err(("body", "its body cannot be read as JSON")),
        )],
    );
}

#[test]
fn headers_match_regular_expressions() {
    table(
        &saying("Cache-Control: private\r\nCache-Control: no-store\r\n", ""),
        &[
            ("--expect-header=cache-control: ^no-store$", Ok(())),
            ("--expect-header=Cache-Control", Ok(())),
            (
                "--expect-header=Cache-Control: public",
                Err(("header", "which does not match /public/")),
            ),
            (
                "--expect-header=X-Frame-Options: DENY",
                Err(("header", "there is no header X-Frame-Options")),
            ),
        ],
    );
}

#[test]
fn the_old_version_still_answering_is_waited_for() {
    let url = nth(|n, stream| reply(stream, GOOD, "", if n < 3 { "version 1.2.2" } else { "version 1.2.3" }));
    let gate = Gate::new();
    gate.run([
        "smoke",
        &url,
        "--interval=10ms",
        "--within=20s",
        "--expect-version=1.2.3",
    ])
    .code(0);
    assert_eq!(fact(&gate, "attempts"), "4 (wrong-version 3)");
}

#[test]
fn a_version_stands_in_a_header_in_json_or_in_the_body() {
    let url = saying(
        "X-Commit: 4f2a9c1b7d3e5f60\r\n",
        r#"{"build":{"tag":"v7"},"text":"release-42!"}"#,
    );
    for (expected, from, right) in [
        ("4f2a9c1", "header:x-commit", true),
        ("fedcba9", "header:x-commit", false),
        ("v7", "json:/build/tag", true),
        ("v70", "json:/build/tag", false),
        ("42", r"body:release-(\d+)", true),
        ("4", r"body:release-(\d+)", false),
        ("42", "header:x-absent", false),
    ] {
        let gate = Gate::new();
        let version = format!("--expect-version={expected}");
        let from = format!("--version-from={from}");
        let ran = gate.run(["smoke", &url, "--within=250ms", "--interval=200ms", &version, &from]);
        ran.code(i32::from(!right));
        if !right {
            assert_eq!(found(&gate), ["unhealthy", "app", "wrong-version"], "{}", ran.explain());
        }
    }
}

#[test]
fn redirects_lead_where_they_should() {
    let end = saying("", "the end");
    let moved = |to: String| serve(move |stream| reply(stream, "302 Found", &format!("Location: {to}\r\n"), ""));
    let middle = moved(format!("{end}/end"));
    let url = moved(format!("{middle}/middle"));
    let first = format!("--expect-redirect={middle}/middle");
    let second = format!("--expect-redirect={end}/end");
    smoke(&Gate::new(), &url, &[&first, &second]).code(0);
    for wrong in [vec![&*first], vec![&*second, &*first]] {
        let gate = Gate::new();
        smoke(&gate, &url, &wrong).code(1).says("its redirects lead to");
        assert_eq!(found(&gate)[2], "redirect");
    }
    let gate = Gate::new();
    smoke(&gate, &end, &[&first])
        .code(1)
        .says("its redirects lead to nowhere");
    let local = end.replace("127.0.0.1", "localhost");
    let to_name = moved(local);
    smoke(&Gate::new(), &to_name, &["--expect-final-host=LocalHost"]).code(0);
    let gate = Gate::new();
    smoke(&gate, &to_name, &["--expect-final-host=127.0.0.1"])
        .code(1)
        .says("localhost answered after all redirects");
    assert_eq!(found(&gate)[2], "redirect");
}

#[test]
fn only_https_has_a_certificate_to_be_valid() {
    let gate = Gate::new();
    smoke(&gate, &answer(super::OK), &["--min-certificate-days=1"])
        .code(1)
        .says("there is no certificate");
    assert_eq!(found(&gate), ["no-certificate", "app", "tls"]);
}

#[test]
fn a_pass_says_everything_that_it_asserted() {
    let gate = Gate::new();
    let url = saying("X-Release: v7\r\n", r#"{"status": "ok"}"#);
    let flags = [
        "--expect-json=/status = ok",
        "--expect-body=ok",
        "--expect-header=X-Release: ^v",
        "--expect-version=v7",
        "--version-from=header:X-Release",
        "--max-latency=p95=5s",
        "--expect-final-host=127.0.0.1",
        "--steady=150ms",
    ];
    let asserted = "status 200; final host 127.0.0.1; version v7 (in header:X-Release); header X-Release: ^v; \
                    body matches /ok/; JSON /status = \"ok\"; latency at most p95=5s; within 900ms; steady for 150ms";
    smoke(&gate, &url, &flags)
        .code(0)
        .says(&format!("asserted: {asserted}"));
    assert_eq!(fact(&gate, "asserted"), asserted);
    // Who reads the verdict only is told as well.
    gate.run(["verdict", "--status-file=v.md"]).code(0);
    let verdict = gate.read("v.md");
    assert!(verdict.contains("JSON /status = \"ok\""), "{verdict}");
}
