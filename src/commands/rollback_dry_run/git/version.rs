//! The order of version names: v1.10 comes after v1.9, and a release after its candidates.

use std::cmp::Ordering;

/// Compares two tag names as versions. Equal only if the names are equal.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        match (left.first(), right.first()) {
            (None, None) => return a.cmp(b),
            // `v1.0-rc1` comes before `v1.0`, everything else that goes on comes after.
            (None, Some(b'-')) => return Ordering::Greater,
            (Some(b'-'), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(l), Some(r)) if l.is_ascii_digit() && r.is_ascii_digit() => {
                let (l, l_rest) = number(left);
                let (r, r_rest) = number(right);
                match l.len().cmp(&r.len()).then_with(|| l.cmp(r)) {
                    Ordering::Equal => (left, right) = (l_rest, r_rest),
                    unequal => return unequal,
                }
            }
            (Some(l), Some(r)) if l == r => (left, right) = (&left[1..], &right[1..]),
            // `1.0-rc1` against `1.0.1`: the candidate comes before whatever goes on.
            (Some(b'-'), Some(_)) => return Ordering::Less,
            (Some(_), Some(b'-')) => return Ordering::Greater,
            (Some(l), Some(r)) => return l.cmp(r),
        }
    }
}

/// The digits at the beginning without leading zeros, of any length, and the rest.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let zeros = digits.iter().take_while(|b| **b == b'0').count();
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_in_order() {
        let sorted = [
            "v1",
            "v1.0-rc1",
            "v1.0-rc2",
            "v1.0-rc10",
            "v1.0",
            "v1.0.1",
            "v1.9",
            "v1.10",
            "v2",
            "v10",
            "v99999999999999999999999",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(
                compare(pair[0].as_bytes(), pair[1].as_bytes()),
                Ordering::Less,
                "{pair:?}"
            );
        }
        assert_ne!(compare(b"v01", b"v1"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn it_is_an_order(a in "[v01.a-]{0,6}", b in "[v01.a-]{0,6}", c in "[v01.a-]{0,6}") {
            let (a, b, c) = (a.as_bytes(), b.as_bytes(), c.as_bytes());
            prop_assert_eq!(compare(a, b), compare(b, a).reverse());
            prop_assert_eq!(compare(a, b) == Ordering::Equal, a == b);
            if compare(a, b).is_le() && compare(b, c).is_le() {
                prop_assert!(compare(a, c).is_le());
            }
        }
    }
}
