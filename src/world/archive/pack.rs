//! Files into a zip: one thread reads and checks the hashes, all cores compress, one writes. Memory is a fixed number
//! of blocks, whatever the files' sizes, and a record for each file; the bytes are the same for any number of threads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use super::deflate::{BLOCK, Deflater, WINDOW};
use super::record::{self, Method, Record};
use crate::world::files::{self, Links};
use crate::world::hash::Stop;

/// What goes into the zip.
pub struct Item<'a> {
    pub name: &'a str,
    pub content: Content<'a>,
    /// Bytes.
    pub size: u64,
    /// What the content must hash to.
    pub sha256: [u8; 32],
    pub executable: bool,
}

pub enum Content<'a> {
    File(&'a Path),
    Bytes(&'a [u8]),
    Packed(&'a Packed),
}

/// A small file, compressed when it was at hand.
pub struct Packed {
    crc: u32,
    bytes: Box<[u8]>,
}

impl Packed {
    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Compresses small files one by one.
#[derive(Default)]
pub struct Packer {
    deflater: Deflater,
    packed: Vec<u8>,
}

impl Packer {
    /// The same as [`pack`] makes of it. `None` for what is larger than a block, or does not shrink.
    pub fn pack(&mut self, content: &[u8]) -> Option<Packed> {
        self.packed.clear();
        let deflated = content.len() <= BLOCK && self.deflater.block(&[], content, true, &mut self.packed).is_ok();
        (deflated && self.packed.len() < content.len()).then(|| Packed {
            crc: crc32fast::hash(content),
            bytes: self.packed.as_slice().into(),
        })
    }
}

/// Why there is no zip.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// The content is not what the hash was taken of.
    #[error("{name} changed while it was being sealed")]
    Changed { name: String },
    #[error("{name} cannot be read any more: {error}")]
    Read { name: String, error: io::Error },
    #[error("{0}")]
    Write(io::Error),
    #[error("stopped before the end")]
    Stopped,
}

/// What goes from the reader over a compressor to the writer at once: small files together, or a block of a large one.
/// It goes back to the reader to be used again.
#[derive(Default)]
struct Batch {
    sequence: u64,
    parts: Vec<Part>,
    before: Vec<u8>,
    raw: Vec<u8>,
    packed: Vec<u8>,
    /// The compressor failed; it never does, but a zip must not depend on that.
    error: Option<io::Error>,
}

/// A whole file, or a block of one.
struct Part {
    item: usize,
    first: bool,
    /// The item's CRC-32, with its last block.
    last: Option<u32>,
    raw: Range<usize>,
    packed: Range<usize>,
    /// Of a file of several blocks.
    method: Option<Arc<AtomicU8>>,
}

impl Part {
    fn is_stored(&self) -> bool {
        let method = self.method.as_ref();
        method.is_some_and(|method| method.load(Ordering::Relaxed) == Method::Stored as u8)
    }
}

/// Files of a batch, if they are compressed already and fill no block.
const MOST_PARTS: usize = 1024;

/// Not decided yet: the writer decides by the item's first block.
const OPEN: u8 = u8::MAX;

/// Writes `items` in the order given, compressing on `threads` threads.
pub fn pack(items: &[Item<'_>], out: &mut File, threads: usize, stop: Stop<'_>) -> Result<(), PackError> {
    let threads = threads.max(1);
    let failed: Mutex<Option<PackError>> = Mutex::new(None);
    let (to_reader, spare) = channel();
    let (to_compressors, raw) = channel();
    let (to_writer, packed) = channel();
    for _ in 0..threads * 2 + 2 {
        // The receiver is right here, so it cannot be gone.
        let _ = to_reader.send(Batch::default());
    }
    let raw = Mutex::new(raw);
    let written = thread::scope(|scope| {
        for _ in 0..threads {
            let (raw, to_writer) = (&raw, to_writer.clone());
            scope.spawn(move || compress(raw, &to_writer));
        }
        drop(to_writer);
        let failed = &failed;
        scope.spawn(move || {
            if let Err(error) = read(items, &spare, &to_compressors, stop) {
                *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            }
        });
        // Owns its end of the circle, so that a failure here ends the reader.
        write(items, out, packed, to_reader)
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    match (written, failed) {
        // The reader also ends, without an error of its own, when the writer did.
        (Err(error), _) => Err(PackError::Write(error)),
        (Ok(_), Some(error)) => Err(error),
        (Ok(count), None) if count == items.len() => Ok(()),
        (Ok(_), None) => Err(PackError::Stopped),
    }
}

fn read(
    items: &[Item<'_>],
    spare: &Receiver<Batch>,
    to_compressors: &Sender<Batch>,
    stop: Stop<'_>,
) -> Result<(), PackError> {
    let mut reader = Reader {
        spare,
        to_compressors,
        sequence: 0,
        batch: Batch::default(),
    };
    for (index, item) in items.iter().enumerate() {
        if !reader.item(index, item, stop)? {
            return Ok(());
        }
    }
    reader.send();
    Ok(())
}

struct Reader<'a> {
    spare: &'a Receiver<Batch>,
    to_compressors: &'a Sender<Batch>,
    sequence: u64,
    /// What is not sent yet.
    batch: Batch,
}

impl Reader<'_> {
    /// Answers whether somebody still takes what is read.
    fn item(&mut self, index: usize, item: &Item<'_>, stop: Stop<'_>) -> Result<bool, PackError> {
        let wrong = |error| PackError::Read {
            name: item.name.to_owned(),
            error,
        };
        let changed = || PackError::Changed {
            name: item.name.to_owned(),
        };
        let (mut file, mut bytes): (File, &[u8]);
        let content: &mut dyn Read = match item.content {
            Content::Packed(packed) => {
                self.batch.parts.push(Part {
                    item: index,
                    first: true,
                    last: Some(packed.crc),
                    raw: 0..0,
                    packed: 0..0,
                    method: None,
                });
                if self.batch.parts.len() < MOST_PARTS {
                    return Ok(true);
                }
                return if stop() {
                    Err(PackError::Stopped)
                } else {
                    Ok(self.next(false))
                };
            }
            Content::Bytes(given) => {
                bytes = given;
                &mut bytes
            }
            Content::File(path) => {
                file = files::open(path, Links::Refuse).map_err(wrong)?;
                &mut file
            }
        };
        let (mut sha, mut crc) = (Sha256::new(), crc32fast::Hasher::new());
        let is_large = item.size > BLOCK as u64;
        let method = is_large.then(|| Arc::new(AtomicU8::new(OPEN)));
        let mut left = item.size;
        loop {
            if stop() {
                return Err(PackError::Stopped);
            }
            let most = left.min(BLOCK as u64);
            if (is_large || self.batch.raw.len() as u64 + most > BLOCK as u64) && !self.next(left < item.size) {
                return Ok(false);
            }
            let raw = &mut self.batch.raw;
            let start = raw.len();
            let got = content.take(most).read_to_end(raw).map_err(wrong)? as u64;
            if got < most {
                return Err(changed());
            }
            left -= got;
            sha.update(&raw[start..]);
            crc.update(&raw[start..]);
            let part = Part {
                item: index,
                first: got == item.size - left,
                last: (left == 0).then(|| crc.clone().finalize()),
                raw: start..raw.len(),
                packed: 0..0,
                method: method.clone(),
            };
            self.batch.parts.push(part);
            if left == 0 {
                // One byte more than there was is a change as well.
                let grown = content.read(&mut [0; 1]).map_err(wrong)? > 0;
                if grown || <[u8; 32]>::from(sha.finalize()) != item.sha256 {
                    return Err(changed());
                }
                return Ok(true);
            }
        }
    }

    /// Sends the batch, and begins another one, which goes on with the same file or not.
    fn next(&mut self, goes_on: bool) -> bool {
        let Ok(mut next) = self.spare.recv() else { return false };
        next.before.clear();
        if goes_on {
            let from = self.batch.raw.len().saturating_sub(WINDOW);
            next.before.extend_from_slice(&self.batch.raw[from..]);
        }
        next.raw.clear();
        next.parts.clear();
        std::mem::swap(&mut self.batch, &mut next);
        self.hand_on(next)
    }

    fn hand_on(&mut self, mut batch: Batch) -> bool {
        if batch.parts.is_empty() {
            return true;
        }
        batch.sequence = self.sequence;
        self.sequence += 1;
        self.to_compressors.send(batch).is_ok()
    }

    fn send(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        self.hand_on(batch);
    }
}

fn compress(raw: &Mutex<Receiver<Batch>>, to_writer: &Sender<Batch>) {
    let mut deflater = Deflater::new();
    loop {
        let next = raw.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut batch) = next else { return };
        let Batch {
            parts,
            before,
            raw,
            packed,
            error,
            ..
        } = &mut batch;
        packed.clear();
        for part in parts {
            let start = packed.len();
            let before = if part.first { &[][..] } else { &before[..] };
            // Once an item is known to be stored, its other blocks need no compressing; nor does what is compressed.
            if !part.is_stored()
                && !part.raw.is_empty()
                && let Err(why) = deflater.block(before, &raw[part.raw.clone()], part.last.is_some(), packed)
            {
                *error = Some(why);
            }
            part.packed = start..packed.len();
        }
        if to_writer.send(batch).is_err() {
            return;
        }
    }
}

/// Answers how many items were written whole.
fn write(items: &[Item<'_>], out: &mut File, packed: Receiver<Batch>, spare: Sender<Batch>) -> io::Result<usize> {
    let mut zip = Writer {
        out: BufWriter::with_capacity(BLOCK, out),
        at: 0,
        current: None,
        // Growing it would need twice as much for a moment, when all else is largest.
        directory: Vec::with_capacity(items.iter().map(|item| record::CENTRAL_LENGTH + item.name.len()).sum()),
        count: 0,
    };
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    let mut whole = 0;
    for batch in packed {
        waiting.insert(batch.sequence, batch);
        while let Some(mut batch) = waiting.remove(&next) {
            next += 1;
            if let Some(error) = batch.error.take() {
                return Err(error);
            }
            for part in &batch.parts {
                zip.part(&items[part.item], part, &batch)?;
                whole += usize::from(part.last.is_some());
            }
            // After the last file nobody wants it back.
            let _ = spare.send(batch);
        }
    }
    if whole == items.len() {
        zip.end()?;
    }
    Ok(whole)
}

struct Writer<'a> {
    out: BufWriter<&'a mut File>,
    at: u64,
    /// Not whole yet.
    current: Option<Record>,
    /// What is written at the end, of those that are whole.
    directory: Vec<u8>,
    count: u64,
}

impl Writer<'_> {
    fn part(&mut self, item: &Item<'_>, part: &Part, batch: &Batch) -> io::Result<()> {
        if part.first {
            let shrinks = matches!(item.content, Content::Packed(_)) || part.packed.len() < part.raw.len();
            let method = if shrinks { Method::Deflated } else { Method::Stored };
            if let Some(of_item) = &part.method {
                of_item.store(method as u8, Ordering::Relaxed);
            }
            let mut record = Record {
                name: item.name.to_owned(),
                executable: item.executable,
                method,
                crc: 0,
                packed: 0,
                size: item.size,
                offset: self.at,
            };
            if let Some(crc) = part.last {
                record.crc = crc;
                record.packed = content(item, method, part, batch).len() as u64;
            }
            self.put(&record.local())?;
            record.packed = 0;
            self.current = Some(record);
        }
        let Some(mut record) = self.current.take() else {
            return Err(io::Error::other("a block came before its first"));
        };
        let bytes = content(item, record.method, part, batch);
        self.put(bytes)?;
        record.packed += bytes.len() as u64;
        if let Some(crc) = part.last {
            record.crc = crc;
            if !part.first {
                // The header was written before the sizes were known.
                self.out.flush()?;
                self.out.get_ref().write_all_at(&record.local(), record.offset)?;
            }
            self.directory.extend(record.central());
            self.count += 1;
        } else {
            self.current = Some(record);
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        let offset = self.at;
        let directory = std::mem::take(&mut self.directory);
        self.put(&directory)?;
        self.put(&record::end(self.count, offset, self.at - offset))?;
        self.out.flush()
    }
}

fn content<'b>(item: &'b Item<'_>, method: Method, part: &Part, batch: &'b Batch) -> &'b [u8] {
    match (&item.content, method) {
        (Content::Packed(packed), _) => &packed.bytes,
        (_, Method::Stored) => &batch.raw[part.raw.clone()],
        (_, Method::Deflated) => &batch.packed[part.packed.clone()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::archive::Archive;
    use crate::world::hash::{Hashed, Scratch};
    use proptest::prelude::*;

    const GO_ON: Stop<'static> = &|| false;

    fn items<'a>(files: &'a [(String, Vec<u8>)]) -> Vec<Item<'a>> {
        files
            .iter()
            .map(|(name, bytes)| Item {
                name,
                content: Content::Bytes(bytes),
                size: bytes.len() as u64,
                sha256: Hashed::of(bytes).sha256,
                executable: name.ends_with(".sh"),
            })
            .collect()
    }

    fn zipped(files: &[(String, Vec<u8>)], threads: usize) -> Vec<u8> {
        let mut out = tempfile::tempfile().unwrap();
        pack(&items(files), &mut out, threads, GO_ON).unwrap();
        let mut bytes = vec![0; usize::try_from(out.metadata().unwrap().len()).unwrap()];
        out.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    /// Text that shrinks, noise that does not, one of several blocks each, and nothing at all.
    fn mixture() -> Vec<(String, Vec<u8>)> {
        let mut state = 0x1234_5678_u32;
        let mut noise = |n: usize| -> Vec<u8> {
            let next = || {
                state ^= state << 13;
                state ^= state >> 17;
                state ^= state << 5;
                (state >> 24) as u8
            };
            std::iter::repeat_with(next).take(n).collect()
        };
        let text = |n: usize| -> Vec<u8> {
            (0..n)
                .flat_map(|i| format!("line {} of {n}\n", i * i % 977).into_bytes())
                .collect()
        };
        vec![
            ("a.txt".into(), text(3)),
            ("b/empty".into(), vec![]),
            ("b/noise".into(), noise(BLOCK + 77)),
            ("c.log".into(), text(150_000)),
            ("d.sh".into(), text(40)),
            ("e.mixed".into(), [text(40_000), noise(BLOCK), text(40_000)].concat()),
        ]
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_number_of_threads() {
        let files = mixture();
        let one = zipped(&files, 1);
        // Not assert_eq: nobody wants to read a megabyte of differences.
        for threads in [2, 4, 2, 4] {
            assert!(zipped(&files, threads) == one, "{threads} threads");
        }
    }

    #[test]
    fn what_is_compressed_before_makes_the_same_bytes() {
        let files = mixture();
        let mut packer = Packer::default();
        let packed: Vec<_> = files.iter().map(|(_, bytes)| packer.pack(bytes)).collect();
        assert!(packed.iter().any(Option::is_some));
        let mut items = items(&files);
        for (item, packed) in items.iter_mut().zip(&packed) {
            if let Some(packed) = packed {
                item.content = Content::Packed(packed);
            }
        }
        let mut out = tempfile::tempfile().unwrap();
        pack(&items, &mut out, 2, GO_ON).unwrap();
        let mut bytes = vec![0; usize::try_from(out.metadata().unwrap().len()).unwrap()];
        out.read_exact_at(&mut bytes, 0).unwrap();
        assert!(bytes == zipped(&files, 2));
    }

    /// One batch of all of them would be held until the end, and nobody could stop it.
    #[test]
    fn many_files_that_are_compressed_before_are_written_meanwhile() {
        let packed = Packer::default().pack(&[b'a'; 300]).unwrap();
        let item = || Item {
            name: "a",
            content: Content::Packed(&packed),
            size: 300,
            sha256: [0; 32],
            executable: false,
        };
        let items: Vec<Item<'_>> = std::iter::repeat_with(item).take(3 * MOST_PARTS + 1).collect();
        let (to_reader, spare) = channel();
        let (to_compressors, raw) = channel();
        for _ in 0..9 {
            to_reader.send(Batch::default()).unwrap();
        }
        read(&items, &spare, &to_compressors, GO_ON).unwrap();
        drop(to_compressors);
        let sizes: Vec<usize> = raw.iter().map(|batch| batch.parts.len()).collect();
        assert_eq!(sizes, [MOST_PARTS, MOST_PARTS, MOST_PARTS, 1]);
        assert!(matches!(
            pack(&items, &mut tempfile::tempfile().unwrap(), 2, &|| true),
            Err(PackError::Stopped)
        ));
        pack(&items, &mut tempfile::tempfile().unwrap(), 2, GO_ON).unwrap();
    }

    #[test]
    fn the_bytes_are_the_ones_released() {
        // A new level, block size or version of libdeflate or zlib-rs changes every bundle's hash. That may be wanted; it must not
        // happen unnoticed.
        let digest = hex::encode(Hashed::of(&zipped(&mixture(), 2)).sha256);
        assert_eq!(
            digest,
            "3932dd7e56be8702d221e62d24d5750fc5320ee949861026f708120d80a9f1cc"
        );
    }

    #[test]
    fn what_changed_meanwhile_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for (now, was) in [("grown more", "grown"), ("cut", "cut off"), ("other", "rehto")] {
            let path = folder.path().join("x");
            std::fs::write(&path, now).unwrap();
            let item = Item {
                name: "logs/x",
                content: Content::File(&path),
                size: was.len() as u64,
                sha256: Hashed::of(was.as_bytes()).sha256,
                executable: false,
            };
            let error = pack(&[item], &mut tempfile::tempfile().unwrap(), 2, GO_ON).unwrap_err();
            assert!(
                matches!(&error, PackError::Changed { name } if name == "logs/x"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_full_disk_and_a_stop_end_it() {
        let files = mixture();
        let mut full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(matches!(
            pack(&items(&files), &mut full, 2, GO_ON),
            Err(PackError::Write(_))
        ));
        let mut out = tempfile::tempfile().unwrap();
        assert!(matches!(
            pack(&items(&files), &mut out, 2, &|| true),
            Err(PackError::Stopped)
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn everything_reads_back(
            files in proptest::collection::btree_map("[a-z]{1,6}(/[a-z]{1,6}){0,2}\\.x", proptest::collection::vec(any::<u8>(), 0..3000), 0..12),
            repeat in 1usize..400,
        ) {
            let files: Vec<(String, Vec<u8>)> = files.into_iter().map(|(n, b)| (n, b.repeat(repeat))).collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), zipped(&files, 2)).unwrap();
            let archive = Archive::open(file.path()).unwrap();
            prop_assert_eq!(archive.members().len(), files.len());
            for (member, (name, bytes)) in archive.members().iter().zip(&files) {
                prop_assert_eq!(member.name(), name);
                let hashed = archive.hash(member, &mut Scratch::new(), GO_ON).unwrap();
                prop_assert_eq!(hashed, Hashed::of(bytes));
            }
        }
    }
}
