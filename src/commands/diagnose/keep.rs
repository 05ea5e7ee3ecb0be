//! Fetched logs are kept beside the report, so that a diagnosis can be checked when GitHub has deleted them.

use std::path::PathBuf;

use super::origin::Origin;
use crate::world::World;
use crate::world::files;
use crate::world::hash::Hashed;
use crate::world::scan::Hide;
use crate::world::secrets::Part;
use crate::world::workspace;

/// Of one log, its beginning and its end are kept.
const HEAD: usize = 1 << 20;
const TAIL: usize = 3 << 20;
/// More than any secret: so much beyond a cut is searched, too, because nobody knows half a token again.
const MARGIN: usize = 64 << 10;
/// Of all logs of a report.
const MOST: usize = 64 << 20;

pub struct Keeper {
    folder: PathBuf,
    kept: usize,
    /// Its job knew secrets that this one does not.
    hide: Hide,
}

impl Keeper {
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            kept: 0,
            hide: Hide::builtin(),
        }
    }

    /// Writes the log without secrets, and says where it is and what its hash is.
    pub fn keep(&mut self, origin: &Origin, log: &[u8], world: &World) -> Result<String, String> {
        let hidden = |part: Part<'_>| self.hide.text(&world.secrets.redact_part(part));
        let left_out = log.len().saturating_sub(HEAD + TAIL);
        let text = match left_out {
            0..=MARGIN => hidden(Part::whole(log)),
            _ => {
                let head = hidden(Part::beginning(&log[..HEAD + MARGIN]));
                let tail = hidden(Part::end(&log[log.len() - TAIL - MARGIN..]));
                let note = format!("[stageproof left out at least {left_out} bytes here]\n");
                whole_lines_before(&head, HEAD).to_owned() + &note + whole_lines_behind(&tail, MARGIN)
            }
        };
        if self.kept + text.len() > MOST {
            return Err(format!("all logs together have more than {} MiB", MOST >> 20));
        }
        self.kept += text.len();
        let name = format!("run-{}-job-{}.log", origin.of.run.id, origin.job.id);
        let path = self.folder.join(name);
        let written = files::folders(&self.folder).and_then(|()| files::replace(&path, text.as_bytes()));
        written.map_err(|error| format!("{error:#}"))?;
        let hash = hex::encode(Hashed::of(text.as_bytes()).sha256);
        let cut = if left_out > MARGIN { ", without its middle" } else { "" };
        Ok(format!(
            "{}{cut} (SHA-256 {hash})",
            workspace::shown(&path, &world.workspace)
        ))
    }
}

/// Of its first bytes, the lines that are whole; of a single line, nothing.
fn whole_lines_before(text: &str, most: usize) -> &str {
    let first = &text.as_bytes()[..most.min(text.len())];
    &text[..memchr::memrchr(b'\n', first).map_or(0, |at| at + 1)]
}

/// Behind its first bytes, the lines that are whole.
fn whole_lines_behind(text: &str, first: usize) -> &str {
    let rest = &text.as_bytes()[first.min(text.len())..];
    memchr::memchr(b'\n', rest).map_or("", |at| &text[first + at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_keeps_whole_lines_and_not_more_than_was_asked_for(text in "[aé\n]{0,40}", at in 0_usize..50) {
            let (before, behind) = (whole_lines_before(&text, at), whole_lines_behind(&text, at));
            prop_assert!(before.len() <= at && text.starts_with(before) && text.ends_with(behind));
            prop_assert!(before.is_empty() || before.ends_with('\n'));
            prop_assert!(behind.is_empty() || text[..text.len() - behind.len()].ends_with('\n'));
            prop_assert!(behind.len() <= text.len().saturating_sub(at));
        }
    }
}
