//! UTF-16, read as UTF-8 and written again, byte for byte.
//!
//! Halves of characters, which UTF-16 allows to stand alone, are three bytes each, as in WTF-8. A byte order mark at the
//! beginning is no part of the text.

use std::io::{self, Read, Write};

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub is_big_endian: bool,
    pub has_mark: bool,
}

impl Order {
    fn unit(self, pair: &[u8]) -> u16 {
        let pair = [pair[0], pair[1]];
        if self.is_big_endian {
            u16::from_be_bytes(pair)
        } else {
            u16::from_le_bytes(pair)
        }
    }
}

/// Whole characters are kept back only as long as a half of one is missing.
pub struct Utf16<R> {
    input: R,
    order: Order,
    is_first: bool,
    /// Read, and not decoded yet.
    raw: Vec<u8>,
    /// Decoded, and not handed on yet.
    decoded: Vec<u8>,
    handed: usize,
}

const READ: u64 = 64 << 10;
const MARK: u16 = 0xfeff;

impl<R: Read> Utf16<R> {
    pub fn new(input: R, order: Order) -> Self {
        Self {
            input,
            order,
            is_first: true,
            raw: Vec::new(),
            decoded: Vec::new(),
            handed: 0,
        }
    }

    /// Whether there may be more.
    fn more(&mut self) -> io::Result<bool> {
        self.decoded.clear();
        self.handed = 0;
        let read = self.input.by_ref().take(READ).read_to_end(&mut self.raw)?;
        let is_last = (read as u64) < READ;
        let mut units: Vec<u16> = self.raw.chunks_exact(2).map(|pair| self.order.unit(pair)).collect();
        let is_half = units.last().is_some_and(|last| (0xd800..0xdc00).contains(last));
        if is_half && !is_last {
            units.pop();
        }
        self.raw.drain(..units.len() * 2);
        if is_last {
            self.raw.clear();
        }
        let skipped = usize::from(std::mem::take(&mut self.is_first) && self.order.has_mark);
        for c in char::decode_utf16(units.into_iter().skip(skipped)) {
            match c {
                Ok(c) => self.decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
                Err(half) => {
                    let [high, low] = half.unpaired_surrogate().to_be_bytes();
                    let middle = 0x80 | (high & 0x0f) << 2 | low >> 6;
                    self.decoded
                        .extend_from_slice(&[0xe0 | high >> 4, middle, 0x80 | low & 0x3f]);
                }
            }
        }
        Ok(!is_last)
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.handed == self.decoded.len() && self.more()? {}
        let length = buffer.len().min(self.decoded.len() - self.handed);
        buffer[..length].copy_from_slice(&self.decoded[self.handed..self.handed + length]);
        self.handed += length;
        Ok(length)
    }
}

/// Takes what [`Utf16`] gives.
pub struct ToUtf16<W> {
    pub out: W,
    order: Order,
    /// The beginning of a character.
    begun: Vec<u8>,
}

impl<W: Write> ToUtf16<W> {
    pub fn new(out: W, order: Order) -> io::Result<Self> {
        let mut new = Self {
            out,
            order,
            begun: Vec::new(),
        };
        if order.has_mark {
            new.put(MARK)?;
        }
        Ok(new)
    }

    fn put(&mut self, unit: u16) -> io::Result<()> {
        self.out.write_all(&if self.order.is_big_endian {
            unit.to_be_bytes()
        } else {
            unit.to_le_bytes()
        })
    }

    fn code(&mut self, code: u32) -> io::Result<()> {
        let unit = |code: u32| u16::try_from(code).unwrap_or(0xfffd);
        match code.checked_sub(0x10000) {
            None => self.put(unit(code)),
            Some(rest) => {
                self.put(unit(0xd800 | rest >> 10))?;
                self.put(unit(0xdc00 | rest & 0x3ff))
            }
        }
    }
}

impl<W: Write> Write for ToUtf16<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.begun.push(*byte);
            let (length, bits) = match self.begun[0] {
                first @ 0..0xc0 => (1, first),
                first @ 0xc0..0xe0 => (2, first & 0x1f),
                first @ 0xe0..0xf0 => (3, first & 0x0f),
                first => (4, first & 0x07),
            };
            if self.begun.len() == length {
                let more = self.begun[1..].iter();
                let code = more.fold(u32::from(bits), |code, byte| code << 6 | u32::from(byte & 0x3f));
                self.begun.clear();
                self.code(code)?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(units: impl Iterator<Item = u16>, order: Order) -> Vec<u8> {
        let mark = order.has_mark.then_some(MARK);
        let units = mark.into_iter().chain(units);
        let bytes = |unit: u16| match order.is_big_endian {
            true => unit.to_be_bytes(),
            false => unit.to_le_bytes(),
        };
        units.flat_map(bytes).collect()
    }

    fn read(raw: &[u8], order: Order) -> Vec<u8> {
        let mut read = Vec::new();
        Utf16::new(raw, order).read_to_end(&mut read).unwrap();
        read
    }

    const LITTLE: Order = Order {
        is_big_endian: false,
        has_mark: true,
    };

    /// A pair of surrogates lies across every edge once.
    #[test]
    fn characters_across_two_reads_are_whole() {
        for shift in 0..3 {
            let text = "a".repeat(shift) + &"😀é\n".repeat(40_000);
            assert!(
                read(&raw(text.encode_utf16(), LITTLE), LITTLE) == text.as_bytes(),
                "{shift}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_again_is_the_same(
            units: Vec<u16>, is_big_endian: bool, has_mark: bool, size in 1_usize..9,
        ) {
            let order = Order { is_big_endian, has_mark };
            let raw = raw(units.iter().copied(), order);
            let mut again = ToUtf16::new(Vec::new(), order).unwrap();
            for part in read(&raw, order).chunks(size) {
                again.write_all(part).unwrap();
            }
            proptest::prop_assert_eq!(again.out, raw);
        }
    }
}
