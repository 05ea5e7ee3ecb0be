//! `verify`: is this evidence whole and unchanged?

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use stageproof::world::archive::{self, Content, Item};
use stageproof::world::hash::Hashed;

use crate::gate::{Gate, Ran};
use crate::scan::token;

/// A sealed directory and its zip.
fn sealed() -> Gate {
    let gate = Gate::new();
    gate.write("evidence/a.log", "a\n")
        .write("evidence/sub/b.log", "b\n".repeat(50_000))
        .write("c.txt", "c");
    gate.run(["evidence-bundle", "--evidence-dir=evidence", "c.txt"])
        .code(0);
    gate
}

fn verify<'a>(gate: &'a Gate, target: &str) -> Ran<'a> {
    gate.run(["verify", target])
}

/// Runs Python with `evidence.zip` read as `old` and `out.zip` open for writing as `new`.
fn rezip(gate: &Gate, script: &str) {
    let script = format!(
        "import zipfile,warnings,json,struct\nwarnings.simplefilter('ignore')\nold=zipfile.ZipFile('evidence.zip')\n\
         new=zipfile.ZipFile('out.zip','w',zipfile.ZIP_DEFLATED)\ncopy=lambda p='':[new.writestr(p+n,old.read(n)) for \
         n in old.namelist()]\n\
         {script}\nnew.close()\n"
    );
    let output = Command::new("python3")
        .args(["-c", &script])
        .current_dir(gate.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_was_sealed_verifies() {
    let gate = sealed();
    for target in ["evidence", "evidence.zip"] {
        verify(&gate, target).code(0).says("Verdict: pass");
    }
    let gate = sealed().on_runner("push", "{}");
    verify(&gate, "evidence.zip").code(0);
    let outputs = gate.outputs();
    assert_eq!(outputs["manifest-sha256"].len(), 64);
    assert_eq!(outputs["bundle-sha256"].len(), 64);
    fs::write(gate.root().join("runner/output"), "").unwrap();
    verify(&gate, "evidence").code(0);
    assert!(!gate.outputs().contains_key("bundle-sha256"));
    assert!(
        !gate.root().join("artifacts").exists(),
        "verify writes nothing\n{}",
        gate.listing()
    );
}

#[test]
fn every_kind_of_tampering_is_named() {
    let manifest = "evidence/sha256_manifest.txt";
    let write = |path: &'static str, text: &'static str| -> Box<dyn Fn(&Gate)> {
        Box::new(move |gate| {
            gate.write(path, text);
        })
    };
    let remove = |path: &'static str| -> Box<dyn Fn(&Gate)> {
        Box::new(move |gate| fs::remove_file(gate.root().join(path)).unwrap())
    };
    let link = |path: &'static str, to: &'static str| -> Box<dyn Fn(&Gate)> {
        Box::new(move |gate| {
            let _ = fs::rename(gate.root().join(path), gate.root().join("moved"));
            symlink(to, gate.root().join(path)).unwrap();
        })
    };
    for (tamper, says) in [
        (write("evidence/a.log", "b\n"), "a.log has changed"),
        (remove("evidence/a.log"), "a.log is listed but missing"),
        (write("evidence/sub/extra", "x"), "sub/extra exists but is not listed"),
        (link("evidence/link", "a.log"), "link is a symbolic link"),
        (link("evidence/a.log", "../moved"), "a.log is a symbolic link"),
        (write("evidence/evidence.json", "{}"), "evidence.json has changed"),
        (remove(manifest), "no sha256_manifest.txt"),
        (write(manifest, ""), "lists no files"),
        (write("evidence/.stageproof-x", "hidden"), ".stageproof-x exists"),
    ] {
        let gate = sealed();
        tamper(&gate);
        verify(&gate, "evidence").code(1).says(says);
    }
}

#[test]
fn a_manifest_that_sha256sum_would_accept_is_refused() {
    let hash = "0".repeat(64);
    for (line, says) in [
        (format!("{hash}  /etc/passwd"), "is an absolute path"),
        (format!("{hash}  ../c.txt"), "leads out of the bundle"),
        (format!("{hash}  a.log"), "a.log is listed twice"),
        (format!("{hash}  x\\y"), "backslash"),
        ("xyz  bad".to_owned(), "line 5"),
        (format!("{hash}  sha256_manifest.txt"), "lists itself"),
    ] {
        let gate = sealed();
        let manifest = gate.read("evidence/sha256_manifest.txt");
        gate.write("evidence/sha256_manifest.txt", format!("{manifest}{line}\n"));
        verify(&gate, "evidence").code(1).says(says);
    }
}

/// Seals an altered index into the manifest, as somebody would who knows how.
fn with_index(gate: &Gate, alter: impl Fn(String) -> String) {
    let index = gate.root().join("evidence/evidence.json");
    fs::write(&index, alter(fs::read_to_string(&index).unwrap())).unwrap();
    let script = "grep -v '  evidence.json$' sha256_manifest.txt > m; sha256sum evidence.json >> m; \
                  LC_ALL=C sort -k2 m > sha256_manifest.txt; rm m";
    let status = Command::new("sh")
        .args(["-c", script])
        .current_dir(gate.root().join("evidence"))
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn an_index_that_disagrees_is_named() {
    for (from, to, says) in [
        (
            "\"a.log\"",
            "\"z.log\"",
            "lists z.log, which sha256_manifest.txt does not",
        ),
        ("\"size\": 2,", "\"size\": 3,", "evidence.json says it has 3"),
        (
            "stageproof.evidence/v1",
            "stageproof.evidence/v7",
            "its schema is `stageproof.evidence/v7`",
        ),
        ("{", "", "evidence.json cannot be used"),
    ] {
        let gate = sealed();
        with_index(&gate, |text| text.replacen(from, to, 1));
        verify(&gate, "evidence").code(1).says(says);
    }
    let gate = sealed();
    with_index(&gate, |text| text);
    verify(&gate, "evidence").code(0);
}

#[test]
fn what_is_not_a_zip_is_said_so() {
    let gate = sealed();
    let zip = fs::read(gate.root().join("evidence.zip")).unwrap();
    gate.write("garbage.zip", "not a zip at all").write("empty.zip", "");
    verify(&gate, "garbage.zip").code(1).says("not a complete zip file");
    verify(&gate, "empty.zip").code(1).says("not a complete zip file");
    for cut in [10, zip.len() / 2, zip.len() - 10] {
        gate.write("cut.zip", &zip[..cut]);
        verify(&gate, "cut.zip").code(1).says("not a complete zip file");
    }
    verify(&gate, "no-such.zip").code(4).says("No such file");
    gate.run(["verify"])
        .code(2)
        .says("needs a directory, a zip, an artifact or a stored bundle");
}

/// What others packed, other tools may unpack to something else than what was looked at.
#[test]
fn zips_made_by_others_are_to_be_unpacked() {
    let gate = sealed();
    let next = "unpack it, and verify the directory or zip";
    for script in [
        "copy()",
        "copy('2026-01-31/')",
        // A stream that cannot be sought in: sizes come after the content, as upload-artifact writes them.
        "import io\nclass S(io.RawIOBase):\n def writable(s): return True\n def write(s,b): f.write(b); return len(b)\n\
         new.close(); f=open('out.zip','wb'); new=zipfile.ZipFile(S(),'w',zipfile.ZIP_DEFLATED); copy()",
        "new.writestr('inner.zip',open('evidence.zip','rb').read())",
    ] {
        rezip(&gate, script);
        verify(&gate, "out.zip")
            .code(1)
            .says("evidence-bundle did not write this zip")
            .says(next);
    }
    rezip(
        &gate,
        "copy('unpacked/')\nnew.close()\nzipfile.ZipFile('out.zip').extractall()\nnew=zipfile.ZipFile('x.zip','w')",
    );
    verify(&gate, "unpacked").code(0).says("Verdict: pass");
}

/// Packs as evidence-bundle does whatever `files` are, sorted by their names.
fn pack(gate: &Gate, files: &[(&str, Vec<u8>, bool)]) {
    let items: Vec<Item<'_>> = files
        .iter()
        .map(|(name, bytes, executable)| Item {
            name,
            content: Content::Bytes(bytes),
            size: bytes.len() as u64,
            sha256: Hashed::of(bytes).sha256,
            executable: *executable,
        })
        .collect();
    let mut out = fs::File::create(gate.root().join("out.zip")).unwrap();
    archive::pack(&items, &mut out, 2, &|| false).unwrap();
}

/// What is in the sealed directory, as it is packed.
fn content(gate: &Gate) -> Vec<(&'static str, Vec<u8>, bool)> {
    let names = [
        "a.log",
        "evidence.json",
        "files/c.txt",
        "sha256_manifest.txt",
        "sub/b.log",
    ];
    let read = |name: &'static str| (name, fs::read(gate.root().join("evidence").join(name)).unwrap(), false);
    names.map(read).into()
}

#[test]
fn a_zip_of_other_content_is_named() {
    type Alter = fn(&mut Vec<(&'static str, Vec<u8>, bool)>);
    let cases: [(Alter, &str); 8] = [
        (
            |files| files.insert(1, ("b", b"x".to_vec(), false)),
            "b exists but is not listed",
        ),
        (|files| drop(files.remove(0)), "a.log is listed but missing"),
        (|files| files[0].1 = b"?".to_vec(), "a.log has changed"),
        (|files| drop(files.remove(3)), "no sha256_manifest.txt"),
        (|files| files[0].2 = true, "a.log is executable in the zip"),
        (
            |files| files[3].2 = true,
            "sha256_manifest.txt is executable in the zip",
        ),
        (
            |files| files.insert(0, ("../up", b"x".to_vec(), false)),
            "leads out of the bundle",
        ),
        (|files| files.insert(0, files[0].clone()), "a.log is in it twice"),
    ];
    let gate = sealed();
    pack(&gate, &content(&gate));
    verify(&gate, "out.zip").code(0);
    assert_eq!(
        fs::read(gate.root().join("out.zip")).unwrap(),
        fs::read(gate.root().join("evidence.zip")).unwrap()
    );
    for (alter, says) in cases {
        let mut files = content(&gate);
        alter(&mut files);
        pack(&gate, &files);
        verify(&gate, "out.zip").code(1).says(says);
    }
}

#[test]
fn the_index_of_a_zip_must_be_there_and_add_up() {
    let gate = sealed();
    with_index(&gate, |text| text.replace("\"total_bytes\": ", "\"total_bytes\": 1"));
    verify(&gate, "evidence").code(1).says("bytes, but it claims");
    let mut files = content(&gate);
    let manifest = String::from_utf8(files[3].1.clone()).unwrap();
    let without: String = manifest
        .split_inclusive('\n')
        .filter(|line| !line.ends_with("evidence.json\n"))
        .collect();
    files[3].1 = without.into_bytes();
    files.remove(1);
    pack(&gate, &files);
    verify(&gate, "out.zip").code(1).says("there is no evidence.json");
}

#[test]
fn a_text_too_large_to_be_ours_is_not_read() {
    let gate = sealed();
    // 65 MiB of nothing take a few kilobytes in a zip.
    let mut files = content(&gate);
    files[1].1 = vec![b' '; 65 << 20];
    pack(&gate, &files);
    let says = "more than the limit of 64 MiB";
    verify(&gate, "out.zip")
        .code(1)
        .says("evidence.json cannot be used")
        .says(says);
    let manifest = fs::OpenOptions::new()
        .write(true)
        .open(gate.root().join("evidence/sha256_manifest.txt"))
        .unwrap();
    manifest.set_len(65 << 20).unwrap();
    verify(&gate, "evidence")
        .code(1)
        .says("sha256_manifest.txt cannot be read")
        .says(says);
}

#[test]
fn without_an_index_it_says_what_is_not_known() {
    let gate = sealed();
    gate.write("evidence/sha256_manifest.txt", {
        let manifest = gate.read("evidence/sha256_manifest.txt");
        let kept: Vec<&str> = manifest
            .lines()
            .filter(|line| !line.ends_with("evidence.json"))
            .collect();
        kept.join("\n") + "\n"
    });
    fs::remove_file(gate.root().join("evidence/evidence.json")).unwrap();
    verify(&gate, "evidence")
        .code(0)
        .says("Verdict: pass-weak")
        .says("the run, the files left out");
}

/// Evidence that was changed and sealed anew agrees with itself; only what was kept elsewhere tells.
#[test]
fn a_hash_that_was_kept_elsewhere_tells_new_evidence_from_old() {
    let gate = sealed().on_runner("push", "{}");
    verify(&gate, "evidence.zip")
        .code(0)
        .says("Every file matches the manifest, which is not pinned")
        .says("compared with its own manifest only");
    let outputs = gate.outputs();
    let manifest = format!("--manifest-sha256={}", outputs["manifest-sha256"]);
    let bundle = format!("--bundle-sha256=sha256:{}", outputs["bundle-sha256"]);
    gate.run(["verify", "evidence.zip", &manifest, &bundle])
        .code(0)
        .says("6 passed")
        .says("The manifest matches the pinned hash")
        .says("The zip matches the pinned hash");
    gate.run(["verify", "evidence", &manifest])
        .code(0)
        .never_says("not pinned")
        .never_says("its own manifest only");
    gate.run(["verify", "evidence", &bundle])
        .code(1)
        .says("there is no zip to compare");
    gate.write("evidence/a.log", "forged\n");
    gate.run(["evidence-bundle", "--evidence-dir=evidence", "c.txt"])
        .code(0);
    verify(&gate, "evidence.zip").code(0);
    gate.run(["verify", "evidence.zip", &manifest])
        .code(1)
        .says("but the pinned one is");
    gate.run(["verify", "evidence.zip", &bundle])
        .code(1)
        .says("but the pinned one is");
    gate.run(["verify", "evidence", "--manifest-sha256=abc"])
        .code(2)
        .says("64 hexadecimal digits");
}

#[test]
fn a_manifest_of_nothing_but_line_breaks_costs_little() {
    let gate = sealed();
    gate.write("evidence/sha256_manifest.txt", vec![b'\n'; 8 << 20]);
    let ran = verify(&gate, "evidence");
    ran.code(1).says("more in the report");
    assert!(ran.stdout().len() < 100_000, "{}", ran.stdout().len());
}

/// What was sealed in a hurry may hold a secret, in a file or in an archive among the files.
#[test]
fn secrets_in_sealed_files_are_found_on_request() {
    let gate = sealed();
    for target in ["evidence", "evidence.zip"] {
        gate.run(["verify", target, "--rescan"])
            .code(0)
            .says("No secrets in the files");
    }
    let script = "import zipfile; zipfile.ZipFile('in.zip','w',8).writestr('x.log','a\\n'+open('s').read())";
    gate.write("s", token());
    let made = Command::new("python3")
        .args(["-c", script])
        .current_dir(gate.root())
        .status()
        .unwrap();
    assert!(made.success());
    let gate = gate.env("API_TOKEN", "hunter2-hunter2");
    gate.write("evidence/a.log", format!("a\n{}\nhunter2-hunter2\n", token()));
    gate.run(["evidence-bundle", "--evidence-dir=evidence", "in.zip", "--redact=off"])
        .code(0);
    for (target, prefix) in [("evidence", ""), ("evidence.zip", "evidence.zip!")] {
        verify(&gate, target).code(0);
        gate.run(["verify", target, "--rescan"])
            .code(1)
            .says(&format!("{prefix}a.log:2: GitHub token"))
            .says(&format!("{prefix}a.log:3: The value of a variable"))
            .says(&format!("{prefix}files/in.zip!x.log:2: GitHub token"))
            .never_says(&token())
            .never_says("hunter2");
    }
}
