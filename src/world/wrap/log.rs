//! The two files that prove a command ran: its own output, and the records of all wrapped commands of a run.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::model::cores;
use crate::model::heartbeat::Record;
use crate::world::files::{self, Links};

/// How much is checked at once: pieces are checked on all cores.
const PIECE: u64 = 16 * 1024 * 1024;
/// Bytes that are read at once.
const READ: usize = 256 * 1024;
/// How many wrapped commands of one label may run at once.
const AT_ONCE: usize = 100;

/// Something that is only written to. What goes wrong is kept, and the first of it told in the end: whoever writes has
/// more important work to do than to fail.
#[derive(Debug)]
pub struct Log {
    /// Nothing, once it could not be written. A log with a hole in it would look like a whole one.
    file: Mutex<Option<File>>,
    path: PathBuf,
    failure: Mutex<Option<String>>,
    /// Device and number of the file that was opened.
    identity: Option<(u64, u64)>,
    /// What was written, and where.
    written: Mutex<Vec<Piece>>,
    /// Nobody else writes to it.
    alone: bool,
}

/// Bytes that follow each other in the file.
#[derive(Debug)]
struct Piece {
    at: u64,
    length: u64,
    checksum: crc32fast::Hasher,
}

impl Log {
    /// The log of one command's output: `folder/LABEL.log`, emptied, or `folder/LABEL-2.log` while another command of that
    /// label writes to the first.
    pub fn of_output(folder: &Path, label: &str) -> Self {
        let mut path = folder.join(format!("{label}.log"));
        for number in 2..AT_ONCE {
            match files::append(&path).and_then(|file| claim(file, &path)) {
                Ok(Some(file)) => return Self::with(path, Ok(file), true),
                Ok(None) => path = folder.join(format!("{label}-{number}.log")),
                Err(error) => return Self::with(path, Err(error), true),
            }
        }
        Self::with(
            path,
            Err(anyhow::anyhow!("{AT_ONCE} commands of this label are running")),
            true,
        )
    }

    /// The records: `folder/heartbeat.log`, which is only ever appended to.
    pub fn of_records(folder: &Path) -> Self {
        let path = folder.join("heartbeat.log");
        let file = files::append(&path);
        Self::with(path, file, false)
    }

