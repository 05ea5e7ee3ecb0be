//! Gzip files: their members one after another, and what each says of the file that it packed (RFC 1952).

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use flate2::bufread::GzDecoder;

/// Where the name of the file is that was packed, and a comment.
pub const GZIP_HEAD: usize = 512;
/// More of them are taken for damage. Members with the same name count once.
const MOST_NAMES: usize = 1 << 20;

/// The names, comments and extra fields of members that were read, until somebody takes them.
#[derive(Clone, Default)]
pub struct Names(Rc<RefCell<Vec<u8>>>);

impl Names {
    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

/// What all members hold.
pub struct Members<R> {
    member: Option<GzDecoder<Heard<BufReader<R>>>>,
    names: Names,
    last: Vec<u8>,
    count: usize,
}

impl<R: Read> Members<R> {
    /// `head` is the beginning of what `input` reads, whose names are known even if it is damaged.
    pub fn new(input: R, head: &[u8]) -> (Self, Names) {
        let names = Names::default();
        let mut members = Self {
            member: None,
            names: names.clone(),
            last: Vec::new(),
            count: 0,
        };
        members.name(gzip_names(head).to_vec());
        members.open(BufReader::new(input));
        (members, names)
    }

    fn open(&mut self, input: BufReader<R>) {
        let heard = Some(Vec::new());
        let mut member = GzDecoder::new(Heard { input, heard });
        if member.header().is_some() {
            member.get_mut().heard = None;
        }
        let name = member.header().map(|head| {
            let texts = [head.extra(), head.filename(), head.comment()];
            texts.into_iter().flatten().collect::<Vec<_>>().join(&0)
        });
        self.name(name.unwrap_or_default());
        self.member = Some(member);
    }

    /// What follows behind damage, as it is; if the head of a member is damaged, with it.
    pub fn rest(&mut self) -> Option<impl Read> {
        let rest = self.member.as_mut()?.get_mut();
        let head = rest.heard.take().unwrap_or_default();
        Some(Cursor::new(head).chain(rest))
    }

    fn name(&mut self, name: Vec<u8>) {
        if name.is_empty() || name == self.last {
            return;
        }
        let mut names = self.names.0.borrow_mut();
        names.extend_from_slice(&name);
        names.push(b'\n');
        self.count += name.len() + 1;
        self.last = name;
    }
}

impl<R: Read> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.count > MOST_NAMES {
                return Err(io::Error::other("it has too many names"));
            }
            let Some(member) = &mut self.member else { return Ok(0) };
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            match member.get_mut().fill_buf()?.first() {
                None => return Ok(0),
                Some(0x1f) => {}
                Some(_) => return Err(io::Error::other("what follows is no gzip")),
            }
            let rest = self.member.take().map(GzDecoder::into_inner);
            rest.into_iter().for_each(|rest| self.open(rest.input));
        }
    }
}

/// Keeps what was taken of it, until that is known to be the head of a member.
struct Heard<R> {
    input: R,
    heard: Option<Vec<u8>>,
}

impl<R: BufRead> Read for Heard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Heard<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        if let (Some(heard), Ok(bytes)) = (&mut self.heard, self.input.fill_buf()) {
            heard.extend_from_slice(&bytes[..count]);
        }
        self.input.consume(count);
    }
}

/// What the first member says; nothing if it says nothing.
fn gzip_names(head: &[u8]) -> &[u8] {
    const EXTRA: u8 = 4;
    const NAME_AND_COMMENT: u8 = 8 | 16;
    let [0x1f, 0x8b, _, flags, ..] = head else { return &[] };
    let extra = match head.get(10..12) {
        Some(length) if flags & EXTRA != 0 => 2 + usize::from(u16::from_le_bytes([length[0], length[1]])),
        _ => 0,
    };
    let rest = head.get(10 + extra..).unwrap_or_default();
    let mut ends = memchr::memchr_iter(0, rest);
    let count = (flags & NAME_AND_COMMENT).count_ones() as usize;
    match count.checked_sub(1) {
        None => &[],
        Some(last) => &rest[..ends.nth(last).unwrap_or(rest.len())],
    }
}
