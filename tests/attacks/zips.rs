//! Archives that verify and unpack to something else.

mod forge;
mod tools;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use proptest::prelude::*;
use stageproof::world::archive::Archive;

use crate::gate::Gate;
use crate::servers::eventually;
use forge::{Zip, extra, unicode_path};

/// Written by the first version, which is what people have kept.
const OLD: &[u8] = include_bytes!("zips/sealed-by-0.1.0.zip");

/// The hash that somebody kept of the manifest, which a forged zip still has.
fn manifest_of_old() -> String {
    format!(
        "--manifest-sha256={}",
        "dd1a341cfa5c9e06d5fde2160dc0a81a0ef58ac41b3ab635fa15714e3aeea8ff"
    )
}

#[test]
fn a_zip_that_the_first_version_sealed_verifies() {
    let gate = Gate::new();
    gate.write("old.zip", OLD).write("same.zip", Zip::of(OLD).bytes());
    gate.run(["verify", "old.zip", &manifest_of_old()])
        .code(0)
        .says("Verdict: pass");
    // What the cases below change is put together again to the same bytes.
    assert!(Zip::of(OLD).bytes() == OLD);
}

#[test]
fn no_field_of_a_zip_can_say_what_evidence_bundle_does_not_write() {
    const BIT_3: u16 = 8;
    type Change = fn(&mut Zip);
    let cases: [(&str, Change); 59] = [
        ("a unicode path in both headers, with the flag for UTF-8", |zip| {
            let entry = zip.entry("a.log");
            entry.extra = unicode_path(b"a.log", b"evil_renamed.sh");
            entry.local_extra = entry.extra.clone();
        }),
        ("a unicode path in both headers, without the flag", |zip| {
            let entry = zip.entry("a.log");
            entry.extra = unicode_path(b"a.log", b"evil_renamed.sh");
            (entry.local_extra, entry.flags) = (entry.extra.clone(), 0);
        }),
        ("a unicode path before the content", |zip| {
            zip.entry("a.log").local_extra = unicode_path(b"a.log", b"evil.sh");
        }),
        ("a unicode path in the directory", |zip| {
            zip.entry("a.log").extra = unicode_path(b"a.log", b"evil.sh");
        }),
        ("a unicode comment", |zip| {
            zip.entry("a.log").extra = extra(0x6375, b"\x01aaaaevil");
        }),
        ("an empty extra field", |zip| zip.entry("a.log").extra = extra(0, b"")),
        ("one byte of extra field", |zip| {
            zip.entry("a.log").local_extra = vec![0];
        }),
        ("owner and group", |zip| {
            zip.entry("a.log").extra = extra(0x7875, b"\x01\x04\0\0\0\0\x04\0\0\0\0");
        }),
        ("times in an extra field", |zip| {
            zip.entry("a.log").extra = extra(0x5455, b"\x01\0\0\0\0");
        }),
        ("64-bit sizes that are not needed", |zip| {
            zip.entry("a.log").extra = extra(1, &[0; 16]);
        }),
        ("64-bit sizes that lie", |zip| {
            zip.entry("a.log").local_extra = extra(1, &[9; 16]);
        }),
        ("AES in an extra field", |zip| {
            zip.entry("a.log").extra = extra(0x9901, b"\x02\0AE\x03\0\0");
        }),
        ("a comment of an entry", |zip| {
            zip.entry("a.log").comment = b"evil".to_vec();
        }),
        ("a comment of the zip", |zip| zip.comment = b"evil".to_vec()),
        ("a second end in the comment", |zip| {
            zip.comment = b"PK\x05\x06aaaaaaaaaaaaaaaaaa".to_vec();
        }),
        ("bytes after the end", |zip| zip.behind = b"evil".to_vec()),
        ("zeros behind the end", |zip| zip.behind = vec![0; 70_000]),
        ("another zip behind the end", |zip| zip.behind = Zip::of(OLD).bytes()),
        ("bytes before the first entry", |zip| {
            zip.before = b"#!/bin/sh\n".to_vec();
        }),
        ("another zip before the first entry", |zip| {
            zip.before = Zip::of(OLD).bytes();
        }),
        ("bytes between two entries", |zip| {
            zip.entry("a.log").behind = b"evil".to_vec();
        }),
        ("a hidden entry between two entries", |zip| {
            zip.entry("a.log").behind =
                b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x04\0\0\0evil".to_vec();
        }),
        ("bytes before the directory", |zip| {
            zip.before_directory = b"evil".to_vec();
        }),
        ("a descriptor that tells the truth", |zip| {
            let entry = zip.entry("reports/smoke.log");
            entry.flags |= BIT_3;
            entry.behind = [
                b"PK\x07\x08",
                &entry.crc.to_le_bytes()[..],
                &[117, 0, 0, 0, 63, 3, 0, 0],
            ]
            .concat();
        }),
        ("a descriptor that lies", |zip| {
            let entry = zip.entry("reports/smoke.log");
            (entry.flags, entry.behind) = (entry.flags | BIT_3, [&b"PK\x07\x08"[..], &[9; 12]].concat());
        }),
        ("a descriptor without a flag", |zip| {
            zip.entry("a.log").behind = b"PK\x07\x08aaaabbbbcccc".to_vec();
        }),
        ("the flag of a descriptor alone", |zip| {
            zip.entry("a.log").flags |= BIT_3;
        }),
        ("an entry behind the end of a deflate stream", |zip| {
            let entry = zip.entry("reports/smoke.log");
            let hidden =
                b"PK\x07\x08aaaabbbbccccPK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0evil.sh";
            (entry.flags, entry.packed) = (entry.flags | BIT_3, [&entry.packed[..], hidden].concat());
        }),
        ("a byte behind the end of a deflate stream", |zip| {
            zip.entry("reports/smoke.log").packed.push(0);
        }),
        ("a deflate stream that breaks off", |zip| {
            let _ = zip.entry("reports/smoke.log").packed.pop();
        }),
        ("a deflate stream without an end", |zip| {
            // Says that another block follows.
            zip.entry("reports/smoke.log").packed[0] &= !1;
        }),
        ("an empty deflate stream", |zip| {
            (zip.entry("empty").method, zip.entry("empty").packed) = (8, vec![3, 0]);
        }),
        ("a stored entry that is longer than it says", |zip| {
            zip.entry("a.log").packed.push(b'!');
        }),
        ("a size that lies", |zip| zip.entry("a.log").size = 3),
        ("sizes of zero before the content", |zip| {
            zip.entry("a.log").local_sizes = Some((0, 0, 0));
        }),
        ("another size before the content", |zip| {
            let entry = zip.entry("a.log");
            entry.local_sizes = Some((entry.crc, 2, 1));
        }),
        ("another CRC-32 before the content", |zip| {
            zip.entry("a.log").local_sizes = Some((7, 2, 2));
        }),
        ("another CRC-32 in the directory", |zip| {
            let entry = zip.entry("a.log");
            (entry.local_sizes, entry.crc) = (Some((entry.crc, 2, 2)), 7);
        }),
        ("encrypted, in both headers", |zip| zip.entry("a.log").flags |= 1),
        ("encrypted, before the content only", |zip| {
            zip.entry("a.log").local_flags = Some(0x0801);
        }),
        ("strong encryption", |zip| zip.entry("a.log").flags |= 0x40),
        ("a masked header", |zip| zip.entry("a.log").flags |= 0x2000),
        ("a patch", |zip| zip.entry("a.log").flags |= 0x20),
        ("a deflate level in the flags", |zip| {
            zip.entry("reports/smoke.log").flags |= 6;
        }),
        ("no flag for UTF-8", |zip| zip.entry("a.log").flags = 0),
        ("no flag for UTF-8 before the content", |zip| {
            zip.entry("a.log").local_flags = Some(0);
        }),
        ("another version", |zip| zip.entry("a.log").version = 63),
        ("another version before the content", |zip| {
            zip.entry("a.log").local_version = Some(10);
        }),
        ("made on another system", |zip| zip.entry("a.log").made_by = 20),
        ("a time", |zip| zip.entry("a.log").time = 0x5C3F_0000),
        ("a time before the content", |zip| {
            zip.entry("a.log").local_time = Some(1);
        }),
        ("text in the internal attributes", |zip| zip.entry("a.log").internal = 1),
        ("another disk", |zip| zip.entry("a.log").disk = 1),
        ("another disk in the end", |zip| zip.disk = 1),
        ("one entry more in the end", |zip| zip.more_entries = 1),
        ("entries in another order", |zip| zip.entries.swap(0, 1)),
        ("an entry twice", |zip| zip.entries.insert(0, zip.entries[0].clone())),
        ("two entries at one place", |zip| {
            zip.entry("odd_name~245d2ecb.txt").offset = Some(0);
        }),
        ("another name in the directory", |zip| {
            zip.entry("a.log").central_name = Some(b"z.log".to_vec());
        }),
    ];
    let modes: [(&str, u32); 11] = [
        ("a block device", 0o060_644 << 16),
        ("a character device", 0o020_644 << 16),
        ("a pipe", 0o010_644 << 16),
        ("a socket", 0o140_644 << 16),
        ("a link", 0o120_777 << 16),
        ("a folder", 0o040_755 << 16),
        ("no type", 0o644 << 16),
        ("setuid", 0o104_755 << 16),
        ("writable by all", 0o100_666 << 16),
        ("executable against the index", 0o100_755 << 16),
        ("hidden on Windows", (0o100_644 << 16) | 2),
    ];
    let names = [
        "a.log/",
        "a.log/b",
        "../up",
        "/abs",
        "C:/win",
        "a\\b",
        "a.log.",
        "nul\0l",
        "a.log:stream",
        "sub/",
        "",
    ];
    let mut zips: Vec<(String, Vec<u8>)> = Vec::new();
    for (what, change) in cases {
        let mut zip = Zip::of(OLD);
        change(&mut zip);
        zips.push((what.to_owned(), zip.bytes()));
    }
    for (what, external) in modes {
        let mut zip = Zip::of(OLD);
        zip.entry("a.log").external = external;
        zips.push((what.to_owned(), zip.bytes()));
    }
    for name in names {
        let mut zip = Zip::of(OLD);
        zip.add(name, b"");
        zips.push((format!("one more entry called {name:?}"), zip.bytes()));
    }
    let gate = Gate::new();
    for (what, bytes) in zips {
        gate.write("forged.zip", bytes);
        let ran = gate.run(["verify", "forged.zip", &manifest_of_old()]);
        let code = ran.output.status.code();
        assert_eq!(code, Some(1), "{what}\n{}", ran.explain());
    }
}

