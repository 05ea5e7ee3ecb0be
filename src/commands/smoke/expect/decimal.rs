//! Numbers as they are written, compared to the last digit: `f64` takes 9007199254740993 for 9007199254740992.

use std::cmp::Ordering;
use std::str::FromStr;

/// `0.digits` times ten to the power of `point`. Two equal numbers are equal in all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    /// Without zeros at either end; nothing is zero.
    digits: String,
    point: i64,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number")]
pub struct NotADecimal;

impl FromStr for Decimal {
    type Err = NotADecimal;

    fn from_str(text: &str) -> Result<Self, NotADecimal> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotADecimal);
        }
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            exponent.parse::<i64>().map_err(|_| NotADecimal)?;
            return Ok(Self {
                negative: false,
                digits: String::new(),
                point: 0,
            });
        }
        let leading = i64::try_from(whole.len()).map_err(|_| NotADecimal)?
            - i64::try_from(all.len() - digits.len()).map_err(|_| NotADecimal)?;
        let exponent: i64 = exponent.parse().map_err(|_| NotADecimal)?;
        Ok(Self {
            negative,
            digits: digits.trim_end_matches('0').to_owned(),
            point: exponent.checked_add(leading).ok_or(NotADecimal)?,
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || {
            self.point
                .cmp(&other.point)
                .then_with(|| self.digits.cmp(&other.digits))
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            0 => Ordering::Equal,
            -1 => size().reverse(),
            _ => size(),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(one: &str, other: &str) -> Ordering {
        one.parse::<Decimal>().unwrap().cmp(&other.parse().unwrap())
    }

    #[test]
    fn numbers_are_compared_to_the_last_digit() {
        for (one, other, expected) in [
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("18446744073709551617", "18446744073709551616", Ordering::Greater),
            ("0.1000000000000000000001", "0.1", Ordering::Greater),
            ("-9007199254740993", "-9007199254740992", Ordering::Less),
            ("1", "1.0", Ordering::Equal),
            ("100", "1e2", Ordering::Equal),
            ("0.01", "1E-2", Ordering::Equal),
            ("-0", "0.00e5", Ordering::Equal),
            ("-1", "0", Ordering::Less),
            ("-1", "1", Ordering::Less),
            ("9", "10", Ordering::Less),
            ("0.5", ".5", Ordering::Equal),
            ("1e400", "2e400", Ordering::Less),
        ] {
            assert_eq!(order(one, other), expected, "{one} {other}");
            assert_eq!(order(other, one), expected.reverse(), "{other} {one}");
        }
    }

    #[test]
    fn other_things_are_no_numbers() {
        for text in [
            "",
            ".",
            "-",
            "e1",
            "1e",
            "NaN",
            "inf",
            "1_0",
            "0x1",
            "1e99999999999999999999",
            "--1",
            "1 ",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotADecimal), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whole_numbers_are_ordered_as_such(one in any::<i128>(), other in any::<i128>()) {
            prop_assert_eq!(order(&one.to_string(), &other.to_string()), one.cmp(&other));
        }

        #[test]
        fn fractions_are_ordered_as_such(one in -9999i64..9999, other in -9999i64..9999, places in 0usize..6) {
            let written = |number: i64| format!("{number}e-{places}");
            prop_assert_eq!(order(&written(one), &written(other)), one.cmp(&other));
        }

        #[test]
        fn never_panics(text in "[-+0-9.eE]{0,30}") {
            let _ = text.parse::<Decimal>();
        }
    }
}
