//! A line without what differs from run to run: numbers, times, hashes, temporary paths.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// Hexadecimal digits from here on are a hash or an id.
const HEX: usize = 7;

const TEMPORARY: [&[u8]; 3] = [b"/tmp/", b"/_temp/", b"/var/folders/"];

/// What a byte can be part of.
const WORD: u8 = 1;
const HEX_WORD: u8 = 2;
const NUMBER: u8 = 4;
const SPACE: u8 = 8;
/// Looked up: a large log has each of its bytes asked.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let word = if byte.is_ascii_alphanumeric() { WORD } else { 0 };
        let hex = if byte.is_ascii_hexdigit() { HEX_WORD } else { 0 };
        let number = if byte.is_ascii_digit() { NUMBER } else { 0 };
        let space = if byte.is_ascii_whitespace() { SPACE } else { 0 };
        classes[byte as usize] = word | hex | number | space;
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Calls `put` for each byte of the normal form.
fn normal(text: &[u8], mut put: impl FnMut(u8)) {
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest[0] == b'/'
            && let Some(start) = TEMPORARY.iter().find(|start| rest.starts_with(start))
        {
            put(b'T');
            at += start.len();
            at += text[at..]
                .iter()
                .take_while(|b| !b.is_ascii_whitespace() && !b"'\":,;)".contains(b))
                .count();
            continue;
        }
        let (mut word, mut all, mut any) = (0, HEX_WORD, 0);
        for class in rest
            .iter()
            .map(|byte| class(*byte))
            .take_while(|class| class & WORD != 0)
        {
            word += 1;
            all &= class;
            any |= class;
        }
        if word == 0 {
            if class(rest[0]) & SPACE == 0 {
                put(rest[0]);
            }
            at += 1;
            continue;
        }
        if word >= HEX && all != 0 && any & NUMBER != 0 {
            put(b'H');
        } else {
            let mut before = 0;
            for byte in &rest[..word] {
                let number = class(*byte) & NUMBER;
                if number == 0 {
                    put(*byte);
                } else if before == 0 {
                    put(b'0');
                }
                before = number;
            }
        }
        at += word;
    }
}

#[cfg(test)]
fn text(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    normal(line, |byte| out.push(byte));
    out
}

pub fn hash(line: &[u8]) -> u64 {
    let mut state = FNV;
    normal(line, |byte| state = fnv(state, byte));
    state
}

/// FNV-1a.
const FNV: u64 = 0xcbf2_9ce4_8422_2325;
fn fnv(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

/// Hashes what is a hash.
#[derive(Default)]
pub struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |state, byte| fnv(state, *byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// The lines of a log of a run that was green.
#[derive(Default)]
pub struct Known(HashSet<u64, BuildHasherDefault<Itself>>);

/// More different lines are not compared: each takes memory.
const MOST_LINES: usize = if cfg!(test) { 10_000 } else { 8 << 20 };

impl Known {
    pub fn add(&mut self, line: &[u8]) {
        if !self.is_full() {
            self.0.insert(hash(line));
        }
    }

    /// Lines may be missing.
    pub fn is_full(&self) -> bool {
        self.0.len() >= MOST_LINES
    }

    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub fn has(&self, line: &[u8]) -> bool {
        self.0.contains(&hash(line))
    }
}

/// What two failures for the same cause have in common, as 16 digits.
pub fn fingerprint(cause: &str, line: &[u8]) -> String {
    // It must stay the same in every version, since waivers name it.
    let mut state = FNV;
    let mut add = |byte: u8| state = fnv(state, byte);
    cause.bytes().for_each(&mut add);
    add(0);
    normal(line, &mut add);
    format!("{state:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        for (one, other) in [
            ("took 12.3s at 10:00", "took 4.56s at 23:59"),
            ("cannot open /tmp/a1b2/x: gone", "cannot open /tmp/zz/y: gone"),
            ("commit 60a189413d", "commit deadbeef01"),
            ("  indented   x", "indented x"),
        ] {
            assert_eq!(text(one.as_bytes()), text(other.as_bytes()), "{one}");
        }
        assert_ne!(text(b"test a failed"), text(b"test b failed"));
        assert_ne!(fingerprint("lint", b"x"), fingerprint("test-failure", b"x"));
        assert_eq!(fingerprint("lint", b"x 12"), "8950adc1ca8810e4");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own_normal_form_in_length(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let once = text(&line);
            prop_assert!(once.len() <= line.len());
        }
    }
}
