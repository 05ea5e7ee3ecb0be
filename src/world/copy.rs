//! Copying a file that others may still be writing, with the hash of exactly what was copied.

use std::fs::Metadata;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files::{self, Links};
use super::hash::{self, Hashed, Stop};

const CHUNK: usize = 256 * 1024;

/// A finished copy.
#[derive(Debug)]
pub struct Copied {
    pub hashed: Hashed,
    pub executable: bool,
    /// Somebody wrote to the file meanwhile; the copy is what it held up to the length it had at first.
    pub changed: bool,
}

impl Copied {
    /// All of it, if the buffer that it was copied with holds it.
    pub fn content<'b>(&self, buffer: &'b [u8]) -> Option<&'b [u8]> {
        usize::try_from(self.hashed.size).map_or(None, |size| buffer.get(..size))
    }
}

/// Which side failed: what cannot be read is left out, what cannot be written ends the work.
#[derive(Debug)]
pub enum CopyError {
    NotARegularFile,
    Read(io::Error),
    Write(io::Error),
}

/// Copies `from` to `to`, which must not exist. The folder must be there.
pub fn copy(from: &Path, to: &Path, buffer: &mut Vec<u8>, stop: Stop<'_>) -> Result<Copied, CopyError> {
    let mut source = files::open(from, Links::Refuse).map_err(|error| {
        if files::is_not_regular(&error) {
            CopyError::NotARegularFile
        } else {
            CopyError::Read(error)
        }
    })?;
    let before = source.metadata().map_err(CopyError::Read)?;
    let executable = is_executable(&before);
    let mut target = files::create(to, mode(&before)).map_err(CopyError::Write)?;
    buffer.resize(CHUNK, 0);
    let mut sha = Sha256::new();
    let (mut left, mut filled) = (before.len(), 0);
    // What is appended meanwhile is not followed: a log that grows faster than it is read would never end.
    while left > 0 {
        if stop() {
            return Err(CopyError::Write(hash::stopped()));
        }
        if filled == CHUNK {
            filled = 0;
        }
        let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let room = &mut buffer[filled..];
        let most = most.min(room.len());
        match source.read(&mut room[..most]) {
            Ok(0) => break,
            Ok(n) => {
                sha.update(&room[..n]);
                target.write_all(&room[..n]).map_err(CopyError::Write)?;
                left -= n as u64;
                filled += n;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(CopyError::Read(error)),
        }
    }
    let after = source.metadata().map_err(CopyError::Read)?;
    let stamp = |meta: &Metadata| (meta.len(), meta.mtime(), meta.mtime_nsec());
    Ok(Copied {
        hashed: Hashed {
            sha256: sha.finalize().into(),
            size: before.len() - left,
        },
        executable,
        changed: stamp(&before) != stamp(&after),
    })
}

/// Nobody may read the copy who may not read the original; its owner may, who has to seal it.
pub fn mode(source: &Metadata) -> u32 {
    source.permissions().mode() & 0o755 | 0o600
}

pub fn is_executable(meta: &Metadata) -> bool {
    meta.permissions().mode() & 0o111 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_into_the_buffer_is_there_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = Vec::new();
        for size in [0, 5, CHUNK, CHUNK + 1, 3 * CHUNK + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at * 31 % 251) as u8).collect();
            let (from, to) = (folder.path().join("from"), folder.path().join(size.to_string()));
            std::fs::write(&from, &bytes).unwrap();
            let copied = copy(&from, &to, &mut buffer, &|| false).unwrap();
            assert!(std::fs::read(&to).unwrap() == bytes, "{size}");
            assert_eq!(copied.hashed, Hashed::of(&bytes), "{size}");
            let content = copied.content(&buffer);
            assert!(content == (size <= CHUNK).then_some(&*bytes), "{size}");
        }
    }
}
