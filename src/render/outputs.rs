//! The report's step outputs in the form of the `GITHUB_OUTPUT` file.

use std::fmt::Write as _;

use crate::model::Report;

/// Every value as a heredoc behind `delimiter`, which must be random: a value that holds it could add outputs of its
/// own, so such a value is refused.
pub fn render(report: &Report, delimiter: &str) -> Result<String, String> {
    let mut out = String::new();
    for (name, value) in &report.outputs {
        // On Linux the runner ends lines at LF only; a CR before it would spoil the delimiter's line.
        let value = value.replace('\r', "");
        if value.contains(delimiter) {
            return Err(format!("the output `{name}` holds the delimiter"));
        }
        let _ = writeln!(out, "{name}<<{delimiter}\n{value}\n{delimiter}");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::Frame;
    use crate::model::{Outcome, Output, Subject};
    use proptest::prelude::*;

    /// Reads the file as the runner does (actions/runner, `EnvFileKeyValuePairs`).
    fn as_the_runner_reads(file: &str) -> Vec<(String, String)> {
        let mut lines = file.split_inclusive('\n').map(|l| l.trim_end_matches('\n'));
        let mut pairs = Vec::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line.split_once("<<").expect("a heredoc");
            let mut value = Vec::new();
            loop {
                let line = lines.next().expect("the delimiter comes before the end");
                if line == delimiter {
                    break;
                }
                value.push(line);
            }
            pairs.push((name.to_owned(), value.join("\n")));
        }
        pairs
    }

    proptest! {
        #[test]
        fn the_runner_reads_back_exactly_what_was_set(value in "[a-z=<\n\r %:]{0,60}") {
            let mut outcome = Outcome::default();
            outcome.outputs.insert("missing".into(), Output::exact(&value));
            let report = Report::judge(
                Frame {
                    command: "skip-guard".into(),
                    label: None,
                    subject: Subject::default(),
                    started_at: String::new(),
                    finished_at: String::new(),
                    took_ms: 0,
                },
                outcome,
            );
            let file = render(&report, "delimiter_0123").unwrap();
            let pairs = as_the_runner_reads(&file);
            prop_assert_eq!(pairs.len(), 3, "no further outputs appear");
            prop_assert_eq!(&pairs[0], &("missing".to_owned(), value.replace('\r', "")));
        }
    }
}
