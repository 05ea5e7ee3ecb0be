//! What must stand in a JSON answer.

use std::fmt;
use std::str::FromStr;

use regex::Regex;
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::document::{Document, Found};
use super::pattern::{self, NotAPattern};
use crate::model::text;
use crate::world::secrets::Redactor;

/// Longest foreign value that is shown.
const VALUE_SHOWN: usize = 80;

/// `POINTER`, or `POINTER OPERATOR VALUE`. The pointer is RFC 6901's: `/checks/0/status`.
#[derive(Clone, Debug)]
pub struct JsonExpectation {
    pointer: String,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Exists,
    Equal(Literal),
    NotEqual(Literal),
    Compare(Order, Limit),
    Matches(Regex),
}

/// What a value is compared with.
#[derive(Clone, Debug)]
struct Literal {
    value: Box<RawValue>,
    /// As it was written: 1.10 as a version is not 1.1.
    text: String,
}

/// A number, and how it was written.
#[derive(Clone, Debug)]
struct Limit {
    number: Decimal,
    text: String,
}

impl Literal {
    /// What is no JSON is a text.
    fn new(text: &str) -> Result<Self, serde_json::Error> {
        let value = match RawValue::from_string(text.to_owned()) {
            Ok(value) if Document::parse(text.as_bytes()).is_ok() => value,
            _ => serde_json::value::to_raw_value(text)?,
        };
        Ok(Self {
            value,
            text: text.to_owned(),
        })
    }

    fn is(&self, found: Found<'_>) -> bool {
        // A text is written without quotes most of the time, also one that reads as a number, true, false or null.
        let is_word = !self.value.get().starts_with(['"', '[', '{']);
        match found.is_text() && is_word {
            true => found.text() == self.text,
            false => found.is(&self.value),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.value.get())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    fn holds(self, left: &Decimal, right: &Decimal) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

/// Why a text is not an expectation of JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonExpectationError {
    #[error("`{0}` does not begin with a JSON pointer; write /status = ok, /queue < 10, /version =~ ^1[.], or /ready")]
    Pointer(String),
    #[error("`{0}` has no value to compare with; write /status = ok")]
    NoValue(String),
    #[error("`{0}` compares with {1}, which is not a number")]
    NotANumber(String, String),
    #[error(transparent)]
    Pattern(#[from] NotAPattern),
}

impl JsonExpectation {
    /// What is wrong, if anything.
    pub fn check(&self, body: Document<'_>, secrets: &Redactor) -> Result<(), String> {
        let pointer = &self.pointer;
        let Some(found) = body.at(pointer) else {
            return Err(format!("there is no {}", shown_pointer(pointer)));
        };
        let holds = match &self.test {
            Test::Exists => true,
            Test::Equal(expected) => expected.is(found),
            Test::NotEqual(other) => !other.is(found),
            Test::Compare(order, limit) => found.number().is_some_and(|found| order.holds(&found, &limit.number)),
            Test::Matches(pattern) => pattern.is_match(&found.text()),
        };
        if holds {
            return Ok(());
        }
        let value = secrets.shorten(found.json(), VALUE_SHOWN);
        Err(format!("{} is {value}", shown_pointer(pointer)))
    }
}

fn shown_pointer(pointer: &str) -> &str {
    // The pointer to the whole document is the empty text.
    if pointer.is_empty() { "/" } else { pointer }
}

impl FromStr for JsonExpectation {
    type Err = JsonExpectationError;

    fn from_str(given: &str) -> Result<Self, JsonExpectationError> {
        let given = given.trim();
        if !given.starts_with('/') {
            return Err(JsonExpectationError::Pointer(given.to_owned()));
        }
        let Some(at) = given.find(['=', '!', '<', '>']) else {
            return Ok(Self {
                pointer: pointer(given)?,
                test: Test::Exists,
            });
        };
        let pointer = pointer(given[..at].trim_end())?;
        let rest = &given[at..];
        let operators = ["=~", "!=", "<=", ">=", "==", "=", "<", ">"];
        let Some(operator) = operators.into_iter().find(|operator| rest.starts_with(operator)) else {
            return Err(JsonExpectationError::Pointer(given.to_owned()));
        };
        let value = rest[operator.len()..].trim();
        if value.is_empty() {
            return Err(JsonExpectationError::NoValue(given.to_owned()));
        }
        let number = |order| {
            let number = value
                .parse()
                .map_err(|_| JsonExpectationError::NotANumber(given.to_owned(), value.to_owned()))?;
            let text = value.to_owned();
            Ok::<_, JsonExpectationError>(Test::Compare(order, Limit { number, text }))
        };
        let literal = || Literal::new(value).map_err(|_| JsonExpectationError::NoValue(given.to_owned()));
        let test = match operator {
            "=~" => Test::Matches(pattern::parse(value)?),
            "!=" => Test::NotEqual(literal()?),
            "<=" => number(Order::LessOrEqual)?,
            ">=" => number(Order::GreaterOrEqual)?,
            "<" => number(Order::Less)?,
            ">" => number(Order::Greater)?,
            _ => Test::Equal(literal()?),
        };
        Ok(Self { pointer, test })
    }
}

fn pointer(text: &str) -> Result<String, JsonExpectationError> {
    // RFC 6901: `~` only as `~0` and `~1`.
    let mut tildes = text.split('~').skip(1);
    if !tildes.all(|after| after.starts_with(['0', '1'])) {
        return Err(JsonExpectationError::Pointer(text.to_owned()));
    }
    Ok(text.to_owned())
}

impl fmt::Display for JsonExpectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pointer)?;
        match &self.test {
            Test::Exists => Ok(()),
            Test::Equal(literal) => write!(f, " = {literal}"),
            Test::NotEqual(literal) => write!(f, " != {literal}"),
            Test::Compare(order, limit) => write!(f, " {} {}", order.as_str(), limit.text),
            Test::Matches(pattern) => write!(f, " =~ {pattern}"),
        }
    }
}

