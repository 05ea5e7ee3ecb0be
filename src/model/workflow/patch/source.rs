//! The text of a file: where its lines, comments and nodes begin and end.

use crate::model::yaml::{Content, Node, Style};

/// A text and what ends its lines.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub text: &'a str,
    pub newline: &'static str,
}

impl<'a> Source<'a> {
    pub fn new(text: &'a str) -> Self {
        let first = text.split_inclusive('\n').next().unwrap_or_default();
        let newline = if first.ends_with("\r\n") { "\r\n" } else { "\n" };
        Self { text, newline }
    }

    pub fn line_start(self, at: usize) -> usize {
        let before = self.text.get(..at).unwrap_or_default();
        before.rfind('\n').map_or(0, |end| end + 1)
    }

    /// Behind the line break, or the end of the text.
    pub fn next_line(self, at: usize) -> usize {
        let behind = self.text.get(at..).unwrap_or_default();
        behind.find('\n').map_or(self.text.len(), |end| at + end + 1)
    }

    /// What is in front of a place, on its line.
    pub fn in_front(self, at: usize) -> &'a str {
        self.text.get(self.line_start(at)..at).unwrap_or_default()
    }

    pub fn of(self, node: &Node) -> &'a str {
        self.text.get(node.place.bytes.clone()).unwrap_or_default()
    }

    pub fn is_alias(self, node: &Node) -> bool {
        self.of(node).starts_with('*')
    }

    /// Whether a list or mapping is written in brackets.
    pub fn is_flow(self, node: &Node) -> bool {
        match node.content {
            Content::List(_) => self.of(node).starts_with('['),
            Content::Map(_) => self.of(node).starts_with('{'),
            Content::Scalar { .. } => false,
        }
    }

    /// Where the last character of a node ends. The parser lets a block end where the next key begins.
    pub fn end(self, node: &Node) -> usize {
        let whole = node.place.bytes.end;
        if self.is_alias(node) || self.is_flow(node) {
            return whole;
        }
        match &node.content {
            Content::Scalar {
                style: Style::Literal | Style::Folded,
                ..
            } => node.place.bytes.start + self.of(node).trim_end().len(),
            Content::Scalar { .. } => whole,
            Content::List(items) => items.last().map_or(whole, |last| self.end(last)),
            Content::Map(entries) => entries
                .last()
                .map_or(whole, |(key, value)| self.end(value).max(self.end(key))),
        }
    }

    /// From which line on comments belong to what begins at `line`, the start of a line: those directly above it, as far
    /// as `floor`, where the node before it ends.
    pub fn with_comments(self, line: usize, floor: usize) -> usize {
        let mut start = line;
        while let Some(above) = start.checked_sub(1).map(|end| self.line_start(end)) {
            let is_comment = self
                .text
                .get(above..start)
                .is_some_and(|line| line.trim_start().starts_with('#'));
            if !is_comment || above < floor {
                break;
            }
            start = above;
        }
        start
    }

    /// Whether the line above the start of a line is empty.
    pub fn is_set_off(self, line: usize) -> bool {
        line.checked_sub(1)
            .is_some_and(|end| self.in_front(end).trim().is_empty())
    }
}
