//! A length of time as people write and read it: always with a unit. What is printed reads back.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, written `500ms`, `1.5s`, `2m`, `1h30m` or `7d`. A bare number is refused,
/// because half of the tools in the field read it as seconds and the other half as milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Why a text is not a time span.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeSpanError {
    #[error("a duration must not be empty; write it with a unit: 500ms, 10s, 2m, 1h or 1d")]
    Empty,
    #[error("`{0}` has no unit; write {0}s for seconds or {0}m for minutes (units: ms, s, m, h, d)")]
    NoUnit(String),
    #[error("`{0}` is not a duration; write a number and a unit: 500ms, 10s, 2m, 1h30m or 1d")]
    Malformed(String),
    #[error("`{0}` is longer than a year")]
    TooLong(String),
}

impl TimeSpan {
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    pub const fn from_millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// What was measured, without the digits that nobody reads: `3.4ms`, `120ms`, `3.8s`, `2m5s`, `1h30m`. Never more
    /// than it was. A limit, and what is compared with one, is shown whole.
    pub fn measured(time: Duration) -> Self {
        let micros = time.as_micros();
        let digit = match micros {
            0..10_000 => 100,
            10_000..1_000_000 => 1_000,
            1_000_000..60_000_000 => 100_000,
            60_000_000..3_600_000_000 => 1_000_000,
            _ => 60_000_000,
        };
        Self(Duration::from_micros(
            u64::try_from(micros - micros % digit).unwrap_or(u64::MAX),
        ))
    }
}

impl FromStr for TimeSpan {
    type Err = TimeSpanError;

    fn from_str(text: &str) -> Result<Self, TimeSpanError> {
        const YEAR_MS: u64 = 366 * 86_400_000;
        let text = text.trim();
        let malformed = || TimeSpanError::Malformed(text.to_owned());
        if text.is_empty() {
            return Err(TimeSpanError::Empty);
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(TimeSpanError::NoUnit(text.to_owned()));
        }
        let mut total_ms = 0u64;
        let mut rest = text;
        let mut units = UNITS.as_slice();
        while !rest.is_empty() {
            let digits = rest
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .ok_or_else(malformed)?;
            let (whole, fraction) = match rest[..digits].split_once('.') {
                Some((whole, fraction)) => (whole, Some(fraction)),
                None => (&rest[..digits], None),
            };
            let number: u64 = whole.parse().map_err(|_| malformed())?;
            rest = &rest[digits..];
            let letters = rest.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(rest.len());
            let unit = &rest[..letters];
            rest = &rest[letters..];
            // Each unit once and from large to small, so `1m1h` and `5s5s` are typing errors and not sums.
            let at = units.iter().position(|(name, _)| *name == unit).ok_or_else(malformed)?;
            let millis = number.checked_mul(units[at].1).and_then(|ms| total_ms.checked_add(ms));
            let part = match fraction {
                None => 0,
                Some(fraction) if unit == "s" => thousandths(fraction).ok_or_else(malformed)?,
                Some(_) => return Err(malformed()),
            };
            total_ms = millis
                .and_then(|ms| ms.checked_add(part))
                .filter(|ms| *ms <= YEAR_MS)
                .ok_or_else(|| TimeSpanError::TooLong(text.to_owned()))?;
            units = &units[at + 1..];
        }
        Ok(Self(Duration::from_millis(total_ms)))
    }
}

/// One to three digits behind the point.
fn thousandths(digits: &str) -> Option<u64> {
    let short = digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit());
    let number: u64 = digits.parse().ok().filter(|_| short)?;
    Some((digits.len()..3).fold(number, |number, _| number * 10))
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.subsec_micros();
        let mut left = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        // No limit is a part of a millisecond, but fast answers differ in nothing else.
        if left < 10 && micros % 1_000 >= 100 {
            return write!(f, "{left}.{}ms", micros % 1_000 / 100);
        }
        if left > 0 && left < 1_000 {
            return write!(f, "{left}ms");
        }
        for (name, size) in &UNITS[..3] {
            if left >= *size {
                write!(f, "{}{name}", left / size)?;
                left %= size;
            }
        }
        let (seconds, thousandths) = (left / 1_000, format!("{:03}", left % 1_000));
        match thousandths.trim_end_matches('0') {
            "" if seconds == 0 && self.0 >= Duration::from_secs(60) => Ok(()),
            "" => write!(f, "{seconds}s"),
            part => write!(f, "{seconds}.{part}s"),
        }
    }
}

impl fmt::Debug for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::text::deserialize(deserializer)
    }
}

