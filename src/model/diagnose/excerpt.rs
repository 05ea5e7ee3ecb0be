//! The lines of a step as people read them.

use std::ops::Range;

use super::line::{self, Kind};

/// One line; its text is in the excerpt.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// 1 is the first of the log.
    pub number: usize,
    start: usize,
    end: usize,
    pub kind: Kind,
    pub stamped: bool,
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
    pub fn push(&mut self, number: usize, raw: &[u8]) {
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
            stamped: read.stamped,
        });
    }
}
