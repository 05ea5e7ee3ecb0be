//! A copy of a file without what was found in it. Memory does not grow with its size, and what is written is searched
//! again.

mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use serde::de::IgnoredAny;
use sha2::Sha256;

use super::parts::{Part, Search, in_parts, whole};
use super::{Decoded, Form, Tally, look_through};
use crate::model::scan::placeholder;
use crate::model::scan::syntax::{Class, Style, Syntax, pieces};
use crate::world::copy;
use crate::world::files::{self, Links};
use crate::world::hash::{Hashed, stopped};
use crate::world::secrets::Redactor;
use writer::Writer;

/// How often what was masked is masked again, if a rule finds something in what is left.
const ROUNDS: u32 = 4;
/// So much at the end of a part is written with the next one: an escape or a character may go on there.
const HELD: usize = 256;
/// What decides whether a file is text.
const HEAD: u64 = 8 << 10;

/// Makes the tags, which tell one secret from another and nothing about it.
pub struct Key(Hmac<Sha256>);

impl Key {
    /// # Errors
    /// Never: a key can have any length.
    pub fn new(bytes: &[u8]) -> anyhow::Result<Self> {
        Ok(Self(Hmac::new_from_slice(bytes)?))
    }

    fn tag(&self, secret: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(secret);
        let mut tag = hex::encode(mac.finalize().into_bytes());
        tag.truncate(placeholder::TAG);
        tag
    }
}

/// How files are masked.
pub struct Mask<'a> {
    pub search: Search<'a>,
    pub secrets: &'a Redactor,
    pub key: &'a Key,
}

/// A file that was masked.
pub struct Masked<'a> {
    pub at: PathBuf,
    pub hashed: Hashed,
    /// How often each rule was masked.
    pub counts: BTreeMap<&'a str, usize>,
    /// What must not occur and is still there.
    pub forbidden: Tally<'a>,
}

/// Why a file could not be masked.
#[derive(Debug, thiserror::Error)]
pub enum NotMasked {
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The rules that find something in it.
    #[error("it still matches {0} after masking")]
    Left(String),
    #[error("masking would break its {0}")]
    Broken(&'static str),
}

/// What a replacement must leave as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Json,
    Xml,
    /// What is at which place counts: a tar file, a program, a database.
    Binary,
}

impl Kind {
    fn of(open: &dyn Fn() -> io::Result<Box<dyn Read>>) -> io::Result<Self> {
        let mut head = Vec::new();
        open()?.take(HEAD).read_to_end(&mut head)?;
        if head.contains(&0) {
            return Ok(Self::Binary);
        }
        let text = head.strip_prefix(MARK).unwrap_or(&head);
        Ok(match text.trim_ascii_start().first() {
            Some(b'{' | b'[' | b'"') if is_json(open()?)? => Self::Json,
            Some(b'<') if is_xml(open()?)? => Self::Xml,
            _ => Self::Text,
        })
    }

    fn syntax(self) -> Option<Syntax> {
        match self {
            Self::Text => Some(Syntax::Plain),
            Self::Json => Some(Syntax::json()),
            Self::Xml => Some(Syntax::xml()),
            Self::Binary => None,
        }
    }
}

