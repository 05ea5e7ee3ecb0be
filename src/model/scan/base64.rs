//! Text that is written as base64 (RFC 4648), plainly or in lines: the secrets of Kubernetes, `Authorization: Basic`.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Digits of the shortest key that a rule knows, of 20 characters.
const SHORTEST: usize = 28;
/// How gzip begins. Helm stores a release as base64 of it.
pub const GZIP: &[u8] = b"\x1f\x8b\x08";
/// What begins with so many bytes of text is text. Hashes and names of files are not.
const HEAD: usize = 12;
/// A name or a path before it, whose separators are digits, too, has at most so many.
const LONGEST_NAME: usize = 256;
/// A line that goes on in the next one has at least so many digits; `base64` writes 76, OpenSSL 64.
const SHORTEST_LINE: usize = 60;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What each digit stands for, in either alphabet.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let all = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut value = 0_u8;
    while value < NONE {
        values[all[value as usize] as usize] = value;
        value += 1;
    }
    values[b'-' as usize] = 62;
    values[b'_' as usize] = 63;
    values
};
const NONE: u8 = 64;

fn is_digit(byte: &u8) -> bool {
    VALUES[usize::from(*byte)] != NONE
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
        let start = start + usize::from(is_escape(text, start));
        let end = digits(text, probe);
        if end - start >= SHORTEST {
            return (start < among.end).then_some(start..end);
        }
        at = end;
    }
    None
}

