//! What archives hold, scanned file by file.

use std::fs::File;
use std::io::{self, Read as _};

use super::hide::without;
use super::parts::{Part, in_parts, in_utf16};
use super::{CUT_BASE64, Form, HEAD, Search, Tally, form, most_unpacked};
use crate::model::scan::{Rule, Scan};
use crate::world::unpack::{Closed, INSIDE, each_in, is_archive};

/// Files in formats that are not opened; more of them are not told.
const MOST_PACKED: usize = 100;

/// What an archive came to.
pub struct Inside<'r> {
    /// Those in which something was found.
    pub texts: Vec<Text<'r>>,
    pub closed: Vec<Closed>,
    /// That were looked at, unpacked.
    pub bytes: u64,
}

/// A file in an archive, or what of an archive belongs to none.
pub struct Text<'r> {
    /// `logs.zip!deploy/out.log`, with `***` for a secret in it.
    pub path: String,
    pub found: Tally<'r>,
    /// What must not occur.
    pub forbidden: Tally<'r>,
    /// The rules that its path is enough for.
    pub by_path: Vec<&'r Rule>,
}

/// Looks through what is in a zip or tar file; `None` if it is neither. `stop` ends it early. `more` is how much may be
/// unpacked beyond what its size allows.
///
/// # Errors
/// The file cannot be read, or it was ended early.
pub fn look_inside<'r>(
    search: Search<'r>,
    path: &str,
    mut file: File,
    more: u64,
    stop: &dyn Fn() -> bool,
) -> io::Result<Option<Inside<'r>>> {
    if !is_archive(&file)? {
        return Ok(None);
    }
    let most = most_unpacked(file.metadata()?.len()).saturating_add(more);
    let mut inside = Inside {
        texts: Vec::new(),
        closed: Vec::new(),
        bytes: 0,
    };
    let mut packed: Vec<Closed> = Vec::new();
    let closed = each_in(&mut file, most, &mut |inner, input| {
        let path = match inner {
            "" => path.to_owned(),
            inner => format!("{path}{INSIDE}{inner}"),
        };
        let mut text = Text {
            by_path: match inner {
                "" => Vec::new(),
                _ => Scan::new(search.rules, &path).by_path().collect(),
            },
            found: Tally::default(),
            forbidden: Tally::default(),
            path,
        };
        let mut head = Vec::with_capacity(HEAD);
        (&mut *input).take(HEAD as u64).read_to_end(&mut head)?;
        let form = form(&head);
        if form == Form::Closed && !inner.is_empty() && packed.len() < MOST_PACKED {
            packed.push(Closed {
                path: inner.to_owned(),
                why: "it is packed in a format that is not opened".to_owned(),
                is_cut: false,
            });
        }
        let whole = io::Cursor::new(head).chain(input);
        let mut is_cut = false;
        let mut take = |part: Part<'_, 'r>| {
            is_cut = part.is_cut;
            text.found.add(part.found);
            text.forbidden.add(part.forbidden);
            Ok(())
        };
        inside.bytes += match form {
            Form::Utf16(order) => in_utf16(search, &text.path, (whole, order), stop, &mut take)?,
            Form::Plain | Form::Gzip | Form::Closed => in_parts(search, &text.path, whole, stop, &mut take)?,
        };
        if is_cut && packed.len() < MOST_PACKED {
            packed.push(Closed {
                path: inner.to_owned(),
                why: CUT_BASE64.to_owned(),
                is_cut: true,
            });
        }
        if text.found.count() + text.forbidden.count() + text.by_path.len() > 0 {
            text.path = without(search, &text.path);
            inside.texts.push(text);
        }
        if stop() {
            Err(io::Error::other("it was ended early"))
        } else {
            Ok(())
        }
    })?;
    packed.retain(|packed| closed.iter().all(|closed| closed.path != packed.path));
    let closed = closed.into_iter().chain(packed);
    inside.closed.extend(closed.map(|closed| Closed {
        path: without(search, &closed.path),
        ..closed
    }));
    Ok(Some(inside))
}
