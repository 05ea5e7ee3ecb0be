//! `verify`: is this evidence whole and unchanged?

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::gap::not_checked;
use crate::gate::{Gate, Ran};

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
         new=zipfile.ZipFile('out.zip','w',zipfile.ZIP_DEFLATED)\ncopy=lambda p='':[new.writestr(p+n,old.read(n)) for n in old.namelist()]\n\
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
        (remove("evidence/a.log"), "a.log is listed and is not there"),
        (write("evidence/sub/extra", "x"), "sub/extra is there and is not listed"),
        (link("evidence/link", "a.log"), "link is a symbolic link"),
        (link("evidence/a.log", "../moved"), "a.log is a symbolic link"),
        (write("evidence/evidence.json", "{}"), "evidence.json has changed"),
        (remove(manifest), "no sha256_manifest.txt"),
        (write(manifest, ""), "lists no files"),
        (write("evidence/.stageproof-x", "hidden"), ".stageproof-x is there"),
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
    verify(&gate, "garbage.zip").code(1).says("not a whole zip file");
    verify(&gate, "empty.zip").code(1).says("not a whole zip file");
    for cut in [10, zip.len() / 2, zip.len() - 10] {
        gate.write("cut.zip", &zip[..cut]);
        verify(&gate, "cut.zip").code(1).says("not a whole zip file");
    }
    verify(&gate, "no-such.zip").code(4).says("No such file");
    gate.run(["verify"]).code(2).says("what to verify");
}

