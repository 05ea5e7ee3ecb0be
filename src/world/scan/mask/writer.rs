//! Writes text in the form that it was read in, with the hash of the bytes.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::super::Form;
use super::super::utf16::ToUtf16;
use crate::world::hash::Hashed;

/// As gzip does, and without the name and the time that it writes: the same text makes the same file.
const LEVEL: u32 = 6;

pub enum Writer {
    Plain(Hashing),
    Utf16(ToUtf16<Hashing>),
    Gzip(Box<GzEncoder<Hashing>>),
}

pub struct Hashing {
    out: BufWriter<File>,
    sha: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.sha.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Writer {
    pub fn new(to: File, form: Form) -> io::Result<Self> {
        let out = Hashing {
            out: BufWriter::with_capacity(64 << 10, to),
            sha: Sha256::new(),
            size: 0,
        };
        Ok(match form {
            Form::Plain | Form::Closed => Self::Plain(out),
            Form::Utf16(order) => Self::Utf16(ToUtf16::new(out, order)?),
            Form::Gzip => Self::Gzip(Box::new(GzEncoder::new(out, Compression::new(LEVEL)))),
        })
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(out) => out.write_all(bytes),
            Self::Utf16(out) => out.write_all(bytes),
            Self::Gzip(out) => out.write_all(bytes),
        }
    }

    /// `tail` is not text.
    pub fn finish(self, tail: &[u8]) -> io::Result<Hashed> {
        let mut out = match self {
            Self::Plain(out) => out,
            Self::Utf16(out) => out.out,
            Self::Gzip(out) => out.finish()?,
        };
        out.write_all(tail)?;
        out.flush()?;
        Ok(Hashed {
            sha256: out.sha.finalize().into(),
            size: out.size,
        })
    }
}