/// Everything that is believed of a zip; an error if any of it is not.
fn believed(path: &Path) -> Option<BTreeMap<String, (Vec<u8>, bool)>> {
    let archive = Archive::open(path).ok()?;
    let members = archive.members().iter();
    let read = |member| archive.read(member, 1 << 24).ok();
    members
        .map(|member| Some((member.name().to_owned(), (read(member)?, member.is_executable()))))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_damaged_zip_is_refused_or_holds_the_same(
        at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(), bit in 0..8u8, kind in 0..8u8,
        bytes in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut zip = OLD.to_vec();
        let (at, other) = (at.index(zip.len()), other.index(zip.len()));
        match kind {
            0 => { zip.splice(at..at, bytes); }
            1 => zip.truncate(at),
            2 => zip.swap(at, other),
            3 => { zip.drain(at.min(other)..at.max(other)); }
            // As of 2,000 flipped bits 168 were green.
            _ => zip[at] ^= 1 << bit,
        }
        let folder = tempfile::tempdir().unwrap();
        let (damaged, whole) = (folder.path().join("damaged.zip"), folder.path().join("whole.zip"));
        fs::write(&damaged, zip).unwrap();
        fs::write(&whole, OLD).unwrap();
        if let Some(files) = believed(&damaged) {
            prop_assert_eq!(Some(files), believed(&whole));
        }
    }
}

