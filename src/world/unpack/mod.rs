//! What is in archives: zip, tar and gzip, and those in one another, read from beginning to end in constant memory.
//!
//! Nothing in them is believed: depth, number and size of what is unpacked have limits, and what cannot be opened is told.

mod gzip;
mod peek;
mod tar;
mod zip;

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;
use std::rc::Rc;

use flate2::read::MultiGzDecoder;

pub use gzip::{GZIP_HEAD, Members, Names};
use peek::Peek;

/// Archives in archives; a release of a release is three deep.
const DEEPEST: usize = 6;
/// Their names are kept only where something is found, but each takes time.
const MOST_MEMBERS: u64 = 1_000_000;
/// Parts that are named; that there are more is said once.
const MOST_CLOSED: usize = 100;
/// Separates the path of an archive from a path in it, as gitleaks writes it.
pub const INSIDE: char = '!';

/// What was not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Its path in the archive; empty for the archive itself.
    pub path: String,
    /// The second half of a sentence.
    pub why: String,
    /// It could have been looked at, were it whole and of a reasonable size.
    pub is_cut: bool,
}

impl Closed {
    /// Its path, if `archive` is that of the archive.
    pub fn below(&self, archive: &str) -> String {
        match self.path.as_str() {
            "" => archive.to_owned(),
            inner => format!("{archive}{INSIDE}{inner}"),
        }
    }
}

/// Takes each text with its path in the archive, which is empty for what belongs to no member: names, comments, and what
/// comes after the end. It need not read to the end.
pub type Visit<'v> = &'v mut dyn FnMut(&str, &mut dyn Read) -> io::Result<()>;

/// Whether there is something in it: a zip or tar file, or one of these packed by gzip.
///
/// # Errors
/// The file cannot be read.
pub fn is_archive(file: &File) -> io::Result<bool> {
    let mut head = [0; tar::BLOCK];
    let length = file.read_at(&mut head, 0)?;
    let found = kind(&head[..length]);
    if found == Kind::Other {
        return Ok(zip_behind(file)?.is_some());
    }
    if found != Kind::Gzip {
        return Ok(true);
    }
    let mut head = vec![0; 64 << 10];
    let length = file.read_at(&mut head, 0)?;
    head.truncate(length);
    // What is damaged is no archive either.
    let mut start = Vec::new();
    let _ = MultiGzDecoder::new(&head[..])
        .take(tar::BLOCK as u64)
        .read_to_end(&mut start);
    Ok(kind(&start) != Kind::Other)
}

/// Whether it can be an archive, by its beginning and its end.
pub fn may_be_archive(content: &[u8]) -> bool {
    let tail = &content[content.len().saturating_sub(zip::LONGEST_END)..];
    kind(&content[..content.len().min(tar::BLOCK)]) != Kind::Other || zip::end(tail).is_some()
}

/// Where the entries begin of a zip that a file ends with, as in a `.pyz` and what unpacks itself.
fn zip_behind(file: &File) -> io::Result<Option<u64>> {
    let size = file.metadata()?.len();
    let from = size.saturating_sub(zip::LONGEST_END as u64);
    let mut tail = Vec::new();
    read_at(file, from, zip::LONGEST_END, &mut tail)?;
    let Some((at, length, told)) = zip::end(&tail) else {
        return Ok(None);
    };
    let Some(directory) = (from + at as u64).checked_sub(length) else {
        return Ok(None);
    };
    let mut first = Vec::new();
    read_at(file, directory, 64, &mut first)?;
    // What is before the zip may be counted or not.
    let begin = |first| Some(directory.checked_sub(told)? + first);
    Ok(zip::first_listed(&first).and_then(begin).filter(|begin| *begin < size))
}

fn read_at(file: &File, from: u64, count: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.resize(count, 0);
    let mut length = 0;
    while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, from + length as u64)? {
            0 => break,
            more => length += more,
        }
    }
    bytes.truncate(length);
    Ok(())
}

/// The same as [`each`] for an archive that may begin behind something else.
///
/// # Errors
/// The file cannot be read, or what takes the texts failed.
pub fn each_in(file: &mut File, most: u64, visit: Visit<'_>) -> io::Result<Vec<Closed>> {
    let mut head = Vec::new();
    read_at(file, 0, tar::BLOCK, &mut head)?;
    let behind = match kind(&head) {
        Kind::Other => zip_behind(file)?,
        _ => None,
    };
    let Some(begin) = behind else {
        return each(file, most, visit);
    };
    let mut unpacking = Unpacking::new(most, visit);
    (unpacking.visit)("", &mut (&mut *file).take(begin))?;
    io::Seek::seek(file, io::SeekFrom::Start(begin))?;
    unpacking.zip("", &mut Peek::new(file), 0)?;
    Ok(unpacking.closed)
}

/// Hands on every text in it, unpacking `most` bytes at most. Answers with what was not looked at.
///
/// # Errors
/// The input cannot be read, or what takes the texts failed.
pub fn each(input: &mut dyn Read, most: u64, visit: Visit<'_>) -> io::Result<Vec<Closed>> {
    let mut unpacking = Unpacking::new(most, visit);
    unpacking.open("", input, 0)?;
    Ok(unpacking.closed)
}

