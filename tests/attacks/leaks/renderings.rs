//! Whatever is cut where: no part of a secret is in any rendering of a report.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use proptest::prelude::*;
use stageproof::model::finding::{Location, Waived};
use stageproof::model::report::Frame;
use stageproof::model::timeline::SpanState;
use stageproof::model::{Check, Ended, Fact, Finding, Outcome, Output, Report, Skip, Span, Subject, Verbosity};
use stageproof::render;
use stageproof::render::console::Look;
use stageproof::world::Env;
use stageproof::world::secrets::{Part, Redactor};

use super::SHOWN_AT_MOST;

/// Where the renderings and the commands cut.
const CUTS: [usize; 12] = [50, 80, 100, 120, 200, 255, 300, 600, 1000, 2000, 3000, 20_000];

/// A report in which every text that can be foreign is `text` in full, or shortened to `max`.
fn report(skips: bool, text: &dyn Fn() -> String) -> Report {
    let option = || Some(text());
    let looked = |mut finding: Finding| {
        finding.code = text().into();
        finding.help = option();
        finding.excerpt = option();
        finding.location = Some(Location {
            file: text(),
            line: Some(1),
        });
        finding
    };
    let mut waived = looked(Finding::error("x", text()));
    waived.waived = Some(Waived {
        reason: text(),
        until: text(),
    });
    let errored = Ended::Errored {
        cause: text(),
        help: option(),
    };
    let endings = [
        Ended::Looked(vec![
            looked(Finding::error("x", text())),
            looked(Finding::note("x", text())),
        ]),
        Ended::Looked(vec![waived, looked(Finding::warning("x", text()))]),
        Ended::Skipped { reason: text() },
        errored,
    ];
    // A skip is a verdict only where nothing was found.
    let endings = endings
        .into_iter()
        .filter(|ended| !skips || matches!(ended, Ended::Skipped { .. }));
    let checks = endings.map(|ended| {
        let mut check = Check::new(&text(), text(), text(), ended, std::time::Duration::ZERO);
        check.facts.push(Fact::new(text(), text()));
        check
    });
    let span = Span {
        name: text(),
        from_ms: 0,
        to_ms: 1,
        state: SpanState::Done,
    };
    let outcome = Outcome {
        checks: checks.collect(),
        skip: skips.then(|| Skip {
            reason: text(),
            expected: false,
        }),
        outputs: [
            ("path".to_owned(), Output::exact(text())),
            ("said".to_owned(), Output::words(text())),
        ]
        .into(),
        notes: vec![text()],
        timeline: vec![span],
        exit: None,
    };
    let subject = Subject {
        environment: text(),
        repository: option(),
        sha: option(),
        git_ref: option(),
        workflow: option(),
        job: option(),
        run_id: option(),
        run_attempt: option(),
        event: option(),
        actor: option(),
        runner: option(),
    };
    let frame = Frame {
        command: "smoke".to_owned(),
        label: option(),
        subject,
        started_at: String::new(),
        finished_at: String::new(),
        took_ms: 0,
    };
    Report::judge(frame, outcome)
}

fn renderings(report: &Report) -> Vec<(&'static str, String)> {
    let everything = Look {
        verbosity: Verbosity::Verbose,
        ..Look::default()
    };
    vec![
        ("console", render::console::render(report, everything)),
        ("summary", render::summary::render(report)),
        ("annotations", render::annotations::render(report)),
        ("JSON", render::json::render(report).unwrap()),
        ("JUnit", render::junit::render(report)),
        ("outputs", render::outputs::render(report, "a-delimiter").unwrap()),
        ("status", render::staging_status::render(report)),
    ]
}

