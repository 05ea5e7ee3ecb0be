//! SHA-256 of files, as fast as the machine can.
//!
//! Small files are one open, read and close each, spread over all cores. Behind the first few MiB of a big one a second
//! thread reads ahead, so that reading and hashing overlap.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use rustix::fs::Advice;
use sha2::{Digest as _, Sha256};

use super::files::{self, Links};
use crate::model::cores;

/// Fits the second-level cache, so what was read is hashed from there.
const CHUNK: usize = 256 * 1024;
/// From here on a second thread is worth its start.
const READ_AHEAD_AFTER: u64 = 4 * 1024 * 1024;
/// One is being hashed, one is ready, one is being read.
const BUFFERS: usize = 3;

/// Whether to give up, asked between files and between chunks of a big one.
pub type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// What reading gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    pub sha256: [u8; 32],
    /// Bytes.
    pub size: u64,
}

impl Hashed {
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: Sha256::digest(bytes).into(),
            size: bytes.len() as u64,
        }
    }

    pub fn hex(&self) -> String {
        let mut digits = vec![0; 2 * self.sha256.len()];
        // `hex::encode` pushes them one by one, which takes long for many files.
        let _ = hex::encode_to_slice(self.sha256, &mut digits);
        String::from_utf8(digits).unwrap_or_default()
    }
}

/// A buffer that is used again for the next file.
pub struct Scratch(Vec<u8>);

impl Scratch {
    pub fn new() -> Self {
        Self(vec![0; CHUNK])
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// A folder that is held open, so that the files in it are opened by their short names.
pub struct Folder(OwnedFd);

impl Folder {
    pub fn open(path: &Path) -> io::Result<Self> {
        files::open_folder(path).map(Self)
    }

    /// The folder itself, as it is now.
    pub fn metadata(&self) -> io::Result<Metadata> {
        File::from(self.0.try_clone()?).metadata()
    }

    /// Where this very folder is, whatever is at the path it was opened by.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    /// Opens a file in it.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        files::open_in(&self.0, path, Links::Refuse)
    }

    /// Hashes files, by their paths relative to this folder, on all cores.
    pub fn hash_all(&self, files: &[PathBuf], stop: Stop<'_>) -> Vec<io::Result<Hashed>> {
        cores::each(files, Scratch::new, |scratch, path| {
            hash(self.file(path)?, scratch, Reads::ToTheEnd, stop)
        })
    }

    /// Like [`Self::hash_all`], for files whose hash is known: one that comes out right needed one read less.
    pub fn compare_all<T: Sync>(
        &self,
        files: &[T],
        known: impl Fn(&T) -> (&Path, &[u8; 32]) + Sync,
        stop: Stop<'_>,
    ) -> Vec<io::Result<Hashed>> {
        cores::each(files, Scratch::new, |scratch, file| {
            let (path, sha256) = known(file);
            match hash(self.file(path)?, scratch, Reads::ToAShortOne, stop) {
                Ok(hashed) if hashed.sha256 == *sha256 => Ok(hashed),
                _ => hash(self.file(path)?, scratch, Reads::ToTheEnd, stop),
            }
        })
    }
}

/// When a file is taken to be over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    ToTheEnd,
    /// Local file systems fill the buffer as long as there is something. Others need not, so what comes out wrong must
    /// be read again to the end.
    ToAShortOne,
}

/// Hashes one file.
pub fn hash_file(path: &Path, stop: Stop<'_>) -> io::Result<Hashed> {
    hash(
        files::open(path, Links::Refuse)?,
        &mut Scratch::new(),
        Reads::ToTheEnd,
        stop,
    )
}

/// Hashes a file that is open already, from its beginning.
pub fn hash_open(file: &File, stop: Stop<'_>) -> io::Result<Hashed> {
    let mut file = file.try_clone()?;
    file.rewind()?;
    hash(file, &mut Scratch::new(), Reads::ToTheEnd, stop)
}

