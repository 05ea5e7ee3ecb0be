//! A report's timeline as a picture, and as a table for those who see none.
//!
//! GitHub draws Mermaid in job summaries, without promising it. A diagram with an error in it is a red box, so nothing
//! foreign gets into it but letters.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::model::markdown::{cell, folds};
use crate::model::timeline::SpanState;
use crate::model::{Report, Span, TimeSpan};

/// More than these are too thin to see; the rest is in the report.
const SHOWN: usize = 60;
const NAME_CHARS: usize = 60;

/// Times at the axis.
const TICKS: u64 = 4;
/// What is longer has a time per minute or several.
const TICKED_IN_SECONDS_MS: u64 = 4 * 60_000;
/// In less time there is nothing to see.
const SHORTEST_MS: u64 = 1_000;

/// Folded, or nothing, if there is nothing to compare.
pub fn render(report: &Report) -> String {
    let end = report.timeline.iter().map(|span| span.to_ms).max().unwrap_or(0);
    if report.timeline.len() < 2 || end < SHORTEST_MS {
        return String::new();
    }
    folds(&[("Timeline".to_owned(), picture(report).trim_end().to_owned())])
}

fn picture(report: &Report) -> String {
    let mut out = String::new();
    let started: Timestamp = report.started_at.parse().unwrap_or_default();
    let at = |ms: u64| {
        let since = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        started.saturating_add(since).unwrap_or(started)
    };
    let shown = &report.timeline[..report.timeline.len().min(SHOWN)];
    out.push_str("```mermaid\ngantt\n    dateFormat x\n    axisFormat %H:%M:%S\n");
    let end = shown.iter().map(|span| span.to_ms).max().unwrap_or(0);
    let start = shown.iter().map(|span| span.from_ms).min().unwrap_or(0);
    let _ = writeln!(out, "    tickInterval {}", tick(end.saturating_sub(start)));
    for span in shown {
        // One without a length is not drawn.
        let (from, to) = (at(span.from_ms), at(span.to_ms.max(span.from_ms.saturating_add(1))));
        let _ = writeln!(
            out,
            "    {} :{}, {}, {}",
            name(span),
            tag(span.state),
            from.as_millisecond(),
            to.as_millisecond()
        );
    }
    out.push_str("```\n\n| UTC | what | how | took |\n|---|---|---|---:|\n");
    for span in shown {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |",
            at(span.from_ms).strftime("%H:%M:%S"),
            cell(&span.name),
            span.state.as_str(),
            TimeSpan::measured(Duration::from_millis(span.to_ms.saturating_sub(span.from_ms)))
        );
    }
    if report.timeline.len() > SHOWN {
        let _ = writeln!(out, "\n_{} more are in the report._", report.timeline.len() - SHOWN);
    }
    out
}

/// So that a phone has room for the times at the axis.
fn tick(length_ms: u64) -> String {
    let (unit, ms) = match length_ms {
        0..TICKED_IN_SECONDS_MS => ("second", 1_000),
        _ => ("minute", 60_000),
    };
    format!("{}{unit}", length_ms.div_ceil(TICKS * ms).max(1))
}

/// Letters, digits and a few signs: `:`, `,`, `;` and `#` mean something in a diagram.
fn name(span: &Span) -> String {
    let safe = |c: char| {
        if c.is_alphanumeric() || " ._-".contains(c) {
            c
        } else {
            ' '
        }
    };
    let name: String = span.name.chars().take(NAME_CHARS).map(safe).collect();
    // A name that is empty, or a word of the diagram's language, would be an error.
    format!("{} {}", span.state.as_str(), name.trim())
}

fn tag(state: SpanState) -> &'static str {
    match state {
        SpanState::Done => "done",
        SpanState::Failed => "crit",
        SpanState::Stalled => "crit, active",
        SpanState::Waited => "active",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Outcome;
    use crate::model::report::Frame;

    fn report(names: &[&str]) -> Report {
        let span = |name: &&str| Span {
            name: (*name).to_owned(),
            from_ms: 1_000,
            to_ms: 1_000,
            state: SpanState::Failed,
        };
        let frame = Frame {
            command: "heartbeat".into(),
            label: None,
            subject: crate::model::Subject::default(),
            started_at: "2026-01-31T12:00:00.000Z".into(),
            finished_at: "2026-01-31T12:00:09.000Z".into(),
            took_ms: 9_000,
        };
        let outcome = Outcome {
            timeline: names.iter().map(span).collect(),
            ..Outcome::default()
        };
        Report::judge(frame, outcome)
    }

    #[test]
    fn a_span_is_a_bar_and_a_row() {
        let text = picture(&report(&["attempt 1"]));
        assert!(
            text.contains("    failed attempt 1 :crit, 1769860801000, 1769860801001\n"),
            "{text}"
        );
        assert!(text.contains("| 12:00:01 | attempt 1 | failed | 0s |"), "{text}");
        assert_eq!(render(&report(&["attempt 1"])), "");
        assert!(render(&report(&["attempt 1", "attempt 2"])).starts_with("<details><summary>Timeline</summary>"));
    }

    #[test]
    fn the_axis_has_few_times() {
        let ticks = [0, 3_000, 7_000, 239_000, 240_000, 7_200_000].map(tick);
        assert_eq!(
            ticks,
            ["1second", "1second", "2second", "60second", "1minute", "30minute"]
        );
    }

    #[test]
    fn no_name_breaks_the_diagram() {
        let text = picture(&report(&["a:b,c;d#e\n```\nclick", ""]));
        let diagram = text.split("```").nth(1).unwrap();
        assert_eq!(diagram.lines().count(), 7, "{diagram}");
        assert!(diagram.contains("    failed a b c d e     click :crit"), "{diagram}");
    }

    #[test]
    fn what_is_too_much_to_see_is_counted() {
        let text = picture(&report(&["x"; 70]));
        assert_eq!(text.matches(":crit").count(), SHOWN);
        assert!(text.contains("10 more"), "{text}");
    }
}
