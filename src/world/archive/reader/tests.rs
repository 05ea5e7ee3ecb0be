use std::collections::BTreeMap;

use super::*;
use crate::world::archive::{Item, pack};
use proptest::prelude::*;

/// Name, content, whether it is executable.
type Files<'a> = &'a [(&'a str, &'a [u8], bool)];

const FILES: Files<'static> = &[
    ("a.log", b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
    ("b/c.sh", b"c", true),
    ("b/text", b"one two one two three one two one two", false),
    ("empty", b"", false),
];

fn zipped(files: Files<'_>) -> Vec<u8> {
    let items: Vec<Item<'_>> = files
        .iter()
        .map(|(name, bytes, executable)| Item {
            name,
            content: crate::world::archive::Content::Bytes(bytes),
            size: bytes.len() as u64,
            sha256: Hashed::of(bytes).sha256,
            executable: *executable,
        })
        .collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    pack(&items, file.as_file_mut(), 1, &|| false).unwrap();
    std::fs::read(file.path()).unwrap()
}

/// A file that no disk has to keep.
fn in_memory(bytes: &[u8]) -> File {
    let file = File::from(rustix::fs::memfd_create("zip", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    file.write_all_at(bytes, 0).unwrap();
    file
}

/// What is read from these bytes, if all of it is believed.
fn read(bytes: &[u8]) -> Result<BTreeMap<String, (Vec<u8>, bool)>, String> {
    let archive = Archive::of(in_memory(bytes)).map_err(|error| error.to_string())?;
    let mut files = BTreeMap::new();
    for member in archive.members() {
        let content = archive
            .read(member, 1 << 20)
            .map_err(|error| format!("{}: {error}", member.name()))?;
        files.insert(member.name().to_owned(), (content, member.is_executable()));
    }
    Ok(files)
}

fn originals() -> BTreeMap<String, (Vec<u8>, bool)> {
    let files = FILES
        .iter()
        .map(|(name, bytes, executable)| ((*name).to_owned(), (bytes.to_vec(), *executable)));
    files.collect()
}

#[track_caller]
fn refuses(bytes: &[u8], says: &str) {
    let error = read(bytes).expect_err(says);
    assert!(error.contains(says), "{error:?} does not say {says:?}");
}

/// Where `needle` first is.
fn position(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

#[test]
fn no_flipped_bit_is_believed_unless_the_same_comes_out() {
    let zip = zipped(FILES);
    let mut believed = Vec::new();
    for bit in 0..zip.len() * 8 {
        let mut changed = zip.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if let Ok(files) = read(&changed) {
            assert_eq!(files, originals(), "bit {bit}");
            believed.push(bit);
        }
    }
    // The bits after a deflate stream's last code fill up its last byte: at most 7 of each of the two streams.
    assert!(believed.len() <= 14, "{believed:?}");
}

#[test]
fn what_the_writer_would_not_write_is_refused_by_name() {
    let zip = zipped(FILES);
    assert_eq!(read(&zip).unwrap(), originals());
    let central = position(&zip, b"PK\x01\x02");
    let end = zip.len() - 22;
    let set = |at: usize, value: &[u8]| {
        let mut changed = zip.clone();
        changed[at..at + value.len()].copy_from_slice(value);
        changed
    };
    for (bytes, says) in [
        (set(6, &[9]), "a.log: the flags before its content"),
        (set(4, &[45]), "a.log: the version before"),
        (set(14, b"evil"), "a.log: the CRC-32 before"),
        (set(30, b"z"), "a.log: the name before"),
        (set(central + 4, &[63]), "the version of \"a.log\""),
        (set(central + 8, &[0, 0]), "the flags of \"a.log\""),
        (set(central + 10, &[12]), "the compression method of \"a.log\""),
        (set(central + 12, &[1]), "the time of \"a.log\""),
        (set(central + 16, b"evil"), "the CRC-32 before its content"),
        (set(central + 34, &[1]), "the disk of \"a.log\""),
        (set(central + 36, &[1]), "the internal attributes of \"a.log\""),
        (
            set(central + 38, &0o104_755_u32.to_le_bytes()[..2]),
            "the type or permissions of \"a.log\"",
        ),
        (
            set(central + 40, &0o120_777_u16.to_le_bytes()),
            "the type or permissions of \"a.log\"",
        ),
        (
            set(central + 42, &[1]),
            "a.log does not begin where the file before it ends",
        ),
        (set(central + 24, &[1]), "the packed size of \"a.log\""),
        (set(central + 46, b"\xff"), "the name of \"\u{fffd}.log\""),
        (set(central, b"XX"), "the signature of"),
        (set(end + 4, &[1]), "its end is not"),
        (set(end + 8, &[5]), "its end is not"),
        (set(end + 8, &[5, 0, 5]), "it claims 5 files, but has 4"),
        (set(end + 20, &[1]), "its end is not"),
        (set(end, b"XX"), "not a complete zip file"),
        ([&zip[..], b"x"].concat(), "not a complete zip file"),
        ([b"x", &zip[..]].concat(), "its end is not"),
        (zip[..zip.len() - 1].to_vec(), "not a complete zip file"),
        (b"PK".to_vec(), "not a complete zip file"),
        (Vec::new(), "not a complete zip file"),
    ] {
        refuses(&bytes, says);
    }
}

#[test]
fn names_that_a_seal_does_not_write_are_refused() {
    for (names, says) in [
        (["b", "a"], "a comes after b"),
        (["a", "a"], "a is in it twice"),
        (["../a", "b"], "leads out of the bundle"),
        (["/a", "b"], "is an absolute path"),
        (["a//b", "b"], "not written in its shortest form"),
        (["a\\b", "b"], "backslash"),
        (["ab:c", "b"], "not a name that every system can store"),
        (["a.", "b"], "not a name that every system can store"),
        (["a/", "b"], "not written in its shortest form"),
        (["a", "a/b"], "a is a file and a folder"),
    ] {
        let files = names.map(|name| (name, &b"x"[..], false));
        refuses(&zipped(&files), says);
    }
    refuses(
        &zipped(&["a", "a.log", "a/b"].map(|name| (name, &b"x"[..], false))),
        "a is a file and a folder",
    );
    assert_eq!(
        read(&zipped(&["a", "ab/c", "b/d"].map(|name| (name, &b"x"[..], false))))
            .unwrap()
            .len(),
        3
    );
}

/// A zip of one deflated file, byte for byte as the writer writes it but for the stream.
fn with_stream(content: &[u8], stream: &[u8]) -> Vec<u8> {
    let record = Record {
        name: "a".to_owned(),
        executable: false,
        method: super::super::record::Method::Deflated,
        crc: crc32fast::hash(content),
        packed: stream.len() as u64,
        size: content.len() as u64,
        offset: 0,
    };
    let (local, central) = (record.local(), record.central());
    let offset = (local.len() + stream.len()) as u64;
    let end = super::super::record::end(1, offset, central.len() as u64);
    [&local, stream, &central, &end].concat()
}

#[test]
fn a_stream_ends_with_its_entry_and_holds_what_is_said() {
    // Shorter ones are stored.
    let content = &b"one ".repeat(15)[..];
    let (longer, other) = ([content, b"!"].concat(), content.to_ascii_uppercase());
    let zip = zipped(&[("a", content, false)]);
    let central = position(&zip, b"PK\x01\x02");
    let stream = &zip[31..central];
    assert_eq!(with_stream(content, stream), zip);
    let mut open = stream.to_vec();
    open[0] &= !1; // Says that another block follows.
    for (content, stream, says) in [
        (
            content,
            [stream, b"evil"].concat(),
            "bytes after the end of its deflate stream",
        ),
        (content, open, "a: its deflate stream"),
        (
            content,
            stream[..stream.len() - 1].to_vec(),
            "its deflate stream is truncated",
        ),
        (content, Vec::new(), "its deflate stream is truncated"),
        (content, b"\x07evil".to_vec(), "its deflate stream is damaged"),
        (&content[1..], stream.to_vec(), "more bytes than the zip says"),
        (&longer, stream.to_vec(), "fewer bytes than the zip says"),
        (&other, stream.to_vec(), "its CRC-32 is not the one in the zip"),
        // The writer stores what does not shrink.
        (b"", b"\x03\0".to_vec(), "the packed size of \"a\""),
        (b"x", b"\x4b\x04\0".to_vec(), "the packed size of \"a\""),
    ] {
        refuses(&with_stream(content, &stream), says);
    }
}

#[test]
fn a_long_stream_is_read_in_pieces_and_ends_with_its_entry() {
    let content: Vec<u8> = (0..400_000u32)
        .flat_map(|i| (i.wrapping_mul(2_654_435_761) >> 18).to_le_bytes())
        .collect();
    let zip = zipped(&[("a", &content, false)]);
    assert_eq!(read_one(&zip, 2 << 20).unwrap(), content);
    let central = position(&zip, b"PK\x01\x02");
    let stream = &zip[31..central];
    assert!(stream.len() > 128 * 1024, "more than a piece of it: {}", stream.len());
    assert_eq!(
        read_one(&with_stream(&content, &[stream, b"evil"].concat()), 2 << 20).unwrap_err(),
        "there are bytes after the end of its deflate stream"
    );
    assert_eq!(read_one(&zip, 1000).unwrap_err(), "it is larger than 1000 bytes");
}

#[test]
fn a_directory_that_no_manifest_could_match_is_not_read() {
    for (size, says) in [
        (LARGEST_DIRECTORY + 1, "its directory has 134217729 bytes"),
        (LARGEST_DIRECTORY, "the signature of"),
    ] {
        let end = super::super::record::end(1, 0, size);
        let file = in_memory(b"");
        // Nothing of it is stored but the end.
        file.write_all_at(&end, size).unwrap();
        let error = Archive::of(file).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn each_file_is_read_and_hashed_alone() {
    let archive = Archive::of(in_memory(&zipped(FILES))).unwrap();
    for (member, (name, bytes, _)) in archive.members().iter().zip(FILES) {
        assert_eq!((member.name(), member.size()), (*name, bytes.len() as u64));
        let hashed = archive.hash(member, &mut Scratch::new(), &|| false).unwrap();
        assert_eq!(hashed, Hashed::of(bytes));
        assert_eq!(archive.read(member, bytes.len() as u64).unwrap(), *bytes);
    }
}

fn read_one(bytes: &[u8], limit: u64) -> Result<Vec<u8>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let archive = Archive::open(file.path()).unwrap();
    archive
        .read(&archive.members()[0], limit)
        .map_err(|error| error.to_string())
}

#[test]
fn a_write_while_it_is_open_is_noticed_and_a_new_file_at_its_path_is_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e.zip");
    let zip = zipped(FILES);
    std::fs::write(&path, &zip).unwrap();
    let archive = Archive::open(&path).unwrap();
    std::fs::write(folder.path().join("other"), "other").unwrap();
    std::fs::rename(folder.path().join("other"), &path).unwrap();
    assert_eq!(archive.hash_whole(&|| false).unwrap(), Hashed::of(&zip));
    // Twice: what the first read moved does not matter.
    assert_eq!(archive.hash_whole(&|| false).unwrap(), Hashed::of(&zip));

    std::fs::write(&path, &zip).unwrap();
    let archive = Archive::open(&path).unwrap();
    assert!(!archive.has_changed().unwrap());
    std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap()
        .set_len(3)
        .unwrap();
    assert!(archive.has_changed().unwrap());
    assert!(Archive::open(folder.path()).is_err(), "a folder");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]
    #[test]
    fn damage_never_panics_and_is_not_believed_unless_the_same_comes_out(
        changes in proptest::collection::vec(
            (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..6u8), 1..5,
        ),
    ) {
        let mut bytes = zipped(FILES);
        for (at, other, value, kind) in changes {
            if bytes.is_empty() {
                break;
            }
            let (at, other) = (at.index(bytes.len()), other.index(bytes.len()));
            match kind {
                0 => bytes[at] = value,
                1 => bytes.insert(at, value),
                2 => { bytes.remove(at); }
                3 => bytes.swap(at, other),
                4 => bytes.truncate(at.max(1)),
                _ => {
                    let copied = bytes[at.min(other)..at.max(other)].to_vec();
                    bytes.splice(at..at, copied);
                }
            }
        }
        if let Ok(files) = read(&bytes) {
            prop_assert_eq!(files, originals());
        }
    }

    #[test]
    fn any_bytes_as_a_directory_are_refused_without_a_panic(
        noise in proptest::collection::vec(any::<u8>(), 0..200), wide: bool,
        entries: u64, offset: u64, size: u64,
    ) {
        let directory = [&b"PK\x01\x02"[..], &noise].concat();
        let end = if wide {
            super::super::record::end(entries | 0xFFFF, offset.saturating_sub(1 << 20) / 2, size / 2)
        } else {
            super::super::record::end(entries % 9, 0, directory.len() as u64)
        };
        prop_assert!(read(&[&directory[..], &end].concat()).is_err());
    }
}
