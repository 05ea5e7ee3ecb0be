//! A long answer becomes a file, hashed on the way.

use std::io::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files;
use super::hash::Hashed;
use super::http::{Failure, Pieces};
use super::progress::{Progress, Task};

/// Why the file is not there, or not whole.
pub enum NotSaved {
    /// Another try may succeed.
    Broken(Failure),
    TooLarge,
    Unwritable(anyhow::Error),
}

/// Replaces what an earlier try left. `tenths` is told how far it is.
pub async fn save(pieces: &mut Pieces<'_>, to: &Path, most: u64, tenths: &mut Tenths) -> Result<Hashed, NotSaved> {
    files::remove_file(to).map_err(NotSaved::Unwritable)?;
    let unwritable = |error: std::io::Error| NotSaved::Unwritable(error.into());
    let mut file = files::create(to, 0o600).map_err(unwritable)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = pieces.next().await.map_err(NotSaved::Broken)? {
        size += piece.len() as u64;
        if size > most {
            return Err(NotSaved::TooLarge);
        }
        hash.update(&piece);
        file.write_all(&piece).map_err(unwritable)?;
        tenths.at(size);
    }
    Ok(Hashed {
        sha256: hash.finalize().into(),
        size,
    })
}

/// Tells each tenth of a long way.
pub struct Tenths {
    task: Task,
    total: u64,
    told: u64,
}

impl Tenths {
    pub fn new(what: &str, total: u64, progress: &Progress) -> Self {
        Self {
            task: progress.doing(what),
            total,
            told: 0,
        }
    }

    pub fn at(&mut self, done: u64) {
        let tenths = done.saturating_mul(10) / self.total.max(1);
        if done < self.total && tenths > self.told {
            self.told = tenths;
            self.task.step(&format!("{tenths}0 % of {} bytes", self.total));
        }
    }
}
