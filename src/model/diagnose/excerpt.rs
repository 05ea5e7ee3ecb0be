//! The lines of a step as people read them.

use std::ops::{Range, RangeInclusive};

use super::line::{self, Kind, Read, Time};

/// One line; its text is in the excerpt.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// 1 is the first of the log.
    pub number: usize,
    start: usize,
    end: usize,
    pub kind: Kind,
    pub time: Option<Time>,
}

#[derive(Clone, Debug, Default)]
pub struct Excerpt {
    bytes: Vec<u8>,
    lines: Vec<Line>,
    /// Lines that were left out.
    pub left_out: usize,
    /// One has a mark of the runner: a time, `##[…]`, or the exit code.
    pub has_marks: bool,
}

impl Excerpt {
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// In memory.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.lines.len() * size_of::<Line>()
    }

    /// The texts of all lines, each with a line feed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn text(&self, line: &Line) -> &[u8] {
        &self.bytes[line.start..line.end]
    }

    pub fn at(&self, index: usize) -> &[u8] {
        self.lines.get(index).map_or(b"", |line| self.text(line))
    }

    /// Where these lines are among the bytes.
    pub fn range(&self, lines: &Range<usize>) -> Range<usize> {
        let start = |index: usize| self.lines.get(index).map_or(self.bytes.len(), |line| line.start);
        start(lines.start)..start(lines.end)
    }

    /// Appends a line that is as it came, but for what `gh` wrote before it.
    pub fn push(&mut self, number: usize, raw: &[u8]) -> Read {
        let start = self.bytes.len();
        let read = line::read(raw, &mut self.bytes);
        let end = self.bytes.len();
        self.has_marks |= read.is_marked(&self.bytes[start..]);
        self.bytes.push(b'\n');
        self.lines.push(Line {
            number,
            start,
            end,
            kind: read.kind,
            time: read.time,
        });
        read
    }

    /// Takes the last line off.
    pub fn pop(&mut self) {
        if let Some(line) = self.lines.pop() {
            self.bytes.truncate(line.start);
        }
    }

    /// Where the line with this number is.
    pub fn index(&self, number: usize) -> Option<usize> {
        self.lines.binary_search_by_key(&number, |line| line.number).ok()
    }

    /// The lines with these numbers, each with its own.
    pub fn numbered(&self, numbers: &RangeInclusive<usize>) -> impl Iterator<Item = (usize, &[u8])> {
        let at = |number: usize| self.lines.partition_point(|line| line.number < number);
        let lines = &self.lines[at(*numbers.start())..at(numbers.end().saturating_add(1))];
        lines.iter().map(|line| (line.number, self.text(line)))
    }
}
