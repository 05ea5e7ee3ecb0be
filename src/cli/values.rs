//! Values that several options are made of.

use std::time::Duration;

use regex::{Regex, RegexBuilder};

use super::error::UsageError;
use crate::model::TimeSpan;

/// A regular expression whose compiled form is larger was not written by a person.
const LARGEST_REGEX: usize = 1 << 20;

/// Splits a command as a shell would, without running one.
pub fn words(flag: &str, command: &str) -> Result<Vec<String>, UsageError> {
    match shlex::split(command) {
        Some(words) if !words.is_empty() => Ok(words),
        Some(_) => Err(UsageError::new(format!("{flag} must not be empty"))),
        None => Err(UsageError::new(format!(
            "{flag} `{command}` has a quote that is not closed, or ends in a backslash"
        ))),
    }
}

pub fn regex(flag: &str, text: &str) -> Result<Regex, UsageError> {
    if text.is_empty() {
        return Err(
            UsageError::new(format!("{flag} is empty, which matches everything")).help("write what must be there")
        );
    }
    RegexBuilder::new(text)
        .size_limit(LARGEST_REGEX)
        .build()
        .map_err(|error| UsageError::new(format!("{flag} is not a regular expression: {error}")))
}

/// A time of which zero makes no sense.
pub fn positive(flag: &str, given: Option<TimeSpan>, default: TimeSpan) -> Result<Duration, UsageError> {
    match given.unwrap_or(default).0 {
        span if span.is_zero() => Err(UsageError::new(format!("{flag} must be longer than 0s"))),
        span => Ok(span),
    }
}
