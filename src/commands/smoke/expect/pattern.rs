//! Regular expressions that people wrote.

use regex::{Regex, RegexBuilder};

/// One whose compiled form is larger was not written by a person.
const LARGEST: usize = 1 << 20;

/// Why a text is not a regular expression that can be used.
#[derive(Debug, thiserror::Error)]
pub enum NotAPattern {
    #[error("an empty regular expression matches everything; write what must be present")]
    Empty,
    #[error("`{0}` is not a regular expression: {1}")]
    Wrong(String, String),
}

pub fn parse(text: &str) -> Result<Regex, NotAPattern> {
    if text.is_empty() {
        return Err(NotAPattern::Empty);
    }
    RegexBuilder::new(text).size_limit(LARGEST).build().map_err(|error| {
        // The crate draws the pattern with a caret under it; the last line says what is wrong.
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default();
        NotAPattern::Wrong(text.to_owned(), why.trim_start_matches("error: ").to_owned())
    })
}
