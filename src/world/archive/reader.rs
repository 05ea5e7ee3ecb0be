//! Reading a zip that anybody may have made. The directory at the end says what is in it; everything in it that could
//! make two tools see two different things is a fault.

use std::io::{self, Read};
use std::path::Path;

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, MAX_CENTRAL_DIRECTORY_RECORD_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

use crate::world::files::{self, Links};
use crate::world::hash::{self, Hashed, Scratch, Stop};

/// The longest name and extra field a local header can have.
const LONGEST_HEADER: usize = 2 * 65_535;
/// Between two entries there may be a data descriptor, which is this long at most.
const LONGEST_DESCRIPTOR: u64 = 24;
/// More entries than this are refused before their names fill the memory.
const MOST_ENTRIES: u64 = 5_000_000;

/// Something wrong with the zip itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Kebab-case.
    pub code: &'static str,
    /// A sentence that names the entry where there is one.
    pub message: String,
}

/// One file in the zip.
#[derive(Clone, Debug)]
pub struct Member {
    /// As it is written; bytes that are not UTF-8 are replaced, and that is a fault.
    pub name: String,
    pub is_link: bool,
    /// What it is said to hold, in bytes. It is the limit when it is read.
    pub size: u64,
    method: CompressionMethod,
    place: ZipArchiveEntryWayfinder,
}

/// Why a zip cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("it is not a whole zip file: {0}")]
    NotAZip(String),
}

/// An open zip.
pub struct Archive {
    zip: ZipArchive<FileReader>,
    members: Vec<Member>,
    faults: Vec<Fault>,
}

impl Archive {
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let file = files::open(path, Links::Refuse)?;
        let length = file.metadata()?.len();
        let mut buffer = vec![0; MAX_CENTRAL_DIRECTORY_RECORD_SIZE];
        let zip = ZipArchive::from_file(file, &mut buffer).map_err(open_error)?;
        if zip.entries_hint() > MOST_ENTRIES {
            return Err(OpenError::NotAZip(format!(
                "it says it has {} entries",
                zip.entries_hint()
            )));
        }
        let mut archive = Self {
            zip,
            members: Vec::new(),
            faults: Vec::new(),
        };
        // Nobody vouches for what stands behind the directory: no hash covers it.
        if archive.zip.end_offset() != length {
            archive
                .faults
                .push(fault("hidden-bytes", "there are bytes behind the zip's end".to_owned()));
        }
        if archive.zip.comment().read(&mut [0])? > 0 {
            archive
                .faults
                .push(fault("hidden-bytes", "the zip has a comment".to_owned()));
        }
        archive.read_directory(buffer)?;
        Ok(archive)
    }

    /// The files, in the order of the directory. Folders are left out.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// Hashes one file, without ever holding more than a buffer of it.
    pub fn hash(&self, member: &Member, scratch: &mut Scratch, stop: Stop<'_>) -> io::Result<Hashed> {
        hash::hash_stream(self.content(member)?, member.size, scratch, stop)
    }

    /// The content of one file of at most `limit` bytes.
    pub fn read(&self, member: &Member, limit: u64) -> io::Result<Vec<u8>> {
        if member.size > limit {
            return Err(io::Error::other(format!("it is larger than {limit} bytes")));
        }
        let mut bytes = Vec::new();
        self.content(member)?.take(limit + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Ends in an error when the size or the CRC-32 is not as the directory says.
    fn content(&self, member: &Member) -> io::Result<Box<dyn Read + '_>> {
        let entry = self.zip.get_entry(member.place).map_err(io::Error::other)?;
        match member.method {
            CompressionMethod::STORE => Ok(Box::new(entry.verifying_reader(entry.reader()))),
            CompressionMethod::DEFLATE => Ok(Box::new(entry.verifying_reader(DeflateDecoder::new(entry.reader())))),
            other => Err(io::Error::other(format!(
                "it is packed with {other}, which is not read here"
            ))),
        }
    }

    fn read_directory(&mut self, mut buffer: Vec<u8>) -> Result<(), OpenError> {
        let mut places = Vec::new();
        let mut entries = self.zip.entries(&mut buffer);
        let mut count = 0;
        while let Some(entry) = entries.next_entry().map_err(open_error)? {
            count += 1;
            if count > MOST_ENTRIES {
                return Err(OpenError::NotAZip(format!("it has more than {MOST_ENTRIES} entries")));
            }
            let raw = entry.file_path();
            let name = String::from_utf8_lossy(raw.as_bytes()).into_owned();
            if std::str::from_utf8(raw.as_bytes()).is_err() {
                self.faults.push(fault("unsafe-path", format!("{name:?} is not UTF-8")));
            }
            if entry.flags().is_encrypted() {
                self.faults.push(fault("encrypted", format!("{name} is encrypted")));
            }
            places.push((
                raw.as_bytes().to_vec(),
                entry.compression_method(),
                entry.crc32(),
                entry.wayfinder(),
            ));
            let is_folder = entry.is_dir() && entry.uncompressed_size_hint() == 0;
            if is_folder {
                let inner = name.trim_end_matches('/');
                if let Some(problem) = crate::model::manifest::path_problem(inner) {
                    self.faults
                        .push(fault("unsafe-path", format!("the folder {name:?} {problem}")));
                }
                continue;
            }
            self.members.push(Member {
                name,
                is_link: entry.mode().is_symlink(),
                size: entry.uncompressed_size_hint(),
                method: entry.compression_method(),
                place: entry.wayfinder(),
            });
        }
        if count != self.zip.entries_hint() {
            let said = self.zip.entries_hint();
            let message = format!("the zip says it has {said} entries and has {count}");
            self.faults.push(fault("contradiction", message));
        }
        let faults = self.compare_headers(&places)?;
        self.faults.extend(faults);
        Ok(())
    }

    /// Tools that unpack as they read believe the header before the content, others the directory at the end. Both must
    /// say the same, and the entries must lie one after the other with nothing between them: what lies there only one
    /// kind of tool would see, and entries that share bytes make a small zip unpack without end.
    fn compare_headers(&self, places: &[Place]) -> Result<Vec<Fault>, OpenError> {
        let mut faults = Vec::new();
        let mut buffer = vec![0; LONGEST_HEADER];
        let mut ranges = Vec::with_capacity(places.len());
        for (raw, method, crc, place) in places {
            let name = String::from_utf8_lossy(raw);
            let header = self.zip.get_entry(*place).and_then(|entry| {
                let (_, end) = entry.compressed_data_range();
                Ok((end, entry.local_header(&mut buffer)?))
            });
            let (end, header) = match header {
                Ok(header) => header,
                Err(error) => {
                    faults.push(fault(
                        "contradiction",
                        format!("{name} is not where the zip says: {error}"),
                    ));
                    continue;
                }
            };
            let streamed = header.flags().has_data_descriptor();
            let sizes = (place.compressed_size_hint(), place.uncompressed_size_hint(), *crc);
            let local = (
                header.compressed_size_hint(),
                header.uncompressed_size_hint(),
                header.crc32(),
            );
            if header.file_path().as_bytes() != raw.as_slice()
                || header.compression_method() != *method
                || (!streamed && sizes != local)
            {
                let message = format!("{name} is described in two ways that contradict each other");
                faults.push(fault("contradiction", message));
            }
            let start = end - place.compressed_size_hint() - header_length(&header);
            ranges.push((start, end, name.into_owned(), streamed));
        }
        ranges.sort();
        let mut at = 0;
        let mut slack = 0;
        for (start, end, name, streamed) in ranges {
            if start < at {
                faults.push(fault("overlap", format!("{name} shares bytes with another entry")));
            } else if start - at > slack {
                let message = format!("{} bytes before {name} belong to no entry", start - at);
                faults.push(fault("hidden-bytes", message));
            }
            at = at.max(end);
            slack = if streamed { LONGEST_DESCRIPTOR } else { 0 };
        }
        let directory = self.zip.directory_offset();
        if directory < at {
            faults.push(fault(
                "overlap",
                "the last entry shares bytes with the directory".to_owned(),
            ));
        } else if directory - at > slack {
            let message = format!("{} bytes before the directory belong to no entry", directory - at);
            faults.push(fault("hidden-bytes", message));
        }
        Ok(faults)
    }
}

