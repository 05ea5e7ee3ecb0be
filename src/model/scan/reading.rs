//! What is not written as it reads: UTF-16 among other bytes, hexadecimal digits, and words that hold escapes or colors. A
//! rule, and a value that is known, would be found in none of them.

use std::ops::Range;

use super::escape::{self, COLOR, Marks};

/// Characters of the shortest text that is read, as UTF-16 and as hexadecimal digits: a password, and a token.
const SHORTEST_WIDE: usize = 8;
const SHORTEST_HEX: usize = 20;
/// So much of the line before an escape, and of the word behind it, is read with it.
const BEFORE: usize = 512;
const BEHIND: usize = 2 << 10;

/// Control sequences that are read as one.
const MOST_SEQUENCES: usize = 8;

/// What some text reads as, and where that is.
#[derive(Default)]
pub struct Reading {
    pub text: Vec<u8>,
    /// In order of the text, and of the places.
    steps: Vec<Step>,
}

/// Characters that each take as many bytes.
struct Step {
    /// In the reading.
    text: usize,
    /// Where it is written.
    place: usize,
    width: usize,
}

impl Reading {
    /// What has to be read in some text. `aligned` is the parity of the offsets of low bytes of UTF-16 that is read elsewhere.
    pub fn all(text: &[u8], aligned: Option<usize>) -> impl Iterator<Item = Self> {
        [wide(text, aligned), hexadecimal(text), escaped(text)]
            .into_iter()
            .filter(|reading| !reading.text.is_empty())
    }

    /// Where a part of the reading is written.
    pub fn place(&self, part: &Range<usize>) -> Range<usize> {
        let written = |at: usize| {
            let next = self.steps.partition_point(|step| step.text <= at);
            let step = &self.steps[next.saturating_sub(1)];
            let start = step.place + (at - step.text) * step.width;
            start..start + step.width
        };
        let start = written(part.start).start;
        let end = if part.is_empty() {
            start
        } else {
            written(part.end - 1).end
        };
        start..end
    }

    fn push(&mut self, text: &[u8], place: usize, width: usize) {
        let goes_on = |step: &Step| step.width == width && step.place + (self.text.len() - step.text) * width == place;
        if !self.steps.last().is_some_and(goes_on) {
            self.steps.push(Step {
                text: self.text.len(),
                place,
                width,
            });
        }
        self.text.extend_from_slice(text);
    }

    /// What comes next is not a part of what came before.
    fn end(&mut self, place: usize) {
        self.push(b"\n", place, 0);
    }
}

/// ASCII in UTF-16 of either order, which other bytes may come before and after: as PowerShell goes on with a file.
fn wide(text: &[u8], aligned: Option<usize>) -> Reading {
    let mut reading = Reading::default();
    let mut run = 0..0;
    let mut take = |run: &Range<usize>| {
        if run.len() < 2 * SHORTEST_WIDE || aligned == Some(run.start % 2) {
            return;
        }
        let characters: Vec<u8> = text[run.clone()].iter().copied().step_by(2).collect();
        reading.push(&characters, run.start, 2);
        // Where zeros come first, there is none behind the last character.
        let is_big_endian = run.end + 1 == text.len() || run.start > 0 && text[run.start - 1] == 0;
        let last = text.get(run.end).filter(|last| is_big_endian && is_text(**last));
        if let Some(last) = last {
            reading.push(&[*last], run.end, 1);
        }
        reading.end(run.end + usize::from(last.is_some()));
    };
    for zero in memchr::memchr_iter(0, text) {
        let Some(character) = zero.checked_sub(1).filter(|at| is_text(text[*at])) else {
            continue;
        };
        if run.end != character {
            take(&run);
            run.start = character;
        }
        run.end = zero + 1;
    }
    take(&run);
    reading
}

fn hexadecimal(text: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let is_digit = |at: usize| text.get(at).is_some_and(u8::is_ascii_hexdigit);
    let mut from = 0;
    // So many digits have one of them here.
    while let Some(probe) = Some(from + 2 * SHORTEST_HEX - 1).filter(|probe| *probe < text.len()) {
        if !is_digit(probe) {
            from = probe + 1;
            continue;
        }
        let start = (from..probe).rev().find(|at| !is_digit(*at)).map_or(from, |at| at + 1);
        let end = (probe..text.len()).find(|at| !is_digit(*at)).unwrap_or(text.len());
        from = end;
        if end - start < 2 * SHORTEST_HEX {
            continue;
        }
        // One digit more or less before them, and what is no ASCII among them, hides no other text.
        for first in [start, start + 1] {
            let pairs = text[first..end].chunks_exact(2).map(byte);
            let mut stretch = Vec::new();
            for (index, read) in pairs.chain([None]).enumerate() {
                if let Some(read) = read.filter(|byte| is_text(*byte)) {
                    stretch.push(read);
                    continue;
                }
                let place = first + 2 * index;
                if stretch.len() >= SHORTEST_HEX {
                    reading.push(&stretch, place - 2 * stretch.len(), 2);
                    reading.end(place);
                }
                stretch.clear();
            }
        }
    }
    reading
}

