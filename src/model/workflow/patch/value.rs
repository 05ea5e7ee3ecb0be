//! What a file says, without how it is written, and what is to be written into it.

use std::collections::BTreeMap;

use super::Refusal;
use crate::model::workflow::written;
use crate::model::yaml::{Content, Node, Style};

/// What a node says. The order of keys means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// With whether it is plain, which tells the number 3 from the text '3'; `None` for what was written anew.
    Text(String, Option<bool>),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    pub fn of(node: &Node) -> Self {
        match &node.content {
            Content::Scalar { text, style } => {
                let text = if node.is_null() { "" } else { text };
                Self::Text(text.to_owned(), Some(*style == Style::Plain))
            }
            Content::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Content::Map(entries) => {
                let key = |key: &Node| key.text().map_or_else(|| format!("{:?}", Self::of(key)), str::to_owned);
                Self::Map(entries.iter().map(|(k, v)| (key(k), Self::of(v))).collect())
            }
        }
    }

    /// Where another value differs from this one, if it does.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let below = |part: &str, inner: String| match inner.as_str() {
            "" => part.to_owned(),
            inner if inner.starts_with('[') => format!("{part}{inner}"),
            inner => format!("{part}.{inner}"),
        };
        match (self, other) {
            (Self::Text(a, plain), Self::Text(b, other)) => {
                let same_style = plain.is_none() || other.is_none() || plain == other;
                (a != b || !same_style).then(String::new)
            }
            (Self::List(a), Self::List(b)) => {
                let pairs = (0..).zip(a.iter().zip(b));
                let found = pairs
                    .into_iter()
                    .find_map(|(n, (a, b))| Some(below(&format!("[{n}]"), a.difference(b)?)));
                found.or_else(|| (a.len() != b.len()).then(String::new))
            }
            (Self::Map(a), Self::Map(b)) => {
                let found = a.iter().find_map(|(key, value)| match b.get(key) {
                    Some(other) => Some(below(key, value.difference(other)?)),
                    None => Some(key.clone()),
                });
                found.or_else(|| b.keys().find(|key| !a.contains_key(*key)).cloned())
            }
            _ => Some(String::new()),
        }
    }
}

/// What is written anew.
#[derive(Clone, Debug)]
pub enum New {
    /// A text, in quotes if it needs them. One with line breaks is written as a block.
    Text(String),
    /// A number, or what else must not be quoted.
    Raw(String),
    /// A text without quotes, and a comment behind it.
    Noted(String, String),
    Map(Vec<(&'static str, New)>),
    /// As `Map`, where keys come from elsewhere.
    Named(Vec<(String, New)>),
}

impl New {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn value(&self) -> Value {
        let map = |entries: &mut dyn Iterator<Item = (String, &Self)>| {
            Value::Map(entries.map(|(key, new)| (key, new.value())).collect())
        };
        match self {
            Self::Text(text) | Self::Raw(text) | Self::Noted(text, _) => Value::Text(text.clone(), None),
            Self::Map(entries) => map(&mut entries.iter().map(|(key, new)| ((*key).to_owned(), new))),
            Self::Named(entries) => map(&mut entries.iter().map(|(key, new)| (key.clone(), new))),
        }
    }

    /// Only what is printable is written; line breaks only in a text of their own.
    pub fn check(&self) -> Result<(), Refusal> {
        let is_line = |text: &str| !text.chars().any(char::is_control);
        let is_right = match self {
            New::Text(text) => text.lines().all(is_line),
            New::Raw(text) => is_line(text),
            New::Noted(text, note) => is_line(text) && is_line(note),
            New::Map(entries) => return entries.iter().try_for_each(|(_, new)| new.check()),
            New::Named(entries) => {
                entries.iter().try_for_each(|(_, new)| new.check())?;
                entries.iter().all(|(key, _)| is_line(key))
            }
        };
        match is_right {
            true => Ok(()),
            false => Err(Refusal::new("a name or value has control characters")),
        }
    }

    fn entries(&self) -> Vec<(&str, &Self)> {
        match self {
            Self::Map(entries) => entries.iter().map(|(key, new)| (*key, new)).collect(),
            Self::Named(entries) => entries.iter().map(|(key, new)| (&**key, new)).collect(),
            _ => Vec::new(),
        }
    }

    /// The lines of all entries, the first level not indented.
    pub fn lines(&self, unit: usize) -> Vec<String> {
        let entries = self.entries().into_iter();
        entries.flat_map(|(key, new)| new.entry(key, unit)).collect()
    }

    /// The lines of a key with this value, the key not indented.
    pub fn entry(&self, key: &str, unit: usize) -> Vec<String> {
        let indented = |lines: Vec<String>| lines.into_iter().map(move |line| format!("{:unit$}{line}", ""));
        let key = written::item(key);
        match self {
            Self::Text(text) if text.contains('\n') => {
                let keep = if text.ends_with('\n') { "" } else { "-" };
                let lines = text.lines().map(str::to_owned).collect();
                [format!("{key}: |{keep}")].into_iter().chain(indented(lines)).collect()
            }
            Self::Noted(text, note) => vec![format!("{key}: {text} # {note}")],
            Self::Map(_) | Self::Named(_) if !self.entries().is_empty() => [format!("{key}:")]
                .into_iter()
                .chain(indented(self.lines(unit)))
                .collect(),
            Self::Text(text) => vec![format!("{key}: {}", written::scalar(text))],
            _ => vec![format!("{key}: {}", self.inline())],
        }
    }

    /// On one line, as in `{ … }` and `[ … ]`.
    pub fn inline(&self) -> String {
        match self {
            Self::Text(text) if text.contains('\n') => written::with_escapes(text),
            Self::Text(text) | Self::Noted(text, _) => written::item(text),
            Self::Raw(text) => text.clone(),
            Self::Map(_) | Self::Named(_) => {
                let entries = self.entries().into_iter();
                let entries: Vec<_> = entries
                    .map(|(key, new)| format!("{}: {}", written::item(key), new.inline()))
                    .collect();
                match entries.as_slice() {
                    [] => "{}".to_owned(),
                    _ => format!("{{ {} }}", entries.join(", ")),
                }
            }
        }
    }
}
