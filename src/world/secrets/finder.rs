//! Finding many values at once, in texts and in files of any size.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

use super::view::{self, LONGEST_ESCAPE};
use super::{Part, edge};
use crate::model::cores;

/// What is read of a file at a time.
const READ: usize = 1 << 20;

/// Bytes of a value that the automaton knows; the others are compared where these stand. Every byte that it knows takes some
/// thirty, and a key file has hundreds of lines in dozens of forms.
const HEAD: usize = 32;

/// Bytes of all heads together up to which the faster way of searching is made.
const LARGEST_TABLE: usize = 8 << 10;

/// Bytes of blanks at the ends of lines that a value may be broken into.
const INDENTED: usize = 4 << 10;

/// Knows where values stand. Values that overlap are one place.
pub struct Finder {
    /// Of the different heads of values.
    automaton: AhoCorasick,
    /// For each of them, where its values begin among `values`, which are in order.
    firsts: Vec<usize>,
    values: Vec<Value>,
    /// The most bytes that a value takes in a text.
    reach: usize,
}

/// A form of a value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Value {
    bytes: Vec<u8>,
    /// Which value it is a form of.
    owner: usize,
    /// After so many bytes it can begin again, inside of itself.
    period: usize,
}

impl Value {
    fn new(bytes: Vec<u8>, owner: usize) -> Self {
        let again = match bytes.get(1..) {
            Some(rest) if bytes.len() > HEAD => edge::overlap(rest, &bytes),
            _ => 0,
        };
        Self {
            period: bytes.len() - again,
            bytes,
            owner,
        }
    }

    fn head(&self) -> &[u8] {
        &self.bytes[..self.bytes.len().min(HEAD)]
    }

    /// Whether it stands at `start`, if `last` is where it stood before that: in a text that repeats a long value, only what
    /// is new is compared.
    fn is_at(&self, text: &[u8], start: usize, last: Option<usize>) -> bool {
        let apart = last.map_or(usize::MAX, |last| start - last);
        let same = if apart == self.period {
            self.bytes.len() - apart
        } else {
            0
        };
        apart >= self.period
            && text
                .get(start + same..start + self.bytes.len())
                .is_some_and(|there| there == &self.bytes[same..])
    }
}

