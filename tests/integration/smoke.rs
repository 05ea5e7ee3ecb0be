//! `smoke`: does what was deployed answer?

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::gate::{Gate, Ran};
use crate::servers::{answer, eventually, free_port, hang, hello, pids, read_head, runs, serve};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

/// Short limits, so that hopeless cases end soon.
fn smoke<'a>(gate: &'a Gate, url: &str, more: &[&str]) -> Ran<'a> {
    let mut args = vec!["smoke", url, "--within=900ms", "--interval=100ms"];
    args.extend(more);
    gate.run(args)
}

fn reason(gate: &Gate) -> String {
    let report = gate.report("smoke");
    let checks = report["checks"].as_array().unwrap();
    let finding = &checks[checks.len() - 1]["findings"][0];
    finding["reason"].as_str().unwrap_or("none").to_owned()
}

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

/// wait-on says the same about all of these; here each has its own reason.
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
fn redirects_are_followed_only_when_asked_and_not_for_ever() {
    let target = answer(OK);
    let location = format!("HTTP/1.1 302 Found\r\nLocation: {target}/\r\nContent-Length: 0\r\n\r\n");
    let redirecting = serve(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(location.as_bytes());
    });
    let gate = Gate::new();
    smoke(&gate, &redirecting, &[]).code(1).says("--follow-redirects");
    smoke(&gate, &redirecting, &["--follow-redirects"])
        .code(0)
        .says("redirected to");
    let looping = answer("HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n");
    let gate = Gate::new();
    smoke(&gate, &looping, &["--follow-redirects"])
        .code(1)
        .says("the redirects do not end");
    assert_eq!(reason(&gate), "redirect");
    let nowhere = answer("HTTP/1.1 304 Not Modified\r\n\r\n");
    smoke(&gate, &nowhere, &["--follow-redirects"])
        .code(1)
        .never_says("unless asked");
}

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
    gate.run(["smoke", &url, "--within=20s", "--interval=10ms"])
        .code(0)
        .says("attempts: 4 (gateway-5xx 3)");
}

