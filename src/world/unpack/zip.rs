//! Zip files, read from the first entry on, as they come out of a stream.
//!
//! Source: PKWARE APPNOTE.TXT 6.3.10. Entries count, and not the directory behind them: so what a directory leaves out is
//! looked at, too.

use std::io::{self, BufRead as _, Read};

use flate2::bufread::DeflateDecoder;

use super::peek::Peek;
use super::{Ended, Unpacking, inside};

const LOCAL: &[u8] = b"PK\x03\x04";
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// What comes after the last entry.
const BEHIND: [&[u8]; 4] = [b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x08"];
const HEADER: usize = 30;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What a directory's entry begins with, and how long it is without its name.
const LISTED: &[u8] = b"PK\x01\x02";
const LISTED_HEADER: usize = 46;
const END: &[u8] = b"PK\x05\x06";
const END_HEADER: usize = 22;
/// The end of the directory, with the longest comment.
pub const LONGEST_END: usize = END_HEADER + u16::MAX as usize;

/// The record at the end of a directory, in the last bytes of a file: where it is, how long the directory before it is, and
/// where that says it begins.
pub fn end(tail: &[u8]) -> Option<(usize, u64, u64)> {
    let at = memchr::memmem::rfind(tail, END)?;
    let end = tail.get(at..at + END_HEADER)?;
    let comment = usize::from(u16_at(end, 20));
    (at + END_HEADER + comment <= tail.len()).then(|| (at, u32_at(end, 12).into(), u32_at(end, 16).into()))
}

/// Where the first entry of this directory is, which begins so.
pub fn first_listed(directory: &[u8]) -> Option<u64> {
    let is_one = directory.len() >= LISTED_HEADER && directory.starts_with(LISTED);
    is_one.then(|| u32_at(directory, 42).into())
}

struct Entry {
    name: Vec<u8>,
    method: u16,
    crc: u32,
    packed: u64,
    size: u64,
    is_encrypted: bool,
    /// Checksum and sizes come after the content.
    has_descriptor: bool,
}

impl Entry {
    /// `None` if the header is cut.
    fn read(input: &mut Peek<'_>) -> io::Result<Option<Self>> {
        let Some(header) = input.take_all(HEADER)? else {
            return Ok(None);
        };
        let (name, extra) = (usize::from(u16_at(&header, 26)), usize::from(u16_at(&header, 28)));
        let (Some(name), Some(extra)) = (input.take_all(name)?, input.take_all(extra)?) else {
            return Ok(None);
        };
        let flags = u16_at(&header, 6);
        let wide = zip64(&extra);
        let value = |at: usize, wide: Option<u64>| match u32_at(&header, at) {
            u32::MAX => wide.unwrap_or(u64::from(u32::MAX)),
            short => short.into(),
        };
        Ok(Some(Self {
            name,
            method: u16_at(&header, 8),
            crc: u32_at(&header, 14),
            packed: value(18, wide.map(|(_, packed)| packed)),
            size: value(22, wide.map(|(size, _)| size)),
            is_encrypted: flags & 1 != 0,
            has_descriptor: flags & 8 != 0,
        }))
    }

    /// Programs that can go back write the sizes into the header all the same.
    fn is_sized(&self) -> bool {
        !self.has_descriptor || self.packed > 0
    }
}

/// Size and packed size, which do not fit into the header.
fn zip64(mut extra: &[u8]) -> Option<(u64, u64)> {
    while extra.len() >= 4 {
        let (kind, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
        let field = extra.get(4..4 + length)?;
        if kind == 1 && length >= 16 {
            return Some((u64_at(field, 0), u64_at(field, 8)));
        }
        extra = &extra[4 + length..];
    }
    None
}

impl Unpacking<'_> {
    pub fn zip(&mut self, path: &str, input: &mut Peek<'_>, depth: usize) -> io::Result<()> {
        while !self.is_full(path) {
            let signature = input.peek(4)?;
            if signature != LOCAL {
                if !BEHIND.contains(&signature) {
                    self.cut(path, "it is damaged, and was scanned as it is from there on");
                }
                break;
            }
            let Some(entry) = Entry::read(input)? else {
                self.cut(path, "it ends early");
                break;
            };
            if !self.entry(path, &entry, input, depth)? {
                break;
            }
        }
        // Names, comments, and what somebody hung on.
        (self.visit)(path, input)
    }

    /// Answers whether the next entry can be found.
    fn entry(&mut self, path: &str, entry: &Entry, input: &mut Peek<'_>, depth: usize) -> io::Result<bool> {
        let name = inside(path, &entry.name);
        let unsupported = match entry.method {
            _ if entry.is_encrypted => Some("it is encrypted".to_owned()),
            STORED | DEFLATED => None,
            method => Some(format!("it is compressed with method {method} of zip")),
        };
        if let Some(why) = unsupported {
            self.close(&name, &why, false);
            if !entry.is_sized() {
                self.cut(
                    path,
                    "the entry after that cannot be found, and the rest was scanned as it is",
                );
                return Ok(false);
            }
            return Ok(input.skip(entry.packed)? && (!entry.has_descriptor || past_descriptor(input, None)?));
        }
        let ended = Ended::default();
        let begin = input.taken;
        let mut sum = Sum::default();
        let is_at_next = match (entry.method, entry.is_sized()) {
            (DEFLATED, _) => {
                let limit = if entry.is_sized() { entry.packed } else { u64::MAX };
                let mut packed = input.by_ref().take(limit);
                let unpacked = self.unpacked(DeflateDecoder::new(&mut packed), &ended);
                let mut summed = Summed {
                    input: unpacked,
                    sum: &mut sum,
                };
                self.member_of(path, entry, &mut summed, depth)?;
                // What nobody read must be passed over, and may be damaged, too.
                io::copy(&mut summed, &mut io::sink())?;
                let left = packed.limit();
                !entry.is_sized() || input.skip(left)?
            }
            (_, true) => {
                let mut content = input.by_ref().take(entry.packed);
                let mut summed = Summed {
                    input: &mut content,
                    sum: &mut sum,
                };
                self.member_of(path, entry, &mut summed, depth)?;
                io::copy(&mut summed, &mut io::sink())?;
                content.limit() == 0
            }
            (_, false) => {
                let mut stored = UntilDescriptor { input, sum: &mut sum };
                self.member_of(path, entry, &mut stored, depth)?;
                io::copy(&mut stored, &mut io::sink())?;
                true
            }
        };
        let packed = input.taken - begin;
        self.judge(&name, &ended);
        let is_whole = if entry.has_descriptor {
            is_at_next && past_descriptor(input, Some((sum.crc(), packed, sum.size)))?
        } else {
            is_at_next && sum.size == entry.size && sum.crc() == entry.crc
        };
        if !is_whole && ended.is_well() {
            self.cut(&name, "it is damaged");
        }
        // Without a descriptor, the next entry is where the header says.
        Ok(is_at_next && (is_whole || !entry.has_descriptor))
    }

    fn member_of(&mut self, path: &str, entry: &Entry, content: &mut dyn Read, depth: usize) -> io::Result<()> {
        // A folder. What is told behind it may be anything.
        if entry.name.ends_with(b"/") && entry.size == 0 && !entry.has_descriptor {
            return Ok(());
        }
        self.member(path, &entry.name, content, depth)
    }
}

/// Checksum and size of what was read.
#[derive(Default)]
struct Sum {
    crc: crc32fast::Hasher,
    size: u64,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        self.crc.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }
}