type Place = (Vec<u8>, CompressionMethod, u32, ZipArchiveEntryWayfinder);

fn header_length(header: &rawzip::ZipLocalFileHeader<'_>) -> u64 {
    let extra = header.extra_fields().remaining_bytes().len();
    30 + (header.file_path().as_bytes().len() + extra) as u64
}

fn fault(code: &'static str, message: String) -> Fault {
    Fault { code, message }
}

fn open_error(error: rawzip::Error) -> OpenError {
    match error.into_kind() {
        rawzip::ErrorKind::IO(error) if error.kind() != io::ErrorKind::UnexpectedEof => OpenError::Io(error),
        kind => OpenError::NotAZip(kind.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::archive::{Content, Item, pack};
    use proptest::prelude::*;

    fn zip() -> Vec<u8> {
        let files = [("a.log", &b"aaaaaaaaaaaaaaaa"[..]), ("b/c.txt", b"c"), ("empty", b"")];
        let items: Vec<Item<'_>> = files
            .iter()
            .map(|(name, bytes)| Item {
                name,
                content: Content::Bytes(bytes),
                size: bytes.len() as u64,
                sha256: Hashed::of(bytes).sha256,
                executable: false,
            })
            .collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        pack(&items, file.as_file_mut(), 1, &|| false).unwrap();
        std::fs::read(file.path()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        #[test]
        fn damage_never_panics_and_never_gives_more_than_was_said(
            changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            keep in any::<prop::sample::Index>(), cut: bool,
        ) {
            let mut bytes = zip();
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            if cut {
                bytes.truncate(keep.index(bytes.len()));
            }
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &bytes).unwrap();
            if let Ok(archive) = Archive::open(file.path()) {
                for member in archive.members() {
                    if let Ok(hashed) = archive.hash(member, &mut Scratch::new(), &|| false) {
                        prop_assert_eq!(hashed.size, member.size);
                    }
                }
            }
        }
    }
}