impl JsonSchema for TimeSpan {
    fn schema_name() -> Cow<'static, str> {
        "TimeSpan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A number and a unit: 500ms, 1.5s, 2m, 1h30m or 7d.",
            "pattern": "^([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+([.][0-9]{1,3})?s)?([0-9]+ms)?$",
            "minLength": 2,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        for (text, millis) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("7d", 604_800_000),
            (" 1m ", 60_000),
            ("0s", 0),
            ("1.5s", 1_500),
            ("1m0.25s", 60_250),
            ("3s884ms", 3_884),
        ] {
            assert_eq!(text.parse(), Ok(TimeSpan::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_bare_number_names_the_units() {
        let error = "30".parse::<TimeSpan>().unwrap_err().to_string();
        assert!(error.contains("30s") && error.contains("ms, s, m, h, d"), "{error}");
    }

    #[test]
    fn refuses_what_could_be_read_two_ways() {
        for text in [
            "", "s", "10 s", "1m1h", "5s5s", "-5s", "1.5m", "1.5ms", ".5s", "1.s", "1.2345s", "1.2.3s", "10sec", "10S",
            "1s2", "９s",
        ] {
            assert!(text.parse::<TimeSpan>().is_err(), "{text}");
        }
        assert!(matches!(
            "99999999999999999999d".parse::<TimeSpan>(),
            Err(TimeSpanError::Malformed(_))
        ));
        assert!(matches!("1000d".parse::<TimeSpan>(), Err(TimeSpanError::TooLong(_))));
    }

    #[test]
    fn what_was_measured_is_short() {
        for (micros, shown) in [
            (40, "0s"),
            (3_000, "3ms"),
            (3_499, "3.4ms"),
            (120_999, "120ms"),
            (3_884_000, "3.8s"),
            (10_000_000, "10s"),
            (59_999_999, "59.9s"),
            (60_900_000, "1m"),
            (125_600_000, "2m5s"),
            (5_430_000_000, "1h30m"),
        ] {
            assert_eq!(TimeSpan::measured(Duration::from_micros(micros)).to_string(), shown);
        }
    }

    #[test]
    fn a_year_is_the_longest_and_each_step_beyond_is_named() {
        assert_eq!("366d".parse(), Ok(TimeSpan::from_secs(366 * 86_400)));
        for text in ["366d1ms", "18446744073709551615d", "366d18446744073709551615ms"] {
            assert_eq!(text.parse::<TimeSpan>(), Err(TimeSpanError::TooLong(text.to_owned())));
        }
        assert_eq!(" ".parse::<TimeSpan>(), Err(TimeSpanError::Empty));
        assert_eq!("5".parse::<TimeSpan>(), Err(TimeSpanError::NoUnit("5".to_owned())));
    }

    #[test]
    fn it_is_shown_in_the_largest_units_that_say_it_exactly() {
        for (millis, expected) in [
            (0, "0s"),
            (1, "1ms"),
            (1_000, "1s"),
            (61_005, "1m1.005s"),
            (90_000_000, "1d1h"),
        ] {
            let span = TimeSpan::from_millis(millis);
            assert_eq!(span.to_string(), expected);
            assert_eq!(format!("{span:?}"), expected);
            assert_eq!(serde_json::to_value(span).unwrap(), expected);
        }
    }

    #[test]
    fn a_configuration_is_read_as_a_flag_is() {
        assert_eq!(
            serde_json::from_str::<TimeSpan>("\"90s\"").unwrap(),
            TimeSpan::from_secs(90)
        );
        let error = serde_json::from_str::<TimeSpan>("\"90\"").unwrap_err().to_string();
        assert!(error.contains("`90` has no unit"), "{error}");
    }

    /// An editor that knows the schema marks what would be refused, and nothing else.
    #[test]
    fn the_schema_and_the_reader_agree() {
        let schema = schemars::schema_for!(TimeSpan);
        assert_eq!(schema.get("title").unwrap(), "TimeSpan");
        let pattern = schema.get("pattern").and_then(|pattern| pattern.as_str()).unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        for (texts, right) in [
            (["500ms", "10s", "1.5s", "1h30m", "7d", "0s"].as_slice(), true),
            (["30", "10 s", "1m1h", "5s5s", "1.5m", "10sec"].as_slice(), false),
        ] {
            for text in texts {
                assert_eq!(text.parse::<TimeSpan>().is_ok(), right, "{text}");
                assert_eq!(pattern.is_match(text), right, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_measured_is_shown_within_a_tenth_and_reads_back(micros in 1_000u64..31_000_000_000_000) {
            let span = TimeSpan::measured(Duration::from_micros(micros));
            let shown = span.to_string();
            prop_assert!(shown.len() <= "365d23h59m".len(), "{shown}");
            // A part of a millisecond is not for limits.
            if micros >= 10_000 {
                prop_assert_eq!(shown.parse(), Ok(span));
            }
            let told = u64::try_from(span.0.as_micros()).unwrap();
            prop_assert!(told <= micros && micros - told <= micros / 10, "{micros}: {shown}");
        }

        #[test]
        fn what_is_printed_reads_back(millis in 0u64..31_000_000_000) {
            let span = TimeSpan::from_millis(millis);
            prop_assert_eq!(span.to_string().parse(), Ok(span));
        }

        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = text.parse::<TimeSpan>();
        }
    }
}
