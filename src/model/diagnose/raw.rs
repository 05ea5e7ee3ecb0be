//! The lines of a step as they came, in memory that is bounded however much the step wrote.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::{memchr, memchr_iter};

use super::excerpt::Excerpt;
use super::finder::Finder;
use super::line;
use super::normal::{Itself, hash};
use super::rules::telling_words;
use crate::model::cores;

/// What is looked at at once.
pub const BLOCK: usize = 256 << 10;
/// What is kept of the beginning.
const HEAD: usize = 1 << 20;
/// And of what follows it, lines that tell something: the last of them.
const MIDDLE: usize = 1 << 20;
/// And of the end.
const TAIL: usize = 3 << 20;
/// Bytes of the middle that wait before they are searched. A step that did not fail never needs the search.
const WAITING: usize = 8 << 20;
/// How much of it is searched at once, on all cores.
const AT_ONCE: usize = 2 << 20;
/// Lines before and after a telling one that are kept with it.
const AROUND: usize = 3;
/// A word tells nothing that was so often among the same letters, as in `-Werror -c`, and how many letters are compared.
const OFTEN: u8 = 100;
const NEAR: usize = 12;
/// Of so many, each is counted.
const MOST_COUNTED: usize = 16 << 10;

/// Shorter words are often parts of others.
const SHORTEST: usize = 4;

/// Of a step that wrote too much, lines with one of these are kept.
static TELLING: LazyLock<Option<Finder>> = LazyLock::new(|| {
    let words = [
        "error",
        "fatal",
        "fail",
        "panic",
        "exception",
        "traceback",
        "denied",
        "not found",
        "no such",
        "timed out",
        "timeout",
        "unable to",
        "cannot",
        "could not",
        "invalid",
        "refused",
        "killed",
        "✗ ",
        "✕ ",
        "❌ ",
    ];
    let words = words.map(str::to_owned).into_iter().chain(telling_words());
    let mut words: Vec<String> = words.filter(|word| word.len() >= SHORTEST).collect();
    let all = Finder::new(&words)?;
    // Where a word is that holds another one, the other one is, too.
    words.retain(|word| {
        let mut holds_another = false;
        all.each_long(word.as_bytes(), |hit| {
            holds_another |= hit.end - hit.start < word.len();
            0
        });
        !holds_another
    });
    Finder::new(&words)
});

/// Lines that follow each other, each with its line feed.
#[derive(Debug)]
struct Run {
    /// Of its first line in the log.
    number: usize,
    bytes: Vec<u8>,
}

impl Run {
    /// The first word of each line in this range that tells something: where it ends, and the hash of the letters there.
    fn search(&self, range: Range<usize>, often: &Often) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        let (Some(words), from) = (&*TELLING, range.start) else {
            return found;
        };
        let bytes = &self.bytes[..range.end];
        words.each_long(&bytes[from..], |hit| {
            let (start, end) = (from + hit.start, from + hit.end);
            let near = start.saturating_sub(NEAR)..(end + NEAR).min(self.bytes.len());
            let near = hash(&self.bytes[near]);
            if !often.tells(near) {
                return hit.end;
            }
            found.push((end, near));
            memchr(b'\n', &bytes[end..]).map_or(bytes.len(), |feed| end + feed) - from
        });
        found
    }
}

/// How often a word was among the same letters.
#[derive(Debug, Default)]
struct Often(HashMap<u64, u8, BuildHasherDefault<Itself>>);

impl Often {
    /// Whether a word among these letters still tells something.
    fn tells(&self, near: u64) -> bool {
        self.0.get(&near) != Some(&OFTEN)
    }

    fn count(&mut self, near: u64) {
        let times = match self.0.len() < MOST_COUNTED {
            true => Some(self.0.entry(near).or_default()),
            false => self.0.get_mut(&near),
        };
        if let Some(times) = times {
            *times += 1;
        }
    }
}

/// Freed blocks, kept for reuse: getting one from the system takes longer than searching it.
#[derive(Debug, Default)]
pub struct Spare(Vec<Vec<u8>>);

