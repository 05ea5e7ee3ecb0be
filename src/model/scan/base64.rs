//! Text that is written as base64 (RFC 4648), plainly or in lines: the secrets of Kubernetes, `Authorization: Basic`.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Digits of the shortest key that a rule knows, of 20 characters.
const SHORTEST: usize = 28;
/// What begins with so many bytes of text is text. Hashes and names of files are not.
const HEAD: usize = 12;
/// A line that goes on in the next one has at least so many digits; `base64` writes 76, OpenSSL 64.
const SHORTEST_LINE: usize = 60;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const DIGITS: [bool; 256] = {
    let mut digits = [false; 256];
    let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    let mut at = 0;
    while at < all.len() {
        digits[all[at] as usize] = true;
        at += 1;
    }
    digits
};

fn is_digit(byte: &u8) -> bool {
    DIGITS[usize::from(*byte)]
}

/// The next digits, enough of them, that begin in `among`.
pub fn next(text: &[u8], among: Range<usize>) -> Option<Range<usize>> {
    let mut at = among.start;
    while at < among.end {
        // So many digits have one of them here.
        let probe = at + SHORTEST - 1;
        if !is_digit(text.get(probe)?) {
            at = probe + 1;
            continue;
        }
        let before = text[at..probe].iter().rposition(|byte| !is_digit(byte));
        let start = before.map_or(at, |before| at + before + 1);
        let end = digits(text, probe);
        if end - start >= SHORTEST {
            return (start < among.end).then_some(start..end);
        }
        at = end;
    }
    None
}

/// The end of the digits that `from` is one of.
fn digits(text: &[u8], from: usize) -> usize {
    let end = text[from..].iter().position(|byte| !is_digit(byte));
    end.map_or(text.len(), |end| from + end)
}

/// What the digits say, and where each of them is.
pub struct Decoded {
    pub text: Vec<u8>,
    lines: Vec<Range<usize>>,
}

impl Decoded {
    /// `first` are the digits of the first line. `None` if it is no text.
    pub fn of(text: &[u8], first: Range<usize>) -> Option<Self> {
        let head = decoded(&text[first.start..first.end.min(first.start + HEAD.div_ceil(3) * 4)])?;
        let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r');
        if !head.iter().take(HEAD).all(is_text) {
            return None;
        }
        let mut lines = vec![first];
        while let Some(next) = lines.last().and_then(|last| next_line(text, last)) {
            lines.push(next);
        }
        let digits: Vec<u8> = lines.iter().flat_map(|line| &text[line.clone()]).copied().collect();
        Some(Self {
            text: decoded(&digits)?,
            lines,
        })
    }

    pub fn end(&self) -> usize {
        self.lines.last().map_or(0, |line| line.end)
    }

    /// The digits that a part of the decoded text takes.
    pub fn place(&self, part: &Range<usize>) -> Range<usize> {
        let last = part.end.div_ceil(3) * 4;
        self.digit(part.start / 3 * 4)..self.digit(last.saturating_sub(1)) + 1
    }

    /// The last place up to `limit` from which on the rest can be decoded alone.
    pub fn cut(&self, limit: usize) -> usize {
        let before = |line: &Range<usize>| line.end.min(limit).saturating_sub(line.start);
        self.digit(self.lines.iter().map(before).sum::<usize>() / 4 * 4)
    }

    fn digit(&self, mut number: usize) -> usize {
        for line in &self.lines {
            if number < line.len() {
                return line.start + number;
            }
            number -= line.len();
        }
        self.end().saturating_sub(1)
    }
}

fn next_line(text: &[u8], line: &Range<usize>) -> Option<Range<usize>> {
    if line.len() < SHORTEST_LINE || !line.len().is_multiple_of(4) {
        return None;
    }
    let rest = &text[line.end..];
    let rest = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n")?;
    let start = text.len() - rest.trim_ascii_start().len();
    let end = digits(text, start);
    (start < end).then_some(start..end)
}

/// In either alphabet. A digit that is left over says nothing.
fn decoded(digits: &[u8]) -> Option<Vec<u8>> {
    let standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        other => *other,
    };
    let whole = digits.len() - usize::from(digits.len() % 4 == 1);
    let digits: Vec<u8> = digits[..whole].iter().map(standard).collect();
    ENGINE.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Wherever it is, and however it is written.
        #[test]
        fn what_is_decoded_is_found_again(
            before in "(.{0,60}[ :=\n])?", text in "[ -~]{21,200}", width in 15_usize..30, in_lines: bool, url_safe: bool,
        ) {
            let digits = if url_safe { URL_SAFE_NO_PAD.encode(&text) } else { STANDARD.encode(&text) };
            let lines: Vec<&[u8]> = digits.as_bytes().chunks(if in_lines { width * 4 } else { 1000 }).collect();
            let all = format!("{before}{} after", String::from_utf8(lines.join(&b"\n  "[..])).unwrap()).into_bytes();
            let mut from = 0;
            while let Some(run) = next(&all, from..all.len()) {
                if run.start < before.len() {
                    from = run.end;
                    continue;
                }
                prop_assert_eq!(run.start, before.len());
                let decoded = Decoded::of(&all, run).unwrap();
                prop_assert_eq!(String::from_utf8_lossy(&decoded.text), text);
                let place = decoded.place(&(7..9));
                prop_assert_eq!(&all[place], &digits.as_bytes()[8..12]);
                return Ok(());
            }
            prop_assert!(false, "not found");
        }

        #[test]
        fn any_bytes_are_searched(text in "[a-zA-Z0-9+/=_ \r\n-]{0,300}", from in 0_usize..40) {
            let text = text.as_bytes();
            let mut at = from;
            while let Some(run) = next(text, at..text.len()) {
                prop_assert!(run.start >= at && run.len() >= SHORTEST && text[run.clone()].iter().all(is_digit));
                if let Some(decoded) = Decoded::of(text, run.clone()) {
                    let place = decoded.place(&(0..decoded.text.len()));
                    prop_assert!(place.start == run.start && place.end <= decoded.end());
                    prop_assert!(decoded.cut(run.end) >= run.start);
                }
                at = run.end;
            }
        }
    }
}
