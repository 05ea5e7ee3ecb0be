//! What is shown, whole: for each command what people read when it is well and when it is not.
//!
//! `INSTA_UPDATE=always cargo test --test integration console` writes the snapshots again.

use std::fmt::Write as _;

use regex::Regex;

use crate::gate::Gate;
use crate::servers::{answer, free_port};
use crate::smoke::statuses;

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const BAD: &str = "HTTP/1.1 500 Oops\r\nContent-Length: 9\r\nConnection: close\r\n\r\nno memory";

/// Runs of one gate, one after the other, as a terminal's transcript without what differs from run to run.
struct Transcript<'a> {
    gate: &'a Gate,
    text: String,
}

impl<'a> Transcript<'a> {
    fn of(gate: &'a Gate) -> Self {
        let text = String::new();
        Self { gate, text }
    }

    fn run(mut self, args: &[&str]) -> Self {
        let ran = self.gate.run(args);
        let _ = writeln!(self.text, "$ stageproof {}", args.join(" "));
        for (name, said) in [("stdout", ran.stdout()), ("stderr", ran.stderr())] {
            if !said.is_empty() {
                let _ = write!(self.text, "--- {name}\n{said}");
            }
        }
        let code = ran.output.status.code().unwrap();
        let _ = writeln!(self.text, "--- exit code {code}\n");
        self
    }

