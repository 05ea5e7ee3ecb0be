//! A file that somebody else is writing, line by line.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::files::{self, Links};

/// A line that is longer is given in parts.
const LONGEST: usize = 64 << 10;
/// Read at once, so that a flood of output does not keep the caller from looking at anything else.
const AT_ONCE: u64 = 4 << 20;

pub struct Follow {
    file: File,
    rest: Vec<u8>,
}

impl Follow {
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: files::open(path, Links::Refuse)?,
            rest: Vec::new(),
        })
    }

    /// The lines that were ended since the last call. What is not UTF-8 is replaced.
    pub fn lines(&mut self) -> io::Result<Vec<String>> {
        (&mut self.file).take(AT_ONCE).read_to_end(&mut self.rest)?;
        let mut lines = Vec::new();
        let mut from = 0;
        while let Some(length) = self.rest[from..].iter().position(|byte| *byte == b'\n') {
            lines.push(String::from_utf8_lossy(&self.rest[from..from + length]).into_owned());
            from += length + 1;
        }
        self.rest.drain(..from);
        if self.rest.len() > LONGEST {
            lines.push(String::from_utf8_lossy(&self.rest).into_owned());
            self.rest.clear();
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_line_is_told_once_and_when_it_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let mut writer = File::create(&path).unwrap();
        let mut follow = Follow::open(&path).unwrap();
        assert!(follow.lines().unwrap().is_empty());
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(follow.lines().unwrap(), ["one"]);
        assert!(follow.lines().unwrap().is_empty());
        writer.write_all(b"o\nthree\n").unwrap();
        assert_eq!(follow.lines().unwrap(), ["two", "three"]);
        writer.write_all(&vec![b'x'; LONGEST + 1]).unwrap();
        assert_eq!(follow.lines().unwrap()[0].len(), LONGEST + 1, "memory stays flat");
    }
}
