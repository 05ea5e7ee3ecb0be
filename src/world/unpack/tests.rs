//! Archives byte by byte; `tests/integration/scan_archives.rs` reads those that other programs make.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;

use super::*;

/// Every text by its path, and what was not looked at.
type Texts = (Vec<(String, Vec<u8>)>, Vec<Closed>);

fn texts(bytes: &[u8], most: u64) -> Texts {
    let mut texts = Vec::new();
    let closed = each(&mut &bytes[..], most, &mut |path, text| {
        let mut content = Vec::new();
        text.read_to_end(&mut content)?;
        texts.push((path.to_owned(), content));
        Ok(())
    });
    (texts, closed.unwrap())
}

fn closed(bytes: &[u8]) -> Vec<(String, String)> {
    let (_, closed) = texts(bytes, 1 << 20);
    closed.into_iter().map(|closed| (closed.path, closed.why)).collect()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn deflated(content: &[u8]) -> Vec<u8> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::best());
    packed.write_all(content).unwrap();
    packed.finish().unwrap()
}

fn tar(name: &str, kind: u8, size: impl AsRef<[u8]>, content: &[u8]) -> Vec<u8> {
    let size = size.as_ref();
    let mut block = vec![0; tar::BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..124 + size.len()].copy_from_slice(size);
    block[156] = kind;
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.extend_from_slice(content);
    block.resize(block.len().next_multiple_of(tar::BLOCK), 0);
    block
}

/// How the sizes of an entry are told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Before,
    After { signature: bool, wide: bool },
}

fn entry(name: &str, content: &[u8], method: u16, told: Told) -> Vec<u8> {
    let packed = if method == 8 {
        deflated(content)
    } else {
        content.to_vec()
    };
    let mut crc = crc32fast::Hasher::new();
    crc.update(content);
    let crc = crc.finalize().to_le_bytes();
    let sizes = [packed.len() as u32, content.len() as u32];
    let mut bytes = b"PK\x03\x04\x14\0".to_vec();
    bytes.extend([if told == Told::Before { 0 } else { 8 }, 0]);
    bytes.extend(method.to_le_bytes());
    bytes.extend([0; 4]);
    match told {
        Told::Before => bytes.extend([crc, sizes[0].to_le_bytes(), sizes[1].to_le_bytes()].concat()),
        Told::After { .. } => bytes.extend([0; 12]),
    }
    bytes.extend((name.len() as u32).to_le_bytes());
    bytes.extend(name.as_bytes());
    bytes.extend(packed);
    if let Told::After { signature, wide } = told {
        bytes.extend(if signature { &b"PK\x07\x08"[..] } else { b"" });
        bytes.extend(crc);
        for size in sizes {
            bytes.extend(size.to_le_bytes());
            bytes.extend(if wide { &[0; 4][..] } else { b"" });
        }
    }
    bytes
}

#[test]
fn each_way_to_write_an_entry_is_read() {
    let content = b"text PK\x07\x08 and more, PK\x03\x04 too";
    for method in [0, 8] {
        for told in [
            Told::Before,
            Told::After {
                signature: true,
                wide: false,
            },
            Told::After {
                signature: true,
                wide: true,
            },
            Told::After {
                signature: false,
                wide: false,
            },
            Told::After {
                signature: false,
                wide: true,
            },
        ] {
            let mut zip = entry("a", content, method, told);
            zip.extend(entry("b", b"", method, told));
            zip.extend(entry("c", b"last", method, told));
            zip.extend(b"PK\x05\x06comment");
            let (texts, closed) = texts(&zip, 1 << 20);
            // Stored, without a signature: nobody can tell where it ends.
            if method == 0 && matches!(told, Told::After { signature: false, .. }) {
                assert!(
                    !closed.is_empty() && texts[0].1.starts_with(content),
                    "{told:?}: {closed:?}"
                );
                continue;
            }
            assert_eq!(closed, [], "{method} {told:?}");
            let expected = [
                ("a", &content[..]),
                ("b", b""),
                ("c", b"last"),
                ("", b"PK\x05\x06comment"),
            ];
            assert_eq!(
                texts,
                expected.map(|(path, text)| (path.to_owned(), text.to_vec())),
                "{method} {told:?}"
            );
        }
    }
}

