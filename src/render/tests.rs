//! Whole outputs, one file per command and verdict: the summary (or `verdict.md`), the annotations and the JUnit file.
//!
//! `INSTA_UPDATE=always cargo test --lib -- render` writes them again.

use std::time::Duration;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

use super::{annotations, junit, staging_status, summary};
use crate::model::finding::Waived;
use crate::model::latency::{Latency, Point};
use crate::model::report::Frame;
use crate::model::timeline::SpanState;
use crate::model::{Check, Class, Ended, Fact, Finding, Outcome, Output, Reason, Report, Skip, Span, Subject};

fn frame(command: &str) -> Frame {
    Frame {
        command: command.to_owned(),
        label: (command == "heartbeat").then(|| "deploy".to_owned()),
        subject: Subject {
            environment: "staging".into(),
            repository: Some("acme/shop".into()),
            sha: Some("0123456789abcdef0123456789abcdef01234567".into()),
            run_id: Some("77".into()),
            run_attempt: Some("1".into()),
            ..Subject::default()
        },
        started_at: "2026-01-31T12:00:00.000Z".into(),
        finished_at: "2026-01-31T12:00:07.000Z".into(),
        took_ms: 7_000,
    }
}

fn show(name: &str, outcome: Outcome) {
    let command = ["skip-guard", "rollback-dry-run", "evidence-bundle"]
        .into_iter()
        .find(|command| name.starts_with(command))
        .or_else(|| name.split('-').next())
        .unwrap();
    let report = Report::judge(frame(command), outcome);
    assert_eq!(name, format!("{command}-{}", report.verdict));
    let (what, markdown) = match command {
        "verdict" => ("verdict.md", staging_status::render(&report)),
        _ => ("job summary", summary::render(&report)),
    };
    let all = format!(
        "=== {what}\n{markdown}=== annotations\n{}=== JUnit\n{}",
        annotations::render(&report),
        junit::render(&report)
    );
    let mut settings = insta::Settings::new();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, all));
}

fn check(stage: &str, title: &str, findings: Vec<Finding>) -> Check {
    let took = Duration::from_millis(850);
    Check::new(stage, format!("{stage}:{title}"), title, Ended::Looked(findings), took)
}

fn passed(stage: &str, title: &str, facts: &[(&str, &str)]) -> Check {
    let mut check = check(stage, title, vec![]);
    check.facts = facts.iter().map(|(name, value)| Fact::new(*name, *value)).collect();
    check
}

fn skipped(stage: &str, title: &str, reason: &str) -> Check {
    Check::skipped(stage, format!("{stage}:{title}"), title, reason)
}

fn errored(stage: &str, title: &str, cause: &str, help: &str) -> Check {
    let mut check = check(stage, title, vec![]);
    check.ended = Ended::with_help(cause, help);
    check
}

fn outcome(checks: Vec<Check>) -> Outcome {
    Outcome {
        checks,
        ..Outcome::default()
    }
}

fn with_outputs(mut outcome: Outcome, outputs: &[(&str, &str)]) -> Outcome {
    let outputs = outputs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Output::exact(*value)));
    outcome.outputs = outputs.collect();
    outcome
}

fn page() -> Check {
    let facts = [("answer", "200 in 14ms, HTTP/1.1"), ("address", "192.0.2.1")];
    passed("smoke", "GET https://staging.example.com/ answers 200", &facts)
}

fn bad_gateway() -> Finding {
    let message = "GET https://staging.example.com/api?limit=5: answered 502, expected 200 (9 attempts in 850ms)";
    Finding::error("unexpected-status", message)
        .because(Class::Infra, Reason::Gateway5xx)
        .help("check that the application behind the balancer is up")
        .excerpt("<h1>Bad Gateway</h1>\n```\n| a | ]]> & <b>b</b> @team\u{1b}[0m `x`\n")
}

fn api(findings: Vec<Finding>) -> Check {
    check(
        "smoke",
        "GET https://staging.example.com/api?limit=5 answers 200",
        findings,
    )
}

fn waived(finding: Finding) -> Finding {
    let waived = Waived {
        reason: "the balancer is being replaced, OPS-12".into(),
        until: "2026-02-28".into(),
    };
    Finding {
        waived: Some(waived),
        ..finding
    }
}

fn not_set() -> Finding {
    Finding::error("missing-prerequisite", "FLY_API_TOKEN is not set or empty")
        .help("Create it and map it into the step: `env: FLY_API_TOKEN: ${{ secrets.FLY_API_TOKEN }}`.")
}

