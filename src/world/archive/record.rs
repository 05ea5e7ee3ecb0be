//! The records of a zip file, byte by byte (APPNOTE.TXT 6.3.10), with nothing in them that depends on when, where or by
//! whom they were written.

/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// 1980-01-01, the earliest day the format knows; the time is midnight.
const DATE: u16 = 0x0021;
const TIME: u16 = 0;
const UNIX: u16 = 3 << 8;
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;
const ZIP64: u16 = 1;
/// From here on an entry gets 64-bit sizes. 16 MiB below the limit of 32 bits, because the header is written before the
/// packed size is known, and packing can make 4 GiB larger by less than 1 MiB.
const LARGE: u64 = 0xFF00_0000;
const MAX32: u64 = 0xFFFF_FFFF;
const MAX16: u64 = 0xFFFF;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Stored = 0,
    Deflated = 8,
}

/// One entry.
#[derive(Clone, Debug)]
pub struct Record {
    pub name: String,
    pub executable: bool,
    pub method: Method,
    pub crc: u32,
    pub packed: u64,
    pub size: u64,
    /// Where its local header begins.
    pub offset: u64,
}

impl Record {
    fn large(&self) -> bool {
        self.size >= LARGE
    }

    /// The header before the content. Its length does not depend on `crc` and `packed`, which may be filled in later.
    pub fn local(&self) -> Vec<u8> {
        let mut extra = Bytes::default();
        if self.large() {
            extra.u16(ZIP64).u16(16).u64(self.size).u64(self.packed);
        }
        let mut out = Bytes::default();
        out.u32(0x0403_4b50).u16(version(self.large()));
        self.common(&mut out, &extra);
        out.bytes(self.name.as_bytes()).bytes(&extra.0);
        out.0
    }

    /// The entry in the directory at the end.
    pub fn central(&self) -> Vec<u8> {
        let far = self.offset >= MAX32;
        let mut extra = Bytes::default();
        if self.large() || far {
            let sizes = if self.large() { 16 } else { 0 };
            extra.u16(ZIP64).u16(sizes + if far { 8 } else { 0 });
            if self.large() {
                extra.u64(self.size).u64(self.packed);
            }
            if far {
                extra.u64(self.offset);
            }
        }
        let version = version(self.large() || far);
        let mode: u32 = if self.executable { 0o100_755 } else { 0o100_644 };
        let mut out = Bytes::default();
        out.u32(0x0201_4b50).u16(UNIX | version).u16(version);
        self.common(&mut out, &extra);
        // No comment, first disk, no internal attributes.
        out.u16(0).u16(0).u16(0).u32(mode << 16).u32(capped(self.offset));
        out.bytes(self.name.as_bytes()).bytes(&extra.0);
        out.0
    }

    fn common(&self, out: &mut Bytes, extra: &Bytes) {
        let size = |size: u64| if self.large() { u32::MAX } else { capped(size) };
        out.u16(FLAGS).u16(self.method as u16).u16(TIME).u16(DATE).u32(self.crc);
        out.u32(size(self.packed)).u32(size(self.size));
        out.u16(short(self.name.len() as u64)).u16(short(extra.0.len() as u64));
    }
}

/// What comes behind the directory.
pub fn end(entries: u64, offset: u64, size: u64) -> Vec<u8> {
    let mut out = Bytes::default();
    if entries >= MAX16 || offset >= MAX32 || size >= MAX32 {
        let at = offset + size;
        out.u32(0x0606_4b50)
            .u64(44)
            .u16(UNIX | VERSION_ZIP64)
            .u16(VERSION_ZIP64);
        out.u32(0).u32(0).u64(entries).u64(entries).u64(size).u64(offset);
        out.u32(0x0706_4b50).u32(0).u64(at).u32(1);
    }
    out.u32(0x0605_4b50)
        .u16(0)
        .u16(0)
        .u16(short(entries))
        .u16(short(entries));
    out.u32(capped(size)).u32(capped(offset)).u16(0);
    out.0
}

fn version(zip64: bool) -> u16 {
    if zip64 { VERSION_ZIP64 } else { VERSION }
}

/// The value, or the mark that says it is in the 64-bit field.
fn capped(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn short(value: u64) -> u16 {
    u16::try_from(value).unwrap_or(u16::MAX)
}

#[derive(Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: u64, offset: u64) -> Record {
        Record {
            name: "a".into(),
            executable: false,
            method: Method::Deflated,
            crc: 0,
            packed: 0,
            size,
            offset,
        }
    }

    #[test]
    fn large_sizes_appear_only_when_they_are_needed() {
        assert_eq!(record(LARGE - 1, 0).local().len(), 31);
        assert_eq!(record(LARGE, 0).local().len(), 51);
        assert_eq!(record(1, MAX32 - 1).central().len(), 47);
        assert_eq!(record(1, MAX32).central().len(), 47 + 12);
        assert_eq!(record(LARGE, MAX32).central().len(), 47 + 28);
        assert_eq!(end(MAX16 - 1, 9, 9).len(), 22);
        assert_eq!(end(MAX16, 9, 9).len(), 22 + 56 + 20);
    }

    #[test]
    fn filling_in_what_came_later_does_not_move_anything() {
        let mut late = record(LARGE, 0);
        let before = late.local().len();
        (late.crc, late.packed) = (7, LARGE + 5);
        assert_eq!(late.local().len(), before);
    }
}