#[test]
fn a_stored_entry_is_read_whole_wherever_its_reads_end() {
    for length in [32 << 10, (32 << 10) + 1, (32 << 10) - 3, 70_000] {
        let content: Vec<u8> = b"PK\x07\x08PK\x07".iter().copied().cycle().take(length).collect();
        let mut zip = entry(
            "a",
            &content,
            0,
            Told::After {
                signature: true,
                wide: false,
            },
        );
        zip.extend(b"PK\x05\x06");
        let (texts, closed) = texts(&zip, 1 << 20);
        assert_eq!(closed, []);
        assert!(texts[0].1 == content, "{length}");
    }
}

#[test]
fn what_is_unpacked_has_one_limit_for_all_of_it() {
    let zeros = vec![0; 600 << 10];
    let mut zip = entry("a", &zeros, 8, Told::Before);
    zip.extend(entry("b", &zeros, 8, Told::Before));
    let (texts, closed) = texts(&zip, 1 << 20);
    assert_eq!(texts[0].1.len(), zeros.len());
    assert!(texts[1].1.len() < zeros.len());
    assert_eq!((closed[0].path.as_str(), closed[0].is_cut), ("b", true), "{closed:?}");
    let bomb = gzip(&gzip(&vec![0; 8 << 20]));
    assert_eq!(closed_reason(&bomb), "it unpacks to more than is looked at");
}

/// Behind gzip inside of an archive, as behind gzip that is a file.
#[test]
fn what_is_behind_damage_in_gzip_is_read_as_it_is() {
    let mut broken = gzip(&[b"fine ".repeat(9), (0..=255).collect()].concat());
    let length = broken.len();
    broken[length / 2..length / 2 + 4].fill(0xff);
    for damaged in [
        [gzip(b"fine"), b"a secret".to_vec()].concat(),
        [gzip(b"fine"), b"\x1fa secret".to_vec()].concat(),
        [gzip(b"fine"), b"\x1f\x8b\x08\x08a secret".to_vec()].concat(),
        [broken, b"a secret".to_vec()].concat(),
    ] {
        let zip = entry("a.gz", &damaged, 8, Told::Before);
        let (texts, closed) = texts(&zip, 1 << 20);
        let holds = |(path, text): &(String, Vec<u8>)| path == "a.gz" && text.ends_with(b"a secret");
        assert!(texts.iter().any(holds), "{texts:?}");
        assert_eq!(
            (closed[0].path.as_str(), closed[0].why.as_str()),
            ("a.gz", "it is damaged")
        );
    }
}

fn closed_reason(bytes: &[u8]) -> String {
    closed(bytes).pop().map(|(_, why)| why).unwrap_or_default()
}

#[test]
fn the_size_of_a_file_in_a_tar_is_believed_only_as_far_as_it_goes() {
    let good = tar("a", b'0', "00000000005\0", b"12345");
    assert_eq!(closed(&good), []);
    let huge = tar("a", b'0', "77777777777\0", b"12345");
    assert_eq!(closed(&huge), [("a".to_owned(), "it ends early".to_owned())]);
    // As GNU writes what is larger: with it, padding would be more than the largest number.
    let largest = tar("a", b'x', [&[0x80_u8, 0, 0, 0][..], &[0xff; 8]].concat(), b"");
    assert_eq!(closed(&largest), [(String::new(), "it ends early".to_owned())]);
    let mut binary = tar("a", b'0', "", b"12345");
    binary[124..136].fill(0xff);
    binary[148..156].fill(b' ');
    let sum: u32 = binary[..tar::BLOCK].iter().map(|byte| u32::from(*byte)).sum();
    binary[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    assert!(closed_reason(&binary).contains("damaged"));
    // A link has no content, whatever size it tells.
    let mut link = tar("l", b'1', "00000000005\0", b"");
    link.extend(&good);
    // The header of a file is a text of its own, for its name.
    let members = |bytes: &[u8]| {
        let (mut texts, closed) = texts(bytes, 1 << 20);
        texts.retain(|(_, content)| !tar::is_header(content));
        (texts, closed)
    };
    let (texts, closed) = members(&link);
    assert_eq!((texts[0].0.as_str(), closed.len()), ("a", 0));
    assert!(self::texts(&good, 1 << 20).0[0].1.starts_with(b"a\0"));
    // The long name is that of the next file alone.
    let mut named = tar("x", b'L', "00000000005\0", b"long\0");
    named.extend(&good);
    named.extend(&good);
    let (texts, _) = members(&named);
    let paths: Vec<&str> = texts.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["", "long", "a", ""]);
    let mut pax = tar("x", b'x', "00000000021\0", b"9 size=5\n8 path=\n");
    pax.extend(tar("short", b'0', "00000000003\0", b"12345"));
    let (texts, _) = members(&pax);
    assert_eq!(texts[1].1, b"12345");
}

