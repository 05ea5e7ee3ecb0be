//! Edits of a YAML text that leave everything else as it is written. What each edit means is noted beside it, and the
//! text that results must say exactly that, or it is refused.

use std::ops::Range;

use super::Refusal;
use super::path::{Part, Path};
use super::source::Source;
use super::value::{New, Value};
use crate::model::text::one_line;
use crate::model::workflow::written;
use crate::model::yaml::{self, Node, Style};

pub struct Editor<'a> {
    pub source: Source<'a>,
    root: Node,
    edits: Vec<(Range<usize>, String)>,
    /// What the edited text must say.
    expected: Value,
    /// How far one level is indented.
    unit: usize,
}

/// Where a new key is put in a mapping.
pub enum Spot<'s> {
    /// Behind the last of these that there is, else at the beginning.
    Behind(&'s [&'s str]),
    End,
}

impl<'a> Editor<'a> {
    pub fn new(text: &'a str) -> Result<Self, Refusal> {
        let unreadable = |error: yaml::YamlError| Refusal(format!("line {}: {}", error.line, one_line(&error.what)));
        let root = yaml::parse(text).map_err(unreadable)?;
        let source = Source::new(text);
        if text.replace("\r\n", "").contains('\r') {
            return Err(Refusal::new("a line ends with a carriage return alone"));
        }
        let jobs = root.entry("jobs");
        let job = jobs.and_then(|(_, jobs)| jobs.entries().next());
        let unit = job
            .zip(jobs)
            .map_or(2, |((id, _), (jobs, _))| match id.place.line == jobs.place.line {
                true => 2,
                false => id.place.column.saturating_sub(jobs.place.column) as usize,
            });
        Ok(Self {
            expected: Value::of(&root),
            source,
            root,
            edits: Vec::new(),
            unit: unit.clamp(1, 8),
        })
    }

    pub fn root(&self) -> &Node {
        &self.root
    }

    /// What is at a path, if it is written there and nowhere else.
    pub fn find(&self, path: &Path) -> Result<Option<&Node>, Refusal> {
        let mut node = &self.root;
        for (at, part) in path.0.iter().enumerate() {
            let next = match part {
                Part::Key(key) => {
                    if node.get("<<").is_some() {
                        let here = Path(path.0[..at].to_vec());
                        return Err(Refusal(format!(
                            "`{here}` has a merge key (`<<`), which GitHub does not read"
                        )));
                    }
                    node.get(key)
                }
                Part::Item(index) => node.items().get(*index),
            };
            let Some(next) = next else { return Ok(None) };
            if self.source.is_alias(next) {
                let (here, alias) = (Path(path.0[..=at].to_vec()), one_line(self.source.of(next)));
                return Err(Refusal(format!(
                    "`{here}` is the alias `{alias}`, so the change belongs to its anchor, which other parts use as well"
                )));
            }
            node = next;
        }
        Ok(Some(node))
    }

    pub fn at(&self, path: &Path) -> Result<&Node, Refusal> {
        self.find(path)?.ok_or_else(|| Refusal(format!("there is no `{path}`")))
    }

    /// Whether something around it is written in brackets.
    fn is_in_flow(&self, path: &Path) -> bool {
        (0..path.0.len()).any(|length| {
            let around = self.find(&Path(path.0[..length].to_vec()));
            around.is_ok_and(|node| node.is_some_and(|node| self.source.is_flow(node)))
        })
    }

    /// Replaces bytes of the source. What that means must be noted with `expect`.
    pub fn splice(&mut self, at: Range<usize>, text: impl Into<String>) {
        self.edits.push((at, text.into()));
    }

    pub fn expect(&mut self, path: &Path, value: Value) -> Result<(), Refusal> {
        *expected_at(&mut self.expected, &path.0)? = value;
        Ok(())
    }

    /// Replaces a scalar by another, in its quotes if it has some.
    pub fn set(&mut self, path: &Path, new: &New) -> Result<(), Refusal> {
        check(new)?;
        let node = self.at(path)?;
        let written = self.source.of(node);
        let (bytes, text) = (node.place.bytes.clone(), node.text());
        let text = match (new, text) {
            (New::Text(_) | New::Raw(_), None) => return Err(Refusal(format!("`{path}` is no single value"))),
            (New::Text(text) | New::Raw(text), _) if written.starts_with('"') => written::with_escapes(text),
            (New::Text(text) | New::Raw(text), _) if written.starts_with('\'') && !text.contains('\n') => {
                written::quoted(text)
            }
            (New::Text(text), _) if !self.is_in_flow(path) => written::scalar(text),
            _ => new.inline(),
        };
        let is_block = matches!(&self.at(path)?.content, yaml::Content::Scalar { style, .. } if matches!(style, Style::Literal | Style::Folded));
        if is_block || bytes.is_empty() {
            return Err(Refusal(format!("`{path}` is not written on one line")));
        }
        self.splice(bytes, text);
        self.expect(path, new.value())
    }