struct Unpacking<'v> {
    /// Bytes that may still be unpacked.
    left: Rc<Cell<u64>>,
    members: u64,
    visit: Visit<'v>,
    closed: Vec<Closed>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zip,
    Gzip,
    Tar,
    Other,
}

fn kind(head: &[u8]) -> Kind {
    match head {
        // An entry, or the end of one without entries.
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
        [0x1f, 0x8b, ..] => Kind::Gzip,
        _ if tar::is_header(head) => Kind::Tar,
        _ => Kind::Other,
    }
}

impl<'v> Unpacking<'v> {
    fn new(most: u64, visit: Visit<'v>) -> Self {
        Self {
            left: Rc::new(Cell::new(most)),
            members: 0,
            visit,
            closed: Vec::new(),
        }
    }

    fn open(&mut self, path: &str, input: &mut dyn Read, depth: usize) -> io::Result<()> {
        let mut input = Peek::new(input);
        let kind = kind(input.peek(tar::BLOCK)?);
        if kind != Kind::Other && depth == DEEPEST {
            self.close(path, &format!("it is {DEEPEST} archives deep"), false);
            return (self.visit)(path, &mut input);
        }
        match kind {
            Kind::Other => (self.visit)(path, &mut input),
            Kind::Zip => self.zip(path, &mut input, depth),
            Kind::Tar => self.tar(path, &mut input, depth),
            Kind::Gzip => {
                let head = input.peek(GZIP_HEAD)?.to_vec();
                let (members, names) = Members::new(input, &head);
                self.names(&names)?;
                let ended = Ended::default();
                let mut unpacked = self.unpacked(members, &ended);
                self.open(path, &mut unpacked, depth + 1)?;
                self.names(&names)?;
                // Nobody decodes what is behind damage, but everybody can read it.
                if ended.0.get() == How::Damaged
                    && let Some(mut rest) = unpacked.input.rest()
                {
                    (self.visit)(path, &mut rest)?;
                }
                // Whoever takes a text may stop early; what is behind it is not damaged then.
                self.judge(path, &ended);
                Ok(())
            }
        }
    }

    fn names(&mut self, names: &Names) -> io::Result<()> {
        match names.take() {
            names if names.is_empty() => Ok(()),
            names => (self.visit)("", &mut names.as_slice()),
        }
    }

    /// A member of an archive. Answers whether there may be more.
    fn member(&mut self, archive: &str, name: &[u8], input: &mut dyn Read, depth: usize) -> io::Result<()> {
        self.members += 1;
        self.open(&inside(archive, name), input, depth + 1)
    }

    /// Whether there are too many, which is told.
    fn is_full(&mut self, path: &str) -> bool {
        let is_full = self.members >= MOST_MEMBERS;
        if is_full {
            self.cut(path, "it has too many files");
        }
        is_full
    }

    fn cut(&mut self, path: &str, why: &str) {
        self.close(path, why, true);
    }

    fn close(&mut self, path: &str, why: &str, is_cut: bool) {
        let (path, why) = match self.closed.len() {
            0..MOST_CLOSED => (path, why),
            MOST_CLOSED => ("", "it has more parts that were not looked at"),
            _ => return,
        };
        self.closed.push(Closed {
            path: path.to_owned(),
            why: why.to_owned(),
            is_cut,
        });
    }

    fn unpacked<R: Read>(&self, input: R, ended: &Ended) -> Unpacked<R> {
        Unpacked {
            input,
            left: Rc::clone(&self.left),
            ended: ended.clone(),
        }
    }

    fn judge(&mut self, path: &str, ended: &Ended) {
        match ended.0.get() {
            How::Well => {}
            How::Damaged => self.cut(path, "it is damaged"),
            How::Cut => self.cut(path, "it unpacks to more than is looked at"),
        }
    }
}

fn inside(archive: &str, name: &[u8]) -> String {
    let name = crate::model::text::one_line(&String::from_utf8_lossy(name));
    match archive {
        "" => name,
        archive => format!("{archive}{INSIDE}{name}"),
    }
}

/// How a packed stream ended.
#[derive(Clone, Default)]
struct Ended(Rc<Cell<How>>);

impl Ended {
    fn is_well(&self) -> bool {
        self.0.get() == How::Well
    }
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum How {
    #[default]
    Well,
    Damaged,
    Cut,
}

/// What can be unpacked: damaged content ends where the damage begins, so that what comes before it is looked at, and a
/// bomb ends where all of it is as much as is looked at.
struct Unpacked<R> {
    input: R,
    left: Rc<Cell<u64>>,
    ended: Ended,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.input.read(buffer) {
            Ok(count) if count as u64 > self.left.get() => {
                self.ended.0.set(How::Cut);
                Ok(0)
            }
            Ok(count) => {
                self.left.set(self.left.get() - count as u64);
                Ok(count)
            }
            Err(error) if is_damage(&error) => {
                self.ended.0.set(How::Damaged);
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether it is the content's fault, not that of the system.
fn is_damage(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::Interrupted && error.raw_os_error().is_none()
}

#[cfg(test)]
mod tests;
