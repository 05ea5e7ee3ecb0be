//! Whether what was deployed is what answers.

use std::fmt;
use std::str::FromStr;

use regex::Regex;

use super::document::Document;
use super::header::is_header_name;
use super::pattern::{self, NotAPattern};
use crate::model::text;
use crate::world::http::Answer;
use crate::world::secrets::Redactor;

/// Longest foreign value that is shown.
const VALUE_SHOWN: usize = 80;
/// git's own shortest abbreviation.
const SHORTEST_COMMIT: usize = 7;
/// A whole commit id in hexadecimal digits: SHA-1, SHA-256.
const WHOLE_COMMIT: [usize; 2] = [40, 64];

/// Where an answer says which version it is of.
#[derive(Clone, Debug)]
pub enum VersionFrom {
    Header(String),
    /// A JSON pointer into the body.
    Json(String),
    /// What the first group matches in the body, or the whole expression if it has none.
    Body(Regex),
    /// The expected version stands somewhere in the body.
    Anywhere,
}

/// Why a text does not say where a version stands.
#[derive(Debug, thiserror::Error)]
pub enum VersionFromError {
    #[error("`{0}` is not a version source; write header:NAME, json:/POINTER, body, or body:REGEX")]
    Place(String),
    #[error(transparent)]
    Pattern(#[from] NotAPattern),
}

/// What must answer, and where it says so.
#[derive(Clone, Debug)]
pub struct Version {
    pub expected: String,
    pub from: VersionFrom,
}

impl Version {
    /// What is wrong, if anything.
    pub fn check(
        &self,
        answer: &Answer,
        body: &str,
        json: Option<Document<'_>>,
        secrets: &Redactor,
    ) -> Result<(), String> {
        let expected = &self.expected;
        let answered = match &self.from {
            VersionFrom::Anywhere => {
                return if stands_in(expected, body) {
                    Ok(())
                } else {
                    Err(format!(
                        "its body does not contain version `{expected}`: another version answers"
                    ))
                };
            }
            VersionFrom::Header(name) => {
                let mut values = answer.headers.all(name).into_iter();
                let first = values.next();
                if let (Some(first), Some(other)) = (&first, values.find(|value| first.as_ref() != Some(value))) {
                    let shown = |value: &str| secrets.shorten(value.trim(), VALUE_SHOWN);
                    return Err(format!(
                        "{} says both `{}` and `{}`, expected `{expected}`",
                        self.from,
                        shown(first),
                        shown(&other)
                    ));
                }
                first
            }
            VersionFrom::Json(pointer) => json
                .and_then(|json| json.at(pointer))
                .map(|found| found.text().into_owned()),
            VersionFrom::Body(pattern) => pattern
                .captures(body)
                .and_then(|found| found.get(1).or(found.get(0)))
                .map(|found| found.as_str().to_owned()),
        };
        match answered {
            Some(answered) if is_same(expected, answered.trim()) => Ok(()),
            Some(answered) => Err(format!(
                "version `{}` answers, expected `{expected}`",
                secrets.shorten(answered.trim(), VALUE_SHOWN)
            )),
            None => Err(format!("no version found in {}, expected `{expected}`", self.from)),
        }
    }
}

/// Equal, or two lengths of the same commit id.
fn is_same(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() {
        (one, other)
    } else {
        (other, one)
    };
    // Decimal digits may as well be a date or the number of a build: then one side must be a whole id.
    let is_told = WHOLE_COMMIT.contains(&long.len()) || short.bytes().any(|byte| byte.is_ascii_alphabetic());
    // A whole id is no abbreviation: with another digit it is no id at all.
    let is_abbreviation = short.len() == long.len() || !WHOLE_COMMIT.contains(&short.len());
    let is_same = |short: &str, long: &str| long.to_lowercase().starts_with(&short.to_lowercase());
    one == other || (is_told && is_abbreviation && is_commit(short) && is_commit(long) && is_same(short, long))
}

fn is_commit(text: &str) -> bool {
    let [sha1, sha256] = WHOLE_COMMIT;
    ((SHORTEST_COMMIT..=sha1).contains(&text.len()) || text.len() == sha256)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What a version may be written with: 2.0~rc1 is Debian's way, 2.0^post1 is RPM's; and what is meant as a hyphen.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || ".-_+~^".contains(c) || matches!(c, '\u{2010}'..='\u{2015}')
}

/// Whether it stands there as a word of its own: 1.2 is not in 1.2.3, nor in 11.2. Of a commit id another length may.
fn stands_in(version: &str, body: &str) -> bool {
    let whole = body.match_indices(version).any(|(at, found)| {
        let before = body[..at].chars().next_back();
        let mut after = body[at + found.len()..].chars();
        let ends = match after.next() {
            // The full stop of a sentence.
            Some('.') => after.next().is_none_or(|c| !is_part(c)),
            Some(c) => !is_part(c),
            None => true,
        };
        // `v1.2` is how many write 1.2.
        let begins = match before {
            Some('v') => body[..at - 1].chars().next_back().is_none_or(|c| !is_part(c)),
            Some(c) => !is_part(c),
            None => true,
        };
        begins && ends
    });
    let mut words = body
        .split(|c| !is_part(c))
        .map(|word| word.strip_suffix('.').unwrap_or(word));
    whole || (is_commit(version) && words.any(|word| is_same(version, word)))
}

impl FromStr for VersionFrom {
    type Err = VersionFromError;