impl Spare {
    pub fn take(&mut self) -> Vec<u8> {
        self.0.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK))
    }

    fn give(&mut self, mut bytes: Vec<u8>) {
        if bytes.capacity() >= BLOCK && self.0.len() < (HEAD + TAIL + WAITING) / BLOCK {
            bytes.clear();
            self.0.push(bytes);
        }
    }
}

#[derive(Debug, Default)]
pub struct Raw {
    kept: Vec<Run>,
    kept_size: usize,
    middle: VecDeque<Run>,
    middle_size: usize,
    /// Follows the middle, and was not searched.
    waiting: Vec<Run>,
    waiting_size: usize,
    often: Often,
    tail: VecDeque<Run>,
    tail_size: usize,
    /// Of its lines, with those that are left out.
    numbers: Range<usize>,
}

impl Raw {
    pub fn size(&self) -> usize {
        self.kept_size + self.middle_size + self.waiting_size + self.tail_size
    }

    /// Adds lines with these numbers.
    pub fn push(&mut self, numbers: Range<usize>, bytes: Vec<u8>, spare: &mut Spare) {
        let number = numbers.start;
        match self.numbers.is_empty() {
            true => self.numbers = numbers,
            false => self.numbers.end = numbers.end,
        }
        let run = Run { number, bytes };
        if self.tail.is_empty() && self.kept_size < HEAD {
            self.kept_size += run.bytes.len();
            self.kept.push(run);
            return;
        }
        self.tail_size += run.bytes.len();
        self.tail.push_back(run);
        while let Some(first) = self.tail.front()
            && self.tail_size - first.bytes.len() >= TAIL
        {
            self.tail_size -= first.bytes.len();
            self.waiting_size += first.bytes.len();
            self.waiting.extend(self.tail.pop_front());
        }
        if self.waiting_size >= WAITING {
            self.settle(spare);
        }
    }

    /// Keeps of the lines that wait what tells something.
    pub fn settle(&mut self, spare: &mut Spare) {
        if self.waiting.is_empty() {
            return;
        }
        self.waiting_size = 0;
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut told: VecDeque<Run> = VecDeque::new();
        let mut told_size = 0;
        // The last first: where they fill the middle, nothing before them would stay.
        while told_size < MIDDLE && !waiting.is_empty() {
            let (mut at, mut size) = (waiting.len(), 0);
            while at > 0 && size < AT_ONCE {
                at -= 1;
                size += waiting[at].bytes.len();
            }
            let last = waiting.split_off(at);
            let found = cores::each(&last, || (), |(), run| run.search(0..run.bytes.len(), &self.often));
            let mut kept = Vec::new();
            for (run, found) in last.into_iter().zip(found) {
                self.keep_telling(&run, found, &mut kept, spare);
                spare.give(run.bytes);
            }
            for run in kept.into_iter().rev() {
                told_size += run.bytes.len();
                told.push_front(run);
            }
        }
        waiting.into_iter().for_each(|run| spare.give(run.bytes));
        self.middle_size += told_size;
        self.middle.append(&mut told);
        while let Some(first) = self.middle.front()
            && self.middle_size - first.bytes.len() >= MIDDLE
        {
            self.middle_size -= first.bytes.len();
            if let Some(first) = self.middle.pop_front() {
                spare.give(first.bytes);
            }
        }
    }

    /// Adds what was taken for another step.
    pub fn append(&mut self, mut other: Self, spare: &mut Spare) {
        other.settle(spare);
        self.numbers = match self.numbers.is_empty() {
            true => other.numbers,
            false => self.numbers.start..other.numbers.end.max(self.numbers.end),
        };
        for run in other.kept.into_iter().chain(other.middle).chain(other.tail) {
            self.tail_size += run.bytes.len();
            self.tail.push_back(run);
        }
    }

