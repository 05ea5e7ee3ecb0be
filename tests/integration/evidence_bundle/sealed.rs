//! What is sealed, under which names, and what is left out on purpose.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::time::Instant;

use super::{REQUIRED, check, index, left_out, originals, paths, seal, sha256sum_accepts, verified, workspace};
use crate::gate::Gate;
use crate::skipped::not_checked;

#[test]
fn everything_is_sealed_hashed_and_packed() {
    let gate = workspace().on_runner("push", "{}").env("GITHUB_ACTOR", "ada");
    gate.write("build/app.txt", "app")
        .write("build/deep/b.txt", "b")
        .write("report.xml", "<x/>");
    gate.write("evidence/.hidden", "h").write("evidence/empty", "");
    seal(&gate, &["build", "*.xml"]).code(0).says("Verdict: pass");
    let expected = [
        ".hidden",
        "empty",
        "evidence.json",
        "files/build/app.txt",
        "files/build/deep/b.txt",
        "files/report.xml",
        "smoke.log",
    ];
    assert_eq!(paths(&gate), expected);
    sha256sum_accepts(&gate.root().join("evidence"));

    let index = index(&gate);
    assert_eq!(index["schema"], "stageproof.evidence/v1");
    assert_eq!(index["tool"]["name"], "stageproof");
    for (key, value) in [
        ("repository", "acme/shop"),
        ("sha", "0123456789abcdef0123456789abcdef01234567"),
        ("ref", "refs/heads/main"),
        ("run_id", "77"),
        ("run_attempt", "1"),
        ("job", "deploy"),
        ("actor", "ada"),
        ("event", "push"),
    ] {
        assert_eq!(index["subject"][key], value, "{index:#}");
    }
    assert_eq!(index["files"][2]["path"], "files/build/app.txt");
    assert_eq!(index["files"][2]["size"], 3);
    assert_eq!(index["files"][2]["copied"], true);

    let outputs = gate.outputs();
    assert_eq!(outputs["manifest"], "evidence/sha256_manifest.txt");
    assert_eq!(outputs["bundle"], "evidence.zip");
    let sha = |path: &str| {
        let output = Command::new("sha256sum").arg(gate.root().join(path)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()[..64].to_owned()
    };
    assert_eq!(outputs["manifest-sha256"], sha("evidence/sha256_manifest.txt"));
    assert_eq!(outputs["bundle-sha256"], sha("evidence.zip"));
    assert_eq!(check(&gate, "evidence:build")["facts"][0]["value"], "2");
    verified(&gate, "evidence");
    verified(&gate, "evidence.zip");
}

#[test]
fn other_tools_read_the_zip() {
    let gate = workspace();
    gate.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(gate.root().join("run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    gate.write("big.log", "a line that repeats\n".repeat(100_000));
    seal(&gate, &["run.sh", "big.log"]).code(0);
    let script = "import zipfile,sys\nz=zipfile.ZipFile('evidence.zip')\nassert z.testzip() is None\n\
                  n=z.namelist()\nassert n==sorted(n),n\n\
                  assert all(i.date_time==(1980,1,1,0,0,0) for i in z.infolist())\n\
                  assert z.getinfo('files/run.sh').external_attr>>16==0o100755\n\
                  assert not any(i.flag_bits&8 for i in z.infolist())\n\
                  assert z.getinfo('files/big.log').compress_size<200000";
    let output = Command::new("python3")
        .args(["-c", script])
        .current_dir(gate.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let unpacked = gate.path("unpacked/x");
    match Command::new("unzip")
        .args(["-q", "../evidence.zip"])
        .current_dir(unpacked.parent().unwrap())
        .output()
    {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            sha256sum_accepts(unpacked.parent().unwrap());
            verified(&gate, "unpacked");
        }
        Err(error) => not_checked("unpacking with unzip", &error.to_string(), REQUIRED),
    }
}

#[test]
fn a_pattern_that_matches_nothing_fails_and_the_rest_is_sealed() {
    let gate = workspace();
    gate.write("a.txt", "a");
    fs::create_dir(gate.root().join("hollow")).unwrap();
    seal(&gate, &["a.txt", "no/such.log", "logs/*.log", "hollow"])
        .code(1)
        .says("`no/such.log` matches nothing")
        .says("`logs/*.log` matches nothing")
        .says("`hollow` names no file");
    assert_eq!(paths(&gate), ["evidence.json", "files/a.txt", "smoke.log"]);
    verified(&gate, "evidence.zip");
}

#[test]
fn odd_names_are_stored_under_safe_ones() {
    let gate = workspace();
    let names: [&[u8]; 7] = [
        b"new\nline.log",
        b"back\\slash",
        b"not\xffutf8",
        b"co:lon?.txt",
        b"-",
        b" x",
        b"100%",
    ];
    for (folder, prefix) in [("evidence/odd", "odd"), ("out", "out")] {
        fs::create_dir_all(gate.root().join(folder)).unwrap();
        for name in names {
            let path = gate.root().join(folder).join(std::ffi::OsStr::from_bytes(name));
            fs::write(path, prefix).unwrap();
        }
    }
    fs::create_dir(gate.root().join("evidence/dir\n")).unwrap();
    fs::write(gate.root().join("evidence/dir\n/in.txt"), "in").unwrap();
    seal(&gate, &["out"]).code(0).says("Verdict: pass");
    sha256sum_accepts(&gate.root().join("evidence"));
    let manifest = gate.read("evidence/sha256_manifest.txt");
    assert!(!manifest.contains('\\') && !manifest.contains('%') && manifest.lines().count() == 7 * 2 + 3);
    let first = originals(&gate);
    for name in [
        "odd/new%0Aline.log",
        "out/back\\slash",
        "odd/not%FFutf8",
        "out/100%25",
        "dir%0A/in.txt",
        "out/-",
    ] {
        assert!(first.contains(&name.to_owned()), "{name} in {first:?}");
    }
    verified(&gate, "evidence");
    verified(&gate, "evidence.zip");
    // The next seal still knows what they were called.
    seal(&gate, &["out"]).code(0);
    assert_eq!(originals(&gate), first);
}

#[test]
fn it_does_not_swallow_itself() {
    let gate = workspace();
    gate.write("a.txt", "a")
        .write(".git/config", "token")
        .write("sub/.git", "gitdir: x");
    seal(&gate, &["--output=out/e.zip", "."]).code(0);
    seal(&gate, &["--output=out/e.zip", "."]).code(0);
    assert_eq!(paths(&gate), ["evidence.json", "files/a.txt", "smoke.log"]);
    let out = left_out(&gate);
    for (path, reason) in [
        ("evidence", "own-output"),
        ("out/e.zip", "own-output"),
        ("evidence.evidence-bundle.json", "own-output"),
        (".git", "git-metadata"),
        ("sub/.git", "git-metadata"),
    ] {
        assert!(out.contains(&(path.into(), reason.into())), "{path} in {out:?}");
    }
    // What is in the evidence directory is named without being copied.
    seal(&gate, &["evidence/*.log", "evidence/smoke.log"]).code(0);
    assert_eq!(paths(&gate), ["evidence.json", "files/a.txt", "smoke.log"]);
    assert_eq!(check(&gate, "evidence:evidence/*.log")["facts"][0]["value"], "1");
    seal(&gate, &["--output=evidence/e.zip"])
        .code(2)
        .says("cannot contain itself");
    // A folder that is named would hold the last bundle when the next one is made.
    gate.write("logs/a.log", "a");
    std::os::unix::fs::symlink("logs", gate.root().join("link")).unwrap();
    for (flag, says) in [
        (
            "--output=logs/e.zip",
            "logs/e.zip` is inside `logs`, which is to be copied",
        ),
        ("--output=link/e.zip", "link/e.zip` is inside `logs`"),
        ("--evidence-dir=link/evidence", "--evidence-dir `"),
    ] {
        gate.run(["evidence-bundle", "logs", flag]).code(2).says(says);
        assert_eq!(fs::read_dir(gate.root().join("logs")).unwrap().count(), 1, "{flag}");
    }
    seal(&gate, &["--output=logs/e.zip", "logs/*.log"]).code(0);
    // The evidence directory itself is sealed where it is, and nobody chose the default one.
    seal(&gate, &["evidence"]).code(0);
    gate.write("artifacts/a.log", "a");
    gate.run(["evidence-bundle", "artifacts"]).code(0);
}

#[test]
fn excluded_folders_are_left_out_as_one() {
    let gate = workspace();
    gate.write("app/a.txt", "a").write("app/x.tmp", "t");
    for i in 0..5 {
        gate.write(&format!("app/node_modules/m{i}/x.js"), "x");
    }
    seal(&gate, &["app", "--exclude=**/node_modules", "--exclude=app/*.tmp"])
        .code(0)
        .says("Verdict: pass");
    assert_eq!(paths(&gate), ["evidence.json", "files/app/a.txt", "smoke.log"]);
    let excluded = "excluded".to_owned();
    assert_eq!(
        left_out(&gate),
        [
            ("app/node_modules".into(), excluded.clone()),
            ("app/x.tmp".into(), excluded)
        ]
    );
    seal(&gate, &["app/node_modules", "--exclude=**/node_modules"])
        .code(1)
        .says("names no file");
}

#[test]
fn nothing_to_seal_is_not_green() {
    let gate = Gate::new();
    seal(&gate, &[])
        .code(3)
        .says("Verdict: nothing-checked")
        .says("nothing to seal");
    assert!(!gate.root().join("evidence.zip").exists());
    let gate = Gate::new();
    gate.write("a.txt", "a");
    seal(&gate, &["a.txt"]).code(0);
    assert_eq!(paths(&gate), ["evidence.json", "files/a.txt"]);
}

#[test]
fn twenty_thousand_small_files() {
    let gate = Gate::new();
    for folder in 0..100 {
        fs::create_dir_all(gate.root().join(format!("many/{folder}"))).unwrap();
        for file in 0..200 {
            fs::write(
                gate.root().join(format!("many/{folder}/{file}.txt")),
                format!("{folder} {file}"),
            )
            .unwrap();
        }
    }
    let started = Instant::now();
    seal(&gate, &["many"]).code(0);
    println!("sealed in {:?}", started.elapsed());
    assert_eq!(paths(&gate).len(), 20_001);
    let started = Instant::now();
    verified(&gate, "evidence");
    println!("verified in {:?}", started.elapsed());
    sha256sum_accepts(&gate.root().join("evidence"));
    verified(&gate, "evidence.zip");
}
