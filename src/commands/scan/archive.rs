//! What was found in an archive, named by the path of the archive and the path in it.

use std::io;

use super::files::File;
use super::{Seen, UNPACK, finding, with_help};
use crate::model::scan::Scan;
use crate::model::{Ended, Finding};
use crate::world::files::{self, Links};
use crate::world::scan::{Search, Text, look_inside};
use crate::world::unpack::{Closed, INSIDE};

/// `None` if it is no archive that can be opened.
pub fn look(file: &File, search: Search<'_>, stop: &dyn Fn() -> bool) -> io::Result<Option<Seen>> {
    let input = files::open(&file.path, Links::Refuse)?;
    let Some(inside) = look_inside(search, &file.shown, input, 0, stop)? else {
        return Ok(None);
    };
    let more = inside.texts.iter().map(|text| text.found.more()).sum();
    let (cut, closed): (Vec<Closed>, Vec<Closed>) = inside.closed.into_iter().partition(|closed| closed.is_cut);
    let cut = cut.iter().map(|closed| {
        let (path, message) = told(file, closed, "was not scanned to its end");
        Finding::error("not-scanned", message)
            .help("write it again, or unpack it and scan what it holds")
            .at(path, None)
    });
    let scan = Scan::new(search.rules, &file.shown);
    let by_path = scan
        .by_path()
        .map(|rule| finding(&file.shown, 1, &rule.id, rule.described()));
    let found = by_path.chain(inside.texts.iter().flat_map(of_text)).chain(cut);
    Ok(Some(Seen {
        ended: Ended::Looked(with_help(found, more)),
        bytes: inside.bytes,
        closed: closed
            .iter()
            .map(|closed| {
                let (path, message) = told(file, closed, "was not scanned");
                Finding::warning("not-opened", message).help(UNPACK).at(path, None)
            })
            .collect(),
    }))
}

fn told(file: &File, closed: &Closed, what: &str) -> (String, String) {
    let path = match closed.path.as_str() {
        "" => file.shown.clone(),
        inner => format!("{}{INSIDE}{inner}", file.shown),
    };
    let message = format!("{path} {what}: {}", closed.why);
    (path, message)
}

fn of_text<'t>(text: &'t Text<'_>) -> impl Iterator<Item = Finding> + 't {
    let path = &text.path;
    let by_path = text
        .by_path
        .iter()
        .map(move |rule| finding(path, 1, &rule.id, rule.described()));
    let found = text.found.first.iter().map(move |found| {
        let what = format!("{}, in column {}", found.rule.described(), found.column);
        finding(path, found.line, &found.rule.id, &what)
    });
    by_path.chain(found)
}