    /// Adds what tells something among the lines of a run to those that are kept.
    fn keep_telling(&mut self, run: &Run, found: Vec<(usize, u64)>, kept: &mut Vec<Run>, spare: &mut Spare) {
        if found.is_empty() {
            return;
        }
        let feeds = memchr_iter(b'\n', &run.bytes);
        let starts: Vec<usize> = std::iter::once(0).chain(feeds.map(|feed| feed + 1)).collect();
        let mut keep = |lines: Range<usize>| {
            if lines.is_empty() {
                return;
            }
            let number = run.number + lines.start;
            let lines = &run.bytes[starts[lines.start]..starts[lines.end]];
            let mut bytes = match lines.len() > BLOCK / 2 {
                true => spare.take(),
                false => Vec::with_capacity(lines.len()),
            };
            bytes.extend_from_slice(lines);
            kept.push(Run { number, bytes });
        };
        let (mut taken, mut next) = (0..0, 0);
        'lines: for (mut end, mut near) in found {
            while starts[next] < end {
                next += 1;
            }
            // Words before it were counted since it was found; then another one of its line may tell something.
            while !self.often.tells(near) {
                match run.search(end..starts[next], &self.often).first() {
                    Some(other) => (end, near) = *other,
                    None => continue 'lines,
                }
            }
            self.often.count(near);
            let start = next.saturating_sub(1 + AROUND);
            if start > taken.end {
                keep(std::mem::replace(&mut taken, start..start));
            }
            taken.end = (next + AROUND).min(starts.len() - 1);
        }
        keep(taken);
    }

    /// Takes back all lines from this number on.
    pub fn truncate(&mut self, number: usize) {
        self.numbers.end = self.numbers.end.min(number);
        while self.tail.back().is_some_and(|run| run.number >= number) {
            self.tail_size -= self.tail.pop_back().map_or(0, |run| run.bytes.len());
        }
        while self.waiting.last().is_some_and(|run| run.number >= number) {
            self.waiting_size -= self.waiting.pop().map_or(0, |run| run.bytes.len());
        }
        while self.middle.back().is_some_and(|run| run.number >= number) {
            self.middle_size -= self.middle.pop_back().map_or(0, |run| run.bytes.len());
        }
        while self.kept.last().is_some_and(|run| run.number >= number) {
            self.kept_size -= self.kept.pop().map_or(0, |run| run.bytes.len());
        }
    }

    /// Keeps only the last `most` bytes, in whole lines.
    pub fn keep_tail(&mut self, most: usize, spare: &mut Spare) {
        let mut room = most;
        let mut runs = std::mem::take(&mut self.kept)
            .into_iter()
            .chain(std::mem::take(&mut self.middle))
            .chain(std::mem::take(&mut self.waiting))
            .chain(std::mem::take(&mut self.tail))
            .rev();
        self.often = Often::default();
        let mut last: VecDeque<Run> = VecDeque::new();
        for mut run in runs.by_ref() {
            let cut = run.bytes.len().saturating_sub(room);
            if cut > 0 {
                let from = memchr(b'\n', &run.bytes[cut - 1..]).map_or(run.bytes.len(), |feed| cut + feed);
                run.number += count(&run.bytes[..from]);
                let rest = run.bytes[from..].to_vec();
                spare.give(std::mem::replace(&mut run.bytes, rest));
            }
            room -= run.bytes.len();
            if !run.bytes.is_empty() {
                last.push_front(run);
            }
            if cut > 0 {
                break;
            }
        }
        runs.for_each(|run| spare.give(run.bytes));
        (self.kept_size, self.middle_size, self.waiting_size) = (0, 0, 0);
        self.tail_size = most - room;
        self.tail = last;
    }

    pub fn read(mut self, is_of_gh: bool) -> Excerpt {
        self.settle(&mut Spare::default());
        let mut excerpt = Excerpt::default();
        for run in self.kept.into_iter().chain(self.middle).chain(self.tail) {
            let lines = run.bytes.strip_suffix(b"\n").unwrap_or(&run.bytes);
            for (index, line) in lines.split(|byte| *byte == b'\n').enumerate() {
                excerpt.push(run.number + index, line::bare(line, is_of_gh));
            }
        }
        excerpt.left_out = self.numbers.len() - excerpt.lines().len();
        excerpt
    }
}