#[test]
fn a_hanging_server_is_asked_once_at_a_time_and_the_total_time_holds() {
    // wait-on 9.5.1 had opened eleven connections after three seconds.
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
    let ran = gate.run(["smoke", &url, "--within=60s", "--interval=10ms"]);
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

#[test]
fn a_proxy_is_never_asked_for_loopback() {
    let gate = Gate::new()
        .env("http_proxy", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("ALL_PROXY", "http://127.0.0.1:9");
    let url = answer(OK);
    smoke(&gate, &url, &[]).code(0);
    smoke(&gate, &url.replace("127.0.0.1", "localhost"), &[]).code(0);
}

#[test]
fn each_redirect_decides_anew_about_the_proxy() {
    let moved =
        |to: String| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    // Asked for anything of `away.example` it answers, and it sends what is asked of `back.example` to this machine.
    let here = answer(OK);
    let back = moved(format!("{here}/here"));
    let proxy = serve(move |mut stream| {
        let bytes = match read_head(&mut stream) {
            head if head.starts_with("GET http://away.example/") => OK,
            head if head.starts_with("GET http://back.example/") => &back,
            _ => "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
        };
        let _ = stream.write_all(bytes.as_bytes());
    });
    let away = moved("http://away.example/there".to_owned());
    let leaving = serve(move |mut stream| {
        read_head(&mut stream);
        let _ = stream.write_all(away.as_bytes());
    });
    let gate = Gate::new().env("http_proxy", &proxy);
    smoke(&gate, &leaving, &["--follow-redirects"])
        .code(0)
        .says("http://away.example/there");
    smoke(&gate, "http://back.example/", &["--follow-redirects"])
        .code(0)
        .says(&format!("{here}/here"));
    for exceptions in ["example", "*"] {
        let gate = Gate::new().env("http_proxy", &proxy).env("NO_PROXY", exceptions);
        smoke(&gate, "http://away.example/", &[]).code(1).says("[app: dns]");
    }
}

#[test]
fn what_cannot_be_probed_is_a_usage_error() {
    let gate = Gate::new();
    for (args, says) in [
        (vec!["smoke"], "smoke has no URL"),
        (vec!["smoke", "staging.example.com"], "has no scheme"),
        (vec!["smoke", "localhost:8080"], "write http://localhost:8080"),
        (vec!["smoke", "ftp://h/"], "only http and https"),
        (vec!["smoke", "http://"], "is not a URL"),
        (vec!["smoke", "http://h:99999/"], "is not a URL"),
        (vec!["smoke", "http://u:hunter2hunter2@h/"], "holds credentials"),
        (vec!["smoke", "http://h/", "--path=healthz"], "begin it with one slash"),
        (
            vec!["smoke", "http://h/", "--path=//evil.example/"],
            "begin it with one slash",
        ),
        (vec!["smoke", "http://h/", "--within=30"], "30s for seconds"),
        (vec!["smoke", "http://h/", "--timeout=0s"], "longer than 0s"),
        (vec!["smoke", "http://h/", "--interval=0s"], "the shortest is 10ms"),
        (
            vec!["smoke", "http://h/", "--expect-status=999"],
            "is not an HTTP status",
        ),
        (
            vec!["smoke", "http://h/", "--expect-body=("],
            "not a regular expression",
        ),
        (
            vec!["smoke", "http://h/", "--method=HEAD", "--expect-body=x"],
            "no body",
        ),
        (
            vec!["smoke", "http://127.0.0.1:1/", "--start=a 'b"],
            "quote that is not closed",
        ),
        (vec!["smoke", "http://127.0.0.1:1/", "--start="], "must not be empty"),
        (vec!["smoke", "http://example.com/", "--start=x"], "on this machine"),
    ] {
        gate.run(args).code(2).says(says).never_says("hunter2");
    }
}

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
            .says(&format!("last lines of logs/server-{label}.log"));
    }
    for label in ["one", "two"] {
        let log = gate.evidence().join(format!("logs/server-{label}.log"));
        assert_eq!(std::fs::read_to_string(log).unwrap(), format!("I am {label}\n"));
    }
}

#[test]
fn a_port_that_is_taken_is_refused() {
    // start-server-and-test 3.0.12 tests the wrong server here and passes.
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
        ("sh -c 'echo no database >&2; kill -SEGV $$'", "(SIGSEGV)"),
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
    gate.write("not-executable", "x");
    gate.run(["smoke", &url, "--start=./not-executable"])
        .code(1)
        .says("lacks the permission to execute");
}

#[test]
fn a_server_that_dies_after_it_answered_does_not_pass() {
    // start-server-and-test 3.0.12 exits 0 here.
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
        eventually("the server runs", || runs(&hello));
        eventually("its child runs", || runs("sleep 4242003") || !start.contains("4242003"));
        kill("-KILL", &helper_of(&hello));
        let ended = child.wait_with_output().unwrap();
        assert!(!runs(&hello) && !runs("sleep 4242003"), "{start}");
        assert_eq!(ended.status.code(), Some(1));
        let out = String::from_utf8_lossy(&ended.stdout);
        assert!(
            out.contains("the helper process that watched over it was killed"),
            "{out}"
        );
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
        .says("server.log is a link");
    assert_eq!(std::fs::read_to_string(gate.path("precious")).unwrap(), "precious");
    assert!(!runs("sleep 4242005"));
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

#[test]
fn an_answer_of_somebody_else_is_not_the_servers() {
    let gate = Gate::new();
    let port = free_port();
    // Free at the start, and taken by another before the started command would.
    let other = std::thread::spawn(move || {
        eventually("the start command runs", || runs("sleep 4242009"));
        std::net::TcpListener::bind(("127.0.0.1", port)).map(|listener| {
            for mut stream in listener.incoming().take(1).flatten() {
                read_head(&mut stream);
                let _ = stream.write_all(OK.as_bytes());
            }
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