/// The byte order mark of UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// One value, or many.
fn is_json(input: Box<dyn Read>) -> io::Result<bool> {
    let mut input = io::BufReader::new(input);
    let mut head = [0; 3];
    let length = input.read(&mut head)?;
    let head: &[u8] = if head == MARK { &[] } else { &head[..length] };
    let values = serde_json::Deserializer::from_reader(head.chain(input)).into_iter::<IgnoredAny>();
    for value in values {
        match value {
            Ok(_) => {}
            Err(error) if error.is_io() => return Err(error.into()),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

fn is_xml(mut input: Box<dyn Read>) -> io::Result<bool> {
    let (mut xml, mut buffer, mut classes) = (Syntax::xml(), vec![0; 64 << 10], Vec::new());
    loop {
        let count = input.read(&mut buffer)?;
        if count == 0 {
            return Ok(xml.ends());
        }
        // The end of a comment changes what came just before it.
        classes.drain(..classes.len().saturating_sub(4));
        if xml.read(&buffer[..count], &mut classes).is_err() {
            return Ok(false);
        }
    }
}

impl<'a> Mask<'a> {
    /// Writes what `from` holds, masked, into a file beside `to` or there. `path` is what rules for paths are about.
    ///
    /// # Errors
    /// Says why there is no masked file.
    pub fn copy(&self, path: &str, from: &Path, to: &Path, stop: &dyn Fn() -> bool) -> Result<Masked<'a>, NotMasked> {
        let mut source = from.to_owned();
        let mut counts = BTreeMap::new();
        // Whether a second try masks what is not UTF-16 in a file that begins so.
        let mut is_mixed = false;
        for round in 0..ROUNDS {
            let at = to.with_extension(round.to_string());
            let open = |source: &Path| {
                let decoded = Decoded::of_file(files::open(source, Links::Refuse)?)?;
                Ok(decoded.if_mixed(is_mixed).text())
            };
            let kind = Kind::of(&|| open(&source))?;
            let hashed = self.once(
                path,
                (&source, is_mixed),
                kind,
                files::create(&at, copy::mode(&files::open(from, Links::Refuse)?.metadata()?))?,
                &mut counts,
                stop,
            )?;
            if round > 0 {
                files::remove_file(&source).map_err(|error| io::Error::other(format!("{error:#}")))?;
            }
            source = at;
            if Kind::of(&|| open(&source))? != kind {
                return Err(NotMasked::Broken(match kind {
                    Kind::Json => "JSON",
                    Kind::Xml => "XML",
                    Kind::Text | Kind::Binary => "format",
                }));
            }
            let left = look_through(self.search, path, files::open(&source, Links::Refuse)?, stop)?;
            if stop() {
                return Err(stopped().into());
            }
            if left.found.counts.is_empty() {
                return Ok(Masked {
                    at: source,
                    hashed,
                    counts,
                    forbidden: left.forbidden,
                });
            }
            if round + 1 == ROUNDS {
                let rules: Vec<&str> = left.found.counts.into_keys().collect();
                return Err(NotMasked::Left(rules.join(", ")));
            }
            is_mixed = is_mixed || self.is_clean_as_text(path, &source, stop)?;
        }
        Err(NotMasked::Left("something".to_owned()))
    }

    /// Whether what is left in a file is not in what it reads as.
    fn is_clean_as_text(&self, path: &str, source: &Path, stop: &dyn Fn() -> bool) -> io::Result<bool> {
        let text = Decoded::of_file(files::open(source, Links::Refuse)?)?.text();
        let mut is_clean = true;
        in_parts(self.search, path, text, stop, &mut |part| {
            is_clean &= part.found.is_empty();
            Ok(())
        })?;
        Ok(is_clean)
    }

    fn once(
        &self,
        path: &str,
        (from, is_mixed): (&Path, bool),
        kind: Kind,
        to: File,
        counts: &mut BTreeMap<&'a str, usize>,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Hashed> {
        let file = files::open(from, Links::Refuse)?;
        let tail = odd_byte(&file)?;
        let decoded = Decoded::of_file(file)?.if_mixed(is_mixed);
        let (form, packed) = (decoded.form, decoded.names.clone());
        let names = |counts: &mut BTreeMap<&'a str, usize>| {
            for found in whole(self.search, path, &packed.take()).found {
                *counts.entry(&found.rule.id).or_default() += 1;
            }
        };
        names(counts);
        let mut out = Writer::new(to, form)?;
        let mut rewriting = Rewriting {
            mask: self,
            syntax: kind.syntax(),
            spans: Vec::new(),
            written: 0,
            classes: Vec::new(),
        };
        in_parts(self.search, path, decoded.text(), stop, &mut |part| {
            rewriting.take(part, &mut out, counts)
        })?;
        names(counts);
        out.finish(if matches!(form, Form::Utf16(_)) { &tail } else { &[] })
    }
}

/// The half of a unit of UTF-16 that a file may end with.
fn odd_byte(file: &File) -> io::Result<Vec<u8>> {
    use std::os::unix::fs::FileExt as _;
    let size = file.metadata()?.len();
    let mut byte = vec![0; usize::from(size % 2 == 1)];
    file.read_exact_at(&mut byte, size.saturating_sub(1))?;
    Ok(byte)
}

/// What is to be replaced, in bytes of the content.
struct Span<'r> {
    range: Range<u64>,
    rule: &'r str,
    tag: String,
}

