//! The same files make the same bytes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{index, seal, workspace};

#[test]
fn the_same_files_make_the_same_zip() {
    // Only the index holds times, and only the manifest its hash.
    let script = "import zipfile\nfor i in zipfile.ZipFile('evidence.zip').infolist():\n\
                  \x20if i.filename not in ('evidence.json','sha256_manifest.txt'):\n\
                  \x20 print(i.filename,i.CRC,i.compress_size,i.compress_type,i.external_attr,i.date_time,i.extra)";
    let zip = |order: [&str; 2], mode: u32| {
        let gate = workspace();
        for name in order {
            gate.write(name, name.repeat(100_000));
            fs::set_permissions(gate.root().join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        seal(&gate, &order).code(0);
        let output = Command::new("python3")
            .args(["-c", script])
            .current_dir(gate.root())
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let one = zip(["a.txt", "b.txt"], 0o644);
    assert_eq!(one.lines().count(), 3, "{one}");
    assert_eq!(zip(["b.txt", "a.txt"], 0o600), one);
}

#[test]
fn a_fixed_date_makes_the_same_bundle() {
    let bundle = |epoch: &str| {
        let gate = workspace().env("SOURCE_DATE_EPOCH", epoch);
        gate.write("a.txt", "a").write("evidence/co:lon", "c");
        seal(&gate, &["a.txt"]).code(0);
        (
            index(&gate)["started_at"].clone(),
            fs::read(gate.root().join("evidence.zip")).unwrap(),
        )
    };
    let (at, one) = bundle("1700000000");
    assert_eq!(at, "2023-11-14T22:13:20.000Z");
    let (_, two) = bundle("1700000000");
    assert!(one == two, "the bundles differ");
    assert!(bundle("1700000001").1 != one);
    for wrong in ["yesterday", "1.5", "99999999999999"] {
        let gate = workspace().env("SOURCE_DATE_EPOCH", wrong);
        seal(&gate, &[]).code(2).says("SOURCE_DATE_EPOCH").says(wrong);
    }
    // It is a date to stamp with, not the time: nothing but the seal believes it.
    let gate = workspace().env("SOURCE_DATE_EPOCH", "yesterday");
    seal(&gate, &[]).code(2);
    gate.run(["verify", "evidence"]).code(1).never_says("SOURCE_DATE_EPOCH");
}
