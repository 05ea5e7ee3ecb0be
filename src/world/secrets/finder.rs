//! Finding many values at once, in texts and in files of any size.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError, MatchKind};

/// What is read of a file at a time.
const READ: usize = 1 << 20;

/// Bytes of all values together up to which the faster way of searching is made.
const LARGEST_TABLE: usize = 8 << 10;

/// Knows where values stand. Values that overlap are one place.
pub struct Finder {
    automaton: AhoCorasick,
    /// Bytes of the longest value.
    longest: usize,
}

impl Finder {
    /// `values` must not be empty texts.
    pub fn new(values: &[&str]) -> Result<Self, BuildError> {
        // Making a table for every state takes the square of a value that repeats itself.
        let large = values.iter().map(|value| value.len()).sum::<usize>() > LARGEST_TABLE;
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(large.then_some(AhoCorasickKind::ContiguousNFA))
            .build(values)?;
        Ok(Self {
            automaton,
            longest: values.iter().map(|value| value.len()).max().unwrap_or_default(),
        })
    }

    /// The first place at or after `from`.
    pub fn find(&self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let mut place = self.automaton.find(text.get(from..)?)?.range();
        place = place.start + from..place.end + from;
        let mut at = place.start + 1;
        // A value that begins inside of this one and ends behind it would otherwise leave its end.
        while at < place.end {
            let near = (place.end + self.longest).min(text.len());
            let Some(next) = self.automaton.find(&text[at..near]) else {
                break;
            };
            if at + next.start() >= place.end {
                break;
            }
            place.end = place.end.max(at + next.end());
            at += next.start() + 1;
        }
        Some(place)
    }

    /// Hands a stream on in pieces, telling which of them are places of values. One across two reads is found: so many
    /// bytes as it could still need are kept back.
    pub fn sift(&self, mut input: File, take: &mut dyn FnMut(&[u8], bool) -> io::Result<()>) -> io::Result<()> {
        let mut window: Vec<u8> = Vec::with_capacity(READ + self.longest);
        loop {
            let read = input.by_ref().take(READ as u64).read_to_end(&mut window)?;
            // A value that begins before this is here whole.
            let safe = match read {
                0 => window.len(),
                _ => window.len().saturating_sub(self.longest - 1),
            };
            let (mut done, mut end) = (0, safe);
            while let Some(place) = self.find(&window, done) {
                if place.start >= safe {
                    break;
                }
                // It may go on in what was not read yet; one that goes on for ever must not fill the memory.
                if place.end > safe && place.len() < READ && read > 0 {
                    end = place.start;
                    break;
                }
                take(&window[done..place.start], false)?;
                take(&window[place.clone()], true)?;
                done = place.end;
            }
            if done < end {
                take(&window[done..end], false)?;
                done = end;
            }
            window.drain(..done);
            if read == 0 {
                return Ok(());
            }
        }
    }
}