    fn with(path: PathBuf, opened: anyhow::Result<File>, alone: bool) -> Self {
        let (file, failure) = match opened {
            Ok(file) => (Some(file), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let identity = file.as_ref().and_then(|file| Some(identity(&file.metadata().ok()?)));
        Self {
            identity,
            alone,
            written: Mutex::default(),
            file: Mutex::new(file),
            path,
            failure: Mutex::new(failure),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why not everything is in it, or why it is not where it should be.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failure.or_else(|| {
            let gone = || format!("{} was removed or replaced while the command ran", self.path.display());
            match (self.is_in_place(), self.is_intact()) {
                (false, _) => Some(gone()),
                (true, Ok(true)) => None,
                (true, Ok(false)) => Some(format!("{} was changed while the command ran", self.path.display())),
                (true, Err(error)) => Some(format!("{} cannot be read again: {error}", self.path.display())),
            }
        })
    }

    /// Whether the file still holds what was written, and nothing else if nobody else writes to it.
    fn is_intact(&self) -> io::Result<bool> {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_empty() && !self.alone {
            return Ok(true);
        }
        let file = files::open(&self.path, Links::Refuse)?;
        let mut end = 0;
        for piece in &*written {
            if piece.at < end || (self.alone && piece.at != end) {
                return Ok(false);
            }
            end = piece.at + piece.length;
        }
        if self.alone && file.metadata()?.len() != end {
            return Ok(false);
        }
        let intact = cores::each(&written, || vec![0; READ], |buffer, piece| piece.is_in(&file, buffer));
        intact.into_iter().try_fold(true, |all, intact| Ok(all && intact?))
    }

    /// Whether the path still leads to the file that was written. Another one is not ours to read or to clean.
    #[expect(clippy::disallowed_methods, reason = "asks which file has the name, and opens none")]
    pub fn is_in_place(&self) -> bool {
        let meta = fs::symlink_metadata(&self.path).ok();
        self.identity.is_some() && self.identity == meta.map(|meta| identity(&meta))
    }

    pub fn write(&self, bytes: &[u8]) {
        self.with_file(bytes, |mut file| file.write_all(bytes));
    }

    /// In one piece, so that records of others do not get into the middle of it.
    pub fn record(&self, record: &Record) {
        let line = record.to_line() + "\n";
        self.with_file(line.as_bytes(), |mut file| match file.write(line.as_bytes())? {
            n if n == line.len() => Ok(()),
            _ => Err(io::ErrorKind::StorageFull.into()),
        });
    }

    /// Nothing is written from here on, whoever tries.
    pub fn close(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn with_file(&self, bytes: &[u8], write: impl FnOnce(&File) -> io::Result<()>) {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut open) = file.as_ref() else {
            return;
        };
        // Of a file that is appended to, the position is the end of what we wrote ourselves.
        match write(open).and_then(|()| open.stream_position()) {
            Ok(end) => self.remember(bytes, end),
            Err(error) => {
                *file = None;
                let failure = format!("{} cannot be written: {error}", self.path.display());
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
            }
        }
    }

    /// What is to be there still when the command has ended.
    fn remember(&self, bytes: &[u8], end: u64) {
        let length = bytes.len() as u64;
        let at = end.saturating_sub(length);
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        match written
            .last_mut()
            .filter(|last| last.at + last.length == at && last.length < PIECE)
        {
            Some(last) => {
                last.checksum.update(bytes);
                last.length += length;
            }
            None => {
                let mut checksum = crc32fast::Hasher::new();
                checksum.update(bytes);
                written.push(Piece { at, length, checksum });
            }
        }
    }
}

impl Piece {
    fn is_in(&self, file: &File, buffer: &mut [u8]) -> io::Result<bool> {
        let mut checksum = crc32fast::Hasher::new();
        let mut length = 0;
        while length < self.length {
            let wanted = buffer
                .len()
                .min(usize::try_from(self.length - length).unwrap_or(usize::MAX));
            match file.read_at(&mut buffer[..wanted], self.at + length) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    checksum.update(&buffer[..n]);
                    length += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(checksum.finalize() == self.checksum.clone().finalize())
    }
}

fn identity(meta: &fs::Metadata) -> (u64, u64) {
    (meta.dev(), meta.ino())
}

/// Empties it, unless another process is writing to it.
fn claim(file: File, path: &Path) -> anyhow::Result<Option<File>> {
    match file.try_lock() {
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        // Some network file systems cannot lock; two commands of one label at once are rare enough there.
        Ok(()) | Err(fs::TryLockError::Error(_)) => {}
    }
    file.set_len(0)
        .with_context(|| format!("cannot empty {}", path.display()))?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::heartbeat::Event;

    #[test]
    fn a_log_in_use_is_left_to_its_writer() {
        let home = tempfile::tempdir().unwrap();
        let first = Log::of_output(home.path(), "make");
        first.write(b"first");
        let second = Log::of_output(home.path(), "make");
        second.write(b"second");
        assert_eq!(second.path(), home.path().join("make-2.log"));
        assert_eq!(fs::read(home.path().join("make.log")).unwrap(), b"first");
        drop(first);
        assert_eq!(Log::of_output(home.path(), "make").path(), home.path().join("make.log"));
        assert_eq!(
            fs::read(home.path().join("make.log")).unwrap(),
            b"",
            "emptied for the next one"
        );
    }

    #[test]
    fn what_cannot_be_written_is_told_and_stops_nobody() {
        let home = tempfile::tempdir().unwrap();
        let precious = home.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        std::os::unix::fs::symlink(&precious, home.path().join("heartbeat.log")).unwrap();
        let log = Log::of_records(home.path());
        log.write(b"x");
        assert!(log.failure().unwrap().contains("heartbeat.log: it is a symbolic link"));
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        let below_a_file = Log::of_output(&precious.join("logs"), "x");
        assert!(below_a_file.failure().unwrap().contains("cannot make the folder"));
    }

    #[test]
    fn a_disk_that_is_full_is_told_once_and_nothing_is_written_behind_the_hole() {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let log = Log::with(PathBuf::from("/dev/full"), Ok(full), false);
        log.write(b"x");
        log.record(&Record {
            time: "2026-01-31T12:00:15.000Z".to_owned(),
            label: "x".to_owned(),
            pid: 1,
            attempt: 1,
            elapsed_ms: 0,
            event: Event::Resumed,
        });
        let failure = log.failure().unwrap();
        assert!(
            failure.starts_with("/dev/full cannot be written: No space left"),
            "{failure}"
        );
        assert!(log.file.lock().unwrap().is_none());
    }
}
