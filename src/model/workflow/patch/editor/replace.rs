//! Another value, or another name, for what is there.

use super::{Editor, expected_at};
use crate::model::workflow::patch::Refusal;
use crate::model::workflow::patch::path::{Part, Path};
use crate::model::workflow::patch::value::{New, Value};
use crate::model::workflow::written;
use crate::model::yaml::{Content, Style};

impl Editor<'_> {
    /// Replaces a scalar by another, in its quotes if it has some.
    pub fn set(&mut self, path: &Path, new: &New) -> Result<(), Refusal> {
        new.check()?;
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
        let is_block = matches!(&self.at(path)?.content, Content::Scalar { style, .. } if matches!(style, Style::Literal | Style::Folded));
        if is_block || bytes.is_empty() {
            return Err(Refusal(format!("`{path}` is not written on one line")));
        }
        self.splice(bytes, text);
        self.expect(path, new.value())
    }

    /// Gives a key another name.
    pub fn rename(&mut self, path: &Path, name: &str) -> Result<(), Refusal> {
        New::text(name).check()?;
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
        new.check()?;
        let (key, value) = self.entry(path)?;
        let from = key.place.bytes.end;
        let end = self.source.end(value).max(from);
        let replaced = self.source.text.get(from..end).unwrap_or_default();
        if replaced.contains('#') || replaced.contains(['&', '!']) || self.is_in_flow(path) {
            return Err(Refusal(format!(
                "`{path}` has comments, an anchor or a tag that the change would lose"
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
}
