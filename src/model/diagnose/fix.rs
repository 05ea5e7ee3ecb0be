//! The smallest change of a workflow that a rule knows.

use std::fmt;

use super::pace::Pace;
use crate::model::workflow::Access;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Skip, with the names that are missing.
    SkipGuard { names: Vec<String> },
    /// Run the job only on the events, or in the repository, where it can work.
    EventGuard,
    /// Another trigger of the workflow.
    Trigger,
    /// A scope of the job's token.
    Permission { scope: String, level: Access },
    /// Check out the history and the tags.
    CheckoutDepth,
    /// Another time limit than this one, in minutes, unless the step hung.
    Timeout { limit: Option<u32>, pace: Option<Pace> },
    /// Try again.
    Retry,
    /// A version that is known to work.
    PinVersion,
    /// The name of a secret.
    SecretName,
    /// Another change, in words.
    Edit { text: String },
}

impl Fix {
    /// `retry`, or `permission id-token write`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(text) = text.strip_prefix("edit ") {
            let text = text.trim().to_owned();
            return Some(Self::Edit { text });
        }
        let words: Vec<&str> = text.split_whitespace().collect();
        Some(match *words {
            ["skip-guard"] => Self::SkipGuard { names: Vec::new() },
            ["event-guard"] => Self::EventGuard,
            ["trigger"] => Self::Trigger,
            ["permission", scope, level] => Self::Permission {
                scope: scope.to_owned(),
                level: match level {
                    "read" => Access::Read,
                    "write" => Access::Write,
                    _ => return None,
                },
            },
            ["checkout-depth"] => Self::CheckoutDepth,
            ["timeout"] => Self::Timeout {
                limit: None,
                pace: None,
            },
            ["retry"] => Self::Retry,
            ["pin-version"] => Self::PinVersion,
            ["secret-name"] => Self::SecretName,
            _ => return None,
        })
    }

    /// As outputs name it.
    pub fn id(&self) -> &'static str {
        match self {
            Self::SkipGuard { .. } => "skip-guard",
            Self::EventGuard => "event-guard",
            Self::Trigger => "trigger",
            Self::Permission { .. } => "permission",
            Self::CheckoutDepth => "checkout-depth",
            Self::Timeout { .. } => "timeout",
            Self::Retry => "retry",
            Self::PinVersion => "pin-version",
            Self::SecretName => "secret-name",
            Self::Edit { .. } => "edit",
        }
    }
}

/// What to do, as the next step of a finding.
impl fmt::Display for Fix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SkipGuard { .. } => f.write_str("set what is missing, or skip the job without it"),
            Self::EventGuard => f.write_str("run the job only on events where it can work: add an if: to the job"),
            Self::Trigger => f.write_str("change the trigger (on:) of the workflow"),
            Self::Permission { scope, level } => {
                // Those of a job replace all that the workflow gives.
                let level = level.as_str();
                write!(
                    f,
                    "add {scope}: {level} to the permissions that the job has, and keep the others"
                )
            }
            Self::CheckoutDepth => {
                f.write_str("check out the history and the tags: fetch-depth: 0 at actions/checkout")
            }
            Self::Timeout { pace: None, .. } => f.write_str("raise timeout-minutes, or split the step"),
            Self::Timeout {
                pace: Some(pace @ Pace::GoesOn),
                ..
            } => {
                write!(f, "raise timeout-minutes, or split the step, which {pace}")
            }
            Self::Timeout { pace: Some(pace), .. } => write!(
                f,
                "find what the step waits for, because it {pace} (more time helps only what works without output); stageproof \
                 heartbeat --stall-after 5m --stall-kill would end it sooner and list its processes"
            ),
            Self::Retry => f.write_str("run the job again; if it fails so often, retry the step"),
            Self::PinVersion => f.write_str("pin a version that is known to work"),
            Self::SecretName => f.write_str("correct the name of the secret"),
            Self::Edit { text } => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fix_is_read_from_its_words() {
        for text in [
            "skip-guard",
            "event-guard",
            "trigger",
            "checkout-depth",
            "timeout",
            "retry",
            "pin-version",
            "secret-name",
        ] {
            assert_eq!(Fix::parse(text).unwrap().id(), text);
        }
        let permission = Fix::parse("permission id-token write").unwrap();
        assert_eq!(
            permission.to_string(),
            "add id-token: write to the permissions that the job has, and keep the others"
        );
        let edit = Fix::parse("edit name {it} right").unwrap();
        assert_eq!((edit.id(), &*edit.to_string()), ("edit", "name {it} right"));
        for text in [
            "",
            "edit",
            "permission",
            "permission x",
            "permission x all",
            "retry now",
        ] {
            assert_eq!(Fix::parse(text), None, "{text}");
        }
    }
}
