//! The log of a job, block by block, from a file or from standard input.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::files::{self, Links};
use super::hash::{self, Stop};
use super::scan;

const BLOCK: usize = 1 << 20;

/// Where a log is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    StandardInput,
    /// It was fetched.
    Memory(Arc<Vec<u8>>),
}

/// Hands the log to `take`, as text: UTF-16 and gzip are decoded. Answers how many bytes it has.
///
/// # Errors
/// It cannot be read to its end, or it is an archive.
pub fn feed(source: &Source, take: &mut dyn FnMut(&[u8]), stop: Stop<'_>) -> io::Result<u64> {
    let mut input: Box<dyn Read> = match source {
        Source::File(path) => scan::decoded(files::open(path, Links::Follow)?)?,
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
        if size == 0 && block.starts_with(b"PK\x03\x04") {
            let what = "it is a zip; unpack it, and give the log of the job that failed";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        size += read as u64;
        take(&block[..read]);
    }
}