impl Finder {
    /// How long each value is, and its forms; none must be an empty text.
    pub fn new(forms: impl Iterator<Item = (usize, Vec<Vec<u8>>)>) -> Result<Self, BuildError> {
        let mut longest = 0;
        let owned = forms.enumerate();
        let mut values: Vec<Value> = owned
            .flat_map(|(owner, (length, forms))| {
                longest = longest.max(length);
                forms.into_iter().map(move |form| Value::new(form, owner))
            })
            .collect();
        // Those with the same head are together then, the shortest first.
        values.sort();
        let mut heads: Vec<&[u8]> = Vec::new();
        let mut firsts = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if heads.last() != Some(&value.head()) {
                heads.push(value.head());
                firsts.push(index);
            }
        }
        // Making a table for every state takes the square of a value that repeats itself.
        let large = heads.iter().copied().map(<[u8]>::len).sum::<usize>() > LARGEST_TABLE;
        // In logs the rare bytes of few values are not rare enough to jump from one to the next.
        let automaton = AhoCorasick::builder()
            .prefilter(false)
            .kind(large.then_some(AhoCorasickKind::ContiguousNFA))
            .build(&heads)?;
        Ok(Self {
            automaton,
            firsts,
            values,
            reach: longest * LONGEST_ESCAPE + INDENTED,
        })
    }

    /// The values that stand in a text, as their numbers, and where.
    fn found<'t>(&'t self, text: &'t [u8]) -> impl Iterator<Item = (usize, Range<usize>)> + 't {
        let mut last: BTreeMap<usize, usize> = BTreeMap::new();
        // Looking whether there is one at all is much faster, and most of the time there is none.
        let heads = self
            .automaton
            .is_match(text)
            .then(|| self.automaton.find_overlapping_iter(text));
        heads.into_iter().flatten().flat_map(move |head| {
            let number = head.pattern().as_usize();
            let next = self.firsts.get(number + 1).copied().unwrap_or(self.values.len());
            let start = head.start();
            let there = (self.firsts[number]..next).filter(|value| {
                let is_there = self.values[*value].is_at(text, start, last.get(value).copied());
                if is_there && self.values[*value].bytes.len() > HEAD {
                    last.insert(*value, start);
                }
                is_there
            });
            there
                .map(|value| (value, start..start + self.values[value].bytes.len()))
                .collect::<Vec<_>>()
        })
    }

    /// The most bytes that a place of one value takes in a text, with the escape before it.
    pub fn reach(&self) -> usize {
        self.reach + LONGEST_ESCAPE
    }

    /// Which value a place holds, as its number.
    pub fn which(&self, place: &[u8]) -> Option<usize> {
        let found = |text: &[u8]| self.found(text).next().map(|(value, _)| self.values[value].owner);
        found(place).or_else(|| view::of(place).iter().find_map(|view| found(&view.bytes)))
    }

    /// All places, in order: in the text as it is, and in what it says when it is decoded.
    pub fn places(&self, part: Part<'_>) -> Vec<Range<usize>> {
        let mut places = self.places_in(part);
        for view in view::of(part.bytes) {
            let found = self.places_in(Part {
                bytes: &view.bytes,
                ..part
            });
            places.extend(found.iter().map(|place| view.in_text(place)));
        }
        merged(places)
    }

    fn places_in(&self, part: Part<'_>) -> Vec<Range<usize>> {
        let text = part.bytes;
        let mut places: Vec<Range<usize>> = Vec::new();
        for (_, mut place) in self.found(text) {
            // A value that repeats itself is found again at every byte.
            while let Some(last) = places.pop_if(|last| last.end > place.start) {
                place = place.start.min(last.start)..place.end.max(last.end);
            }
            places.push(place);
        }
        let values = self.values.iter().map(|value| value.bytes.as_slice());
        if part.open_start {
            places.push(0..edge::at_start(text, values.clone()));
        }
        if part.open_end {
            places.push(text.len() - edge::at_end(text, values)..text.len());
        }
        places.retain(|place| !place.is_empty());
        places
    }

    /// Whether there is any place in a file; on all cores, as most often there is none.
    pub fn is_in(&self, file: &File) -> io::Result<bool> {
        // A value that begins in a piece is whole in it, and so is the escape before it.
        let piece = READ + self.reach + LONGEST_ESCAPE;
        let found = AtomicBool::new(false);
        let mut searched = 0;
        loop {
            let size = file.metadata()?.len();
            let starts: Vec<u64> = (searched..size).step_by(READ).collect();
            let looked = cores::each(&starts, Vec::new, |window, start| {
                if !found.load(Ordering::Relaxed) {
                    window.resize(piece, 0);
                    let length = read_at(file, window, *start)?;
                    found.fetch_or(
                        !self.places(Part::whole(&window[..length])).is_empty(),
                        Ordering::Relaxed,
                    );
                }
                Ok(())
            });
            looked.into_iter().collect::<io::Result<()>>()?;
            // Somebody may still write to it.
            if found.load(Ordering::Relaxed) || file.metadata()?.len() <= size {
                return Ok(found.into_inner());
            }
            searched = starts.last().copied().unwrap_or_default();
        }
    }

    /// Hands a stream on in pieces, telling which of them are places of values. One across two reads is found: so many
    /// bytes as it could still need are kept back.
    pub fn sift(
        &self,
        mut input: impl io::Read,
        take: &mut dyn FnMut(&[u8], bool) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut window: Vec<u8> = Vec::with_capacity(READ + self.reach);
        loop {
            let read = input.by_ref().take(READ as u64).read_to_end(&mut window)?;
            // A value that begins before this is here whole.
            let safe = match read {
                0 => window.len(),
                _ => window.len().saturating_sub(self.reach.saturating_sub(1)),
            };
            let (mut done, mut end) = (0, safe);
            for place in self.places(Part::whole(&window)) {
                if place.start >= safe {
                    break;
                }
                // It may go on in what was not read yet; one that goes on for ever must not fill the memory.
                if place.end > safe && place.len() < READ {
                    end = place.start;
                    break;
                }
                take(&window[done..place.start], false)?;
                take(&window[place.clone()], true)?;
                done = place.end;
            }
            let end = end.max(done);
            take(&window[done..end], false)?;
            window.drain(..end);
            if read == 0 {
                return Ok(());
            }
        }
    }
}

