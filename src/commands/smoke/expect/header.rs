//! What must stand in an answer's headers.

use std::fmt;
use std::str::FromStr;

use regex::Regex;

use super::pattern::{self, NotAPattern};
use crate::model::text;
use crate::world::secrets::Redactor;

/// Longest foreign value that is shown.
const VALUE_SHOWN: usize = 120;

/// `NAME: REGEX`, or `NAME` for one that must be there with whatever value.
#[derive(Clone, Debug)]
pub struct HeaderExpectation {
    name: String,
    pattern: Option<Regex>,
}

/// Why a text is not an expectation of a header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderExpectationError {
    #[error("`{0}` is not the name of a header; write NAME: REGEX, like Cache-Control: no-store")]
    Name(String),
    #[error(transparent)]
    Pattern(#[from] NotAPattern),
}

impl HeaderExpectation {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is wrong, if anything, with the values that the answer's headers of this name have.
    pub fn check(&self, values: &[String], secrets: &Redactor) -> Result<(), String> {
        let name = &self.name;
        match (values, &self.pattern) {
            ([], _) => Err(format!("there is no header {name}")),
            (_, None) => Ok(()),
            (values, Some(pattern)) if values.iter().any(|value| pattern.is_match(value)) => Ok(()),
            (values, Some(pattern)) => Err(format!(
                "{name} is `{}`, which does not match /{pattern}/",
                secrets.shorten(values.join(", ").as_str(), VALUE_SHOWN)
            )),
        }
    }
}

/// RFC 9110, 5.6.2: a token.
pub fn is_header_name(name: &str) -> bool {
    let mark = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

impl FromStr for HeaderExpectation {
    type Err = HeaderExpectationError;

    fn from_str(given: &str) -> Result<Self, HeaderExpectationError> {
        let (name, value) = match given.split_once(':') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (given.trim(), None),
        };
        if !is_header_name(name) {
            return Err(HeaderExpectationError::Name(name.to_owned()));
        }
        Ok(Self {
            name: name.to_owned(),
            pattern: value.map(pattern::parse).transpose()?,
        })
    }
}

impl fmt::Display for HeaderExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Some(pattern) => write!(f, "{}: {pattern}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

text::read_from_text!(HeaderExpectation {
    "description": "NAME: REGEX, or NAME for a header that must be present.",
});

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expectation: &str, values: &[&str]) -> Result<(), String> {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        expectation
            .parse::<HeaderExpectation>()
            .unwrap()
            .check(&values, &Redactor::default())
    }

    #[test]
    fn one_of_several_values_is_enough_and_none_is_not() {
        assert!(check("Cache-Control: no-store", &["private", "no-store"]).is_ok());
        assert!(check("Cache-Control", &["private"]).is_ok());
        assert_eq!(check("Server", &[]).unwrap_err(), "there is no header Server");
        let wrong = check("Content-Type: ^application/json", &["text/html"]).unwrap_err();
        assert!(wrong.contains("Content-Type is `text/html`"), "{wrong}");
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for (text, says) in [
            ("", "not the name of a header"),
            ("two words: x", "`two words` is not the name"),
            ("Name:", "matches everything"),
            ("Name: (", "not a regular expression"),
        ] {
            let error = text.parse::<HeaderExpectation>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