/// Hashes what is left of `file`.
fn hash(mut file: File, scratch: &mut Scratch, reads: Reads, stop: Stop<'_>) -> io::Result<Hashed> {
    let mut sha = Sha256::new();
    let mut size = 0;
    while size < READ_AHEAD_AFTER {
        if stop() {
            return Err(stopped());
        }
        match read(&mut file, &mut scratch.0)? {
            0 => return Ok(end(sha, size)),
            n => {
                sha.update(&scratch.0[..n]);
                size += n as u64;
                if n < scratch.0.len() && reads == Reads::ToAShortOne {
                    return Ok(end(sha, size));
                }
            }
        }
    }
    // Only a hint; a file system that does not know it loses nothing.
    let _ = rustix::fs::fadvise(&file, 0, None, Advice::Sequential);
    read_ahead(file, sha, size, stop)
}

/// Hashes what a decoder gives, at most `limit` bytes of it; one byte more than that is an error.
pub fn hash_stream(mut from: impl Read, limit: u64, scratch: &mut Scratch, stop: Stop<'_>) -> io::Result<Hashed> {
    let mut sha = Sha256::new();
    let mut size = 0;
    loop {
        if stop() {
            return Err(stopped());
        }
        match read(&mut from, &mut scratch.0)? {
            0 => return Ok(end(sha, size)),
            n => {
                sha.update(&scratch.0[..n]);
                size += n as u64;
            }
        }
        if size > limit {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("it holds more than the {limit} bytes it is said to hold"),
            ));
        }
    }
}

fn read_ahead(mut file: File, mut sha: Sha256, mut size: u64, stop: Stop<'_>) -> io::Result<Hashed> {
    thread::scope(|scope| {
        let (to_reader, empty) = mpsc::channel::<Vec<u8>>();
        let (to_hasher, full) = mpsc::channel::<io::Result<(Vec<u8>, usize)>>();
        for _ in 0..BUFFERS {
            // The receiver is right here, so it cannot be gone.
            let _ = to_reader.send(vec![0; CHUNK]);
        }
        scope.spawn(move || {
            for mut buffer in empty {
                let result = read(&mut file, &mut buffer).map(|n| (buffer, n));
                let last = !matches!(result, Ok((_, n)) if n > 0);
                if to_hasher.send(result).is_err() || last {
                    return;
                }
            }
        });
        for filled in full {
            let (buffer, n) = filled?;
            if n == 0 {
                break;
            }
            if stop() {
                return Err(stopped());
            }
            sha.update(&buffer[..n]);
            size += n as u64;
            // The reader ends by itself at the end of the file.
            let _ = to_reader.send(buffer);
        }
        Ok(end(sha, size))
    })
}

fn end(sha: Sha256, size: u64) -> Hashed {
    Hashed {
        sha256: sha.finalize().into(),
        size,
    }
}

fn read(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What is answered instead of a result after `stop` said so.
pub fn stopped() -> io::Error {
    io::Error::other("stopped before the end")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO_ON: Stop<'static> = &|| false;

    #[test]
    fn a_big_file_and_a_small_one_hash_alike() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * 1024 * 1024 + 7, 9 * 1024 * 1024] {
            let bytes: Vec<u8> = (0..size).map(|i| (i * 31 % 251) as u8).collect();
            let path = folder.path().join("file");
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(hash_file(&path, GO_ON).unwrap(), Hashed::of(&bytes), "{size}");
            let streamed = hash_stream(&bytes[..], size as u64, &mut Scratch::new(), GO_ON).unwrap();
            assert_eq!(streamed, Hashed::of(&bytes), "{size}");
        }
    }

    #[test]
    fn more_than_was_said_is_an_error() {
        let error = hash_stream(&b"abc"[..], 2, &mut Scratch::new(), GO_ON).unwrap_err();
        assert!(error.to_string().contains("more than the 2 bytes"), "{error}");
    }

    #[test]
    fn a_link_is_not_followed_and_stopping_stops() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), vec![7; 6 << 20]).unwrap();
        std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
        assert!(hash_file(&folder.path().join("link"), GO_ON).is_err());
        assert!(hash_file(&folder.path().join("file"), &|| true).is_err());
    }
}
