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
        let of = |part: Part<'_>| world.secrets.redact_part(part);
        let left_out = log.len().saturating_sub(HEAD + TAIL);
        let text = match left_out {
            0 => of(Part::whole(log)),
            _ => {
                let (head, tail) = (&log[..HEAD], &log[log.len() - TAIL..]);
                let note = format!("\n[stageproof left out {left_out} bytes here]\n");
                of(Part::beginning(head)) + &note + &of(Part::end(tail))
            }
        };
        let text = self.hide.text(&text);
        if self.kept + text.len() > MOST {
            return Err(format!("all logs together have more than {} MiB", MOST >> 20));
        }
        self.kept += text.len();
        let name = format!("run-{}-job-{}.log", origin.of.run.id, origin.job.id);
        let path = self.folder.join(name);
        let written = files::folders(&self.folder).and_then(|()| files::replace(&path, text.as_bytes()));
        written.map_err(|error| format!("{error:#}"))?;
        let hash = hex::encode(Hashed::of(text.as_bytes()).sha256);
        let cut = if left_out > 0 { ", without its middle" } else { "" };
        Ok(format!(
            "{}{cut} (SHA-256 {hash})",
            workspace::shown(&path, &world.workspace)
        ))
    }
}
