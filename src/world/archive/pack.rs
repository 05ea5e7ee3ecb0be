//! Files into a zip: one thread reads and checks the hashes, all cores compress, one writes. Memory is a fixed number
//! of blocks, whatever the files' sizes; the bytes are the same for any number of threads.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write as _};
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

/// A block on its way from the reader over a compressor to the writer. It goes back to the reader to be used again.
#[derive(Default)]
struct Block {
    sequence: u64,
    item: usize,
    first: bool,
    /// The item's CRC-32, with its last block.
    last: Option<u32>,
    before: Vec<u8>,
    raw: Vec<u8>,
    packed: Vec<u8>,
    method: Arc<AtomicU8>,
    /// The compressor failed; it never does, but a zip must not depend on that.
    error: Option<io::Error>,
}

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
        let _ = to_reader.send(Block::default());
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
    spare: &Receiver<Block>,
    to_compressors: &Sender<Block>,
    stop: Stop<'_>,
) -> Result<(), PackError> {
    let mut sequence = 0;
    for (index, item) in items.iter().enumerate() {
        let wrong = |error| PackError::Read {
            name: item.name.to_owned(),
            error,
        };
        let changed = || PackError::Changed {
            name: item.name.to_owned(),
        };
        let mut content: Box<dyn Read> = match item.content {
            Content::Bytes(bytes) => Box::new(bytes),
            Content::File(path) => Box::new(files::open(path, Links::Refuse).map_err(wrong)?),
        };
        let (mut sha, mut crc) = (Sha256::new(), crc32fast::Hasher::new());
        let method = Arc::new(AtomicU8::new(OPEN));
        let mut tail: Vec<u8> = Vec::new();
        let mut left = item.size;
        loop {
            if stop() {
                return Err(PackError::Stopped);
            }
            let Ok(mut block) = spare.recv() else {
                return Ok(());
            };
            let most = left.min(BLOCK as u64);
            block.raw.clear();
            let got = (&mut content).take(most).read_to_end(&mut block.raw).map_err(wrong)? as u64;
            if got < most {
                return Err(changed());
            }
            left -= got;
            sha.update(&block.raw);
            crc.update(&block.raw);
            block.before.clone_from(&tail);
            tail.clear();
            tail.extend_from_slice(&block.raw[block.raw.len().saturating_sub(WINDOW)..]);
            block.first = got == item.size - left;
            block.last = (left == 0).then(|| crc.clone().finalize());
            (block.sequence, block.item) = (sequence, index);
            block.method = Arc::clone(&method);
            sequence += 1;
            if left == 0 {
                // One byte more than there was is a change as well.
                let grown = content.read(&mut [0; 1]).map_err(wrong)? > 0;
                if grown || <[u8; 32]>::from(sha.finalize()) != item.sha256 {
                    return Err(changed());
                }
                let _ = to_compressors.send(block);
                break;
            }
            if to_compressors.send(block).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn compress(raw: &Mutex<Receiver<Block>>, to_writer: &Sender<Block>) {
    let mut deflater = Deflater::new();
    loop {
        let next = raw.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut block) = next else { return };
        // Once an item is known to be stored, its other blocks need no compressing.
        if block.method.load(Ordering::Relaxed) != Method::Stored as u8 {
            let last = block.last.is_some();
            block.error = deflater.block(&block.before, &block.raw, last, &mut block.packed).err();
        }
        if to_writer.send(block).is_err() {
            return;
        }
    }
}

/// Answers how many items were written whole.
fn write(items: &[Item<'_>], out: &mut File, packed: Receiver<Block>, spare: Sender<Block>) -> io::Result<usize> {
    let mut zip = Writer {
        out: BufWriter::with_capacity(BLOCK, out),
        at: 0,
        records: Vec::with_capacity(items.len()),
    };
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    let mut whole = 0;
    for block in packed {
        waiting.insert(block.sequence, block);
        while let Some(mut block) = waiting.remove(&next) {
            next += 1;
            if let Some(error) = block.error.take() {
                return Err(error);
            }
            zip.block(&items[block.item], &block)?;
            whole += usize::from(block.last.is_some());
            // After the last file nobody wants it back.
            let _ = spare.send(block);
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
    records: Vec<Record>,
}

impl Writer<'_> {
    fn block(&mut self, item: &Item<'_>, block: &Block) -> io::Result<()> {
        if block.first {
            let shrinks = block.packed.len() < block.raw.len();
            let method = if shrinks { Method::Deflated } else { Method::Stored };
            block.method.store(method as u8, Ordering::Relaxed);
            let mut record = Record {
                name: item.name.to_owned(),
                executable: item.executable,
                method,
                crc: 0,
                packed: 0,
                size: item.size,
                offset: self.at,
            };
            if let Some(crc) = block.last {
                record.crc = crc;
                record.packed = content(method, block).len() as u64;
            }
            self.put(&record.local())?;
            record.packed = 0;
            self.records.push(record);
        }
        let Some(mut record) = self.records.pop() else {
            return Err(io::Error::other("a block came before its first"));
        };
        let bytes = content(record.method, block);
        self.put(bytes)?;
        record.packed += bytes.len() as u64;
        if let Some(crc) = block.last {
            record.crc = crc;
            if !block.first {
                // The header was written before the sizes were known.
                self.out.flush()?;
                self.out.get_ref().write_all_at(&record.local(), record.offset)?;
            }
        }
        self.records.push(record);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        let offset = self.at;
        let records = std::mem::take(&mut self.records);
        for record in &records {
            self.put(&record.central())?;
        }
        self.put(&record::end(records.len() as u64, offset, self.at - offset))?;
        self.out.flush()
    }
}

fn content(method: Method, block: &Block) -> &[u8] {
    match method {
        Method::Stored => &block.raw,
        Method::Deflated => &block.packed,
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
    fn the_bytes_are_the_ones_released() {
        // A new level, block size or version of zlib-rs changes every bundle's hash. That may be wanted; it must not
        // happen unnoticed.
        let digest = hex::encode(Hashed::of(&zipped(&mixture(), 2)).sha256);
        assert_eq!(
            digest,
            "256112258b20d9b2f6970ce6abc895d402a38499c3ff9162f2035d2412fe78a4"
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
