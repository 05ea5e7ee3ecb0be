//! The result of a subcommand, judged once, from which everything else is rendered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Ended, Status};
use super::counts::Counts;
use super::finding::{Finding, Severity};
use super::output::Output;
use super::subject::Subject;
use super::timeline::Span;
use super::verdict::Verdict;

/// The name and version of the report's JSON form. Additions that a reader may ignore keep it; anything else raises it.
pub const SCHEMA: &str = "stageproof.report/v1";

/// The folder in an evidence directory.
pub const FOLDER: &str = "reports";

/// Why a run cannot take place here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// A sentence that a stranger understands.
    pub reason: String,
    /// Nothing is wrong; otherwise something should have been there.
    pub expected: bool,
}

/// What a subcommand found, before it is judged.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub checks: Vec<Check>,
    /// Set when the run as a whole cannot take place here.
    pub skip: Option<Skip>,
    /// The subcommand's own step outputs.
    pub outputs: BTreeMap<String, Output>,
    /// Sentences a reader needs beside the checks: the exact rollback command, what was not covered.
    pub notes: Vec<String>,
    /// What took how long, where that is worth a picture.
    pub timeline: Vec<Span>,
    /// The exit code, where it is not the verdict's: that of a command which was run for somebody.
    pub exit: Option<u8>,
}

impl Outcome {
    /// Adds another outcome behind this one. The first skip reason stays.
    pub fn append(&mut self, other: Self) {
        self.checks.extend(other.checks);
        self.skip = self.skip.take().or(other.skip);
        self.outputs.extend(other.outputs);
        self.notes.extend(other.notes);
        self.timeline.extend(other.timeline);
    }
}

/// Which build of stageproof wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

impl Tool {
    pub fn this() -> Self {
        Self {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// When the work took place, and where.
#[derive(Clone, Debug)]
pub struct Frame {
    pub command: String,
    pub label: Option<String>,
    pub subject: Subject,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    pub took_ms: u64,
}

/// The versioned contract between steps, jobs and tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// Always `stageproof.report/v1`.
    pub schema: String,
    pub tool: Tool,
    /// The subcommand that wrote it.
    pub command: String,
    /// Tells two reports of the same subcommand apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    pub subject: Subject,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// RFC 3339, UTC.
    pub finished_at: String,
    /// Milliseconds.
    pub took_ms: u64,
    pub verdict: Verdict,
    /// One sentence: why the verdict is what it is.
    pub reason: String,
    /// With verdict `skip`: nothing is wrong. `false` if something should have been there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_expected: Option<bool>,
    pub counts: Counts,
    pub checks: Vec<Check>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Durations of the steps, in the order they began. Left out if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Span>,
    /// The step outputs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Output>,
}

/// Why a report cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("it is not a report: {0}")]
    Json(#[from] serde_json::Error),
    #[error("its schema is `{0}`, and this build reads `{SCHEMA}`")]
    Schema(String),
    #[error("its verdict is {claimed}, but its checks add up to {derived}")]
    Contradiction { claimed: Verdict, derived: Verdict },
}

/// What a report is called: the name of its file without `.json`.
pub fn name(command: &str, label: Option<&str>) -> String {
    match label {
        Some(label) => format!("{command}-{label}"),
        None => command.to_owned(),
    }
}

/// Where it lies in the evidence directory.
pub fn path(evidence: &Path, command: &str, label: Option<&str>) -> PathBuf {
    evidence.join(FOLDER).join(format!("{}.json", name(command, label)))
}

impl Report {
    pub fn name(&self) -> String {
        name(&self.command, self.label.as_deref())
    }

    /// Judges an outcome. This is the only place that does.
    pub fn judge(frame: Frame, outcome: Outcome) -> Self {
        let counts = Counts::of(&outcome.checks);
        let verdict = Verdict::of(&counts, outcome.skip.is_some());
        let reason = reason(verdict, &counts, &outcome);
        let mut outputs = outcome.outputs;
        outputs.insert("verdict".to_owned(), Output::exact(verdict.as_str()));
        outputs.insert("reason".to_owned(), Output::words(&reason));
        Self {
            schema: SCHEMA.to_owned(),
            tool: Tool::this(),
            command: frame.command,
            label: frame.label,
            subject: frame.subject,
            started_at: frame.started_at,
            finished_at: frame.finished_at,
            took_ms: frame.took_ms,
            verdict,
            reason,
            skip_expected: outcome
                .skip
                .filter(|_| verdict == Verdict::Skip)
                .map(|skip| skip.expected),
            counts,
            checks: outcome.checks,
            notes: outcome.notes,
            timeline: outcome.timeline,
            outputs,
        }
    }

    /// Reads a report back. Anything doubtful is an error, never a pass.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        #[derive(Deserialize)]
        struct Header {
            schema: String,
        }
        let header: Header = serde_json::from_slice(bytes)?;
        if header.schema != SCHEMA {
            return Err(ParseError::Schema(header.schema));
        }
        let report: Self = serde_json::from_slice(bytes)?;
        let derived = Verdict::of(&Counts::of(&report.checks), report.verdict == Verdict::Skip);
        if derived != report.verdict {
            return Err(ParseError::Contradiction {
                claimed: report.verdict,
                derived,
            });
        }
        Ok(report)
    }

    /// The stages in the order they ran.
    pub fn stages(&self) -> Vec<&str> {
        let mut stages: Vec<&str> = Vec::new();
        for check in &self.checks {
            if !stages.contains(&check.stage.as_str()) {
                stages.push(&check.stage);
            }
        }
        stages
    }
}

fn reason(verdict: Verdict, counts: &Counts, outcome: &Outcome) -> String {
    let first = |status: Status| outcome.checks.iter().find(|c| c.status() == status);
    let more = |count: u32| match count {
        0 | 1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    match verdict {
        Verdict::Fail => {
            let message = first(Status::Failed)
                .and_then(|c| c.findings().iter().find(|f| f.fails()))
                .map_or_else(String::new, |f| f.message.clone());
            format!("{message}{}", more(counts.failed))
        }
        Verdict::Inconclusive => match first(Status::Errored) {
            Some(Check {
                title,
                ended: Ended::Errored { cause, .. },
                ..
            }) => format!("Could not check: {title}: {cause}{}", more(counts.errored)),
            _ => String::new(),
        },
        Verdict::Skip => outcome.skip.as_ref().map_or_else(String::new, |s| s.reason.clone()),
        Verdict::NothingChecked => "Nothing was checked.".to_owned(),
        Verdict::PassWeak => {
            let findings = outcome.checks.iter().flat_map(Check::findings);
            let weak = |f: &&Finding| f.severity == Severity::Warning || f.waived.is_some();
            let first = findings.into_iter().find(weak).map_or("", |f| f.message.as_str());
            format!(
                "{first} ({} passed, {} waived, {} with warnings)",
                counts.passed, counts.waived, counts.warnings
            )
        }
        Verdict::Pass => match counts.passed {
            1 => "1 check passed.".to_owned(),
            2 => "Both checks passed.".to_owned(),
            n => format!("All {n} checks passed."),
        },
    }
}

#[cfg(test)]
mod tests;
