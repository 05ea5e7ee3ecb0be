//! Keys, items and steps that were not there.

use std::ops::Range;

use super::{Editor, expected_at};
use crate::model::workflow::patch::Refusal;
use crate::model::workflow::patch::path::Path;
use crate::model::workflow::patch::value::{New, Value};
use crate::model::workflow::written;
use crate::model::yaml::Node;

/// Where a new key is put in a mapping.
pub enum Spot<'s> {
    /// Behind the last of these that there is, else at the beginning.
    Behind(&'s [&'s str]),
    End,
}

impl Editor<'_> {
    /// Adds a key to a mapping, or to a key without a value.
    pub fn add(&mut self, map: &Path, spot: &Spot<'_>, key: &str, new: &New) -> Result<(), Refusal> {
        new.check()?;
        let path = map.key(key);
        let source = self.source;
        let node = self.at(map)?;
        if node.get(key).is_some() {
            return Err(Refusal(format!("`{path}` exists already")));
        }
        let inline = || format!("{}: {}", written::item(key), new.inline());
        let last = node.entries().last();
        let (at, text) = match last {
            None if source.is_flow(node) => (node.place.bytes.clone(), format!("{{ {} }}", inline())),
            None if node.is_null() && !self.is_in_flow(map) => {
                let (name, value) = self.entry(map)?;
                if !source.of(value).is_empty() {
                    return Err(Refusal(format!("`{map}` is written in an unusual way")));
                }
                let column = name.place.column as usize - 1 + self.unit;
                self.lines_behind(name.place.bytes.end, &new.entry(key, self.unit), column)
            }
            None => return Err(Refusal(format!("`{map}` is no mapping"))),
            Some((_, value)) if source.is_flow(node) => {
                if value.place.bytes.is_empty() {
                    return Err(Refusal(format!("`{map}` is written in an unusual way")));
                }
                let end = source.end(value);
                (end..end, format!(", {}", inline()))
            }
            Some(last) => self.in_block(node, spot, last, &new.entry(key, self.unit)),
        };
        self.splice(at, text);
        match expected_at(&mut self.expected, &map.0)? {
            Value::Map(entries) => {
                entries.insert(key.to_owned(), new.value());
            }
            nothing => *nothing = Value::Map([(key.to_owned(), new.value())].into()),
        }
        Ok(())
    }

    /// Where lines go in a block mapping, and how.
    fn in_block(&self, map: &Node, spot: &Spot<'_>, last: (&Node, &Node), lines: &[String]) -> (Range<usize>, String) {
        let column = map.place.column as usize - 1;
        let behind = match spot {
            Spot::End => Some(last),
            Spot::Behind(keys) => {
                let known = |key: &Node| key.text().is_some_and(|text| keys.contains(&text));
                map.entries().filter(|(key, _)| known(key)).last()
            }
        };
        if let Some((key, value)) = behind {
            let end = self.source.end(value).max(key.place.bytes.end);
            return self.lines_behind(end, lines, column);
        }
        let first = map.place.bytes.start;
        let indent = " ".repeat(column);
        let newline = self.source.newline;
        if self.source.in_front(first).trim().is_empty() {
            // Not between the first key and the comments above it.
            let line = self.source.line_start(first);
            let at = self.source.with_comments(line, 0);
            let lines = lines.iter().map(|line| format!("{indent}{line}{newline}"));
            return (at..at, lines.collect());
        }
        // Behind the dash of a list's item.
        let text = lines.iter().map(|line| format!("{line}{newline}{indent}")).collect();
        (first..first, text)
    }

    /// Where the dash of an item is.
    fn dash(&self, item: &Node, list: &Path) -> Result<usize, Refusal> {
        let start = item.place.bytes.start;
        let front = self.source.in_front(start);
        match front.trim_end_matches(' ').strip_suffix('-') {
            Some(indent) if front.len() > indent.len() + 1 && indent.bytes().all(|byte| byte == b' ') => {
                Ok(self.source.line_start(start) + indent.len())
            }
            _ => Err(Refusal(format!(
                "the items of `{list}` are not written as `- …` on a line of their own"
            ))),
        }
    }

    /// Puts a mapping in front of an item of a block list.
    pub fn insert(&mut self, list: &Path, index: usize, new: &New) -> Result<(), Refusal> {
        new.check()?;
        let source = self.source;
        let node = self.at(list)?;
        let (key, _) = self.entry(list)?;
        let Some(item) = node.items().get(index).filter(|_| !source.is_flow(node)) else {
            return Err(Refusal(format!("`{list}` is written in brackets, or has no such item")));
        };
        let (dash, start) = (self.dash(item, list)?, item.place.bytes.start);
        let line = source.line_start(dash);
        let floor = match index.checked_sub(1).and_then(|before| node.items().get(before)) {
            Some(before) => source.next_line(source.end(before)),
            None => source.next_line(key.place.bytes.end),
        };
        let at = source.with_comments(line, floor);
        let (indent, gap) = (dash - line, start - dash);
        let mut text = String::new();
        for (n, line) in new.lines(self.unit).iter().enumerate() {
            let front = if n == 0 {
                format!("{:indent$}{:<gap$}", "", "-")
            } else {
                " ".repeat(indent + gap)
            };
            text.push_str(&format!("{front}{line}{}", source.newline));
        }
        let next = node
            .items()
            .get(index + 1)
            .map(|next| source.line_start(next.place.bytes.start));
        let after_item = source.next_line(source.end(item));
        let is_airy = match index {
            0 => next.is_some_and(|next| source.is_set_off(source.with_comments(next, after_item))),
            _ => source.is_set_off(at),
        };
        if is_airy {
            text.push_str(source.newline);
        }
        self.splice(at..at, text);
        match expected_at(&mut self.expected, &list.0)? {
            Value::List(items) if index <= items.len() => items.insert(index, new.value()),
            _ => return Err(Refusal(format!("`{list}` is no list"))),
        }
        Ok(())
    }
}
