//! Keys and items that are no longer there.

use std::ops::Range;

use super::{Editor, expected_at};
use crate::model::workflow::patch::Refusal;
use crate::model::workflow::patch::path::{Part, Path};
use crate::model::workflow::patch::value::Value;

impl Editor<'_> {
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
}