fn guard_skip() -> Outcome {
    let finding = not_set();
    let reason = format!("{}. {}", finding.message, finding.help.unwrap());
    Outcome {
        skip: Some(Skip {
            reason: format!("Staging was skipped: {reason}"),
            expected: false,
        }),
        notes: vec!["`stageproof skip-guard --fix` would run the configured fix of env:FLY_API_TOKEN.".into()],
        ..outcome(vec![
            skipped("guard", "FLY_API_TOKEN is set", &reason),
            passed("guard", "The run does not come from a fork", &[]),
        ])
    }
}

const COMMAND: &str = "git checkout --detach 8c1f0e5d3b7a49628c1f0e5d3b7a49628c1f0e5d";
const DIGEST: &str = "7e8e12507e25ca51fc76aff7f4fd2ba0c396765a5d7b374c0b5bc112db5464e5";

fn rollback() -> Outcome {
    let proved = "Proved:\n  - v1.4.1 exists, and is an ancestor of HEAD\n  - 1 file was written";
    let open = "Not covered:\n  - the database: its content and schema stay as they are\n  - 1. what `_it_` does";
    let outcome = Outcome {
        notes: [&format!("Rollback command:\n  {COMMAND}"), proved, open]
            .map(str::to_owned)
            .into(),
        ..outcome(vec![
            passed("rollback", "A previous release exists", &[("release", "v1.4.1")]),
            passed("rollback", "It is an ancestor of HEAD", &[]),
            passed("rollback", "It can be checked out", &[("files", "1")]),
        ])
    };
    with_outputs(outcome, &[("command", COMMAND), ("target", "refs/tags/v1.4.1")])
}

fn no_rollback() -> Outcome {
    let finding = Finding::error("no-release", "there is no tag in the history of HEAD that matches v*")
        .help("fetch the tags: actions/checkout with `fetch-depth: 0`");
    let outcome = Outcome {
        notes: vec![format!("Rollback command, NOT proved:\n  {COMMAND}")],
        ..outcome(vec![
            check("rollback", "A previous release exists", vec![finding]),
            skipped("rollback", "It can be checked out", "there is no release"),
        ])
    };
    with_outputs(outcome, &[("command", ""), ("target", "")])
}

fn evidence() -> Outcome {
    let packed = passed(
        "evidence",
        "The bundle is packed",
        &[("bytes", "2840"), ("sha256", DIGEST)],
    );
    let hashed = passed("evidence", "The evidence is hashed", &[("files", "4")]);
    let outputs = [
        ("bundle", "artifacts/staging/2026-01-31.zip"),
        ("bundle-sha256", DIGEST),
    ];
    with_outputs(outcome(vec![hashed, packed]), &outputs)
}

fn together(parts: Vec<Outcome>) -> Outcome {
    let mut all = Outcome::default();
    parts.into_iter().for_each(|part| all.append(part));
    all
}

#[test]
fn smoke() {
    let mut watched = page();
    watched.title.push_str(", steady for 6s");
    watched.latency = Some(Latency {
        count: 5,
        median_us: 84_000,
        p95_us: 120_000,
        max_us: 120_000,
        points: (0..3)
            .map(|n| Point {
                at_ms: n * 2_000,
                good: 2 - n % 2,
                failed: n % 2,
                mean_us: 84_000,
                max_us: 84_000 + n * 18_000,
            })
            .collect(),
    });
    show(
        "smoke-pass",
        outcome(vec![watched, passed("smoke", "GET /healthz answers 200", &[])]),
    );
    let slow = Finding::warning("slow", "p95 is 620ms, more than 500ms").because(Class::App, Reason::Latency);
    show(
        "smoke-pass-weak",
        outcome(vec![
            page(),
            api(vec![waived(bad_gateway())]),
            check("smoke", "It is fast", vec![slow]),
        ]),
    );
    let crashed = Finding::error("server-exit", "the server ended with exit code 1 before it was up")
        .because(Class::App, Reason::ProcessExit)
        .help("check its last lines")
        .excerpt((1..40).map(|n| format!("line {n}\n")).collect::<String>());
    let server = check("smoke", "`npm start` serves", vec![crashed]);
    show(
        "smoke-fail",
        outcome(vec![
            page(),
            api(vec![bad_gateway().at("deploy/staging.yml", Some(7))]),
            server,
        ]),
    );
    let blind = errored(
        "smoke",
        "GET https://staging.example.com/ answers 200",
        "timed out after 20s",
        "raise --all-within",
    );
    show("smoke-inconclusive", outcome(vec![blind]));
    let much = api(vec![bad_gateway(); 5]);
    let lines = summary::render(&Report::judge(frame("smoke"), outcome(vec![much])));
    assert!(lines.contains("<summary>and 2 more</summary>"), "{lines}");
    let many = (1..=12).map(|n| check("smoke", &format!("GET /{n} answers 200"), vec![bad_gateway()]));
    let report = Report::judge(frame("smoke"), outcome(many.collect()));
    let lines = summary::render(&report);
    assert_eq!(lines.matches("\n❌ **").count(), 3, "{lines}");
    assert!(lines.contains("<summary>❌ 9 other checks</summary>"), "{lines}");
}

