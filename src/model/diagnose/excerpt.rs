//! The lines of a step, in memory that is bounded however much the step wrote.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};

use super::line::Kind;

/// More than this is thinned out in its middle.
const MOST: usize = 10 << 20;
const HEAD: usize = 1 << 20;
const TAIL: usize = 4 << 20;
/// What is kept of the middle.
const MIDDLE: usize = 2 << 20;
/// Lines before and after a telling one that are kept with it.
const AROUND: usize = 3;

/// Of a step that wrote too much, lines with one of these are kept.
static TELLING: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    // Of this kind, it jumps from one rare byte to the next.
    let words = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build([
        "rror", "RROR", "atal", "FATAL", "FAIL", "ailed", "ailure", "panic", "xception", "raceback", "enied",
        "ot found", "No such", "imed out", "imeout", "nable to", "annot", "ould not", "nvalid", "efused", "illed", "✗",
        "✕", "❌",
    ]);
    words.ok()
});

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

    /// The index of the line that holds this byte, which is not before the line `from`.
    pub fn line_from(&self, from: usize, byte: usize) -> usize {
        // Most often it is one of the next.
        let (mut from, mut step) = (from, 1);
        while self.lines.get(from + step).is_some_and(|line| line.end < byte) {
            from += step;
            step *= 2;
        }
        let near = &self.lines[from..self.lines.len().min(from + step + 1)];
        from + near.partition_point(|line| line.end < byte)
    }

    /// Lets `write` append the text of a line.
    pub fn push(&mut self, number: usize, write: impl FnOnce(&mut Vec<u8>) -> (Kind, bool)) {
        let start = self.bytes.len();
        let (kind, stamped) = write(&mut self.bytes);
        let end = self.bytes.len();
        self.bytes.push(b'\n');
        self.lines.push(Line {
            number,
            start,
            end,
            kind,
            stamped,
        });
        if self.bytes.len() > MOST {
            self.thin();
        }
    }

    /// Takes back the last line.
    pub fn pop(&mut self) {
        if let Some(line) = self.lines.pop() {
            self.bytes.truncate(line.start);
        }
    }

    /// Keeps only the last `most` bytes.
    pub fn keep_tail(&mut self, most: usize) {
        let from = self.bytes.len().saturating_sub(most);
        if from > 0 {
            self.keep(|_, line| line.start >= from);
        }
        self.bytes.shrink_to_fit();
        self.lines.shrink_to_fit();
    }

    fn thin(&mut self) {
        let tail = self.bytes.len() - TAIL;
        let mut telling = vec![false; self.lines.len()];
        let mut tells = |index: usize| {
            let around = index.saturating_sub(AROUND)..(index + AROUND + 1).min(self.lines.len());
            telling[around].fill(true);
        };
        let is_error = |index: &usize| self.lines[*index].kind == Kind::Error;
        (0..self.lines.len()).filter(is_error).for_each(&mut tells);
        let mut index = 0;
        for hit in TELLING
            .iter()
            .flat_map(|words| words.find_iter(&self.bytes[HEAD..tail]))
        {
            index = self.line_from(index, HEAD + hit.start());
            tells(index);
        }
        let mut middle = 0;
        self.keep(|index, line| {
            if line.start < HEAD || line.start >= tail {
                return true;
            }
            let is_kept = telling[index] && middle < MIDDLE;
            middle += if is_kept { line.end + 1 - line.start } else { 0 };
            is_kept
        });
    }

    fn keep(&mut self, mut wanted: impl FnMut(usize, &Line) -> bool) {
        let (mut to, mut index) = (0, 0);
        let before = self.lines.len();
        let bytes = &mut self.bytes;
        self.lines.retain_mut(|line| {
            let kept = wanted(index, line);
            index += 1;
            if kept {
                let length = line.end + 1 - line.start;
                bytes.copy_within(line.start..=line.end, to);
                line.start = to;
                line.end = to + length - 1;
                to += length;
            }
            kept
        });
        self.left_out += before - self.lines.len();
        bytes.truncate(to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_thinned_and_what_tells_something_stays_with_its_neighbours() {
        let mut excerpt = Excerpt::default();
        let wanted = 200_000;
        for number in 1..=700_000 {
            excerpt.push(number, |out| {
                match number == wanted {
                    true => out.extend_from_slice(b"error: this one"),
                    false => out.extend_from_slice(format!("{number:>60} of many lines").as_bytes()),
                }
                (Kind::Text, true)
            });
        }
        assert!(excerpt.bytes.len() <= MOST && excerpt.lines.len() + excerpt.left_out == 700_000);
        let found = excerpt.lines.iter().position(|line| line.number == wanted).unwrap();
        assert_eq!(excerpt.at(found), b"error: this one");
        assert_eq!(excerpt.lines[found - AROUND].number, wanted - AROUND);
        assert_eq!(excerpt.line_from(7, excerpt.lines[found].start + 3), found);
        assert!(excerpt.at(excerpt.lines.len() - 1).ends_with(b"700000 of many lines"));
        for line in &excerpt.lines {
            assert_eq!(excerpt.bytes[line.end], b'\n');
        }
    }
}
