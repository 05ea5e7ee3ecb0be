//! Loose objects that are cut short.
//!
//! libgit2 1.9 never comes back from reading one (a full disk or a cache that was saved half leaves them), and its
//! reading cannot be stopped from outside. So they are looked for before it reads anything. A fresh clone has only packs,
//! which carry a checksum of their own.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use flate2::bufread::ZlibDecoder;

use super::{GitError, Repository, Stop};
use crate::world::files::{self, Links};
use crate::world::paths;

/// How deep git and libgit2 follow the object folders that others borrow from.
const DEEPEST: usize = 5;
/// Nobody borrows from more folders than this.
const MOST_STORES: usize = 1000;
/// Of the list of folders to borrow from.
const LARGEST_LIST: u64 = 1 << 20;

impl Repository {
    /// Reads every loose object to the end of its compressed stream, and names the first that has none; also in the
    /// folders that objects are borrowed from (alternates). What the bytes mean is for libgit2 to judge.
    pub fn check_loose_objects(&self, stop: Stop<'_>) -> Result<(), GitError> {
        let mut stores = vec![(self.folder().join("objects"), 0)];
        let mut seen = HashSet::new();
        while let Some((store, depth)) = stores.pop() {
            // Several may borrow from the same folder, or in a circle.
            let real = paths::real(&store).map_err(|error| broken(&store, &error))?;
            if !seen.insert(real) {
                continue;
            }
            check_store(&store, stop)?;
            let place = store.join("info/alternates");
            let list = files::read_if_there(&place, LARGEST_LIST, Links::Follow).map_err(|error| GitError::Broken {
                what: "the list of alternate object folders cannot be read".to_owned(),
                detail: format!("{error:#}"),
            })?;
            let borrowed = alternates(&list.unwrap_or_default());
            if !borrowed.is_empty() && (depth == DEEPEST || seen.len() > MOST_STORES) {
                let error = io::Error::other(format!(
                    "it is more than {DEEPEST} folders away from the repository, or one of more than {MOST_STORES}"
                ));
                return Err(broken(&place, &error));
            }
            for path in borrowed {
                // git and libgit2 read such a path as relative to different folders.
                if path.is_relative() && !path.starts_with(".") && !path.starts_with("..") {
                    let error = io::Error::other(format!("`{}` begins neither with `/` nor with `.`", path.display()));
                    return Err(broken(&place, &error));
                }
                let path = store.join(path);
                // A folder that is gone lends nothing.
                if files::is_folder(&path) {
                    stores.push((path, depth + 1));
                }
            }
        }
        Ok(())
    }
}

fn broken(place: &Path, error: &io::Error) -> GitError {
    GitError::Broken {
        what: format!("{} cannot be read", place.display()),
        detail: error.to_string(),
    }
}

fn check_store(objects: &Path, stop: Stop<'_>) -> Result<(), GitError> {
    let list = |folder: &Path| -> Result<Vec<fs::DirEntry>, GitError> {
        #[expect(clippy::disallowed_methods, reason = "lists folders of the repository")]
        let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        entries.map_err(|error| broken(folder, &error))
    };
    for folder in list(objects)?.into_iter().filter(|entry| is_hex(&entry.file_name(), 2)) {
        for entry in list(&folder.path())? {
            // Anything else is the unfinished work of another process.
            if is_hex(&entry.file_name(), 38) || is_hex(&entry.file_name(), 62) {
                let path = entry.path();
                let file = files::open(&path, Links::Follow).map_err(|error| broken(&path, &error))?;
                inflate(io::BufReader::new(file), stop).map_err(|error| match error {
                    Cut::Stopped(reason) => GitError::Stopped(reason),
                    Cut::Broken(error) => broken(&path, &error),
                })?;
            }
        }
    }
    Ok(())
}

/// The folders that a list of alternates names, as libgit2 reads it.
pub fn alternates(list: &[u8]) -> Vec<PathBuf> {
    list.split(|byte| matches!(byte, b'\r' | b'\n'))
        .filter(|line| !line.is_empty() && line[0] != b'#')
        .map(|line| PathBuf::from(OsStr::from_bytes(line)))
        .collect()
}

/// Why a stream was not read to its end.
#[derive(Debug)]
pub enum Cut {
    Broken(io::Error),
    Stopped(String),
}

/// Reads a compressed stream to its end and keeps nothing of it.
pub fn inflate(stream: impl io::BufRead, stop: Stop<'_>) -> Result<(), Cut> {
    let mut decoder = ZlibDecoder::new(stream);
    let mut buffer = [0; 64 << 10];
    loop {
        if let Some(reason) = stop() {
            return Err(Cut::Stopped(reason));
        }
        match decoder.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Cut::Broken(error)),
        }
    }
}

fn is_hex(name: &OsStr, length: usize) -> bool {
    let name = name.as_bytes();
    name.len() == length && name.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_stream_that_is_cut_anywhere_is_noticed() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(b"blob 4\0one\n").unwrap();
        let whole = encoder.finish().unwrap();
        let never = || None;
        inflate(&whole[..], &never).unwrap();
        for length in 0..whole.len() {
            assert!(
                matches!(inflate(&whole[..length], &never), Err(Cut::Broken(_))),
                "{length} of {} bytes",
                whole.len()
            );
        }
        assert!(
            matches!(inflate(&whole[..], &|| Some("late".to_owned())), Err(Cut::Stopped(reason)) if reason == "late")
        );
    }

    #[test]
    fn alternates_are_lines_without_comments() {
        assert_eq!(
            alternates(b"# borrowed\n/a/objects\r\n\n../b\xff"),
            [Path::new("/a/objects"), Path::new(OsStr::from_bytes(b"../b\xff"))]
        );
        assert!(alternates(b"").is_empty());
    }
}