#[test]
fn skip_guard() {
    show(
        "skip-guard-pass",
        outcome(vec![passed("guard", "FLY_API_TOKEN is set", &[])]),
    );
    show("skip-guard-skip", guard_skip());
    show(
        "skip-guard-fail",
        outcome(vec![check("guard", "FLY_API_TOKEN is set", vec![not_set()])]),
    );
    let blind = errored(
        "guard",
        "The environment staging exists",
        "GITHUB_TOKEN is not set or empty",
        "map a token into the step",
    );
    show(
        "skip-guard-inconclusive",
        outcome(vec![blind, passed("guard", "The file a_b exists", &[])]),
    );
    show("skip-guard-nothing-checked", outcome(vec![]));
}

#[test]
fn rollback_dry_run() {
    show("rollback-dry-run-pass", rollback());
    show("rollback-dry-run-fail", no_rollback());
}

#[test]
fn heartbeat() {
    let title = "`sh -c 'deploy --to \"a|b\"'` runs to its end";
    show(
        "heartbeat-pass",
        outcome(vec![passed("heartbeat", title, &[("exit code", "0")])]),
    );
    let failed = Finding::error("exit-code", "it ended with exit code 3")
        .help("check its last lines")
        .excerpt("npm ERR! 404");
    let span = |name: &str, from_ms, to_ms, state| Span {
        name: name.to_owned(),
        from_ms,
        to_ms,
        state,
    };
    let timeline = vec![
        span("attempt 1", 0, 3_000, SpanState::Failed),
        span("wait", 3_000, 4_000, SpanState::Waited),
        span("attempt 2", 4_000, 7_000, SpanState::Failed),
    ];
    show(
        "heartbeat-fail",
        Outcome {
            timeline,
            ..outcome(vec![check("heartbeat", title, vec![failed])])
        },
    );
}

#[test]
fn rehearse() {
    let guard = || outcome(vec![passed("guard", "The run does not come from a fork", &[])]);
    let smoke = |check| outcome(vec![page(), check]);
    show(
        "rehearse-pass",
        together(vec![guard(), smoke(api(vec![])), rollback(), evidence()]),
    );
    show(
        "rehearse-pass-weak",
        together(vec![
            guard(),
            smoke(api(vec![waived(bad_gateway())])),
            rollback(),
            evidence(),
        ]),
    );
    show(
        "rehearse-fail",
        together(vec![guard(), smoke(api(vec![bad_gateway()])), rollback(), evidence()]),
    );
    let left_out = outcome(vec![skipped(
        "smoke",
        "The deployment answers",
        "the guard is not ready",
    )]);
    show("rehearse-skip", together(vec![guard_skip(), left_out, evidence()]));
}

#[test]
fn verdict() {
    let report = |name: &str, findings| {
        let mut check = check(
            "verdict",
            &format!("The report {name} is of this run, recent and good"),
            findings,
        );
        check.facts = vec![Fact::new("report", format!("artifacts/reports/{name}.json"))];
        check
    };
    let folded = |finding: Finding| Finding {
        message: format!(
            "GET https://staging.example.com/api?limit=5 answers 200: {}",
            finding.message
        ),
        ..finding
    };
    show(
        "verdict-pass",
        outcome(vec![report("smoke", vec![]), report("rollback-dry-run", vec![])]),
    );
    show(
        "verdict-pass-weak",
        outcome(vec![report("smoke", vec![waived(folded(bad_gateway()))])]),
    );
    let missing =
        Finding::error("missing-report", "the required report rollback-dry-run is missing").help("see its step");
    let missing = check("verdict", "The report rollback-dry-run is there", vec![missing]);
    show(
        "verdict-fail",
        outcome(vec![missing, report("smoke", vec![folded(bad_gateway())])]),
    );
    show(
        "verdict-inconclusive",
        outcome(vec![errored(
            "verdict",
            "The reports can be read",
            "no such folder",
            "name it",
        )]),
    );
    let reason = "Staging was skipped: FLY_API_TOKEN is not set or empty";
    show(
        "verdict-skip",
        Outcome {
            skip: Some(Skip {
                reason: reason.to_owned(),
                expected: false,
            }),
            ..outcome(vec![skipped(
                "verdict",
                "The report skip-guard is of this run, recent and good",
                reason,
            )])
        },
    );
}

