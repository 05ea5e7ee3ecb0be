//! The log of a job, block by block, from a file or from standard input.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::files::{self, Links};
use super::hash::{self, Stop};
use super::{scan, unpack};

const BLOCK: usize = 256 << 10;
/// Of all logs in an archive together, unpacked.
const LARGEST_ARCHIVE: u64 = 256 << 20;

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    StandardInput,
    /// It was fetched.
    Memory(Arc<Vec<u8>>),
}

/// The logs in the archive that GitHub gives of a run, with their names: one of each job, beside folders with the same
/// step by step. `None` if it is no archive.
///
/// # Errors
/// It cannot be read, or not all of it.
pub fn unpacked(path: &Path) -> io::Result<Option<Vec<(String, Source)>>> {
    let mut file = files::open(path, Links::Follow)?;
    if !unpack::is_archive(&file)? {
        return Ok(None);
    }
    let mut logs = Vec::new();
    let closed = unpack::each(&mut file, LARGEST_ARCHIVE, &mut |name, input| {
        if name.ends_with(".txt") || name.ends_with(".log") {
            let mut bytes = Vec::new();
            input.read_to_end(&mut bytes)?;
            logs.push((name.to_owned(), Source::Memory(Arc::new(bytes))));
        }
        Ok(())
    })?;
    if let Some(closed) = closed.first() {
        let why = match &*closed.path {
            "" => closed.why.clone(),
            path => format!("{path}: {}", closed.why),
        };
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    if logs.iter().any(|(name, _)| !name.contains('/')) {
        logs.retain(|(name, _)| !name.contains('/'));
    }
    Ok(Some(logs))
}

/// Hands the log to `take`, as text: UTF-16 and gzip are decoded. Answers how many bytes it has.
///
/// # Errors
/// It cannot be read to its end.
pub fn feed(source: &Source, take: &mut dyn FnMut(&[u8]), stop: Stop<'_>) -> io::Result<u64> {
    let mut input: Box<dyn Read> = match source {
        Source::File(path) => Box::new(scan::decoded(files::open(path, Links::Follow)?)?),
        Source::StandardInput => Box::new(io::stdin().lock()),
        Source::Memory(bytes) => Box::new(bytes.as_slice()),
    };
    let mut block = vec![0; BLOCK];
    let mut size = 0;
    loop {
        if stop() {
            return Err(hash::stopped());
        }
        let read = match input.read(&mut block) {
            Ok(0) => return Ok(size),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size += read as u64;
        take(&block[..read]);
    }
}
