//! What was found on the way: findings, of which a report needs only so many, and everything left out, of which the
//! index needs all.

use crate::model::evidence::{LeftOut, Why};
use crate::model::{Finding, Severity};

/// More findings of one check than this tell nobody anything.
const MOST: usize = 50;

#[derive(Default)]
pub struct Found {
    findings: Vec<Finding>,
    more_errors: usize,
    more_warnings: usize,
    pub left_out: Vec<LeftOut>,
}

impl Found {
    pub fn finding(&mut self, finding: Finding) {
        if self.findings.len() < MOST {
            self.findings.push(finding);
        } else if finding.severity == Severity::Error {
            self.more_errors += 1;
        } else {
            self.more_warnings += 1;
        }
    }

    /// Notes it for the index and, unless it was meant, as a warning.
    pub fn left_out(&mut self, path: &str, reason: Why, detail: Option<String>) {
        if matches!(reason, Why::Symlink | Why::NotARegularFile) {
            let because = detail
                .as_ref()
                .map_or_else(String::new, |detail| format!(" ({detail})"));
            let message = format!("{path} is left out: {}{because}", reason.explain());
            self.finding(
                Finding::warning("left-out", message)
                    .help("name or copy the file itself if its content is evidence; exclude it if it is not"),
            );
        }
        self.left_out.push(LeftOut {
            path: path.to_owned(),
            reason,
            detail,
        });
    }

    /// Evidence that is there and cannot be had is never green.
    pub fn unreadable(&mut self, path: &str, detail: &str) {
        let message = format!("{path} cannot be read: {detail}");
        self.finding(
            Finding::error("unreadable", message)
                .help("let the user of this step read it, or exclude it if it is not evidence"),
        );
        self.left_out.push(LeftOut {
            path: path.to_owned(),
            reason: Why::Unreadable,
            detail: Some(detail.to_owned()),
        });
    }

    pub fn fails(&self) -> bool {
        self.more_errors > 0 || self.findings.iter().any(Finding::fails)
    }

    /// The findings, with the number of those that did not fit.
    pub fn into_findings(mut self) -> Vec<Finding> {
        if self.more_errors > 0 {
            let message = format!(
                "{} more like these; evidence.json lists what was left out",
                self.more_errors
            );
            self.findings.push(Finding::error("more", message));
        }
        if self.more_warnings > 0 {
            let message = format!(
                "{} more like these; evidence.json lists what was left out",
                self.more_warnings
            );
            self.findings.push(Finding::warning("more", message));
        }
        self.findings
    }
}