/// How many lines there are.
pub fn count(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_flood_is_thinned_and_what_tells_something_stays_with_its_neighbours() {
        let mut raw = Raw::default();
        let wanted = 50_500;
        for first in (1..=700_000).step_by(1000) {
            let line = |number: usize| match number == wanted {
                true => "error: this one\n".to_owned(),
                false => format!("{number:>60} of many lines\n"),
            };
            let bytes = (first..first + 1000).map(line).collect::<String>().into_bytes();
            raw.push(first..first + 1000, bytes, &mut Spare::default());
        }
        assert!(raw.size() < HEAD + MIDDLE + WAITING + TAIL + (1 << 18));
        raw.settle(&mut Spare::default());
        assert!(raw.size() < HEAD + MIDDLE + TAIL + (1 << 18));
        let excerpt = raw.read(false);
        assert_eq!(excerpt.lines().len() + excerpt.left_out, 700_000);
        let found = excerpt.lines().iter().position(|line| line.number == wanted).unwrap();
        assert_eq!(excerpt.at(found), b"error: this one");
        for near in [found - AROUND, found + AROUND] {
            assert_eq!(excerpt.lines()[near].number, wanted + near - found);
        }
        assert!(excerpt.lines()[found + AROUND + 1].number > wanted + AROUND);
        assert!(excerpt.at(excerpt.lines().len() - 1).ends_with(b"700000 of many lines"));
    }

    /// Words of rules tell something, and what is in each line does not.
    #[test]
    fn the_error_among_lines_that_all_have_its_word_is_kept() {
        for wanted in [
            "src/x.c:3:1: error: unknown type name 'foo'",
            "write /a: no space left on device",
            "a.sh: line 3: NAME: unbound variable",
            "server gave HTTP response: 401 Unauthorized",
            // After what each of them has.
            "src/file_7.c: compiled, -Werror is set, the object is in build/7.o, NAME: unbound variable",
        ] {
            let mut raw = Raw::default();
            for first in (1..=200_000).step_by(1000) {
                let line = |number: usize| match number == 110_500 {
                    true => format!("{wanted}\n"),
                    false => {
                        format!("src/file_{number}.c: compiled, -Werror is set, the object is in build/{number}.o\n")
                    }
                };
                raw.push(
                    first..first + 1000,
                    (first..first + 1000).map(line).collect::<String>().into_bytes(),
                    &mut Spare::default(),
                );
            }
            let excerpt = raw.read(false);
            assert!(excerpt.left_out > 0);
            assert!(
                excerpt
                    .lines()
                    .iter()
                    .any(|line| excerpt.text(line) == wanted.as_bytes()),
                "{wanted}"
            );
        }
    }

    proptest! {
        #[test]
        fn the_end_that_is_kept_is_whole_lines_with_their_numbers(
            runs in proptest::collection::vec(proptest::collection::vec("[a-c]{0,6}", 1..6), 0..6),
            most in 0usize..90,
        ) {
            let (mut raw, mut spare) = (Raw::default(), Spare::default());
            let mut all = Vec::new();
            for lines in &runs {
                let first = all.len();
                all.extend(lines.clone());
                raw.push(first..all.len(), (lines.join("\n") + "\n").into_bytes(), &mut spare);
            }
            raw.keep_tail(most, &mut spare);
            prop_assert!(raw.size() <= most);
            let size = raw.size();
            let excerpt = raw.read(false);
            prop_assert_eq!(excerpt.lines().len() + excerpt.left_out, all.len());
            prop_assert_eq!(excerpt.bytes().len(), size);
            let next = excerpt.left_out.checked_sub(1).map(|index| all[index].len() + 1);
            prop_assert!(next.is_none_or(|next| size + next > most));
            for (index, line) in excerpt.lines().iter().enumerate() {
                prop_assert_eq!(line.number, excerpt.left_out + index);
                prop_assert_eq!(excerpt.at(index), all[line.number].as_bytes());
            }
        }
    }
}