/// Reads as much as there is room for, or is there.
fn read_at(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], from + length as u64) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// In order, those that overlap as one.
fn merged(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    const VALUE: &str = "aaaaaaaa";

    /// The pieces of a file, and which of them are places of the value.
    fn sifted(text: &[u8]) -> Vec<(Vec<u8>, bool)> {
        let finder = Finder::new(std::iter::once((VALUE.len(), vec![VALUE.into()]))).unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let is_in = finder.is_in(&file).unwrap();
        let mut pieces = Vec::new();
        let took = finder.sift(file, &mut |piece, hit| {
            pieces.push((piece.to_owned(), hit));
            Ok(())
        });
        took.unwrap();
        let all: Vec<u8> = pieces.iter().flat_map(|(piece, _)| piece).copied().collect();
        assert!(all == text, "a piece is missing or changed");
        assert_eq!(is_in, pieces.iter().any(|(_, hit)| *hit));
        pieces
    }

    /// Taken out at the end of what was read, its last letters would be too few to be known as the value.
    #[test]
    fn a_place_that_goes_on_in_the_next_read_is_one_place() {
        for start in [READ - 60, READ - 48, READ - 47, READ - 9] {
            let mut text = vec![b'x'; 2 * READ];
            text[start..READ + 5].fill(b'a');
            let places: Vec<usize> = sifted(&text)
                .iter()
                .filter(|(_, hit)| *hit)
                .map(|(piece, _)| piece.len())
                .collect();
            assert_eq!(places, [READ + 5 - start], "it begins at {start}");
        }
    }

    #[test]
    fn a_place_across_two_pieces_is_found_however_it_is_written() {
        for written in [
            VALUE.to_owned(),
            "\\u0061".repeat(8),
            "%61".repeat(8),
            "&#97;".repeat(8),
            "\\u{000061}".repeat(8),
            "&#x00061;".repeat(8),
            format!("aaaa\n{}aaaa", " ".repeat(200)),
            "aaaa\naaaa".to_owned(),
        ] {
            for back in (0..=written.len()).step_by(5) {
                let mut text = vec![b'x'; READ + 300];
                text[READ - back..READ - back + written.len()].copy_from_slice(written.as_bytes());
                let finder = Finder::new(std::iter::once((VALUE.len(), vec![VALUE.into()]))).unwrap();
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(&text).unwrap();
                assert!(finder.is_in(&file).unwrap(), "{written} {back} bytes before the border");
            }
        }
    }

    #[test]
    fn whatever_stands_in_a_file_little_of_it_is_held_at_a_time() {
        let mut begins_with_a_place = vec![b'x'; 3 * READ];
        begins_with_a_place[..VALUE.len()].fill(b'a');
        for text in [vec![b'x'; 3 * READ], begins_with_a_place, vec![b'a'; 2 * READ + 3]] {
            let longest = sifted(&text).iter().map(|(piece, _)| piece.len()).max();
            assert!(
                longest <= Some(READ + VALUE.len() * LONGEST_ESCAPE + INDENTED),
                "{longest:?}"
            );
        }
    }
}