    /// Replaces a scalar by a list on the same line.
    pub fn set_list(&mut self, path: &Path, texts: Vec<String>) -> Result<(), Refusal> {
        let new = New::Texts(texts);
        check(&new)?;
        let bytes = self.at(path)?.place.bytes.clone();
        if bytes.is_empty() {
            return Err(Refusal(format!("`{path}` has no value")));
        }
        self.splice(bytes, new.inline());
        self.expect(path, new.value())
    }

    /// Gives a key another name.
    pub fn rename(&mut self, path: &Path, name: &str) -> Result<(), Refusal> {
        check(&New::Texts(vec![name.to_owned()]))?;
        let (key, value) = self.entry(path)?;
        let (at, value) = (key.place.bytes.clone(), Value::of(value));
        self.splice(at, written::item(name));
        if let (Some(above), Some(Part::Key(old))) = (path.parent(), path.0.last())
            && let Value::Map(entries) = expected_at(&mut self.expected, &above.0)?
        {
            entries.remove(old);
            entries.insert(name.to_owned(), value);
        }
        Ok(())
    }

    /// Replaces what a key of a block mapping has for a value by a block.
    pub fn set_block(&mut self, path: &Path, new: &New) -> Result<(), Refusal> {
        check(new)?;
        let (key, value) = self.entry(path)?;
        let from = key.place.bytes.end;
        let end = self.source.end(value).max(from);
        let replaced = self.source.text.get(from..end).unwrap_or_default();
        if replaced.contains('#') || replaced.contains(['&', '!']) || self.is_in_flow(path) {
            return Err(Refusal(format!(
                "`{path}` has comments or marks that the change would lose"
            )));
        }
        // The colon stays, with what is between it and the key.
        let Some(colon) = replaced.find(':') else {
            return Err(Refusal(format!("`{path}` is written in an unusual way")));
        };
        let text = self.below(&new.lines(self.unit), key.place.column as usize - 1 + self.unit);
        self.splice(from + colon + 1..end, text);
        self.expect(path, new.value())
    }

