//! Exit codes that are worth another attempt.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// A set of exit codes, written `1,75-78`. 0 is none of them: what went well is not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codes(Vec<RangeInclusive<u8>>);

impl Codes {
    /// Every failure that another attempt could change: all but a command that cannot be run.
    pub fn failures() -> Self {
        Self(vec![1..=124, 128..=255])
    }

    pub fn contain(&self, code: u8) -> bool {
        self.0.iter().any(|range| range.contains(&code))
    }
}

/// What is wrong with a list of exit codes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a list of exit codes from 1 to 255; write it like 1,75-78 (124 is the time limit)")]
pub struct CodesError(String);

impl FromStr for Codes {
    type Err = CodesError;

    fn from_str(text: &str) -> Result<Self, CodesError> {
        let number = |text: &str| {
            let text = text.trim();
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            text.parse::<u8>().ok().filter(|code| digits && *code > 0)
        };
        let range = |part: &str| match part.split_once('-') {
            Some((from, to)) => Some(number(from)?..=number(to)?).filter(|range| !range.is_empty()),
            None => number(part).map(|code| code..=code),
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Self).ok_or_else(|| CodesError(text.to_owned()))
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |range: &RangeInclusive<u8>| match (range.start(), range.end()) {
            (from, to) if from == to => from.to_string(),
            (from, to) => format!("{from}-{to}"),
        };
        f.write_str(&self.0.iter().map(part).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read() {
        let codes: Codes = "1, 75-78,124".parse().unwrap();
        let contained: Vec<u8> = (0..=255).filter(|code| codes.contain(*code)).collect();
        assert_eq!(contained, [1, 75, 76, 77, 78, 124]);
        assert_eq!(codes.to_string(), "1,75-78,124");
        for wrong in ["", "0", "256", "a", "1,", "5-1", "-1", "+1", "1-2-3"] {
            assert!(wrong.parse::<Codes>().is_err(), "{wrong}");
        }
        assert!(Codes::failures().contain(124) && !Codes::failures().contain(127) && !Codes::failures().contain(0));
    }
}
