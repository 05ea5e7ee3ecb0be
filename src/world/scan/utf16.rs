//! UTF-16 with a byte order mark, read as UTF-8.

use std::io::{self, Read};

/// Whole characters are kept back only as long as a half of one is missing.
pub struct Utf16<R> {
    input: R,
    /// Read, and not decoded yet.
    raw: Vec<u8>,
    /// Decoded, and not handed on yet.
    decoded: Vec<u8>,
    handed: usize,
    big_endian: Option<bool>,
}

const READ: u64 = 64 << 10;

impl<R: Read> Utf16<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            raw: Vec::new(),
            decoded: Vec::new(),
            handed: 0,
            big_endian: None,
        }
    }

    /// Whether there may be more.
    fn more(&mut self) -> io::Result<bool> {
        self.decoded.clear();
        self.handed = 0;
        let read = self.input.by_ref().take(READ).read_to_end(&mut self.raw)?;
        let is_last = (read as u64) < READ;
        let big_endian = *self.big_endian.get_or_insert(self.raw.first() == Some(&0xfe));
        let unit = |pair: &[u8]| {
            let pair = [pair[0], pair[1]];
            if big_endian {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            }
        };
        let mut units: Vec<u16> = self.raw.chunks_exact(2).map(unit).collect();
        let is_half = units.last().is_some_and(|last| (0xd800..0xdc00).contains(last));
        if is_half && !is_last {
            units.pop();
        }
        self.raw.drain(..units.len() * 2);
        if is_last {
            self.raw.clear();
        }
        let text: String = char::decode_utf16(units)
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .filter(|c| *c != '\u{feff}')
            .collect();
        self.decoded.extend_from_slice(text.as_bytes());
        Ok(!is_last)
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Of nothing but byte order marks, nothing is left, and yet it is not the end.
        while self.handed == self.decoded.len() && self.more()? {}
        let length = buffer.len().min(self.decoded.len() - self.handed);
        buffer[..length].copy_from_slice(&self.decoded[self.handed..self.handed + length]);
        self.handed += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks_do_not_end_it() {
        let raw: Vec<u8> = std::iter::repeat_n(0xfeff, 200_000)
            .chain("x-123".encode_utf16())
            .flat_map(u16::to_be_bytes)
            .collect();
        let mut read = String::new();
        Utf16::new(raw.as_slice()).read_to_string(&mut read).unwrap();
        assert_eq!(read, "x-123");
    }

    /// A pair of surrogates lies across every edge once.
    #[test]
    fn characters_across_two_reads_are_whole() {
        for shift in 0..3 {
            let text = "a".repeat(shift) + &"😀é\n".repeat(40_000);
            let raw: Vec<u8> = [0xfeff]
                .into_iter()
                .chain(text.encode_utf16())
                .flat_map(u16::to_le_bytes)
                .collect();
            let mut read = String::new();
            Utf16::new(raw.as_slice()).read_to_string(&mut read).unwrap();
            assert!(read == text, "{shift}");
        }
    }
}