    /// Adds a key to a mapping, or to a key without a value.
    pub fn add(&mut self, map: &Path, spot: &Spot<'_>, key: &str, new: &New) -> Result<(), Refusal> {
        check(new)?;
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

    /// Lines below the line that a place is on.
    fn lines_behind(&self, at: usize, lines: &[String], column: usize) -> (Range<usize>, String) {
        let next = self.source.next_line(at);
        let (newline, indent) = (self.source.newline, " ".repeat(column));
        let text = match self
            .source
            .text
            .get(..next)
            .is_some_and(|before| before.ends_with('\n'))
        {
            true => lines.iter().map(|line| format!("{indent}{line}{newline}")).collect(),
            false => self.below(lines, column),
        };
        (next..next, text)
    }

    fn below(&self, lines: &[String], column: usize) -> String {
        let (newline, indent) = (self.source.newline, " ".repeat(column));
        lines.iter().map(|line| format!("{newline}{indent}{line}")).collect()
    }

    /// The key and the value of a path that ends with a key.
    fn entry(&self, path: &Path) -> Result<(&Node, &Node), Refusal> {
        let unusual = || Refusal(format!("there is no `{path}`"));
        let (Some(Part::Key(key)), Some(above)) = (path.0.last(), path.parent()) else {
            return Err(unusual());
        };
        self.at(path)?;
        let map = self.at(&above)?;
        map.entry(key).ok_or_else(unusual)
    }

    /// Adds a text at the end of a list.
    pub fn push(&mut self, list: &Path, text: &str) -> Result<(), Refusal> {
        let new = New::text(text);
        check(&new)?;
        let source = self.source;
        let node = self.at(list)?;
        let (at, text) = match node.items().last() {
            None if source.is_flow(node) => (node.place.bytes.clone(), format!("[{}]", new.inline())),
            None => return Err(Refusal(format!("`{list}` is no list"))),
            Some(last) if source.is_flow(node) => {
                let end = source.end(last);
                (end..end, format!(", {}", new.inline()))
            }
            Some(last) => {
                let column = self.dash(last, list)? - source.line_start(last.place.bytes.start);
                self.lines_behind(source.end(last), &[format!("- {}", new.inline())], column)
            }
        };
        self.splice(at, text);
        match expected_at(&mut self.expected, &list.0)? {
            Value::List(items) => items.push(new.value()),
            _ => return Err(Refusal(format!("`{list}` is no list"))),
        }
        Ok(())
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
        check(new)?;
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

    /// Takes an entry or an item out.
    pub fn remove(&mut self, path: &Path) -> Result<(), Refusal> {
        let source = self.source;
        let (Some(last), Some(above)) = (path.0.last(), path.parent()) else {
            return Err(Refusal::new("the whole file cannot be removed"));
        };
        self.at(path)?;
        let around = self.at(&above)?;
        // Where each of them begins and ends.
        let spans: Vec<Range<usize>> = match last {
            Part::Key(_) => around
                .entries()
                .map(|(key, value)| key.place.bytes.start..source.end(value).max(key.place.bytes.end))
                .collect(),
            Part::Item(_) => around
                .items()
                .iter()
                .map(|item| item.place.bytes.start..source.end(item))
                .collect(),
        };
        let index = match last {
            Part::Key(key) => around.entries().position(|(name, _)| name.text() == Some(key)),
            Part::Item(index) => Some(*index),
        };
        let (Some(index), [_, _, ..]) = (index, spans.as_slice()) else {
            return Err(Refusal(format!("`{above}` has nothing else")));
        };
        let span = spans.get(index).cloned().unwrap_or_default();
        let before = index.checked_sub(1).and_then(|before| spans.get(before));
        let at = if source.is_flow(around) {
            match (before, spans.get(index + 1)) {
                (Some(before), _) => before.end..span.end,
                (None, Some(next)) => span.start..next.start,
                (None, None) => span,
            }
        } else {
            let line = source.line_start(span.start);
            // A comment above the first may be about all of them.
            let from = before.map_or(line, |before| source.with_comments(line, source.next_line(before.end)));
            if !source.in_front(span.start).trim_matches([' ', '-']).is_empty() {
                return Err(Refusal(format!("`{path}` is written in an unusual way")));
            }
            from..source.next_line(span.end)
        };
        self.splice(at, "");
        match (expected_at(&mut self.expected, &above.0)?, last) {
            (Value::Map(entries), Part::Key(key)) => drop(entries.remove(key)),
            (Value::List(items), Part::Item(index)) if *index < items.len() => drop(items.remove(*index)),
            _ => return Err(Refusal(format!("there is no `{path}`"))),
        }
        Ok(())
    }

    /// The edited text, if it says what was noted and nothing else.
    pub fn finish(mut self) -> Result<String, Refusal> {
        self.edits.sort_by_key(|(at, _)| at.start);
        let (mut text, mut done) = (String::new(), 0);
        for (at, new) in &self.edits {
            let Some(kept) = self.source.text.get(done..at.start) else {
                return Err(Refusal::new("two parts of the change are at the same place"));
            };
            text.push_str(kept);
            text.push_str(new);
            done = at.end;
        }
        text.push_str(self.source.text.get(done..).unwrap_or_default());
        let said = yaml::parse(&text).map_err(|error| {
            Refusal(format!(
                "the changed file could not be read: line {}: {}",
                error.line,
                one_line(&error.what)
            ))
        })?;
        match self.expected.difference(&Value::of(&said)) {
            None if text == self.source.text => Err(Refusal::new("nothing would change")),
            None => Ok(text),
            Some(place) => Err(Refusal(format!("the change would also change `{}`", one_line(&place)))),
        }
    }
}

fn expected_at<'v>(value: &'v mut Value, path: &[Part]) -> Result<&'v mut Value, Refusal> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(value);
    };
    let next = match (value, first) {
        (Value::Map(entries), Part::Key(key)) => {
            Some(entries.entry(key.clone()).or_insert(Value::Text(String::new(), None)))
        }
        (Value::List(items), Part::Item(index)) => items.get_mut(*index),
        _ => None,
    };
    match next {
        Some(next) => expected_at(next, rest),
        None => Err(Refusal(format!("there is no `{}`", Path(path.to_vec())))),
    }
}

/// Only what is printable is written; line breaks only in a text of their own.
fn check(new: &New) -> Result<(), Refusal> {
    let is_line = |text: &str| !text.chars().any(char::is_control);
    let is_right = match new {
        New::Text(text) => text.lines().all(is_line),
        New::Raw(text) => is_line(text),
        New::Noted(text, note) => is_line(text) && is_line(note),
        New::Nothing => true,
        New::Texts(texts) => texts.iter().all(|text| is_line(text)),
        New::Map(entries) => return entries.iter().try_for_each(|(_, new)| check(new)),
        New::Named(entries) => {
            entries.iter().try_for_each(|(_, new)| check(new))?;
            entries.iter().all(|(key, _)| is_line(key))
        }
    };
    match is_right {
        true => Ok(()),
        false => Err(Refusal::new("a name or value has control characters")),
    }
}
