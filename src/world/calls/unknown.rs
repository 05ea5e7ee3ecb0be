//! What could not be found out, as a sentence and a next step: the same words for every server that is asked.

use super::NoAnswer;
use crate::model::{Reason, TimeSpan};
use crate::world::http::Answer;

/// Why something is not known, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    pub why: String,
    pub help: String,
}

impl Unknown {
    pub fn new(why: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            help: help.into(),
        }
    }

    /// `who` did not answer. `check` is what may be wrong with what was asked.
    pub fn unanswered(who: &str, error: &NoAnswer, check: &str) -> Self {
        let reach = "check that it can be reached from here";
        match error {
            NoAnswer::OutOfTime => Self::new(format!("{who} did not answer in time"), reach),
            NoAnswer::NotBuilt => Self::new(format!("{who} cannot be asked for this name"), check),
            NoAnswer::Failed(failure) => {
                let help = match failure.reason {
                    Reason::Dns | Reason::Refused => check,
                    _ => reach,
                };
                Self::new(
                    format!(
                        "{who} cannot be asked [{}]: {}",
                        failure.reason.as_str(),
                        failure.detail
                    ),
                    failure.help.unwrap_or(help),
                )
            }
        }
    }

    /// `who` limits requests, fails, or answers with a status that says nothing about what was asked.
    pub fn unusable(who: &str, answer: &Answer) -> Self {
        match answer.status {
            429 => {
                let wait = answer
                    .retry_after
                    .map(|wait| format!("; it asks to wait {}", TimeSpan(wait)));
                let why = format!("{who} limits requests (429){}", wait.unwrap_or_default());
                Self::new(
                    why,
                    "try again later; requests with credentials often have a higher limit",
                )
            }
            status => Self::new(
                format!("{who} answered with status {status}"),
                "try again later; check its status page",
            ),
        }
    }

    /// What `who` sent cannot be read. The parser's own words could repeat a part of it.
    pub fn unreadable(who: &str, what: &str, error: &serde_json::Error) -> Self {
        Self::new(
            format!(
                "{who} sent a {what} that cannot be read (line {}, column {})",
                error.line(),
                error.column()
            ),
            "a proxy in between may have answered; check what it says in a browser or with curl",
        )
    }
}
