//! The order of release names: v1.10 comes after v1.9, and a release after its candidates.
//!
//! Precedence is that of Semantic Versioning (<https://semver.org>, section 11), for names that say less than it asks for
//! too: `v2`, `1.4`, `app-v1.2.3`, `1.0rc1`. One thing differs: numbers inside an identifier count as numbers, so `rc10`
//! comes after `rc9`, as most people expect.

use std::cmp::Ordering;

/// What pre-releases are called; more may follow, as in `rc.1`.
const PRE_RELEASES: [&str; 14] = [
    "alpha",
    "beta",
    "canary",
    "cr",
    "dev",
    "milestone",
    "next",
    "nightly",
    "pre",
    "prerelease",
    "preview",
    "rc",
    "snapshot",
    "unstable",
];
/// The same in one letter, before a number: `1.0b2`.
const LETTERS: &[u8] = b"abcm";

/// A name that is a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// What the name says before it, `v` left out: of several products in one repository each has its own.
    pub product: &'a [u8],
    /// Numbers of any length, without leading zeros.
    numbers: Vec<&'a [u8]>,
    pre_release: Option<&'a [u8]>,
}

impl<'a> Version<'a> {
    pub fn of(name: &'a [u8]) -> Option<Self> {
        let mut first = true;
        for start in 0..name.len() {
            let (before, rest) = name.split_at(start);
            let is_start = rest[0].is_ascii_digit() && !before.last().is_some_and(u8::is_ascii_digit);
            if !is_start {
                continue;
            }
            let least = if std::mem::take(&mut first) {
                Some(1)
            } else {
                least_numbers(before)
            };
            if let Some(least) = least
                && let Some((numbers, pre_release)) = parsed(rest)
                && numbers.len() >= least
            {
                return Some(Self {
                    product: before
                        .strip_suffix(b"v")
                        .or(before.strip_suffix(b"V"))
                        .unwrap_or(before),
                    numbers,
                    pre_release,
                });
            }
        }
        None
    }

    pub fn is_pre_release(&self) -> bool {
        self.pre_release.is_some()
    }

    /// Equal for `v1` and `v1.0`, and for builds of the same version.
    pub fn precedence(&self, other: &Self) -> Ordering {
        let number = |version: &Self, at: usize| version.numbers.get(at).copied().unwrap_or_default();
        let numbers = (0..self.numbers.len().max(other.numbers.len()))
            .map(|at| as_numbers(number(self, at), number(other, at)))
            .find(|order| order.is_ne());
        numbers.unwrap_or_else(|| match (self.pre_release, other.pre_release) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => identifiers(a, b),
        })
    }
}

/// Compares two names by what they say as versions; other names come before all versions, equal among each other.
pub fn precedence(a: &[u8], b: &[u8]) -> Ordering {
    match (Version::of(a), Version::of(b)) {
        (Some(a), Some(b)) => a.precedence(&b),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

/// The same, and equal only if the names are equal.
pub fn compare(a: &[u8], b: &[u8]) -> Ordering {
    precedence(a, b).then_with(|| natural(a, b))
}

/// A name may hold numbers that are no version, as in `k8s-v1.2` and `release-2024/v3`. How many numbers one must have that
/// is not the first in its name.
fn least_numbers(before: &[u8]) -> Option<usize> {
    let (bare, has_v) = match before {
        [bare @ .., b'v' | b'V'] => (bare, true),
        bare => (bare, false),
    };
    match bare.last() {
        Some(b'/' | b'@') => Some(1),
        Some(b'-' | b'_') => Some(if has_v { 1 } else { 3 }),
        _ => None,
    }
}

type Parts<'a> = (Vec<&'a [u8]>, Option<&'a [u8]>);

/// The numbers and the pre-release of what is a version from its first to its last character.
fn parsed(text: &[u8]) -> Option<Parts<'_>> {
    let mut numbers = Vec::new();
    let mut is_strict = true;
    let mut rest = text;
    loop {
        let (number, after) = digits(rest);
        is_strict &= number.len() == 1 || number[0] != b'0';
        numbers.push(without_zeros(number));
        match after {
            [b'.', next @ ..] if next.first().is_some_and(u8::is_ascii_digit) => rest = next,
            _ => {
                rest = after;
                break;
            }
        }
    }
    // What built it says nothing about its order.
    let rest = rest.split(|byte| *byte == b'+').next().unwrap_or_default();
    let (separator, name) = match rest {
        [] => return Some((numbers, None)),
        [separator @ (b'-' | b'.' | b'_' | b'~'), name @ ..] => (Some(separator), name),
        name => (None, name),
    };
    // In a full version whatever follows a hyphen is a pre-release; in others it is as often a date or a place.
    let is_pre_release =
        is_pre_release(name) || separator == Some(&b'-') && is_strict && numbers.len() >= 3 && !name.is_empty();
    is_pre_release.then_some((numbers, Some(name)))
}

fn is_pre_release(name: &[u8]) -> bool {
    let end = name
        .iter()
        .position(|byte| !byte.is_ascii_alphabetic())
        .unwrap_or(name.len());
    let (word, rest) = name.split_at(end);
    match word {
        [letter] => LETTERS.contains(&letter.to_ascii_lowercase()) && rest.first().is_some_and(u8::is_ascii_digit),
        word => PRE_RELEASES
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known.as_bytes())),
    }
}

fn identifiers(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a.split(|byte| *byte == b'.'), b.split(|byte| *byte == b'.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => as_numbers(a, b),
                (false, false) => natural(a, b),
                // Numbers come before words.
                (a, b) => b.cmp(&a),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Of any length.
fn as_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = (without_zeros(a), without_zeros(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// By bytes, but numbers as numbers. Equal only if the texts are equal.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut left, mut right) = (a, b);
    while let (Some(l), Some(r)) = (left.first(), right.first()) {
        let order = if l.is_ascii_digit() && r.is_ascii_digit() {
            let ((l, l_rest), (r, r_rest)) = (digits(left), digits(right));
            (left, right) = (l_rest, r_rest);
            as_numbers(l, r)
        } else {
            (left, right) = (&left[1..], &right[1..]);
            l.cmp(r)
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().min(1).cmp(&right.len().min(1)).then_with(|| a.cmp(b))
}

/// The digits at the beginning and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len()))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == b'0').count()..]
}

#[cfg(test)]
mod tests;
