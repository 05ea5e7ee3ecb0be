//! The verdict as a Markdown file: front matter for gates that read one word, the summary for people.

use std::fmt::Write as _;

use super::summary;
use crate::model::Report;
use crate::model::staging_status::{KEY, StagingStatus};
use crate::model::text::one_line;

/// The file's text.
pub fn render(report: &Report) -> String {
    let subject = &report.subject;
    let mut out = String::from("---\n");
    let _ = writeln!(out, "{KEY}: {}", StagingStatus::of(report.verdict).as_str());
    let counts = &report.counts;
    let numbers = [
        ("passed", counts.passed),
        ("waived", counts.waived),
        ("failed", counts.failed),
        ("skipped", counts.skipped),
        ("errored", counts.errored),
    ];
    let texts = [
        ("verdict", Some(report.verdict.as_str())),
        ("reason", Some(report.reason.as_str())),
        ("environment", Some(subject.environment.as_str())),
        ("repository", subject.repository.as_deref()),
        ("sha", subject.sha.as_deref()),
        ("run_id", subject.run_id.as_deref()),
        ("run_attempt", subject.run_attempt.as_deref()),
        ("finished_at", Some(report.finished_at.as_str())),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            let _ = writeln!(out, "{key}: {}", quoted(value));
        }
    }
    for (key, value) in numbers {
        let _ = writeln!(out, "{key}: {value}");
    }
    let _ = writeln!(out, "---\n");
    out.push_str(&summary::render(report));
    out
}

/// A YAML double-quoted text on one line; JSON's quoting is a subset of it.
fn quoted(text: &str) -> String {
    // A text always serialises.
    serde_json::to_string(&one_line(text)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::Frame;
    use crate::model::{Check, Ended, Outcome, Subject};
    use proptest::prelude::*;

    fn report(passing: bool, reason: &str) -> Report {
        let mut check = Check::skipped("verdict", "v", "t", reason);
        if passing {
            check.ended = Ended::Looked(vec![]);
        }
        let frame = Frame {
            command: "verdict".into(),
            label: None,
            subject: Subject {
                environment: reason.into(),
                ..Subject::default()
            },
            started_at: String::new(),
            finished_at: String::new(),
            took_ms: 0,
        };
        Report::judge(
            frame,
            Outcome {
                checks: vec![check],
                ..Outcome::default()
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_whatever_the_texts_are(passing: bool, text in any::<String>()) {
            let file = render(&report(passing, &text));
            let expected = if passing { StagingStatus::Success } else { StagingStatus::Failed };
            prop_assert_eq!(StagingStatus::read(file.as_bytes()), Ok(expected));
        }

        #[test]
        fn a_torn_file_is_never_a_success(cut in 0usize..400) {
            let file = render(&report(true, "x"));
            // The front matter itself ends with its second marker.
            let whole = file.find("\n---\n").unwrap() + 4;
            let cut = cut.min(whole - 1);
            prop_assert_ne!(StagingStatus::read(&file.as_bytes()[..cut]), Ok(StagingStatus::Success));
        }
    }
}