    #[track_caller]
    fn is(self, name: &str) {
        let mut text = self.text.replace(&self.gate.root().display().to_string(), "ROOT");
        for (pattern, with) in [
            (r"127\.0\.0\.1(:|%3A)\d+", "127.0.0.1${1}PORT"),
            (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
            (r"\d\d:\d\d:\d\d UTC", "TIME"),
            (r"artifacts/staging/\d{4}-\d\d-\d\d", "artifacts/staging/DATE"),
            (r"(say why, until: )\d{4}-\d\d-\d\d", "${1}DATE"),
            (r"(?m)^(\s*[✓✗~?] .*?) \([\d.]+m?s\)($|  asserted)", "${1}${2}"),
            (r"\b\d+(\.\d+)?m?s\b", "SPAN"),
            (r"\b[0-9a-f]{40,64}\b", "HASH"),
            (r"@[0-9a-f]{7}\b", "@HASH"),
            (r"::[0-9a-f]{32}(::|\n)", "::TOKEN$1"),
            (r"process:? \d+", "process PID"),
            (r"\b\d+ attempts?\b", "N attempts"),
            (r"\d+ of \d+ samples", "N of N samples"),
            (r"(attempts: )\d+ \((.*) \d+\)", "${1}N (${2} N)"),
            (r"\d+ (bytes|lines)", "N $1"),
            (r"(bytes|peak memory): \d+", "$1: N"),
            (r"\[ +[\d.]+s\]", "[SPAN]"),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, with).into_owned();
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("snapshots/console");
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

#[test]
fn smoke() {
    let (good, bad) = (answer(GOOD), answer(BAD));
    let gate = Gate::new();
    gate.write(
        "probes.yml",
        format!(
            "version: 1\nsmoke:\n  within: 600ms\n  interval: 50ms\n  probes:\n    - {{name: one, url: {good}}}\n    \
             - {{name: two, url: {bad}}}\n    - {{name: three, url: {good}}}\n"
        ),
    );
    let probes = ["smoke", "--config=probes.yml"];
    Transcript::of(&gate)
        .run(&["smoke", &good])
        .run(&["smoke", &good, "--quiet"])
        .run(&probes)
        .run(&[&probes[..], &["-q"]].concat())
        .run(&["smoke", &good, "--verbose"])
        .run(&["smoke", &good, "-q", "-v"])
        .is("smoke");
}

/// Each message stands below its check, and again in an annotation.
#[test]
fn smoke_on_a_runner() {
    let gate = Gate::new().on_runner("push", "{}");
    Transcript::of(&gate)
        .run(&["smoke", &answer(BAD), "--within=600ms"])
        .is("smoke-on-a-runner");
}

#[test]
fn smoke_with_a_warning() {
    let flaky = statuses(|n| match n {
        2 => "503 Service Unavailable",
        _ => "200 OK",
    });
    let gate = Gate::new();
    let args = [
        "smoke",
        &flaky,
        "--watch=400ms",
        "--interval=50ms",
        "--max-failures=3",
        "--max-error-ratio=90%",
    ];
    Transcript::of(&gate).run(&args).is("smoke-with-a-warning");
}

#[test]
fn skip_guard() {
    let gate = Gate::new().env("KEY", "k");
    Transcript::of(&gate)
        .run(&["skip-guard", "--require=env:KEY"])
        .run(&[
            "skip-guard",
            "--require=env:KEY",
            "--require=env:ABSENT",
            "--require=file:none",
        ])
        .run(&["skip-guard", "--require=env:ABSENT", "--strict"])
        .run(&["skip-guard", "--require=env:ABSENT", "--quiet"])
        .is("skip-guard");
}

#[test]
fn heartbeat() {
    let gate = Gate::new();
    let bad = ["heartbeat", "--", "sh", "-c", "echo said; exit 3"];
    Transcript::of(&gate)
        .run(&["heartbeat", "--", "echo", "hi"])
        .run(&["heartbeat", "--quiet", "--", "echo", "hi"])
        .run(&bad)
        .run(&[
            "heartbeat",
            "--retries=1",
            "--label=flaky",
            "--shell",
            "--",
            "test -e x || { touch x; exit 7; }",
        ])
        .run(&["heartbeat", "--", "no-such-command"])
        .is("heartbeat");
}

/// With a secret of its own, it does not matter whether the surroundings hold one, which a seal says.
fn sealing() -> Gate {
    Gate::new().env("SHOP_TOKEN", "token-of-the-shop")
}

#[test]
fn evidence() {
    let gate = sealing();
    gate.write("evidence/smoke.log", "all is well\n");
    let dir = "--evidence-dir=evidence";
    let before = Transcript::of(&gate)
        .run(&["evidence-bundle", dir])
        .run(&["verify", "evidence.zip"])
        .run(&["verify", "evidence", "--verbose"]);
    gate.write("evidence/smoke.log", "all is fine\n");
    before
        .run(&["verify", "evidence"])
        .run(&["verify", "none.zip"])
        .is("evidence");
}

#[test]
fn merge() {
    let gate = sealing();
    for (label, body) in [("eu", GOOD), ("us", BAD)] {
        let (label, dir) = (format!("--label={label}"), format!("--evidence-dir={label}"));
        gate.run(["smoke", &answer(body), "--within=100ms", &label, &dir]);
        gate.run(["evidence-bundle", &dir]).code(0);
    }
    let expect = ["--expect=eu", "--expect=us", "--expect=ap"];
    Transcript::of(&gate)
        .run(&["merge", "eu.zip", "--evidence-dir=one"])
        .run(&[&["merge", "eu.zip", "us.zip", "--evidence-dir=all"], &expect[..]].concat())
        .is("merge");
}

#[test]
fn verdict() {
    let gate = Gate::new();
    let empty = Transcript::of(&gate).run(&["verdict"]);
    gate.run(["smoke", &answer(GOOD)]).code(0);
    let pass = empty.run(&["verdict", "--require=smoke"]);
    gate.run(["smoke", "--label=blue", &answer(BAD), "--within=100ms"])
        .code(1);
    gate.run(["skip-guard", "--require=env:ABSENT"]).code(0);
    pass.run(&["verdict"]).run(&["verdict", "--quiet"]).is("verdict");
}

#[test]
fn foreground_proof() {
    let gate = Gate::new();
    gate.run(["heartbeat", "--label=build", "--evidence-dir=run", "--", "true"])
        .code(0);
    let log = "--log=run/logs/heartbeat.log";
    Transcript::of(&gate)
        .run(&["foreground-proof", log])
        .run(&["foreground-proof", log, "--require=deploy"])
        .is("foreground-proof");
}

#[test]
fn rehearse() {
    let gate = sealing().env("KEY", "k");
    let config = |url: &str| {
        format!(
            "version: 1\nskip-guard:\n  require: [env:KEY]\nsmoke:\n  url: {url}\n  within: 600ms\nrollback-dry-run:\n  \
             check: 'true'\n  rollback-command: deploy --release previous\n"
        )
    };
    gate.write("good.yml", config(&answer(GOOD)))
        .write("bad.yml", config(&answer(BAD)));
    gate.write(
        "skip.yml",
        config("http://127.0.0.1:1/").replace("env:KEY", "env:ABSENT"),
    );
    let rehearse = |name: &str| {
        [
            "rehearse".to_owned(),
            format!("--config={name}.yml"),
            format!("--evidence-dir={name}"),
        ]
    };
    let mut transcript = Transcript::of(&gate);
    for name in ["good", "bad", "skip"] {
        let args = rehearse(name);
        transcript = transcript.run(&args.each_ref().map(String::as_str));
    }
    transcript.is("rehearse");
}

#[test]
fn init() {
    let gate = Gate::new();
    gate.write("Procfile", "web: node server.js\n");
    let pin = "--pin=0123456789abcdef0123456789abcdef01234567";
    let written = Transcript::of(&gate)
        .run(&["init", pin, "--diff"])
        .run(&["init", pin])
        .run(&["init", pin]);
    gate.write(".github/stageproof.yml", "version: 1\n");
    written
        .run(&["init", pin])
        .run(&["init", pin, "--force", "--quiet"])
        .is("init");
}

#[test]
fn rollback_dry_run() {
    let gate = Gate::new();
    let back = "--rollback-command=deploy --release previous";
    Transcript::of(&gate)
        .run(&["rollback-dry-run", "--check=true", back])
        .run(&["rollback-dry-run", "--check=false", back])
        .is("rollback-dry-run");
}

/// In a log a line comes every ten seconds, with what was seen last.
#[test]
fn a_long_wait_is_not_silent() {
    let gate = Gate::new();
    let ran = gate.run(["smoke", &format!("http://127.0.0.1:{}/", free_port()), "--within=11s"]);
    ran.code(1);
    let lines = ran.stderr();
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let line = Regex::new(r"^\[   10\.\ds\] … GET http://127\.0\.0\.1:\d+/: .*refused.* \(\d+ attempts\); \ds left\n$");
    assert!(line.unwrap().is_match(&lines), "{lines}");
}

/// On a terminal one line shows it meanwhile, and is gone when the result comes.
#[test]
fn on_a_terminal_a_live_line_shows_what_is_waited_for() {
    const ERASE: &str = "\u{1b}[K";
    let gate = Gate::new().env("TERM", "xterm").env("COLUMNS", "100");
    let url = format!("http://127.0.0.1:{}/", free_port());
    let program = gate.command([] as [&str; 0]).get_program().to_owned();
    let program = program.to_str().unwrap();
    let smoke = [program, "smoke", &url, "--within=1s", "--interval=100ms"];
    for (flags, is_live) in [(&[][..], true), (&["--quiet"], false)] {
        let ran = gate.run([&["heartbeat", "--pty", "--"], &smoke[..], flags].concat());
        ran.code(1);
        let written = ran.stdout();
        assert_eq!(written.contains(" attempts)"), is_live, "{}", ran.explain());
        assert_eq!(written.contains(ERASE), is_live, "{}", ran.explain());
        let left = written.lines().map(|line| line.rsplit(ERASE).next().unwrap());
        let left: Vec<&str> = left.collect();
        assert!(
            !left.iter().any(|line| line.contains(" attempts)")),
            "{}",
            ran.explain()
        );
        // Whatever follows begins a line.
        assert!(left.iter().any(|line| line.contains("Verdict: ")), "{}", ran.explain());
    }
}

#[test]
fn scan() {
    let gate = Gate::new();
    gate.write("build.log", format!("one\ntoken: {}\n", crate::scan::token()))
        .write("other.log", "two\n");
    Transcript::of(&gate)
        .run(&["scan", "other.log"])
        .run(&["scan"])
        .run(&["scan", "none"])
        .is("scan");
}

#[test]
fn diagnose() {
    let gate = Gate::new();
    gate.write("red.log", crate::diagnose::RED)
        .write("green.log", "2026-07-30T10:33:36.0000000Z ok\n");
    Transcript::of(&gate)
        .run(&["diagnose", "--log=red.log", "--context=1"])
        .run(&["diagnose", "--log=green.log"])
        .run(&["diagnose", "--log=none.log"])
        .run(&["diagnose"])
        .is("diagnose");
}

#[test]
fn check() {
    let gate = Gate::new();
    gate.write(
        ".github/workflows/test.yml",
        "on: push\njobs: {test: {runs-on: ubuntu-latest, steps: [{run: ls}]}}\n",
    )
    .write(".github/workflows/deploy.yml", crate::check::GOOD);
    let transcript = Transcript::of(&gate).run(&["check"]).run(&["check", "--verbose"]);
    gate.write(".github/workflows/deploy.yml", crate::check::BROKEN)
        .write(".github/stageproof.yml", "version: 1\nsmoke:\n  withn: 3s\n");
    transcript
        .run(&["check"])
        .run(&["check", "--quiet", ".github/workflows/test.yml"])
        .run(&["check", "none.yml"])
        .is("check");
}
