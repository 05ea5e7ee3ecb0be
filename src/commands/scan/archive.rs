//! What was found in an archive, named by the path of the archive and the path in it.

use std::io;

use super::files::File;
use super::{Seen, finding, unread_finding, with_help};
use crate::model::scan::{Scan, Unscannable};
use crate::model::{Ended, Finding};
use crate::world::files::{self, Links};
use crate::world::scan::{Search, Text, look_inside};

/// `None` if it is no archive that can be opened.
pub fn look(
    file: &File,
    search: Search<'_>,
    unscannable: Option<Unscannable>,
    stop: &dyn Fn() -> bool,
) -> io::Result<Option<Seen>> {
    let input = files::open(&file.path, Links::Refuse)?;
    let Some(inside) = look_inside(search, &file.shown, input, 0, stop)? else {
        return Ok(None);
    };
    let more = inside.texts.iter().map(|text| text.found.more()).sum();
    let scan = Scan::new(search.rules, &file.shown);
    let by_path = scan
        .by_path()
        .map(|rule| finding(&file.shown, 1, &rule.id, rule.described()));
    let found = by_path.chain(inside.texts.iter().flat_map(of_text));
    Ok(Some(Seen {
        ended: Ended::Looked(with_help(found, more)),
        bytes: inside.bytes,
        unread: inside
            .closed
            .iter()
            .map(|closed| unread_finding(unscannable, &closed.below(&file.shown), &closed.why, closed.is_cut))
            .collect(),
    }))
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
