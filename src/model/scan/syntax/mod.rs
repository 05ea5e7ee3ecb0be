//! What of a secret may be replaced in a file of some format, so that the file stays one of that format.

mod json;
mod xml;

use std::ops::Range;

use json::Json;
use xml::Xml;

/// What a byte is a part of. A unit, such as a character or an escape, is replaced whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It stays: a quote, a bracket, a tag.
    Structure,
    /// Text, and the first byte of a unit of it.
    Text,
    MoreText,
    /// The first byte of a JSON value without quotes.
    Bare,
    MoreBare,
    /// The name of an element or attribute.
    Name,
}

/// How what takes the place of a secret is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    /// In quotes.
    Quoted,
    /// As a part of a name.
    InName,
}

/// The format of a file.
#[derive(Debug)]
pub enum Syntax {
    /// Any text.
    Plain,
    Json(Json),
    Xml(Box<Xml>),
}

impl Syntax {
    pub fn json() -> Self {
        Self::Json(Json::default())
    }

    pub fn xml() -> Self {
        Self::Xml(Box::default())
    }

    /// Reads on, and adds the class of each byte.
    ///
    /// # Errors
    /// It is no such file.
    pub fn read(&mut self, bytes: &[u8], classes: &mut Vec<Class>) -> Result<(), Malformed> {
        match self {
            Self::Plain => classes.extend(bytes.iter().map(|byte| text(*byte))),
            Self::Json(json) => bytes.iter().for_each(|byte| classes.push(json.class(*byte))),
            Self::Xml(xml) => {
                for byte in bytes {
                    xml.read(*byte, classes)?;
                }
            }
        }
        Ok(())
    }

    /// Whether it may end here.
    pub fn ends(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Json(json) => json.ends(),
            Self::Xml(xml) => xml.ends(),
        }
    }
}

/// The file does not follow its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// A byte of text in UTF-8.
fn text(byte: u8) -> Class {
    if byte & 0xc0 == 0x80 {
        Class::MoreText
    } else {
        Class::Text
    }
}

/// What of `span` is replaced, and how. Units at its ends are taken whole.
pub fn pieces(classes: &[Class], span: Range<usize>) -> Vec<(Range<usize>, Style)> {
    let goes_on = |at: usize| matches!(classes.get(at), Some(Class::MoreText | Class::MoreBare));
    let (mut start, mut end) = (span.start, span.end.min(classes.len()));
    while start > 0 && goes_on(start) {
        start -= 1;
    }
    while end > start && goes_on(end) {
        end += 1;
    }
    let mut pieces: Vec<(Range<usize>, Style)> = Vec::new();
    for (at, class) in classes.iter().enumerate().take(end).skip(start) {
        let style = match class {
            Class::Structure => continue,
            Class::Text | Class::MoreText => Style::Plain,
            Class::Bare | Class::MoreBare => Style::Quoted,
            Class::Name => Style::InName,
        };
        match pieces.last_mut() {
            Some((piece, known)) if piece.end == at && *known == style => piece.end += 1,
            _ => pieces.push((at..at + 1, style)),
        }
    }
    // Tags between two texts are none of the secret.
    if pieces.iter().any(|(_, style)| *style != Style::InName) {
        pieces.retain(|(_, style)| *style != Style::InName);
    }
    pieces
}

#[cfg(test)]
mod tests;
