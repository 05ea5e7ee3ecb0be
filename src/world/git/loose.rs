//! Loose objects that are cut short.
//!
//! libgit2 1.9 never comes back from reading one (a full disk or a cache that was saved half leaves them), and its
//! reading cannot be stopped from outside. So they are looked for before it reads anything. A fresh clone has only packs,
//! which carry a checksum of their own.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use flate2::read::ZlibDecoder;

use super::{GitError, Repository, Stop};
use crate::world::files::{self, Links};

impl Repository {
    /// Reads every loose object to the end of its compressed stream, and names the first that has none. What the
    /// bytes mean is for libgit2 to judge. Objects borrowed from other repositories (alternates) are not looked at.
    pub fn check_loose_objects(&self, stop: Stop<'_>) -> Result<(), GitError> {
        let objects = self.folder().join("objects");
        let broken = |place: &Path, error: &io::Error| GitError::Broken {
            what: format!("{} cannot be read", place.display()),
            detail: error.to_string(),
        };
        let list = |folder: &Path| -> Result<Vec<fs::DirEntry>, GitError> {
            #[expect(clippy::disallowed_methods, reason = "lists folders of the repository")]
            let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            entries.map_err(|error| broken(folder, &error))
        };
        for folder in list(&objects)?
            .into_iter()
            .filter(|entry| is_hex(&entry.file_name(), 2))
        {
            for entry in list(&folder.path())? {
                if let Some(reason) = stop() {
                    return Err(GitError::Stopped(reason));
                }
                // Anything else is the unfinished work of another process.
                if is_hex(&entry.file_name(), 38) || is_hex(&entry.file_name(), 62) {
                    let path = entry.path();
                    read_to_end(&path).map_err(|error| broken(&path, &error))?;
                }
            }
        }
        Ok(())
    }
}

fn read_to_end(path: &Path) -> io::Result<()> {
    io::copy(
        &mut ZlibDecoder::new(files::open(path, Links::Follow)?),
        &mut io::sink(),
    )
    .map(drop)
}

fn is_hex(name: &OsStr, length: usize) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == length && name.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_stream_that_is_cut_anywhere_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("object");
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"blob 4\0one\n").unwrap();
        let whole = encoder.finish().unwrap();
        fs::write(&path, &whole).unwrap();
        read_to_end(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(read_to_end(&path).is_err(), "{length} of {} bytes", whole.len());
        }
    }
}
