//! A file line by line, in flat memory however long it or its lines are, with the hash of all of it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::files::{self, Links};
use super::hash::{self, Hashed, Stop};

const BUFFER: usize = 64 * 1024;

pub struct Lines<R> {
    from: BufReader<R>,
    sha: Sha256,
    size: u64,
    number: u64,
    longest: usize,
    line: Vec<u8>,
}

/// One line, without its line feed.
#[derive(Debug)]
pub struct Line<'a> {
    /// 1 is the first.
    pub number: u64,
    /// Not more of it than the longest that is asked for.
    pub bytes: &'a [u8],
    /// Bytes of the whole line.
    pub length: u64,
    /// A line feed ends it. Only the last line of a file can lack one.
    pub ended: bool,
}

impl Lines<File> {
    /// A regular file. A link is not followed.
    pub fn open(path: &Path, longest: usize) -> io::Result<Self> {
        Ok(Self::new(files::open(path, Links::Refuse)?, longest))
    }
}

impl<R: Read> Lines<R> {
    /// `longest` is how many bytes of a line are kept.
    pub fn new(from: R, longest: usize) -> Self {
        Self {
            from: BufReader::with_capacity(BUFFER, from),
            sha: Sha256::new(),
            size: 0,
            number: 0,
            longest,
            line: Vec::new(),
        }
    }

    /// The next line; `None` at the end. `stop` is asked for every piece that is read.
    pub fn read(&mut self, stop: Stop<'_>) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let mut length = 0;
        let mut ended = false;
        while !ended {
            if stop() {
                return Err(hash::stopped());
            }
            let piece = match self.from.fill_buf() {
                Ok(piece) => piece,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if piece.is_empty() {
                break;
            }
            let feed = memchr::memchr(b'\n', piece);
            let (text, used) = feed.map_or((piece, piece.len()), |at| (&piece[..at], at + 1));
            let room = (self.longest - self.line.len()).min(text.len());
            self.line.extend_from_slice(&text[..room]);
            self.sha.update(&piece[..used]);
            self.size += used as u64;
            length += text.len() as u64;
            ended = feed.is_some();
            self.from.consume(used);
        }
        if length == 0 && !ended {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            bytes: &self.line,
            length,
            ended,
        }))
    }

    /// The hash and the size of what was read.
    pub fn hashed(self) -> Hashed {
        Hashed {
            sha256: self.sha.finalize().into(),
            size: self.size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GO_ON: Stop<'static> = &|| false;

    fn all(bytes: &[u8], longest: usize) -> (Vec<(Vec<u8>, u64, bool)>, Hashed) {
        let mut lines = Lines::new(bytes, longest);
        let mut found = Vec::new();
        while let Some(line) = lines.read(GO_ON).unwrap() {
            assert_eq!(line.number, found.len() as u64 + 1);
            found.push((line.bytes.to_vec(), line.length, line.ended));
        }
        (found, lines.hashed())
    }

    #[test]
    fn what_is_not_a_file_is_refused_at_once() {
        let home = tempfile::tempdir().unwrap();
        assert!(Lines::open(home.path(), 9).is_err());
        std::fs::write(home.path().join("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", home.path().join("link")).unwrap();
        assert!(Lines::open(&home.path().join("link"), 9).is_err());
        assert!(Lines::open(&home.path().join("file"), 9).is_ok());
        assert!(Lines::new(&b"x"[..], 9).read(&|| true).is_err());
    }

    proptest! {
        #[test]
        fn the_lines_are_those_of_the_file(parts in proptest::collection::vec("[ab\r\n]{0,200}", 0..40), longest in 0usize..50) {
            let text = parts.concat();
            let (found, hashed) = all(text.as_bytes(), longest);
            prop_assert_eq!(hashed, Hashed::of(text.as_bytes()));
            let expected: Vec<_> = text
                .split_inclusive('\n')
                .map(|line| {
                    let bare = line.strip_suffix('\n').unwrap_or(line);
                    let kept = bare.as_bytes()[..bare.len().min(longest)].to_vec();
                    (kept, bare.len() as u64, line.ends_with('\n'))
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_line_longer_than_any_buffer_is_cut_and_counted() {
        let mut bytes = vec![b'x'; 3 * BUFFER + 7];
        bytes.extend_from_slice(b"\nlast");
        let (found, _) = all(&bytes, 5);
        let long = (b"xxxxx".to_vec(), 3 * BUFFER as u64 + 7, true);
        assert_eq!(found, [long, (b"last".to_vec(), 4, false)]);
    }
}
