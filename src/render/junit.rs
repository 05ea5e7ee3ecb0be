//! The report as JUnit XML: a suite per stage, a case per check. An errored check is an `<error>`, a waived one is
//! shown as skipped with its waiver, as the format has no better word.
//!
//! Written by hand: the crate quick-junit brings chrono, uuid and a terminal parser along, more code than all of this.

use std::fmt::Write as _;

use crate::model::{Check, Counts, Ended, Finding, Report, Status};

pub fn render(report: &Report) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        out,
        // Without the number of skipped ones, for which Jenkins' schema has no place here.
        "<testsuites name=\"{}\" {} time=\"{}\">",
        escape(&format!("stageproof {}", report.command)),
        counts(&report.counts),
        seconds(report.took_ms)
    );
    for stage in report.stages() {
        let checks: Vec<&Check> = report.checks.iter().filter(|c| c.stage == stage).collect();
        let of_stage = Counts::of(checks.iter().copied());
        let took: u64 = checks.iter().map(|c| c.took_ms).sum();
        let _ = writeln!(
            out,
            "  <testsuite name=\"{}\" {} time=\"{}\" timestamp=\"{}\">",
            escape(stage),
            format_args!(
                "{} skipped=\"{}\"",
                counts(&of_stage),
                of_stage.skipped + of_stage.waived
            ),
            seconds(took),
            // The schema most consumers use wants no zone and no fraction.
            escape(report.started_at.get(..19).unwrap_or(&report.started_at))
        );
        for check in checks {
            one_case(&mut out, check);
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn one_case(out: &mut String, check: &Check) {
    let _ = write!(
        out,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escape(&check.stage),
        escape(&check.title),
        seconds(check.took_ms)
    );
    let body = match (&check.ended, check.status()) {
        (Ended::Skipped { reason }, _) => format!("<skipped message=\"{}\"/>", escape(reason)),
        (Ended::Errored { cause, .. }, _) => {
            format!("<error message=\"{}\" type=\"errored\"/>", escape(cause))
        }
        (Ended::Looked(findings), Status::Failed) => findings
            .iter()
            .filter(|f| f.fails())
            .map(failure)
            .collect::<Vec<_>>()
            .join("\n      "),
        (Ended::Looked(findings), Status::Waived) => findings
            .iter()
            .filter_map(|f| f.waived.as_ref())
            .take(1)
            .map(|waived| {
                let text = format!("waived until {}: {}", waived.until, waived.reason);
                format!("<skipped message=\"{}\"/>", escape(&text))
            })
            .collect(),
        (Ended::Looked(_), _) => String::new(),
    };
    if body.is_empty() {
        out.push_str("/>\n");
    } else {
        let _ = writeln!(out, ">\n      {body}\n    </testcase>");
    }
}

fn failure(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    if let Some(place) = &finding.location {
        let line = place.line.map(|line| format!(":{line}")).unwrap_or_default();
        let _ = write!(text, "\nat {}{line}", place.file);
    }
    if let Some(help) = &finding.help {
        let _ = write!(text, "\nnext: {help}");
    }
    if let Some(excerpt) = &finding.excerpt {
        let _ = write!(text, "\n{excerpt}");
    }
    format!(
        "<failure message=\"{}\" type=\"{}\">{}</failure>",
        escape(&finding.message),
        escape(finding.reason.map_or(&*finding.code, |r| r.as_str())),
        escape(&text)
    )
}

fn counts(counts: &Counts) -> String {
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\"",
        counts.total(),
        counts.failed,
        counts.errored
    )
}

fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// XML 1.0 has no way to write most control characters, not even escaped, so they become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
