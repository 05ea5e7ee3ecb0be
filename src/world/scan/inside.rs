//! What archives hold, scanned file by file.

use std::fs::File;
use std::io::{self, Read as _};

use super::utf16::Utf16;
use super::{Form, form, in_parts, most_unpacked};
use crate::model::scan::{Found, Rule, RuleSet, Scan};
use crate::world::secrets::Redactor;
use crate::world::unpack::{Closed, INSIDE, each, is_archive};

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
    /// `logs.zip!deploy/out.log`
    pub path: String,
    pub found: Vec<Found<'r>>,
    /// The rules that its path is enough for.
    pub by_path: Vec<&'r Rule>,
    /// Lines with a known secret.
    pub known: Vec<u64>,
}

/// Looks through what is in a zip or tar file; `None` if it is neither. `stop` ends it early. `more` is how much may be
/// unpacked beyond what its size allows.
///
/// # Errors
/// The file cannot be read, or it was ended early.
pub fn look_inside<'r>(
    rules: &'r RuleSet,
    secrets: &Redactor,
    path: &str,
    mut file: File,
    more: u64,
    stop: &dyn Fn() -> bool,
) -> io::Result<Option<Inside<'r>>> {
    if !is_archive(&file)? {
        return Ok(None);
    }
    let most = most_unpacked(file.metadata()?.len()).saturating_add(more);
    let stopped = || io::Error::other("it was ended early");
    let shown = |inner: &str| match inner {
        "" => path.to_owned(),
        inner => format!("{path}{INSIDE}{inner}"),
    };
    let (mut texts, mut bytes, mut packed) = (Vec::new(), 0, Vec::new());
    let closed = each(&mut file, most, &mut |inner, input| {
        let path = shown(inner);
        let mut scan = Scan::new(rules, &path);
        let by_path: Vec<&Rule> = scan.by_path().filter(|_| !inner.is_empty()).collect();
        let (found, size) = decoded(input, |form, input| {
            if form == Form::Closed && !inner.is_empty() && packed.len() < MOST_PACKED {
                packed.push(Closed {
                    path: inner.to_owned(),
                    why: "it is packed in a format that is not opened".to_owned(),
                    is_cut: false,
                });
            }
            in_parts(&mut scan, input, stop)
        })?;
        bytes += size;
        if !found.is_empty() || !by_path.is_empty() {
            texts.push(Text {
                path,
                found,
                by_path,
                known: Vec::new(),
            });
        }
        if stop() { Err(stopped()) } else { Ok(()) }
    })?;
    io::Seek::rewind(&mut file)?;
    each(&mut file, most, &mut |inner, input| {
        let known = decoded(input, |_, input| secrets.lines_of(input))?;
        if !known.is_empty() {
            texts.push(Text {
                path: shown(inner),
                found: Vec::new(),
                by_path: Vec::new(),
                known,
            });
        }
        if stop() { Err(stopped()) } else { Ok(()) }
    })?;
    packed.retain(|packed| closed.iter().all(|closed| closed.path != packed.path));
    Ok(Some(Inside {
        texts,
        closed: closed.into_iter().chain(packed).collect(),
        bytes,
    }))
}

/// As text, if it is written as UTF-16.
fn decoded<T>(input: &mut dyn io::Read, take: impl FnOnce(Form, &mut dyn io::Read) -> io::Result<T>) -> io::Result<T> {
    let mut head = Vec::with_capacity(4);
    (&mut *input).take(4).read_to_end(&mut head)?;
    let form = form(&head);
    let mut whole = io::Cursor::new(head).chain(input);
    match form {
        Form::Utf16 => take(form, &mut Utf16::new(whole)),
        Form::Plain | Form::Gzip | Form::Closed => take(form, &mut whole),
    }
}