struct Summed<'s, R> {
    input: R,
    sum: &'s mut Sum,
}

impl<R: Read> Read for Summed<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.sum.add(&buffer[..count]);
        Ok(count)
    }
}

/// Content of which nobody said how long it is: it ends where a descriptor tells its checksum and size.
struct UntilDescriptor<'i, 'r> {
    input: &'i mut Peek<'r>,
    sum: &'i mut Sum,
}

impl Read for UntilDescriptor<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.input.peek(DESCRIPTOR.len())? == DESCRIPTOR {
            let known = Some((self.sum.crc(), self.sum.size, self.sum.size));
            if descriptor(self.input, known)?.is_some() {
                return Ok(0);
            }
        }
        let there = self.input.fill_buf()?;
        let most = there.len().min(buffer.len());
        // The one that is here was none, so the first that may be is behind it.
        let next = memchr::memmem::find(&there[most.min(1)..], DESCRIPTOR).map_or(there.len(), |at| at + 1);
        // The beginning of one may be at the end.
        let count = match next {
            next if next < there.len() => next.min(most),
            _ => most.min((there.len().saturating_sub(DESCRIPTOR.len() - 1)).max(1)),
        };
        buffer[..count].copy_from_slice(&there[..count]);
        self.input.consume(count);
        self.sum.add(&buffer[..count]);
        Ok(count)
    }
}

/// Passes over a descriptor. Answers whether there was one.
fn past_descriptor(input: &mut Peek<'_>, known: Option<(u32, u64, u64)>) -> io::Result<bool> {
    let length = descriptor(input, known)?;
    if let Some(length) = length {
        input.consume(length);
    }
    Ok(length.is_some())
}

/// The length of the descriptor that is next, of the four ways to write one: with its signature or without, and with sizes
/// of 32 bits or of 64. `known` are checksum, packed size and size.
fn descriptor(input: &mut Peek<'_>, known: Option<(u32, u64, u64)>) -> io::Result<Option<usize>> {
    let next = input.peek(DESCRIPTOR.len() + 4 + 16 + 4)?;
    for signature in [DESCRIPTOR, b""] {
        let Some(rest) = next.strip_prefix(signature) else {
            continue;
        };
        for width in [4, 8] {
            let length = 4 + 2 * width;
            let Some(fields) = rest.get(..length) else { continue };
            let value = |at: usize| match width {
                4 => u32_at(fields, at).into(),
                _ => u64_at(fields, at),
            };
            let told = (u32_at(fields, 0), value(4), value(4 + width));
            let behind = &rest[length..];
            let is_followed = behind.is_empty() || behind.starts_with(b"PK");
            if is_followed && known.is_none_or(|known| known == told) {
                return Ok(Some(signature.len() + length));
            }
        }
    }
    Ok(None)
}

/// Zero where there are no such bytes: every caller has looked whether there are.
fn at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}

fn u16_at(bytes: &[u8], place: usize) -> u16 {
    u16::from_le_bytes(at(bytes, place))
}

fn u32_at(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes(at(bytes, place))
}

fn u64_at(bytes: &[u8], place: usize) -> u64 {
    u64::from_le_bytes(at(bytes, place))
}
