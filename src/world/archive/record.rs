//! The records of a zip file, byte by byte (APPNOTE.TXT 6.3.10), with nothing in them that depends on when, where or by
//! whom they were written.
//!
//! They are read by writing them again: what was found must be, to the byte, what would be written from the few values
//! in it that may vary. So nothing can hide in a field that some tools believe and others pass over.

use super::deflate::BLOCK;

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
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// Bytes of an entry in the directory before its name.
pub const CENTRAL_LENGTH: usize = 46;
/// Bytes of the longest ending.
pub const LONGEST_END: u64 = 22 + 20 + 56;
const EXECUTABLE: u32 = 0o100_755 << 16;
const PLAIN: u32 = 0o100_644 << 16;

/// The fields of both headers by the byte they begin at.
const LOCAL_FIELDS: [(usize, &str); 12] = [
    (0, "signature"),
    (4, "version"),
    (6, "flags"),
    (8, "compression method"),
    (10, "time"),
    (14, "CRC-32"),
    (18, "packed size"),
    (22, "size"),
    (26, "length of the name"),
    (28, "length of the extra field"),
    (30, "name"),
    (usize::MAX, "extra field"),
];
const CENTRAL_FIELDS: [(usize, &str); 17] = [
    (0, "signature"),
    (4, "version"),
    (8, "flags"),
    (10, "compression method"),
    (12, "time"),
    (16, "CRC-32"),
    (20, "packed size"),
    (24, "size"),
    (28, "length of the name"),
    (30, "length of the extra field"),
    (32, "length of the comment"),
    (34, "disk"),
    (36, "internal attributes"),
    (38, "type or permissions"),
    (42, "offset"),
    (46, "name"),
    (usize::MAX, "extra field"),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Stored = 0,
    Deflated = 8,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// How many bytes follow the first [`CENTRAL_LENGTH`] ones of an entry in the directory.
    pub fn rest_of_central(fixed: &[u8]) -> usize {
        [28, 30, 32].iter().map(|at| usize::from(u16_at(fixed, *at))).sum()
    }

    /// The name in an entry of the directory, to be shown.
    pub fn name_in_central(bytes: &[u8]) -> String {
        let length = usize::from(u16_at(bytes, 28));
        let name = bytes.iter().skip(CENTRAL_LENGTH).take(length).copied();
        String::from_utf8_lossy(&name.collect::<Vec<u8>>()).into_owned()
    }

    /// Reads an entry of the directory. The error is the first field that would not be written so.
    pub fn of_central(bytes: &[u8]) -> Result<Self, &'static str> {
        let Some((fixed, rest)) = bytes.split_first_chunk::<CENTRAL_LENGTH>() else {
            return Err("signature");
        };
        let name = rest.get(..usize::from(u16_at(fixed, 28))).unwrap_or_default();
        let mut wide = rest.get(name.len() + 4..).unwrap_or_default().chunks_exact(8);
        // A value that does not fit is in the extra field.
        let mut value = |at: usize| match u32_at(fixed, at) {
            u32::MAX => wide.next().map_or(MAX32, |eight| u64_at(eight, 0)),
            short => u64::from(short),
        };
        let (size, packed, offset) = (value(24), value(20), value(42));
        let record = Self {
            name: std::str::from_utf8(name).map_err(|_| "name")?.to_owned(),
            executable: u32_at(fixed, 38) == EXECUTABLE,
            method: match u16_at(fixed, 10) {
                0 => Method::Stored,
                8 => Method::Deflated,
                _ => return Err("compression method"),
            },
            crc: u32_at(fixed, 16),
            packed,
            size,
            offset,
        };
        match difference(bytes, &record.central(), CENTRAL_LENGTH + name.len(), &CENTRAL_FIELDS) {
            Some(field) => Err(field),
            None if !record.can_be_packed_so() => Err("packed size"),
            None => Ok(record),
        }
    }

    /// Compares the header before the content. The error is the first field that would not be written so.
    pub fn compare_local(&self, bytes: &[u8]) -> Result<(), &'static str> {
        difference(bytes, &self.local(), 30 + self.name.len(), &LOCAL_FIELDS).map_or(Ok(()), Err)
    }

    /// Whether packing could give this size: what shrinks is deflated, and what does not grows by little.
    fn can_be_packed_so(&self) -> bool {
        match self.method {
            Method::Stored => self.packed == self.size,
            Method::Deflated if self.size <= BLOCK as u64 => self.packed < self.size,
            Method::Deflated => self.packed.saturating_sub(self.size) <= self.size / 1024,
        }
    }

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
        out.u32(LOCAL).u16(version(self.large()));
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
        let mode = if self.executable { EXECUTABLE } else { PLAIN };
        let mut out = Bytes::default();
        out.u32(CENTRAL).u16(UNIX | version).u16(version);
        self.common(&mut out, &extra);
        // No comment, first disk, no internal attributes.
        out.u16(0).u16(0).u16(0).u32(mode).u32(capped(self.offset));
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

/// Where the directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directory {
    pub entries: u64,
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// Why there is no directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadEnd {
    /// The end of a zip is not there.
    Missing,
    /// It would not be written so.
    Foreign,
}

