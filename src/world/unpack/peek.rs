//! A stream whose next bytes can be seen before they are taken.

use std::io::{self, BufRead, Read};

const READ: usize = 32 << 10;

pub struct Peek<'r> {
    input: &'r mut dyn Read,
    buffer: Vec<u8>,
    at: usize,
    is_at_end: bool,
    /// Bytes that were taken.
    pub taken: u64,
}

impl<'r> Peek<'r> {
    pub fn new(input: &'r mut dyn Read) -> Self {
        Self {
            input,
            buffer: Vec::new(),
            at: 0,
            is_at_end: false,
            taken: 0,
        }
    }

    /// The next bytes; fewer at the end.
    pub fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.at < count && !self.is_at_end {
            self.buffer.drain(..self.at);
            self.at = 0;
            let mut more = (&mut *self.input).take(READ.max(count) as u64);
            let read = more.read_to_end(&mut self.buffer)?;
            self.is_at_end = read == 0;
        }
        let end = self.buffer.len().min(self.at + count);
        Ok(&self.buffer[self.at..end])
    }

    /// The next bytes, if there are so many.
    pub fn take_all(&mut self, count: usize) -> io::Result<Option<Vec<u8>>> {
        let bytes = self.peek(count)?;
        if bytes.len() < count {
            return Ok(None);
        }
        let bytes = bytes.to_vec();
        self.consume(count);
        Ok(Some(bytes))
    }

    /// Passes over bytes. Answers whether there were so many.
    pub fn skip(&mut self, count: u64) -> io::Result<bool> {
        Ok(io::copy(&mut self.by_ref().take(count), &mut io::sink())? == count)
    }
}

impl Read for Peek<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut from = self.fill_buf()?;
        let count = from.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Peek<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)?;
        Ok(&self.buffer[self.at..])
    }

    fn consume(&mut self, count: usize) {
        self.at += count;
        self.taken += count as u64;
    }
}