    fn from_str(given: &str) -> Result<Self, VersionFromError> {
        let given = given.trim();
        let wrong = || VersionFromError::Place(given.to_owned());
        if given == "body" {
            return Ok(Self::Anywhere);
        }
        let (place, value) = given.split_once(':').ok_or_else(wrong)?;
        match place {
            "header" if is_header_name(value.trim()) => Ok(Self::Header(value.trim().to_owned())),
            "json" if value.starts_with('/') => Ok(Self::Json(value.to_owned())),
            "body" => Ok(Self::Body(pattern::parse(value)?)),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} (in {})", self.expected, self.from)
    }
}

impl fmt::Display for VersionFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header:{name}"),
            Self::Json(pointer) => write!(f, "json:{pointer}"),
            Self::Body(pattern) => write!(f, "body:{pattern}"),
            Self::Anywhere => f.write_str("body"),
        }
    }
}

text::read_from_text!(VersionFrom {
    "description": "header:NAME, json:/POINTER, body, or body:REGEX.",
    "pattern": "^(header:.+|json:/.*|body(:.+)?)$",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_in_a_text_is_a_word_of_its_own() {
        for (body, expected) in [
            ("1.2.3", true),
            ("v1.2.3", true),
            ("version 1.2.3.", true),
            ("<b>1.2.3</b>", true),
            ("1.2.30", false),
            ("11.2.3", false),
            ("1.2.3-rc1", false),
            ("1.2.3~rc1", false),
            ("1.2.3^post1", false),
            ("1.2.3\u{2011}rc1", false),
            ("0~1.2.3", false),
            ("1.2.3.4", false),
            ("", false),
            ("dev1.2.3", false),
            ("1.2.30 and 1.2.3", true),
        ] {
            assert_eq!(stands_in("1.2.3", body), expected, "{body}");
        }
    }

    #[test]
    fn a_commit_may_be_abbreviated_and_nothing_else() {
        let full = "4f2a9c1b7d3e5f60718293a4b5c6d7e8f9012345";
        assert!(is_same(full, "4f2a9c1"));
        assert!(is_same("4F2A9C1", full));
        assert!(!is_same(full, "4f2a9c"), "shorter than git's own");
        assert!(!is_same(full, "4f2a9c2"));
        assert!(!is_same("1.2.3-rc", "1.2.3-r"));
        assert!(!is_same("20260101", "202601011230"), "a date is no commit");
        assert!(
            is_same("1234567", &format!("1234567{}", "0".repeat(33))),
            "one is a whole id"
        );
        assert!(is_same("1.2.3", "1.2.3"));
        assert!(is_same("4F2A9C1", "4f2a9c1"), "case does not matter");
        for more in ["0", "f", "0123456789abcdef01234567"] {
            assert!(!is_same(full, &format!("{full}{more}")), "{more}");
        }
        assert!(is_same("4f2a9c1", "4f2a9c1b"), "as different clients abbreviate it");
        let sha256 = format!("{full}0123456789abcdef01234567");
        assert!(is_same("4f2a9c1", &sha256));
        assert!(!is_same(full, &sha256), "an id of one kind is none of the other");
        assert!(!is_same("4f2a9c1", &sha256[..63]));
    }

    #[test]
    fn a_commit_in_a_text_may_be_abbreviated_too() {
        let full = "4f2a9c1b7d3e5f60718293a4b5c6d7e8f9012345";
        assert!(stands_in(full, "<i>build 4f2a9c1</i>"));
        assert!(stands_in(full, "This is 4F2A9C1B."));
        assert!(stands_in("4f2a9c1", &format!("commit={full}\n")));
        assert!(!stands_in(full, "build 4f2a9c2, color 4f2a9c"));
        assert!(!stands_in(full, "x4f2a9c1"), "it is a word of its own");
        assert!(!stands_in("20260101", "built 202601011230"));
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for text in [
            "",
            "header",
            "header:",
            "header:a b",
            "json:version",
            "cookie:x",
            "body:",
        ] {
            assert!(text.parse::<VersionFrom>().is_err(), "{text}");
        }
        for text in ["header:X-Version", "json:/version", "body", "body:v(.+)"] {
            assert_eq!(text.parse::<VersionFrom>().unwrap().to_string(), text);
        }
    }
}