#[test]
fn evidence_bundle() {
    show("evidence-bundle-pass", evidence());
}

/// Every text of a report may be foreign.
fn hostile(text: &str, skips: bool) -> Report {
    let finding = Finding::error("x", text).help(text).excerpt(text).at(text, Some(1));
    let fact = [(text, text)];
    let mut checks = vec![
        skipped(text, text, text),
        passed("b", text, &fact),
        passed(text, text, &fact),
        Check::skipped("b", "c", text, text),
    ];
    if !skips {
        checks.push(check(
            "c",
            text,
            vec![finding.clone(), waived(finding.clone()), Finding::warning("x", text)],
        ));
        checks.push(check("c", text, vec![finding; 5]));
        checks.push(errored("d", text, text, text));
    }
    let outcome = Outcome {
        skip: skips.then(|| Skip {
            reason: text.to_owned(),
            expected: true,
        }),
        notes: vec![
            text.to_owned(),
            format!("{text}\n- {text}\n- {text}"),
            format!("x:\n{text}"),
        ],
        timeline: [0, 1_000]
            .map(|at| Span {
                name: text.to_owned(),
                from_ms: at,
                to_ms: at + 1_000,
                state: SpanState::Failed,
            })
            .into(),
        ..outcome(checks)
    };
    let outputs = ["command", "bundle", "bundle-sha256"].map(|name| (name, text));
    let mut frame = frame("smoke");
    frame.label = Some(text.to_owned());
    frame.subject.environment = text.to_owned();
    frame.subject.sha = Some(text.to_owned());
    Report::judge(frame, with_outputs(outcome, &outputs))
}

proptest! {
    #[test]
    fn nothing_foreign_means_anything_in_a_summary(
        text in "([a-z]{1,4}|www[.]|https?://|</?(details|summary|script|br|code|!--)>?|```|[`*_<>&|\\\\!\\[\\](){}#@~$:;.,\"'0-9+=-]| |\n){0,12}",
        skips: bool,
    ) {
        let markdown = summary::render(&hostile(&text, skips));
        let ours = Regex::new("^(<details><summary>([^<]|<code>[^<]*</code>)*</summary>|</details>|<br>)$").unwrap();
        let (mut headings, mut folds, mut block) = (0, 0i32, false);
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES | Options::ENABLE_MATH;
        for event in Parser::new_ext(&markdown, options) {
            match event {
                Event::Html(html) | Event::InlineHtml(html) => {
                    prop_assert!(ours.is_match(html.trim_end()), "{html} in {markdown}");
                    folds += i32::from(html.starts_with("<details>")) - i32::from(html.starts_with("</details>"));
                    prop_assert!(folds == 0 || folds == 1, "{markdown}");
                }
                Event::Start(Tag::Heading { .. }) => headings += 1,
                Event::Start(Tag::CodeBlock(_)) => block = true,
                Event::End(TagEnd::CodeBlock) => block = false,
                Event::Text(plain) => {
                    let links = ["://", "@", "www."].iter().any(|link| plain.contains(link));
                    prop_assert!(block || !links, "{plain} in {markdown}");
                }
                Event::Code(_)
                | Event::End(_)
                | Event::SoftBreak
                | Event::Start(
                    Tag::Paragraph
                    | Tag::Strong
                    | Tag::List(None)
                    | Tag::Item
                    | Tag::HtmlBlock
                    | Tag::Table(_)
                    | Tag::TableHead
                    | Tag::TableRow
                    | Tag::TableCell,
                ) => {}
                other => prop_assert!(false, "{other:?} in {markdown}"),
            }
        }
        prop_assert_eq!((headings, folds), (1, 0), "{}", markdown);
    }
}