#[test]
fn an_archive_is_known_by_its_beginning() {
    let known = |bytes: &[u8]| {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        is_archive(&file).unwrap()
    };
    let tar = tar("a", b'0', "00000000001\0", b"1");
    for (bytes, expected) in [
        (&tar[..], true),
        (&gzip(&tar), true),
        (&gzip(&gzip(b"text")), true),
        (&entry("a", b"1", 0, Told::Before), true),
        (b"PK\x05\x06", true),
        (&gzip(b"text"), false),
        (&gzip(&tar)[..12], false),
        (&[0; 1024], false),
        (&tar[..511], false),
        (b"PK", false),
        (b"", false),
    ] {
        assert_eq!(known(bytes), expected, "{:?}", &bytes[..bytes.len().min(8)]);
    }
}

proptest! {
    /// One changed byte, or one that is missing, is no panic, and no endless loop.
    #[test]
    fn a_damaged_archive_is_read_as_far_as_it_goes(
        at in 0_usize..2000, byte: u8, cut in 0_usize..2000, kind in 0..3,
    ) {
        let content = b"one two three ".repeat(20);
        let mut zip = entry("a", &content, 8, Told::After { signature: true, wide: false });
        zip.extend(entry("b", &content, 0, Told::Before));
        let mut bytes = match kind {
            0 => zip,
            1 => tar("z", b'0', "00000000400\0", &zip[..256]),
            _ => gzip(&zip),
        };
        let length = bytes.len();
        bytes[at % length] = byte;
        bytes.truncate(cut.max(1).min(length));
        let (texts, _) = texts(&bytes, 1 << 20);
        let handed: usize = texts.iter().map(|(_, text)| text.len()).sum();
        prop_assert!(handed <= (1 << 20) + 2 * bytes.len());
    }
}

/// A directory that says where its first entry is and where it begins itself, and its end.
fn directory(first: usize, begin: usize) -> Vec<u8> {
    let number = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut text = b"PK\x01\x02".to_vec();
    text.resize(42, 0);
    text.extend(number(first));
    let length = text.len();
    text.extend(b"PK\x05\x06\0\0\0\0\0\0\0\0");
    text.extend([number(length), number(begin)].concat());
    text.extend([0, 0]);
    text
}

/// As [`texts`], by [`each_in`]; `None` if it is no archive.
fn in_file(bytes: &[u8]) -> Option<Texts> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    io::Seek::rewind(&mut file).unwrap();
    assert_eq!(is_archive(&file).unwrap(), may_be_archive(bytes));
    let mut texts = Vec::new();
    is_archive(&file).unwrap().then(|| {
        let closed = each_in(&mut file, 1 << 20, &mut |path, text| {
            let mut content = Vec::new();
            text.read_to_end(&mut content)?;
            texts.push((path.to_owned(), content));
            Ok(())
        });
        (texts, closed.unwrap())
    })
}

#[test]
fn a_zip_behind_something_else_is_opened() {
    let before = "#!/usr/bin/env python3\n".as_bytes();
    let entry = entry("a.txt", b"content", 8, Told::Before);
    let (begin, length) = (before.len(), entry.len());
    for directory in [directory(begin, begin + length), directory(0, length)] {
        let (texts, closed) = in_file(&[before, &entry, &directory].concat()).unwrap();
        let expected = [("", before), ("a.txt", b"content"), ("", &directory)];
        assert_eq!(texts, expected.map(|(path, text)| (path.to_owned(), text.to_vec())));
        assert_eq!(closed, []);
    }
    let mut damaged = [&entry[..], &directory(0, length)].concat();
    damaged[..4].fill(b'x');
    let (texts, closed) = in_file(&damaged).unwrap();
    assert_eq!((&texts[1].1, closed.len()), (&damaged, 1));
    assert!(closed[0].why.starts_with("it is damaged"), "{closed:?}");
}

#[test]
fn a_text_that_ends_like_a_zip_is_none() {
    assert_eq!(in_file(b"the end is PK\x05\x06"), None);
    assert_eq!(in_file(b""), None);
}