/// Whether this is the letter of a line's end that is written as an escape.
fn is_escape(text: &[u8], at: usize) -> bool {
    at > 0 && text[at - 1] == b'\\' && matches!(text[at], b'n' | b'r' | b't')
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
    /// `first` are the digits of the first line. `None` if they are no text, nor are they behind a name.
    pub fn of(text: &[u8], first: Range<usize>) -> Option<Self> {
        let name = first.start..first.end.min(first.start + LONGEST_NAME);
        let after = name.filter(|at| !text[*at].is_ascii_alphanumeric()).map(|at| at + 1);
        let mut starts = std::iter::once(first.start).chain(after);
        let start = starts.find(|start| *start + SHORTEST <= first.end && is_text(&text[*start..]))?;
        Self::on(text, start..first.end, SHORTEST_LINE)
    }

    /// What goes on from [`Self::cut`], in the middle of a line and of a character.
    pub fn rest(text: &[u8], from: usize) -> Option<Self> {
        let end = digits(text, from);
        (from < end).then(|| Self::on(text, from..end, 1))?
    }

    fn on(text: &[u8], first: Range<usize>, shortest: usize) -> Option<Self> {
        let mut next = next_line(text, &first, shortest);
        let mut lines = vec![first];
        while let Some(line) = next {
            next = next_line(text, &line, SHORTEST_LINE);
            lines.push(line);
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

    /// Whether it may go on behind the end of `text`, in which only the end of a line follows.
    pub fn may_go_on(&self, text: &[u8]) -> bool {
        let rest = &text[self.end()..];
        rest.len() < SHORTEST_LINE && rest.iter().all(|byte| b" \t\r\n\\r".contains(byte))
    }

    /// Whether what goes on cannot be decoded alone: gzip, and base64 of which the beginning is missing.
    pub fn is_lost_behind(&self) -> bool {
        let end = &self.text[self.text.len().saturating_sub(SHORTEST)..];
        self.text.starts_with(GZIP) || end.iter().all(is_digit)
    }

    /// The digits that a part of the decoded text takes.
    pub fn place(&self, part: &Range<usize>) -> Range<usize> {
        let first = self.digit(part.start / 3 * 4);
        let last = self.digit((part.end.div_ceil(3) * 4).saturating_sub(1));
        // A part of no length at the beginning of a line has its last digit on the line before.
        first..first.max(last + 1)
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

/// Behind the end of a line, or behind its escapes in a JSON string, which may be in another one.
fn next_line(text: &[u8], line: &Range<usize>, shortest: usize) -> Option<Range<usize>> {
    if line.len() < shortest || !line.len().is_multiple_of(4) {
        return None;
    }
    let rest = &text[line.end..];
    let escape = |rest: &'_ [u8], letter: u8| {
        let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
        (slashes > 0 && rest.get(slashes) == Some(&letter)).then_some(slashes + 1)
    };
    let start = if let Some(rest) = rest.strip_prefix(b"\r").unwrap_or(rest).strip_prefix(b"\n") {
        text.len() - rest.trim_ascii_start().len()
    } else {
        let first = escape(rest, b'r').unwrap_or(0);
        line.end + first + escape(&rest[first..], b'n')?
    };
    let end = digits(text, start);
    (start < end).then_some(start..end)
}

/// Whether the digits begin with gzip, or with text in UTF-8 or UTF-16, which may have a mark.
fn is_text(digits: &[u8]) -> bool {
    // No character begins with these, but lines are drawn of them.
    if VALUES[usize::from(digits[0])] >= 62 {
        return false;
    }
    let mut head = [0; HEAD];
    for (digits, bytes) in digits.chunks_exact(4).zip(head.chunks_exact_mut(3)) {
        let value = |all: u32, digit: &u8| all << 6 | u32::from(VALUES[usize::from(*digit)]);
        bytes.copy_from_slice(&digits.iter().fold(0, value).to_be_bytes()[1..]);
    }
    if head.starts_with(GZIP) {
        return true;
    }
    // UTF-16, with or without a mark.
    let marks = [b"\xff\xfe".as_slice(), b"\xfe\xff"];
    let wide = marks.iter().find_map(|mark| head.strip_prefix(*mark)).unwrap_or(&head);
    let is_letter = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let is_wide = |low: usize| {
        wide.chunks_exact(2)
            .all(|unit| is_letter(unit[low]) && unit[1 - low] == 0)
    };
    if is_wide(0) || is_wide(1) {
        return true;
    }
    let text = match std::str::from_utf8(&head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
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
            before in "(.{0,60}[ :=\n]|[ .](url|file-name)[/_-])?", text in "([ -~]|é|€){21,200}", width in 15_usize..30,
            in_lines: bool, url_safe: bool, end in "\n  |\r\n|\\\\n|\\\\r\\\\n|\\\\\\\\n",
        ) {
            let digits = if url_safe { URL_SAFE_NO_PAD.encode(&text) } else { STANDARD.encode(&text) };
            let lines: Vec<&[u8]> = digits.as_bytes().chunks(if in_lines { width * 4 } else { 1000 }).collect();
            let all = format!("{before}{} after", String::from_utf8(lines.join(end.as_bytes())).unwrap()).into_bytes();
            let mut from = 0;
            while let Some(run) = next(&all, from..all.len()) {
                if run.end <= before.len() {
                    from = run.end;
                    continue;
                }
                let decoded = Decoded::of(&all, run).unwrap();
                prop_assert_eq!(decoded.lines[0].start, before.len());
                prop_assert_eq!(String::from_utf8_lossy(&decoded.text), text.as_str());
                let place = decoded.place(&(7..9));
                prop_assert_eq!(&all[place], &digits.as_bytes()[8..12]);
                // A rule can match nothing, also where a line ends.
                for at in 0..=text.len() {
                    let place = decoded.place(&(at..at));
                    prop_assert!(all.get(place.clone()).is_some(), "{at}: {place:?}");
                }
                return Ok(());
            }
            prop_assert!(false, "not found");
        }

        #[test]
        fn any_bytes_are_searched(text in "[a-zA-Z0-9+/=_ \\\\\r\n-]{0,300}", from in 0_usize..40) {
            let text = text.as_bytes();
            let mut at = from;
            while let Some(run) = next(text, at..text.len()) {
                prop_assert!(run.start >= at && run.len() >= SHORTEST && text[run.clone()].iter().all(is_digit));
                if let Some(decoded) = Decoded::of(text, run.clone()) {
                    let place = decoded.place(&(0..decoded.text.len()));
                    prop_assert!(place.start >= run.start && place.end <= decoded.end());
                    prop_assert!(decoded.cut(run.end) >= run.start);
                }
                at = run.end;
            }
        }
    }
}