struct Rewriting<'m, 'r> {
    mask: &'m Mask<'r>,
    syntax: Option<Syntax>,
    /// Found, and not written yet.
    spans: Vec<Span<'r>>,
    /// So much of the content was written, masked.
    written: u64,
    /// Those of the bytes from there on.
    classes: Vec<Class>,
}

impl<'r> Rewriting<'_, 'r> {
    fn take(&mut self, part: Part<'_, 'r>, out: &mut Writer, counts: &mut BTreeMap<&'r str, usize>) -> io::Result<()> {
        let Part {
            window,
            at,
            fresh,
            is_last,
            found,
            ..
        } = part;
        let here = |place: u64| {
            usize::try_from(place.saturating_sub(at))
                .unwrap_or(usize::MAX)
                .min(window.len())
        };
        for found in found {
            let secret = &window[here(found.secret.start)..here(found.secret.end)];
            let known = (found.rule.id == crate::model::scan::KNOWN).then(|| self.mask.search.known(secret));
            let value = known.flatten().and_then(|number| self.mask.secrets.value(number));
            self.spans.push(Span {
                tag: self.mask.key.tag(value.map_or(secret, str::as_bytes)),
                range: found.secret,
                rule: &found.rule.id,
            });
        }
        self.spans
            .sort_by_key(|span| (span.range.start, std::cmp::Reverse(span.range.end)));
        let last = self.spans.iter().map(|span| span.range.end).max().unwrap_or_default();
        let until = if is_last {
            window.len()
        } else {
            fresh.end.max(here(last) + HELD).min(window.len())
        };
        let classified = here(self.written) + self.classes.len();
        if let Some(syntax) = self.syntax.as_mut().filter(|_| classified < until) {
            let text = &window[classified..until];
            let malformed = |_| io::Error::other("it changed while it was read");
            syntax.read(text, &mut self.classes).map_err(malformed)?;
        }
        let limit = at
            + if is_last {
                window.len()
            } else {
                fresh.end.saturating_sub(HELD)
            } as u64;
        let ready = self.spans.partition_point(|span| span.range.start < limit);
        let mut spans = self.spans.drain(..ready).collect::<Vec<_>>().into_iter().peekable();
        while let Some(mut span) = spans.next() {
            // What overlaps is one.
            while let Some(more) = spans.next_if(|next| next.range.start < span.range.end) {
                span.range.end = span.range.end.max(more.range.end);
            }
            let range = here(span.range.start.max(self.written))..here(span.range.end);
            if range.is_empty() {
                continue;
            }
            *counts.entry(span.rule).or_default() += 1;
            let Some(_) = &self.syntax else {
                out.write_all(&window[here(self.written)..range.start])?;
                out.write_all(&of_same_length(&span, range.len()))?;
                self.written = at + range.end as u64;
                continue;
            };
            let base = here(self.written);
            let mut done = base;
            for (piece, style) in pieces(&self.classes, range.start - base..range.end - base) {
                out.write_all(&window[done..base + piece.start])?;
                let text = match style {
                    Style::Plain => placeholder::text(span.rule, &span.tag),
                    Style::Quoted => format!("\"{}\"", placeholder::text(span.rule, &span.tag)),
                    Style::InName => placeholder::in_name(span.rule, &span.tag),
                };
                out.write_all(text.as_bytes())?;
                done = base + piece.end;
            }
            self.classes.drain(..done - base);
            self.written = at + done as u64;
        }
        if limit > self.written {
            let rest = here(self.written)..here(limit);
            out.write_all(&window[rest.clone()])?;
            if self.syntax.is_some() {
                self.classes.drain(..rest.len());
            }
            self.written = limit;
        }
        Ok(())
    }
}

/// A placeholder with stars behind it, or stars alone if there is no room.
fn of_same_length(span: &Span<'_>, length: usize) -> Vec<u8> {
    let mut text = placeholder::text(span.rule, &span.tag).into_bytes();
    if text.len() > length {
        text.clear();
    }
    text.resize(length, b'*');
    text
}

#[cfg(test)]
mod tests;