text::read_from_text!(JsonExpectation {
    "description": "A JSON pointer (RFC 6901), and what its value must be: /ready, /status = ok, /errors != 0, \
                    /queue < 10, /version =~ ^1[.]. Operators: = != < <= > >= =~",
    "pattern": "^/",
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(expectation: &str, body: &str) -> bool {
        let expectation: JsonExpectation = expectation.parse().unwrap();
        expectation
            .check(Document::parse(body.as_bytes()).unwrap(), &Redactor::default())
            .is_ok()
    }

    #[test]
    fn each_operator_says_yes_and_no() {
        let body = r#"{"status":"ok","queue":7,"ready":true,"none":null,"list":[{"a/b":1.0}],"build":"42"}"#;
        for (expectation, expected) in [
            ("/status", true),
            ("/missing", false),
            ("/none", true),
            ("/none = null", true),
            ("/status = ok", true),
            ("/status=ok", true),
            ("/status == \"ok\"", true),
            ("/status = bad", false),
            ("/status != bad", true),
            ("/status != ok", false),
            ("/missing != ok", false),
            ("/queue = 7", true),
            ("/queue = 7.0", true),
            ("/queue < 10", true),
            ("/queue < 7", false),
            ("/queue <= 7", true),
            ("/queue > 7", false),
            ("/queue >= 7", true),
            ("/status < 10", false),
            ("/ready = true", true),
            ("/ready = false", false),
            ("/list/0/a~1b = 1", true),
            ("/status =~ ^o", true),
            ("/status =~ ^k", false),
            ("/build = 42", true),
        ] {
            assert_eq!(holds(expectation, body), expected, "{expectation}");
        }
    }

    #[test]
    fn a_text_is_compared_as_it_was_written_and_whole_numbers_to_the_last_digit() {
        let body = r#"{"version":"1.10","exp":"1234567e8","id":9007199254740993,"huge":"12345678901234567890123",
            "big":18446744073709551617,"price":0.1000000000000000000001,"list":[18446744073709551617,{"a":1,"b":2}]}"#;
        for (expectation, expected) in [
            ("/version = 1.10", true),
            ("/version = 1.1", false),
            ("/version != 1.1", true),
            ("/exp = 1234567e8", true),
            ("/huge = 12345678901234567890123", true),
            ("/id = 9007199254740993", true),
            ("/id = 9007199254740992", false),
            ("/id = 9007199254740992.0", false),
            ("/id = 9007199254740993.0", true),
            ("/id <= 9007199254740992", false),
            ("/id < 9007199254740994", true),
            ("/big = 18446744073709551617", true),
            ("/big = 18446744073709551616", false),
            ("/big != 18446744073709551616", true),
            ("/big > 18446744073709551616", true),
            ("/price = 0.1", false),
            ("/list = [18446744073709551617, {\"b\": 2, \"a\": 1.0}]", true),
            ("/list = [18446744073709551616, {\"b\": 2, \"a\": 1}]", false),
            ("/list = [18446744073709551617]", false),
        ] {
            assert_eq!(holds(expectation, body), expected, "{expectation}");
        }
        let written = "/version = 1.10".parse::<JsonExpectation>().unwrap();
        assert_eq!(written.to_string(), "/version = 1.10");
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for (text, says) in [
            ("status = ok", "does not begin with a JSON pointer"),
            ("", "does not begin with a JSON pointer"),
            ("/status =", "no value to compare with"),
            ("/queue < ten", "ten, which is not a number"),
            ("/queue < NaN", "not a number"),
            ("/a =~ (", "not a regular expression"),
            ("/a~b", "does not begin with a JSON pointer"),
            ("/a ! b", "does not begin with a JSON pointer"),
        ] {
            let error = text.parse::<JsonExpectation>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }

    #[test]
    fn the_value_that_is_wrong_is_shown() {
        let expectation: JsonExpectation = "/status = ok".parse().unwrap();
        let body = Document::parse(br#"{"status":"starting\u001b"}"#).unwrap();
        assert_eq!(
            expectation.check(body, &Redactor::default()).unwrap_err(),
            r#"/status is "starting\u001b""#
        );
    }

    proptest! {
        #[test]
        fn never_panics(text in "[/a0-9~=!<> \"\\PC]{0,40}", body in any::<i64>()) {
            if let Ok(expectation) = text.parse::<JsonExpectation>() {
                let body = body.to_string();
                let _ = expectation.check(Document::parse(body.as_bytes()).unwrap(), &Redactor::default());
            }
        }

        #[test]
        fn what_is_printed_is_read_back(
            pointer in "(/[a-z0-9]{1,5}){1,3}", operator in prop::sample::select(vec!["=", "!=", "<", ">=", "=~"]),
            number in -1000i32..1000
        ) {
            let first: JsonExpectation = format!("{pointer} {operator} {number}").parse().unwrap();
            let again: JsonExpectation = first.to_string().parse().unwrap();
            prop_assert_eq!(first.to_string(), again.to_string());
        }
    }
}