impl Directory {
    /// Reads the end of a zip of `length` bytes from its last [`LONGEST_END`] bytes, or all if it has fewer.
    pub fn of_end(tail: &[u8], length: u64) -> Result<Self, BadEnd> {
        let (before, last) = tail.split_last_chunk::<22>().ok_or(BadEnd::Missing)?;
        if u32_at(last, 0) != END {
            return Err(BadEnd::Missing);
        }
        let short = Self {
            entries: u16_at(last, 10).into(),
            offset: u32_at(last, 16).into(),
            size: u32_at(last, 12).into(),
        };
        let directory = match before.last_chunk::<76>() {
            Some(wide) if short.entries == MAX16 || short.offset == MAX32 || short.size == MAX32 => Self {
                entries: u64_at(wide, 32),
                offset: u64_at(wide, 48),
                size: u64_at(wide, 40),
            },
            _ => short,
        };
        let at = directory.offset.checked_add(directory.size).ok_or(BadEnd::Foreign)?;
        let written = end(directory.entries, directory.offset, directory.size);
        if tail.ends_with(&written) && at.checked_add(written.len() as u64) == Some(length) {
            Ok(directory)
        } else {
            Err(BadEnd::Foreign)
        }
    }
}

/// The first field in which `found` is not what is `written`.
fn difference(
    found: &[u8],
    written: &[u8],
    end_of_name: usize,
    fields: &[(usize, &'static str)],
) -> Option<&'static str> {
    if found == written {
        return None;
    }
    let same = found.iter().zip(written).take_while(|(a, b)| a == b).count();
    let at = if same < end_of_name { same } else { usize::MAX };
    fields.iter().rfind(|(start, _)| *start <= at).map(|(_, name)| *name)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Zeros where there are no such bytes; writing the record again shows the difference.
fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
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
    out.u32(END).u16(0).u16(0).u16(short(entries)).u16(short(entries));
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
    use proptest::prelude::*;

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

    #[test]
    fn a_packed_size_that_packing_cannot_give_is_refused() {
        let block = BLOCK as u64;
        for (method, packed, size, allowed) in [
            (Method::Stored, 5, 5, true),
            (Method::Stored, 4, 5, false),
            (Method::Deflated, 4, 5, true),
            (Method::Deflated, 5, 5, false),
            (Method::Deflated, 0, 0, false),
            (Method::Deflated, block, block, false),
            // Only the first block must shrink.
            (Method::Deflated, block + 1, block + 1, true),
            (Method::Deflated, block * 1025, block * 1024, true),
            (Method::Deflated, block * 1025 + 1, block * 1024, false),
            (Method::Deflated, u64::MAX, u64::MAX, true),
            // With more than 32 bits where the size needs less, tools would take it for the mark of a larger one.
            (Method::Deflated, MAX32, LARGE - 1, false),
        ] {
            let record = Record {
                method,
                packed,
                ..record(size, 0)
            };
            let read = Record::of_central(&record.central());
            assert_eq!(read, if allowed { Ok(record) } else { Err("packed size") });
        }
    }

    /// Values around those where a field gets too small for them.
    fn around(limit: u64) -> impl Strategy<Value = u64> {
        prop_oneof![
            0..9u64,
            limit - 3..limit + 3,
            MAX32 - 3..MAX32 + 3,
            any::<u64>().prop_map(|value| value >> 1)
        ]
    }

    proptest! {
        #[test]
        fn an_entry_reads_back_and_no_other_bytes_read_as_it(
            name in "[a-z]{0,9}", executable: bool, crc: u32, size in around(LARGE), offset in around(MAX32),
            deflated: bool, at in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let method = if deflated && size > 0 { Method::Deflated } else { Method::Stored };
            let packed = size - u64::from(method == Method::Deflated);
            let record = Record { name, executable, method, crc, packed, size, offset };
            let mut bytes = record.central();
            prop_assert_eq!(Record::rest_of_central(&bytes), bytes.len() - CENTRAL_LENGTH);
            prop_assert_eq!(Record::name_in_central(&bytes), record.name.clone());
            prop_assert_eq!(Record::of_central(&bytes), Ok(record.clone()));
            let mut local = record.local();
            prop_assert_eq!(record.compare_local(&local), Ok(()));
            let damaged = at.index(local.len());
            local[damaged] ^= 1 << bit;
            prop_assert!(record.compare_local(&local).is_err());
            let damaged = at.index(bytes.len());
            bytes[damaged] ^= 1 << bit;
            prop_assert_ne!(Record::of_central(&bytes), Ok(record.clone()));
            bytes[damaged] ^= 1 << bit;
            bytes.push(0);
            prop_assert_eq!(Record::of_central(&bytes), Err("extra field"));
            prop_assert!(Record::of_central(&bytes[..at.index(bytes.len() - 1)]).is_err());
        }

        #[test]
        fn an_end_reads_back_and_nothing_else_does(
            entries in around(MAX16), offset in around(MAX32), size in around(MAX32),
            before in proptest::collection::vec(any::<u8>(), 0..90), at in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let end = end(entries, offset, size);
            let length = offset + size + end.len() as u64;
            let mut tail = [&before[..], &end].concat();
            let directory = Directory { entries, offset, size };
            prop_assert_eq!(Directory::of_end(&tail, length), Ok(directory));
            prop_assert_eq!(Directory::of_end(&tail, length + 1), Err(BadEnd::Foreign));
            prop_assert_eq!(Directory::of_end(&tail[tail.len() - 21..], length), Err(BadEnd::Missing));
            let damaged = before.len() + at.index(end.len());
            tail[damaged] ^= 1 << bit;
            prop_assert!(Directory::of_end(&tail, length) != Ok(directory));
        }
    }
}
