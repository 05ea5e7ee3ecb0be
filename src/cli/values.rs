//! Values that several options are made of.

use std::time::Duration;

use regex::Regex;

use super::error::UsageError;
use crate::commands::smoke::expect::pattern;
use crate::model::TimeSpan;
use crate::world::process::{is_operator, needs_a_shell};

/// Splits a command as a shell would, without running one. An operator that is not quoted is meant for a shell: as an
/// argument like any other it could make a command that does something else, and passes.
pub fn words(flag: &str, command: &str) -> Result<Vec<String>, UsageError> {
    let plain: Vec<&str> = command.split_whitespace().collect();
    match shlex::split(command) {
        Some(words)
            if words
                .iter()
                .any(|word| is_operator(word) && plain.contains(&word.as_str())) =>
        {
            let help = needs_a_shell(&words).unwrap_or_default();
            Err(UsageError::new(format!("{flag} `{command}` is written for a shell")).help(help))
        }
        Some(words) if !words.is_empty() => Ok(words),
        Some(_) => Err(UsageError::new(format!("{flag} must not be empty"))),
        None => Err(UsageError::new(format!(
            "{flag} `{command}` has an unclosed quote or ends in a backslash"
        ))),
    }
}

pub fn regex(flag: &str, text: &str) -> Result<Regex, UsageError> {
    pattern::parse(text).map_err(|error| UsageError::new(format!("{flag}: {error}")))
}

/// A time of which zero makes no sense.
pub fn positive(flag: &str, given: Option<TimeSpan>, default: TimeSpan) -> Result<Duration, UsageError> {
    match given.unwrap_or(default).0 {
        span if span.is_zero() => Err(UsageError::new(format!("{flag} must be longer than 0s"))),
        span => Ok(span),
    }
}