/// The words with escapes that stand for a character of a word, or with a change of color, and what is before them.
fn escaped(text: &[u8]) -> Reading {
    let mut reading = Reading::default();
    // What is read already, and up to where it goes on.
    let (mut done, mut end) = (0, 0);
    let (mut marks, mut at) = (Marks::of(text), 0);
    while let Some(found) = marks.next(at) {
        // Blanks are read in a word that goes on; they make none.
        let is_one =
            |(_, character): &(usize, Option<u8>)| found < end || character.is_none_or(|byte| byte.is_ascii_graphic());
        let Some((length, character)) = escape(text, found).filter(is_one) else {
            at = found + 1;
            continue;
        };
        if found >= end {
            reading.push(&text[done..end.max(done)], done, 1);
            reading.end(end);
            let before = done.max(end).max(found.saturating_sub(BEFORE));
            done = memchr::memrchr(b'\n', &text[before..found]).map_or(before, |line| before + line + 1);
        }
        reading.push(&text[done..found], done, 1);
        if let Some(character) = character {
            reading.push(&[character], found, length);
        }
        at = found + length;
        done = at;
        if end < at || !text.get(end).is_some_and(ends_word) {
            let from = end.max(at);
            let limit = text.len().min(at + BEHIND).max(from);
            end = from + text[from..limit].iter().take_while(|byte| !ends_word(byte)).count();
        }
    }
    reading.push(&text[done..end.max(done)], done, 1);
    reading
}

/// The length of an escape, and the character that it stands for; none for changes of color within a word.
fn escape(text: &[u8], at: usize) -> Option<(usize, Option<u8>)> {
    let (mut length, code) = escape::read(&text[at..])?;
    if code != COLOR {
        let character = u8::try_from(code).ok().filter(|character| is_text(*character))?;
        return Some((length, Some(character)));
    }
    // `grep` writes two before and two after what it found.
    for _ in 1..MOST_SEQUENCES {
        match escape::read(&text[at + length..]) {
            Some((next, COLOR)) => length += next,
            _ => break,
        }
    }
    let is_within = is_word(*text.get(at.checked_sub(1)?)?) && is_word(*text.get(at + length)?);
    is_within.then_some((length, None))
}

fn byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~')
}

fn ends_word(byte: &u8) -> bool {
    byte.is_ascii_whitespace() || *byte == b'"'
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Vec<String> {
        Reading::all(text, None)
            .map(|reading| String::from_utf8(reading.text).unwrap())
            .collect()
    }

    #[test]
    fn words_are_read_with_what_is_before_them() {
        for (text, expected) in [
            ("one\nkey=a%2Bb c\n", "key=a+b"),
            (r#"{"a":"x\/y\u002bz\n", "b"}"#, "{\"a\":\"x/y+z "),
            ("a&amp;b&#43;c&#x2b;d", "a&b+c+d"),
            ("a\x1b[1;31m\x1b[Kb\x1b[mc", "abc"),
            ("a%2Bb c d%2Be", "a+b\n c d+e"),
            ("a%2Bb\nc\nd%2Be", "a+b\nd+e"),
        ] {
            assert_eq!(read(text.as_bytes()), [format!("\n{expected}")], "{text:?}");
        }
        for text in [
            "plain",
            "100%",
            "%20%0a",
            r"a\nb",
            "\x1b[31mred\x1b[0m",
            "&lt;&#;&#x;&#999;",
            r"\u12",
        ] {
            assert!(read(text.as_bytes()).is_empty(), "{text:?}");
        }
    }

    proptest! {
        /// Each character is where it was written, whatever is before and behind it.
        #[test]
        fn utf16_is_read_where_it_is(before in "([a-z]{0,9}é)?", text in "[ -~]{9,40}", behind in "(é[a-z]{0,9})?", is_big_endian: bool) {
            let bytes = if is_big_endian { u16::to_be_bytes } else { u16::to_le_bytes };
            let wide: Vec<u8> = text.encode_utf16().flat_map(bytes).collect();
            let all = [before.as_bytes(), &wide, behind.as_bytes()].concat();
            let reading = Reading::all(&all, None).next().unwrap();
            let at = memchr::memmem::find(&reading.text, text.as_bytes()).unwrap();
            for (index, character) in text.bytes().enumerate() {
                let place = reading.place(&(at + index..at + index + 1));
                prop_assert!(all[place].contains(&character));
            }
        }

        #[test]
        fn any_bytes_are_read_in_order(text in "([a-zA-Z0-9%/&#;x= \n\\x1b\\[\\\\]|%2[b-f]|\\\\u002b|\\x1b\\[m|\0|a\0){0,60}") {
            for reading in Reading::all(text.as_bytes(), None) {
                let mut last = 0;
                for at in 0..reading.text.len() {
                    let place = reading.place(&(at..at + 1));
                    prop_assert!(last <= place.start && place.start <= place.end && place.end <= text.len());
                    last = place.end;
                }
                prop_assert_eq!(reading.place(&(0..0)).len(), 0);
            }
        }
    }
}