/// The text as it is, and as one reads it who undoes what a rendering does to it.
fn readings(text: &str) -> Vec<String> {
    let unescaped = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&#39;", "'"),
        ("&#58;", ":"),
        ("&#64;", "@"),
        ("&#46;", "."),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    let undone = [("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ","), ("%25", "%")]
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    vec![
        text.to_owned(),
        unescaped.replace('\\', ""),
        undone.replace('\\', ""),
        unescaped,
        undone,
    ]
}

/// Parts of a secret that tell it: blanks alone do not.
fn parts(secret: &str) -> Vec<String> {
    let ends: Vec<usize> = secret.char_indices().map(|(at, _)| at).chain([secret.len()]).collect();
    let mut parts = Vec::new();
    for (n, start) in ends.iter().enumerate() {
        let part = ends[n..]
            .iter()
            .find(|end| **end - start >= SHOWN_AT_MOST)
            .map(|end| &secret[*start..*end]);
        parts.extend(part.filter(|part| part.chars().filter(|c| c.is_alphanumeric()).count() >= 4));
    }
    let bare = parts.iter().map(|part| part.replace('\\', ""));
    let bare = bare.filter(|part| part.len() >= SHOWN_AT_MOST);
    bare.chain(parts.iter().map(|part| (*part).to_owned())).collect()
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_-]{10,60}",
        "[A-Za-z0-9\"'%&<>\\\\ :|`*_#@,~!\\[\\]é🔑-]{10,60}",
        "[A-Z0-9]{10,30}\n[a-z0-9%\"é]{10,30}\r\n[A-Z0-9]{10,30}",
        "[éü🔑日本]{6,20}",
    ]
    .prop_map(|secret| secret.trim().to_owned())
    .prop_filter("long enough to be hidden, line by line", |secret| {
        secret.lines().all(|line| line.trim() == line && line.len() >= 10)
    })
}

/// What makes something else of a text, a character after the other.
const ENCODERS: [fn(&str) -> String; 5] = [
    |text| text.to_owned(),
    |text| text.bytes().map(|byte| format!("%{byte:02x}")).collect(),
    |text| serde_json::to_string(text).unwrap().trim_matches('"').to_owned(),
    |text| text.escape_unicode().to_string(),
    |text| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
            .replace('\'', "&#x27;")
    },
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_part_of_a_secret_is_in_any_rendering_whatever_is_cut_where(
        secret in secret(), cut in 0..CUTS.len(), before in 0usize..40, skips in any::<bool>(),
        shortened in any::<bool>(),
    ) {
        let env: Env = [("MY_TOKEN", secret.as_str())].into_iter().collect();
        let secrets = Arc::new(Redactor::new(&env, []));
        let text = format!("{}{secret} .. {secret}", ".".repeat(CUTS[cut].saturating_sub(before)));
        let field = || match shortened {
            true => secrets.shorten(text.as_str(), CUTS[cut]),
            false => text.clone(),
        };
        let mut report = report(skips, &field);
        report.redact(&|text| secrets.redact(text));
        prop_assert!(report.outputs["path"].is_empty() || shortened);
        let parts = AhoCorasick::new(parts(&secret)).unwrap();
        for (name, rendered) in renderings(&report) {
            for reading in readings(&rendered) {
                let found = parts.find(&reading).map(|part| &reading[part.range()]);
                prop_assert!(found.is_none(), "{name} holds {found:?}: {reading}");
            }
        }
    }

    #[test]
    fn no_part_of_a_secret_is_in_a_window_of_a_text_whatever_its_encoding(
        secret in secret(), encoder in 0..ENCODERS.len(), start in 0usize..200, length in 0usize..400,
    ) {
        let env: Env = [("MY_TOKEN", secret.as_str())].into_iter().collect();
        let secrets = Redactor::new(&env, []);
        let encode = ENCODERS[encoder];
        let text = [".".repeat(20), encode(&secret), ".".repeat(20), encode(&secret)].concat();
        let start = start.min(text.len());
        let window = &text.as_bytes()[start..(start + length).min(text.len())];
        // One that lies inside of the secret altogether has no edge by which it could be known.
        prop_assume!(window.contains(&b'.'));
        let shown = secrets.redact_part(Part::middle(window));
        for part in parts(&secret) {
            prop_assert!(!shown.contains(&encode(&part)), "{part:?} in {shown}");
        }
    }
}
