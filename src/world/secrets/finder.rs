//! Finding many values at once, in texts and in files of any size.

use std::fs::File;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

use super::view::{self, LONGEST_ESCAPE};
use super::{Part, edge};
use crate::world::cores;

/// What is read of a file at a time.
const READ: usize = 1 << 20;

/// Bytes of all values together up to which the faster way of searching is made.
const LARGEST_TABLE: usize = 8 << 10;

/// Bytes of blanks at the ends of lines that a value may be broken into.
const INDENTED: usize = 4 << 10;

/// Knows where values stand. Values that overlap are one place.
pub struct Finder {
    automaton: AhoCorasick,
    values: Vec<Vec<u8>>,
    /// For each of them, which value it is a form of.
    owners: Vec<usize>,
    /// The most bytes that a value takes in a text.
    reach: usize,
}

impl Finder {
    /// The forms of each value; none must be an empty text.
    pub fn new(forms: impl Iterator<Item = Vec<Vec<u8>>>) -> Result<Self, BuildError> {
        let owned = forms.enumerate();
        let (owners, values): (Vec<usize>, Vec<Vec<u8>>) = owned
            .flat_map(|(owner, forms)| forms.into_iter().map(move |form| (owner, form)))
            .unzip();
        // Making a table for every state takes the square of a value that repeats itself.
        let large = values.iter().map(Vec::len).sum::<usize>() > LARGEST_TABLE;
        // In logs the rare bytes of few values are not rare enough to jump from one to the next.
        let automaton = AhoCorasick::builder()
            .prefilter(false)
            .kind(large.then_some(AhoCorasickKind::ContiguousNFA))
            .build(&values)?;
        let longest = values.iter().map(Vec::len).max().unwrap_or_default();
        Ok(Self {
            automaton,
            values,
            owners,
            reach: longest * LONGEST_ESCAPE + INDENTED,
        })
    }

    /// The most bytes that a place of one value takes in a text, with the escape before it.
    pub fn reach(&self) -> usize {
        self.reach + LONGEST_ESCAPE
    }

    /// Which value a place holds, as its number.
    pub fn which(&self, place: &[u8]) -> Option<usize> {
        let found = |text: &[u8]| {
            self.automaton
                .find(text)
                .map(|found| self.owners[found.pattern().as_usize()])
        };
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
        // Looking whether there is one at all is much faster, and most of the time there is none.
        let found = self
            .automaton
            .is_match(text)
            .then(|| self.automaton.find_overlapping_iter(text));
        for found in found.into_iter().flatten() {
            let mut place = found.range();
            // A value that repeats itself is found again at every byte.
            while let Some(last) = places.pop_if(|last| last.end > place.start) {
                place.start = place.start.min(last.start);
            }
            places.push(place);
        }
        let values = self.values.iter().map(Vec::as_slice);
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
        let finder = Finder::new(std::iter::once(vec![VALUE.into()])).unwrap();
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
                let finder = Finder::new(std::iter::once(vec![VALUE.into()])).unwrap();
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
