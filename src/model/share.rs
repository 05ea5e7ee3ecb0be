//! A part of a whole, as people write it: in per cent, with the sign.

use std::fmt;
use std::str::FromStr;

use super::text;

/// From 0 % to 100 %, in steps of 0.01 %. A bare number is refused: half of the tools in the field read 0.5 as a half,
/// the others as one in two hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    hundredths: u32,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a percentage; write one from 0% to 100%, with at most two decimals: 5% or 0.25%")]
pub struct ShareError(String);

impl Share {
    pub const fn percent(percent: u32) -> Self {
        Self {
            hundredths: percent * 100,
        }
    }

    /// Whether `part` of `whole` is more than this.
    pub fn is_exceeded(self, part: u64, whole: u64) -> bool {
        u128::from(part) * 10_000 > u128::from(whole) * u128::from(self.hundredths)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(given: &str) -> Result<Self, ShareError> {
        let wrong = || ShareError(given.trim().to_owned());
        let number = given.trim().strip_suffix('%').ok_or_else(wrong)?.trim_end();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(decimals, 2) {
            return Err(wrong());
        }
        let parse = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let scale = if decimals.len() == 1 { 10 } else { 1 };
        let hundredths = parse(whole)? * 100 + parse(decimals)? * scale;
        if hundredths > 10_000 {
            return Err(wrong());
        }
        Ok(Self { hundredths })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.hundredths / 100, self.hundredths % 100);
        match decimals {
            0 => write!(f, "{whole}%"),
            tenths if tenths % 10 == 0 => write!(f, "{whole}.{}%", tenths / 10),
            _ => write!(f, "{whole}.{decimals:02}%"),
        }
    }
}

text::read_from_text!(Share {
    "description": "Percentage: 5% or 0.25%.",
    "pattern": "^[0-9]{1,3}([.][0-9]{1,2})?%$",
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_per_cent_is_a_share() {
        for text in ["5", "0.5", "", "%", "101%", "100.01%", "-1%", "1.234%", "1e1%", ".5%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert_eq!("2.5%".parse::<Share>().unwrap().to_string(), "2.5%");
    }

    #[test]
    fn what_people_write_is_as_much_as_it_says() {
        for (text, hundredths, shown) in [
            ("0%", 0, "0%"),
            ("5%", 500, "5%"),
            (" 5 % ", 500, "5%"),
            ("5.0%", 500, "5%"),
            ("0.25%", 25, "0.25%"),
            ("0.05%", 5, "0.05%"),
            ("0.5%", 50, "0.5%"),
            ("12.50%", 1_250, "12.5%"),
            ("099.99%", 9_999, "99.99%"),
            ("100%", 10_000, "100%"),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share, Share { hundredths }, "{text}");
            assert_eq!(share.to_string(), shown, "{text}");
            assert_eq!(serde_json::from_value::<Share>(text.into()).unwrap(), share);
        }
        assert_eq!(Share::percent(7), "7%".parse().unwrap());
        for wrong in ["1000%", "0001%", "5.%", "1.2.3%", "+5%", "5%%", "\u{ff15}%"] {
            let error = wrong.parse::<Share>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{wrong}` is not a percentage")), "{error}");
        }
    }

    #[test]
    fn just_as_much_is_not_more() {
        assert!(!Share::percent(5).is_exceeded(1, 20));
        assert!(Share::percent(5).is_exceeded(1, 19));
        assert!(Share::percent(0).is_exceeded(1, u64::MAX));
        assert!(!Share::percent(100).is_exceeded(7, 7));
    }

    /// An editor that knows the schema marks what would be refused, and nothing else.
    #[test]
    fn the_schema_and_the_reader_agree() {
        let schema = schemars::schema_for!(Share);
        assert_eq!(schema.get("title").unwrap(), "Share");
        let pattern = schema.get("pattern").and_then(|pattern| pattern.as_str()).unwrap();
        let pattern = regex::Regex::new(pattern).unwrap();
        for (texts, right) in [
            (["5%", "2.5%", "0.25%", "100%"].as_slice(), true),
            (["5", "0.5", "%", "1.234%", "-1%", ".5%", "1000%"].as_slice(), false),
        ] {
            for text in texts {
                assert_eq!(text.parse::<Share>().is_ok(), right, "{text}");
                assert_eq!(pattern.is_match(text), right, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(hundredths in 0u32..=10_000) {
            let share = Share { hundredths };
            prop_assert_eq!(share.to_string().parse(), Ok(share));
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = text.parse::<Share>();
        }
    }
}