fn has_open(pid: u32, path: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    open.filter_map(|fd| fs::read_link(fd.path()).ok())
        .any(|target| target == path)
}

#[test]
fn a_zip_that_takes_the_path_while_another_is_verified_is_not_the_one_that_was_hashed() {
    let gate = Gate::new().on_runner("push", "{}");
    // Long enough to be read that the other one is there in time.
    gate.write("evidence/zeros", vec![0; 48 << 20]);
    gate.run(["evidence-bundle", "--evidence-dir=evidence"]).code(0);
    gate.write("other.zip", OLD);
    let sha = "--bundle-sha256=1d1cfaf2d38caa7f0c3ce41a1b3a361a0363a16dbf7be25a3eae764471bbfa4b";
    gate.run(["verify", "other.zip", sha]).code(0);
    let path = gate.root().canonicalize().unwrap().join("evidence.zip");
    let mut child = gate
        .command(["verify", "evidence.zip", sha])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the zip is open", || has_open(child.id(), &path));
    fs::rename(gate.root().join("other.zip"), &path).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn a_zip_that_is_written_to_while_it_is_verified_is_no_pass() {
    let gate = Gate::new();
    gate.write("evidence/zeros", vec![0; 48 << 20]);
    gate.run(["evidence-bundle", "--evidence-dir=evidence"]).code(0);
    let path = gate.root().canonicalize().unwrap().join("evidence.zip");
    let mut child = gate
        .command(["verify", "evidence.zip"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the zip is open", || has_open(child.id(), &path));
    // The same bytes: what they were in between nobody knows.
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let code = child.wait().unwrap().code();
    assert!(matches!(code, Some(1 | 4)), "{code:?}");
}

#[test]
fn a_directory_that_is_replaced_while_it_is_verified_is_no_pass() {
    let gate = Gate::new();
    gate.write("evidence/zeros", vec![0; 48 << 20]);
    gate.run(["evidence-bundle", "--evidence-dir=evidence"]).code(0);
    gate.write("other/sha256_manifest.txt", gate.read("evidence/sha256_manifest.txt"));
    let root = gate.root().canonicalize().unwrap();
    let mut child = gate
        .command(["verify", "evidence"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("the directory is open", || has_open(child.id(), &root.join("evidence")));
    fs::rename(root.join("evidence"), root.join("moved")).unwrap();
    fs::rename(root.join("other"), root.join("evidence")).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(4));
}

/// What verifies is what each tool unpacks, byte for byte and nothing else.
#[test]
fn eleven_tools_unpack_the_same() {
    let gate = Gate::new();
    gate.write("evidence/gr\u{fc}n.txt", "gr\u{fc}n")
        .write("evidence/empty", "")
        .write("evidence/dir/a b.log", "a\n".repeat(700_000))
        .write("evidence/run.sh", "#!/bin/sh\n");
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(gate.root().join("evidence/run.sh"), executable).unwrap();
    gate.run(["evidence-bundle", "--evidence-dir=evidence"]).code(0);
    let sealed = fs::read(gate.root().join("evidence.zip")).unwrap();
    // The one kind of damage that is believed: bits that fill up a deflate stream's last byte.
    let mut filled = Zip::of(OLD);
    *filled.entry("reports/smoke.log").packed.last_mut().unwrap() ^= 0x80;
    let mut zips = Vec::new();
    for (number, bytes) in [sealed, OLD.to_vec(), filled.bytes()].into_iter().enumerate() {
        let zip = gate.path(&format!("{number}.zip"));
        fs::write(&zip, bytes).unwrap();
        gate.run(["verify", &format!("{number}.zip")]).code(0);
        let files = believed(&zip).unwrap().into_iter();
        let files = files.map(|(name, (bytes, _))| (name, bytes)).collect();
        zips.push((zip.display().to_string(), files));
    }
    tools::all_unpack(&zips);
}

/// Their number needs the 64-bit end of the directory.
#[test]
fn more_entries_than_16_bits_count() {
    const FILES: usize = 65_536;
    let gate = Gate::new();
    let folder = gate.path("evidence/many/x").parent().unwrap().to_owned();
    for number in 0..FILES {
        fs::write(folder.join(number.to_string()), "").unwrap();
    }
    gate.run(["evidence-bundle", "--evidence-dir=evidence", "--redact=off"])
        .code(0);
    gate.run(["verify", "evidence.zip"]).code(0);
    tools::all_count(gate.path("evidence.zip").to_str().unwrap(), FILES + 2);
}
