//! The content of one entry: the bytes of one deflate stream, or the bytes themselves, and nothing before, between or
//! after them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt as _;

use flate2::{Decompress, FlushDecompress, Status};

use super::record::{Method, Record};

/// Packed bytes that are read at a time.
const CHUNK: usize = 64 * 1024;

/// Bytes of a file from one place to another, read without moving the file's own position: all cores share it.
pub struct Section<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl<'a> Section<'a> {
    pub fn new(file: &'a File, at: u64, length: u64) -> Self {
        let end = at.saturating_add(length);
        Self { file, at, end }
    }

    fn left(&self) -> usize {
        usize::try_from(self.end - self.at).unwrap_or(usize::MAX)
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Ends in an error unless the entry holds what `record` says, whole and with nothing behind it.
pub struct Content<'a> {
    packed: Packed<'a>,
    crc: crc32fast::Hasher,
    expected: u32,
    left: u64,
}

enum Packed<'a> {
    Stored(Section<'a>),
    Deflated(Box<Inflate<'a>>),
}

impl<'a> Content<'a> {
    /// `packed` are the entry's bytes after its header.
    pub fn new(record: &Record, packed: Section<'a>) -> Self {
        Self {
            packed: match record.method {
                Method::Stored => Packed::Stored(packed),
                Method::Deflated => Packed::Deflated(Box::new(Inflate::new(packed))),
            },
            crc: crc32fast::Hasher::new(),
            expected: record.crc,
            left: record.size,
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.packed {
            Packed::Stored(section) => section.read(buffer)?,
            Packed::Deflated(inflate) => inflate.read(buffer)?,
        };
        self.crc.update(&buffer[..count]);
        let Some(left) = self.left.checked_sub(count as u64) else {
            return Err(wrong("it has more bytes than the zip says"));
        };
        self.left = left;
        if count == 0 && !buffer.is_empty() {
            if left > 0 {
                return Err(wrong("it has fewer bytes than the zip says"));
            }
            if self.crc.clone().finalize() != self.expected {
                return Err(wrong("its CRC-32 is not the one in the zip"));
            }
        }
        Ok(count)
    }
}

/// One deflate stream that must take up its section to the last byte. What flate2's own readers let pass, a stream that
/// breaks off or ends early, other tools unpack in ways of their own.
struct Inflate<'a> {
    stream: Decompress,
    section: Section<'a>,
    buffer: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a> Inflate<'a> {
    fn new(section: Section<'a>) -> Self {
        Self {
            stream: Decompress::new(false),
            section,
            buffer: Vec::new(),
            at: 0,
            ended: false,
        }
    }
}

impl Read for Inflate<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !out.is_empty() {
            if self.at == self.buffer.len() {
                self.at = 0;
                self.buffer.resize(self.section.left().min(CHUNK), 0);
                let count = self.section.read(&mut self.buffer)?;
                self.buffer.truncate(count);
            }
            let (read, written) = (self.stream.total_in(), self.stream.total_out());
            let status = self
                .stream
                .decompress(&self.buffer[self.at..], out, FlushDecompress::None)
                .map_err(|_| wrong("its deflate stream is damaged"))?;
            let count = |total: u64, before: u64| usize::try_from(total - before).map_err(io::Error::other);
            let read = count(self.stream.total_in(), read)?;
            let written = count(self.stream.total_out(), written)?;
            self.at += read;
            if status == Status::StreamEnd {
                self.ended = true;
                if self.at < self.buffer.len() || self.section.left() > 0 {
                    return Err(wrong("there are bytes after the end of its deflate stream"));
                }
            } else if read == 0 && written == 0 {
                return Err(wrong("its deflate stream is truncated"));
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

fn wrong(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}
