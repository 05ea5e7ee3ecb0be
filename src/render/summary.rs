//! The report as Markdown for the job summary.
//!
//! The runner drops a step's summary whole when it is over 1 MiB, so it is cut below that, with a note.

use std::fmt::Write as _;
use std::time::Duration;

use super::latency;
use crate::model::text::{cut, printable};
use crate::model::{Check, Counts, Ended, Finding, Report, Severity, Status, TimeSpan, Verdict};

/// The runner's limit is 1,048,576 bytes; some room is left for what earlier commands of the step wrote.
const LIMIT: usize = 1_000_000;
const CUT_NOTE: &str = "\n\n_The rest is left out: a job summary may hold 1 MiB. The report has everything._\n";

pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "### {} stageproof {}: {}\n",
        mark(report.verdict),
        escape(&report.command),
        report.verdict
    );
    let _ = writeln!(out, "{}\n", escape(&report.reason));
    let _ = writeln!(out, "| stage | passed | waived | failed | skipped | errored |");
    let _ = writeln!(out, "|---|---:|---:|---:|---:|---:|");
    for stage in report.stages() {
        let counts = Counts::of(report.checks.iter().filter(|c| c.stage == stage));
        row(&mut out, &escape(stage), &counts);
    }
    row(&mut out, "**total**", &report.counts);
    for stage in report.stages() {
        let _ = writeln!(out, "\n#### {}\n", escape(stage));
        let _ = writeln!(out, "| | check | what was found | took |");
        let _ = writeln!(out, "|---|---|---|---:|");
        for check in report.checks.iter().filter(|c| c.stage == stage) {
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} |",
                check.status().as_str(),
                escape(&check.title),
                found(check),
                TimeSpan::measured(Duration::from_millis(check.took_ms))
            );
        }
        for check in report.checks.iter().filter(|c| c.stage == stage) {
            for excerpt in check.findings().iter().filter_map(|f| f.excerpt.as_deref()) {
                let _ = writeln!(
                    out,
                    "\n<details><summary>{}: what it said</summary>\n\n{}\n</details>",
                    escape(&check.title),
                    fenced(excerpt)
                );
            }
        }
    }
    for (check, measured) in latency::worth_a_chart(report.checks.iter()) {
        let title = escape(&check.title);
        let _ = writeln!(
            out,
            "\n<details open><summary>{title}: how long answers took</summary>\n"
        );
        let _ = writeln!(out, "{}\n</details>", latency::render(measured));
    }
    out.push_str(&super::timeline::render(report, &escape));
    for note in &report.notes {
        let _ = writeln!(out, "\n{}", fenced(note));
    }
    limited(out)
}

fn limited(mut out: String) -> String {
    if out.len() > LIMIT {
        // At a line's end, so that no table row is torn.
        let end = out
            .char_indices()
            .take_while(|(at, _)| *at < LIMIT - CUT_NOTE.len())
            .filter(|(_, c)| *c == '\n')
            .last()
            .map_or(0, |(at, _)| at);
        out.truncate(end);
        out.push_str(CUT_NOTE);
    }
    out
}

fn row(out: &mut String, name: &str, counts: &Counts) {
    let _ = writeln!(
        out,
        "| {name} | {} | {} | {} | {} | {} |",
        counts.passed, counts.waived, counts.failed, counts.skipped, counts.errored
    );
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::PassWeak => "⚠️",
        Verdict::Skip => "⏭️",
        Verdict::NothingChecked | Verdict::Inconclusive => "❔",
        Verdict::Fail => "❌",
    }
}

fn found(check: &Check) -> String {
    let mut parts: Vec<String> = match &check.ended {
        Ended::Skipped { reason } => vec![escape(reason)],
        Ended::Errored { cause, help } => {
            let mut parts = vec![format!("could not look: {}", escape(cause))];
            parts.extend(help.as_deref().map(|h| format!("next: {}", escape(h))));
            parts
        }
        Ended::Looked(findings) => findings.iter().map(one_finding).collect(),
    };
    if check.status() != Status::Failed {
        parts.extend(
            check
                .facts
                .iter()
                .map(|fact| format!("{}: {}", escape(&fact.name), escape(&fact.value))),
        );
    }
    parts.join("<br>")
}

fn one_finding(finding: &Finding) -> String {
    let mut text = match finding.severity {
        Severity::Error if finding.waived.is_some() => "**waived** ".to_owned(),
        Severity::Error => String::new(),
        Severity::Warning => "**warning** ".to_owned(),
        Severity::Note => "note: ".to_owned(),
    };
    if let (Some(class), Some(reason)) = (finding.class, finding.reason) {
        let _ = write!(text, "`{class}: {reason}` ");
    }
    text.push_str(&escape(&finding.message));
    if let Some(help) = &finding.help {
        let _ = write!(text, "<br>next: {}", escape(help));
    }
    text
}

/// Foreign text in a table cell: no HTML, no link to a page, no mention, no cell border, no line break.
///
/// GitHub makes links of bare addresses (`https://…`, `www.…`) too. An address of ours is then not clickable either, which
/// is a small price: nobody can tell ours from those that a response body or a log brought.
fn escape(text: &str) -> String {
    let text = printable(&short(text, 2000));
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            // As a reference it is shown the same, and no scheme or `www.` is recognised.
            ':' => out.push_str("&#58;"),
            '.' if ends_in_www(&text[..at]) => out.push_str("&#46;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>"),
            '\t' => out.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' => {
                out.push('\\');
                out.push(c);
            }
            // A mention would notify somebody.
            '@' => out.push_str("&#64;"),
            c => out.push(c),
        }
    }
    out
}

#[expect(clippy::disallowed_methods, reason = "a report holds no secrets")]
fn short(text: &str, max: usize) -> String {
    cut(text, max)
}

fn ends_in_www(text: &str) -> bool {
    let tail = text.len().checked_sub(3).and_then(|start| text.get(start..));
    tail.is_some_and(|tail| tail.eq_ignore_ascii_case("www"))
}

/// A code block that its content cannot end: the fence is longer than any run of backticks in it.
fn fenced(text: &str) -> String {
    let text = printable(&short(text, 20_000));
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_block_cannot_be_left() {
        let block = fenced("a\n```\n<script>");
        assert!(block.starts_with("````text\n") && block.ends_with("\n````"), "{block}");
    }

    #[test]
    fn a_cell_stays_one_cell() {
        let cell = escape("a|b\n<img src=x> @team [x](y)");
        assert_eq!(cell, "a\\|b<br>&lt;img src=x&gt; &#64;team \\[x\\](y)");
    }

    #[test]
    fn a_bare_address_is_no_link() {
        for (text, shown) in [
            ("GET https://evil.example/x", "GET https&#58;//evil.example/x"),
            ("éhttp://h", "éhttp&#58;//h"),
            ("www.evil.example, WWW.h", "www&#46;evil.example, WWW&#46;h"),
            ("mailto:a@b.example", "mailto&#58;a&#64;b.example"),
            ("version 1.2.3", "version 1.2.3"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn a_long_summary_is_cut_below_the_limit_with_a_note() {
        let long = "| row |\n".repeat(200_000);
        let cut = limited(long);
        assert!(cut.len() <= LIMIT, "{}", cut.len());
        assert!(cut.ends_with(CUT_NOTE));
        assert!(cut.trim_end_matches(CUT_NOTE).ends_with("| row |"));
    }
}