#[test]
fn no_single_flipped_byte_goes_unnoticed() {
    let gate = Gate::new();
    gate.write("evidence/a.log", "a\n");
    gate.run(["evidence-bundle", "--evidence-dir=evidence"]).code(0);
    let zip = fs::read(gate.root().join("evidence.zip")).unwrap();
    // Sizes, names, hashes and content; not the dates, versions and rights, which are no evidence.
    for at in (26..zip.len()).step_by(zip.len() / 40) {
        let mut changed = zip.clone();
        changed[at] ^= 0x41;
        gate.write("changed.zip", &changed);
        let ran = verify(&gate, "changed.zip");
        let code = ran.output.status.code().unwrap();
        assert!(code == 0 || code == 1, "{}", ran.explain());
        if code == 0 {
            let kept = "import zipfile;z=zipfile.ZipFile('changed.zip');o=zipfile.ZipFile('evidence.zip')\n\
                        assert {n:z.read(n) for n in z.namelist()}=={n:o.read(n) for n in o.namelist()}";
            let output = Command::new("python3")
                .args(["-c", kept])
                .current_dir(gate.root())
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "byte {at}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn zips_made_by_others_verify() {
    let gate = sealed();
    for script in [
        "copy()",
        "copy('2026-01-31/')",
        "new.mkdir('sub') if hasattr(new,'mkdir') else None; copy()",
        // A stream that cannot be sought in: sizes come after the content, as upload-artifact writes them.
        "import io\nclass S(io.RawIOBase):\n def writable(s): return True\n def write(s,b): f.write(b); return len(b)\n\
         new.close(); f=open('out.zip','wb'); new=zipfile.ZipFile(S(),'w',zipfile.ZIP_DEFLATED); copy()",
        "[new.writestr(zipfile.ZipInfo(n),old.read(n)) for n in reversed(old.namelist())]",
    ] {
        rezip(&gate, script);
        verify(&gate, "out.zip").code(0).says("Verdict: pass");
    }
    match Command::new("zip")
        .args(["-qr", "../info.zip", "."])
        .current_dir(gate.root().join("evidence"))
        .output()
    {
        Ok(output) => {
            assert!(output.status.success());
            verify(&gate, "info.zip").code(0);
        }
        Err(error) => not_checked("a zip by Info-ZIP", &error.to_string(), "STAGEPROOF_REQUIRE_TOOLS"),
    }
}

#[test]
fn every_trick_of_a_zip_is_named() {
    for (script, says) in [
        ("copy(); new.writestr('a.log','evil')", "a.log is in the zip twice"),
        ("copy(); new.writestr('../up','x')", "leads out of the bundle"),
        ("copy(); new.writestr('/abs','x')", "is an absolute path"),
        ("copy(); new.writestr('C:/win','x')", "is an absolute path"),
        ("copy(); new.writestr('a\\\\b','x')", "backslash"),
        ("copy(); new.writestr('../folder/','')", "leads out of the bundle"),
        (
            "copy(); new.writestr('extra.log','x')",
            "extra.log is there and is not listed",
        ),
        (
            "[new.writestr(n,old.read(n)) for n in old.namelist() if n!='a.log']",
            "a.log is listed and is not there",
        ),
        (
            "[new.writestr(n,b'?' if n=='a.log' else old.read(n)) for n in old.namelist()]",
            "a.log has changed",
        ),
        (
            "[new.writestr(n,old.read(n)) for n in old.namelist() if 'manifest' not in n]",
            "no sha256_manifest.txt",
        ),
        (
            "copy(); i=zipfile.ZipInfo('link'); i.create_system=3; i.external_attr=0o120777<<16; new.writestr(i,'a.log')",
            "link is a symbolic link",
        ),
        (
            "new.close(); open('out.zip','wb').write(b'hidden'*9+open('evidence.zip','rb').read()); new=open('out.zip','ab')",
            "belong to no entry",
        ),
        // The name before the content differs from the one in the directory.
        (
            "new.close(); d=open('evidence.zip','rb').read(); open('out.zip','wb').write(d.replace(b'a.log',b'z.log',1)); new=open('out.zip','ab')",
            "two ways that contradict",
        ),
        (
            "new.writestr('inner.zip',open('evidence.zip','rb').read())",
            "unpack that and verify it",
        ),
        (
            "[new.writestr(n,old.read(n),zipfile.ZIP_LZMA if n=='a.log' else None) for n in old.namelist()]",
            "which is not read here",
        ),
    ] {
        let gate = sealed();
        rezip(&gate, script);
        verify(&gate, "out.zip").code(1).says(says);
    }
}

#[test]
fn a_bomb_is_read_only_as_far_as_it_says() {
    let gate = sealed();
    // Says it holds 2 bytes, holds 2 GiB.
    let script = "import zlib\nc=zlib.compressobj(9,8,-15); z=b'\\0'*(1<<20)\n\
        body=b''.join(c.compress(z) for _ in range(2048))+c.flush()\n\
        new.close(); d=bytearray()\ncd=bytearray(); count=0\n\
        import binascii\n\
        for n in old.namelist():\n\
        \x20data=old.read(n); packed=body if n=='a.log' else data; m=8 if n=='a.log' else 0\n\
        \x20common=struct.pack('<HHHHIIIHH',0,m,0,33,binascii.crc32(data),len(packed),len(data),len(n),0)\n\
        \x20cd+=b'PK\\1\\2'+struct.pack('<HH',788,20)+common+struct.pack('<HHHII',0,0,0,0,len(d))+n.encode(); count+=1\n\
        \x20d+=b'PK\\3\\4'+struct.pack('<H',20)+common+n.encode()+packed\n\
        at=len(d); d+=cd+b'PK\\5\\6'+struct.pack('<HHHHIIH',0,0,count,count,len(cd),at,0)\n\
        open('out.zip','wb').write(d); new=open('out.zip','ab')";
    rezip(&gate, script);
    let started = std::time::Instant::now();
    verify(&gate, "out.zip").code(1).says("a.log cannot be read");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[test]
fn a_text_too_large_to_be_ours_is_not_read() {
    let gate = sealed();
    // 65 MiB of nothing take a few kilobytes in a zip.
    let script = "n='evidence.json'\ncopy()\nnew.close()\nnew=zipfile.ZipFile('out.zip','w',zipfile.ZIP_DEFLATED)\n\
                  [new.writestr(m,b' '*(65<<20) if m==n else old.read(m)) for m in old.namelist()]";
    rezip(&gate, script);
    let says = "no seal writes one of more than 64 MiB";
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
        .says("not known which run this is evidence of");
}

#[test]
fn what_stands_behind_a_zip_is_refused() {
    for (junk, says) in [(&b"junk"[..], "bytes behind"), (&[0; 70_000][..], "")] {
        let gate = sealed();
        let mut bytes = fs::read(gate.root().join("evidence.zip")).unwrap();
        bytes.extend(junk);
        gate.write("out.zip", bytes);
        verify(&gate, "out.zip").code(1).says(says);
    }
    let gate = sealed();
    rezip(&gate, "copy()\nnew.comment=b'signed by nobody'");
    verify(&gate, "out.zip").code(1).says("the zip has a comment");
}

/// Evidence that was changed and sealed anew agrees with itself; only what was kept elsewhere tells.
#[test]
fn a_hash_that_was_kept_elsewhere_tells_new_evidence_from_old() {
    let gate = sealed().on_runner("push", "{}");
    verify(&gate, "evidence.zip").code(0);
    let outputs = gate.outputs();
    let manifest = format!("--manifest-sha256={}", outputs["manifest-sha256"]);
    let bundle = format!("--bundle-sha256=sha256:{}", outputs["bundle-sha256"]);
    gate.run(["verify", "evidence.zip", &manifest, &bundle])
        .code(0)
        .says("6 passed");
    gate.run(["verify", "evidence", &manifest]).code(0);
    gate.run(["verify", "evidence", &bundle])
        .code(1)
        .says("there is no zip here");
    gate.write("evidence/a.log", "forged\n");
    gate.run(["evidence-bundle", "--evidence-dir=evidence", "c.txt"])
        .code(0);
    verify(&gate, "evidence.zip").code(0);
    gate.run(["verify", "evidence.zip", &manifest])
        .code(1)
        .says("was expected");
    gate.run(["verify", "evidence.zip", &bundle])
        .code(1)
        .says("was expected");
    gate.run(["verify", "evidence", "--manifest-sha256=abc"])
        .code(2)
        .says("64 hexadecimal digits");
}

#[test]
fn a_manifest_of_nothing_but_line_breaks_costs_little() {
    let gate = sealed();
    gate.write("evidence/sha256_manifest.txt", vec![b'\n'; 8 << 20]);
    let ran = verify(&gate, "evidence");
    ran.code(1).says("more like these");
    assert!(ran.stdout().len() < 100_000, "{}", ran.stdout().len());
}
