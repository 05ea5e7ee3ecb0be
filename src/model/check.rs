//! One claim that can be looked up, and how looking ended.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Severity};
use super::latency::Latency;

/// How a check ended. Derived from its findings, so the two cannot disagree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Passed,
    Failed,
    Waived,
    Skipped,
    Errored,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Waived => "waived",
            Self::Skipped => "skipped",
            Self::Errored => "errored",
        }
    }
}

/// A fact without a judgement: an address, a count, a duration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fact {
    pub name: String,
    pub value: String,
}

/// The fact that lists what a check asserts, where its title cannot.
pub const ASSERTED: &str = "asserted";

impl Fact {
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }
}

/// How looking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was looked up, and this is what was found. No findings of severity `error` means it passed.
    Looked(Vec<Finding>),
    /// It was not looked up, on purpose.
    Skipped { reason: String },
    /// It could not be looked up. Never green.
    Errored { cause: String, help: Option<String> },
}

impl Ended {
    pub fn errored(cause: impl Into<String>) -> Self {
        Self::Errored {
            cause: cause.into(),
            help: None,
        }
    }

    pub fn with_help(cause: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Errored {
            cause: cause.into(),
            help: Some(help.into()),
        }
    }
}

/// One claim ("GET / answers 200") and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Check {
    /// Unique in its report, stable from run to run.
    pub id: String,
    /// The stage it belongs to: `guard`, `smoke`, `rollback`, `evidence`.
    pub stage: String,
    /// The claim, as a sentence.
    pub title: String,
    pub ended: Ended,
    pub facts: Vec<Fact>,
    /// Facts that are shown only with `--verbose`; in the report they are like any other.
    pub details: Vec<Fact>,
    /// What was measured, if something was.
    pub latency: Option<Latency>,
    /// Milliseconds.
    pub took_ms: u64,
}

impl Check {
    pub fn status(&self) -> Status {
        match &self.ended {
            Ended::Skipped { .. } => Status::Skipped,
            Ended::Errored { .. } => Status::Errored,
            Ended::Looked(findings) if findings.iter().any(Finding::fails) => Status::Failed,
            Ended::Looked(findings)
                if findings
                    .iter()
                    .any(|f| f.severity == Severity::Error && f.waived.is_some()) =>
            {
                Status::Waived
            }
            Ended::Looked(_) => Status::Passed,
        }
    }

    pub fn findings(&self) -> &[Finding] {
        match &self.ended {
            Ended::Looked(findings) => findings,
            Ended::Skipped { .. } | Ended::Errored { .. } => &[],
        }
    }

    /// A check that ended after `took`.
    pub fn new(
        stage: &str,
        id: impl Into<String>,
        title: impl Into<String>,
        ended: Ended,
        took: std::time::Duration,
    ) -> Self {
        Self {
            id: id.into(),
            stage: stage.to_owned(),
            title: title.into(),
            ended,
            facts: Vec::new(),
            details: Vec::new(),
            latency: None,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// A check that was not looked up, on purpose.
    pub fn skipped(stage: &str, id: impl Into<String>, title: impl Into<String>, reason: impl Into<String>) -> Self {
        let ended = Ended::Skipped { reason: reason.into() };
        Self::new(stage, id, title, ended, std::time::Duration::ZERO)
    }
}

/// A check as written to the report, with its status spelled out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Wire {
    /// Unique in its report, stable from run to run.
    id: String,
    /// The stage it belongs to: `guard`, `smoke`, `rollback`, `evidence`.
    stage: String,
    /// The claim, as a sentence.
    title: String,
    status: Status,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    /// Why it was not checked; only with status `skipped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    skip_reason: Option<String>,
    /// Why it could not be checked; only with status `errored`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_help: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    facts: Vec<Fact>,
    /// What a probe measured; only if there was at least one good response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency: Option<Latency>,
    /// Milliseconds.
    took_ms: u64,
}

impl From<Check> for Wire {
    fn from(check: Check) -> Self {
        let status = check.status();
        let (findings, skip_reason, error, error_help) = match check.ended {
            Ended::Looked(findings) => (findings, None, None, None),
            Ended::Skipped { reason } => (Vec::new(), Some(reason), None, None),
            Ended::Errored { cause, help } => (Vec::new(), None, Some(cause), help),
        };
        Self {
            id: check.id,
            stage: check.stage,
            title: check.title,
            status,
            findings,
            skip_reason,
            error,
            error_help,
            facts: [check.facts, check.details].concat(),
            latency: check.latency,
            took_ms: check.took_ms,
        }
    }
}

impl TryFrom<Wire> for Check {
    type Error = String;

    fn try_from(wire: Wire) -> Result<Self, String> {
        let claimed = wire.status;
        let ended = match (wire.error, wire.skip_reason) {
            (Some(_), Some(_)) => {
                return Err(format!("check `{}` is both skipped and errored", wire.id));
            }
            (Some(cause), None) => Ended::Errored {
                cause,
                help: wire.error_help,
            },
            (None, Some(reason)) => Ended::Skipped { reason },
            (None, None) => Ended::Looked(wire.findings),
        };
        let check = Self {
            id: wire.id,
            stage: wire.stage,
            title: wire.title,
            ended,
            facts: wire.facts,
            details: Vec::new(),
            latency: wire.latency,
            took_ms: wire.took_ms,
        };
        let derived = check.status();
        if derived == claimed {
            Ok(check)
        } else {
            Err(format!(
                "check `{}` says it {}, but its findings say it {}",
                check.id,
                claimed.as_str(),
                derived.as_str()
            ))
        }
    }
}

impl JsonSchema for Check {
    fn schema_name() -> Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Wire::json_schema(generator)
    }
}

#[cfg(test)]
mod tests;
