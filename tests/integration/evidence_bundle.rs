//! `evidence-bundle`: what is the proof?

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::gap::not_checked;
use crate::gate::{Gate, Ran};

/// Set in CI, where a test that leaves something out fails.
const REQUIRED: &str = "STAGEPROOF_REQUIRE_TOOLS";

const DIR: &str = "--evidence-dir=evidence";

/// A workspace with a log in its evidence directory.
fn workspace() -> Gate {
    let gate = Gate::new();
    gate.write("evidence/smoke.log", "GET / 200\n");
    gate
}

fn seal<'a>(gate: &'a Gate, args: &[&str]) -> Ran<'a> {
    gate.run([&["evidence-bundle", DIR], args].concat())
}

fn index(gate: &Gate) -> Value {
    serde_json::from_str(&gate.read("evidence/evidence.json")).unwrap()
}

fn paths(gate: &Gate) -> Vec<String> {
    let manifest = gate.read("evidence/sha256_manifest.txt");
    manifest.lines().map(|line| line[66..].to_owned()).collect()
}

fn left_out(gate: &Gate) -> Vec<(String, String)> {
    let index = index(gate);
    let list = index["left_out"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    list.iter()
        .map(|one| (text(&one["path"]), text(&one["reason"])))
        .collect()
}

/// What the files that were renamed were called.
fn originals(gate: &Gate) -> Vec<String> {
    let index = index(gate);
    let files = index["files"].as_array().unwrap();
    let mut originals: Vec<String> = files
        .iter()
        .filter_map(|file| Some(file["original"].as_str()?.to_owned()))
        .collect();
    originals.sort();
    originals
}

fn check(gate: &Gate, id: &str) -> Value {
    let report: Value = serde_json::from_str(&gate.read("evidence.evidence-bundle.json")).unwrap();
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .find(|check| check["id"] == id)
        .unwrap_or_else(|| panic!("no {id} in {report:#}"))
        .clone()
}

fn verified(gate: &Gate, target: &str) {
    gate.run(["verify", target]).code(0).says("Verdict: pass");
}

#[track_caller]
fn sha256sum_accepts(folder: &Path) {
    let output = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "sha256_manifest.txt"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

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
fn what_is_outside_the_workspace_is_refused() {
    for path in ["../x", "/etc/passwd", "a/../../x"] {
        let gate = workspace();
        seal(&gate, &[path]).code(2).says("outside the workspace").says(path);
        assert!(!gate.root().join("evidence.zip").exists());
    }
    seal(&workspace(), &["--exclude=../x"]).code(2).says("--exclude");
    seal(&workspace(), &["a[b"]).code(2).says("not a glob");
    let gate = workspace();
    gate.write("in.txt", "x");
    let absolute = gate.root().canonicalize().unwrap().join("in.txt").display().to_string();
    seal(&gate, &[&absolute]).code(0);
    assert!(paths(&gate).contains(&"files/in.txt".to_owned()));
}

#[test]
fn links_are_not_followed_out_of_the_workspace_or_into_loops() {
    let gate = workspace();
    gate.write("real.txt", "real").write("d/file.txt", "f");
    let d = gate.root().join("d");
    symlink("/etc/passwd", d.join("out")).unwrap();
    symlink("/etc", d.join("etc")).unwrap();
    symlink("..", d.join("loop")).unwrap();
    symlink("nowhere", d.join("dangling")).unwrap();
    symlink("../real.txt", d.join("in.txt")).unwrap();
    seal(&gate, &["d"])
        .code(0)
        .says("Verdict: pass-weak")
        .says("d/out is left out");
    assert_eq!(
        paths(&gate),
        ["evidence.json", "files/d/file.txt", "files/d/in.txt", "smoke.log"]
    );
    assert_eq!(gate.read("evidence/files/d/in.txt"), "real");
    let out = left_out(&gate);
    for name in ["d/out", "d/etc", "d/loop", "d/dangling"] {
        assert!(
            out.contains(&(name.to_owned(), "symlink".to_owned())),
            "{name} in {out:?}"
        );
    }
    verified(&gate, "evidence");
    // Named itself, a way out is a pattern that names nothing.
    seal(&gate, &["d/etc", "d/etc/hosts", "d/etc/host*"])
        .code(1)
        .says("d/etc is left out")
        .says("d/etc/hosts is left out")
        .says("`d/etc/host*` matches nothing");
    assert!(
        !paths(&gate).iter().any(|path| path.contains("etc")),
        "{:?}",
        paths(&gate)
    );
}

#[test]
fn links_in_the_evidence_directory_become_their_files() {
    let gate = workspace();
    gate.write("logs/run.log", "run");
    symlink("../logs/run.log", gate.root().join("evidence/latest.log")).unwrap();
    symlink("smoke.log", gate.root().join("evidence/odd\nlink.log")).unwrap();
    // Excluding says what is not copied in; what lies in the evidence directory is sealed in any case.
    seal(&gate, &["--exclude=evidence/*.log"]).code(0).says("Verdict: pass");
    let sealed = paths(&gate);
    assert_eq!(
        (sealed.len(), &*sealed[1], &*sealed[3]),
        (4, "latest.log", "smoke.log"),
        "{sealed:?}"
    );
    assert!(!gate.root().join("evidence/latest.log").is_symlink());
    assert_eq!(gate.read("evidence/latest.log"), "run");
    assert_eq!(gate.read(&format!("evidence/{}", sealed[2])), "GET / 200\n");
    assert!(fs::symlink_metadata(gate.root().join("evidence/odd\nlink.log")).is_err());
    assert_eq!(originals(&gate), ["odd%0Alink.log"]);
    verified(&gate, "evidence");
    verified(&gate, "evidence.zip");
}

#[test]
fn an_evidence_directory_outside_the_workspace_may_link_within_itself() {
    let gate = Gate::new();
    gate.write("ws/app.txt", "a")
        .write("out/smoke.log", "GET / 200\n")
        .write("out/reports/smoke.json", "{}");
    symlink("smoke.log", gate.root().join("out/latest.log")).unwrap();
    let run = |args: &[&str]| {
        let mut command = gate.command(args);
        let output = command.current_dir(gate.root().join("ws")).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
    };
    run(&[
        "evidence-bundle",
        "--evidence-dir=../out",
        "--exclude=**/*.log",
        "--exclude=*.log",
    ]);
    assert_eq!(gate.read("out/latest.log"), "GET / 200\n");
    run(&["verify", "../out"]);
}

#[test]
fn what_cannot_be_sealed_in_the_evidence_directory_is_never_green() {
    let gate = workspace();
    gate.write(".git/config", "extraheader = secret-token")
        .write("private/key.pem", "secret-token");
    let evidence = gate.root().join("evidence");
    let links = [
        ("git", "../.git/config", "git-metadata"),
        ("key", "../private/key.pem", "excluded"),
        ("host", "/etc/hostname", "symlink"),
        ("folder", "../private", "symlink"),
        ("nowhere", "gone", "symlink"),
    ];
    for (name, target, _) in links {
        symlink(target, evidence.join(name)).unwrap();
    }
    assert!(
        Command::new("mkfifo")
            .arg(evidence.join("pipe"))
            .status()
            .unwrap()
            .success()
    );
    // Another stageproof's half-written report, and a folder of somebody who likes the name.
    gate.write("evidence/reports/.stageproof-Ab12Cd", "half")
        .write("evidence/.stageproof-logs/mine.log", "mine");
    let all = links.map(|(name, _, reason)| (name, reason));
    let others = [
        ("pipe", "not-a-regular-file"),
        ("reports/.stageproof-Ab12Cd", "own-output"),
        (".stageproof-logs", "own-output"),
    ];
    let ran = seal(&gate, &["--exclude=private/**"]);
    ran.code(1);
    for (path, reason) in all.into_iter().chain(others) {
        ran.says(&format!("{path} is in the evidence directory and cannot be sealed"));
        assert!(left_out(&gate).contains(&(path.into(), reason.into())), "{path}");
    }
    assert_eq!(paths(&gate), ["evidence.json", "smoke.log"]);
    assert!(evidence.join("git").is_symlink(), "nothing is touched");
    assert_eq!(gate.read("evidence/reports/.stageproof-Ab12Cd"), "half");
    assert_eq!(gate.read("evidence/.stageproof-logs/mine.log"), "mine");
    let zip = fs::read(gate.root().join("evidence.zip")).unwrap();
    assert!(!String::from_utf8_lossy(&zip).contains("secret-token"));
    verified(&gate, "evidence.zip");
    // The one is red because the other is.
    gate.run(["verify", "evidence"]).code(1).says("host is a symbolic link");
    for (path, _) in all.into_iter().chain(others) {
        let path = evidence.join(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    seal(&gate, &[]).code(0);
    verified(&gate, "evidence");
}

#[test]
fn a_directory_that_holds_more_than_evidence_is_refused() {
    let gate = Gate::new();
    gate.write("ws/odd:name.txt", "x")
        .write("clone/.git/config", "x")
        .write("ws/.git/config", "x");
    let root = gate.root().canonicalize().unwrap();
    let workspace = root.join("ws");
    symlink(&workspace, root.join("link")).unwrap();
    let absolute = |path: &str| root.join(path).display().to_string();
    for (dir, says) in [
        (absolute("ws"), "is or holds the workspace"),
        (absolute(""), "is or holds the workspace"),
        (absolute("link"), "is or holds the workspace"),
        ("../ws".to_owned(), "is or holds the workspace"),
        ("not/there/../../../ws".to_owned(), "is or holds the workspace"),
        (".".to_owned(), "folder of its own"),
        ("../clone".to_owned(), "holds a .git"),
        (".git/evidence".to_owned(), "is inside a .git"),
    ] {
        for command in [
            &["evidence-bundle"][..],
            &["smoke", "http://127.0.0.1:9"],
            &["rehearse"],
        ] {
            let mut run = gate.command(command);
            let output = run
                .arg("--evidence-dir")
                .arg(&dir)
                .current_dir(&workspace)
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{dir} {command:?}: {text}");
            assert!(text.contains(says) && text.contains("next: "), "{dir}: {text}");
        }
    }
    assert!(workspace.join("odd:name.txt").exists() && !workspace.join("not").exists());
    assert!(!root.join("ws.zip").exists());
}

#[test]
fn what_is_not_a_regular_file_is_left_out() {
    let gate = workspace();
    gate.write("d/a.txt", "a");
    let fifo = gate.root().join("d/pipe");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    let _socket = std::os::unix::net::UnixListener::bind(gate.root().join("d/socket")).unwrap();
    seal(&gate, &["d"]).code(0).says("d/pipe is left out");
    let reason = "not-a-regular-file".to_owned();
    assert_eq!(
        left_out(&gate),
        [("d/pipe".into(), reason.clone()), ("d/socket".into(), reason)]
    );
    seal(&gate, &["d/pipe"])
        .code(1)
        .says("names no file that can be sealed");
}

/// Whether the system lets this process read everything.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Runs `evidence-bundle` as a user who owns the workspace and is not root. `None` if there is no such user.
fn unprivileged(gate: &Gate, args: &[&str]) -> Option<(Option<i32>, String)> {
    let binary = gate.path("bin/stageproof");
    if !binary.exists() {
        // It may lie where the other user cannot reach it.
        fs::copy(gate.command(["x"]).get_program(), &binary).unwrap();
    }
    let mut command = Command::new("./bin/stageproof");
    if is_root() {
        let dropped = Command::new("setpriv")
            .args(["--reuid=65534", "--clear-groups", "true"])
            .output();
        match dropped {
            Ok(output) if output.status.success() => {}
            other => {
                not_checked(
                    "what an unprivileged user cannot do",
                    &format!("setpriv: {other:?}"),
                    REQUIRED,
                );
                return None;
            }
        }
        for entry in walkdir::WalkDir::new(gate.root()) {
            std::os::unix::fs::lchown(entry.unwrap().path(), Some(65534), None).unwrap();
        }
        command = Command::new("setpriv");
        command.args(["--reuid=65534", "--clear-groups", "./bin/stageproof"]);
    }
    command.args(["evidence-bundle", DIR]).args(args).env_clear();
    let output = command.current_dir(gate.root()).output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Some((output.status.code(), text))
}

fn set_mode(gate: &Gate, path: &str, mode: u32) {
    fs::set_permissions(gate.root().join(path), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_cannot_be_read_fails() {
    let gate = workspace();
    gate.write("d/a.txt", "a")
        .write("d/locked.txt", "l")
        .write("d/shut/b.txt", "b");
    for path in ["d/locked.txt", "d/shut"] {
        set_mode(&gate, path, 0o000);
    }
    let Some((code, text)) = unprivileged(&gate, &["d"]) else {
        return;
    };
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("d/locked.txt cannot be read") && text.contains("d/shut cannot be read"),
        "{text}"
    );
    set_mode(&gate, "d/shut", 0o755);
    assert_eq!(paths(&gate), ["evidence.json", "files/d/a.txt", "smoke.log"]);
    assert!(left_out(&gate).contains(&("d/locked.txt".into(), "unreadable".into())));

    set_mode(&gate, "evidence/smoke.log", 0o000);
    let (code, text) = unprivileged(&gate, &["d/a.txt"]).unwrap();
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("smoke.log cannot be read"), "{text}");
}

#[test]
fn a_read_only_evidence_directory_is_said_and_the_earlier_bundle_stays() {
    let gate = workspace();
    gate.write("a.txt", "a");
    seal(&gate, &[]).code(0);
    let before = fs::read(gate.root().join("evidence.zip")).unwrap();
    set_mode(&gate, "evidence", 0o555);
    let Some((code, text)) = unprivileged(&gate, &["a.txt"]) else {
        return set_mode(&gate, "evidence", 0o755);
    };
    assert_eq!(code, Some(4), "{text}");
    assert!(
        text.contains("cannot write into ") && text.contains("/evidence: ") && text.contains("Permission denied"),
        "{text}"
    );
    assert_eq!(fs::read(gate.root().join("evidence.zip")).unwrap(), before);
    // The folder the zip and the report belong into: said before any work.
    set_mode(&gate, "evidence", 0o755);
    set_mode(&gate, "", 0o555);
    let (code, text) = unprivileged(&gate, &["a.txt"]).unwrap();
    set_mode(&gate, "", 0o755);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("the report has no place"), "{text}");
    assert_eq!(fs::read(gate.root().join("evidence.zip")).unwrap(), before);
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
fn sealing_again_copies_again_and_tidies_up() {
    let gate = workspace();
    gate.write("a.txt", "a").write("b.txt", "b");
    seal(&gate, &["a.txt", "b.txt"]).code(0);
    gate.write("a.txt", "changed").write("evidence/new.log", "n");
    // What a seal leaves that was killed.
    gate.write("evidence/.stageproof-seal-Ab12Cd/files/x", "half");
    seal(&gate, &["a.txt"]).code(0);
    assert_eq!(
        paths(&gate),
        ["evidence.json", "files/a.txt", "files/b.txt", "new.log", "smoke.log"]
    );
    assert_eq!(gate.read("evidence/files/a.txt"), "changed");
    assert!(!gate.root().join("evidence/.stageproof-seal-Ab12Cd").exists());
    verified(&gate, "evidence");
    seal(&gate, &["--exclude=*.txt"]).code(0);
    assert!(!gate.root().join("evidence/files").exists());
    verified(&gate, "evidence");
}

#[test]
fn what_is_not_ours_is_not_overwritten() {
    let gate = workspace();
    gate.write("evidence/files/precious.txt", "p").write("a.txt", "a");
    seal(&gate, &["a.txt"]).code(4).says("was never sealed");
    assert_eq!(gate.read("evidence/files/precious.txt"), "p");
    let gate = workspace();
    gate.write("evidence/evidence.json", "{\"mine\":1}");
    seal(&gate, &[]).code(4).says("not the index of an earlier seal");
    assert_eq!(gate.read("evidence/evidence.json"), "{\"mine\":1}");
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
        .says("cannot hold itself");
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

/// A command of root's, by sudo if it asks for no password.
fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", program]);
    command
}

#[test]
fn two_seals_of_one_directory_do_not_meet() {
    let gate = workspace();
    let other = fs::File::open(gate.root().join("evidence")).unwrap();
    other.lock().unwrap();
    seal(&gate, &[])
        .code(4)
        .says("another stageproof is sealing the same evidence directory")
        .says("--evidence-dir");
    assert!(!gate.root().join("evidence.zip").exists());
    drop(other);
    seal(&gate, &[]).code(0);
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

#[test]
fn a_full_disk_leaves_the_earlier_bundle() {
    let gate = workspace();
    let small = gate.path("small/x").parent().unwrap().to_owned();
    let mount = as_root("mount")
        .args(["-t", "tmpfs", "-o", "size=256k,mode=1777", "tmpfs"])
        .arg(&small)
        .output();
    match mount {
        Ok(output) if output.status.success() => {}
        other => return not_checked("a full disk", &format!("mount: {other:?}"), REQUIRED),
    }
    struct Unmount(PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = as_root("umount").arg(&self.0).status();
        }
    }
    let _unmount = Unmount(small.clone());
    seal(&gate, &["--output=small/e.zip"]).code(0);
    let (zip, manifest) = (
        fs::read(small.join("e.zip")).unwrap(),
        gate.read("evidence/sha256_manifest.txt"),
    );
    let noise: Vec<u8> = (0..600_000u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).rotate_left(i % 31).to_le_bytes())
        .collect();
    gate.write("noise.bin", noise).write("evidence/co:lon", "c");
    symlink("smoke.log", gate.root().join("evidence/link")).unwrap();
    seal(&gate, &["--output=small/e.zip", "noise.bin"])
        .code(4)
        .says("No space left on device")
        .says("small/e.zip");
    assert_eq!(fs::read(small.join("e.zip")).unwrap(), zip);
    assert_eq!(gate.read("evidence/sha256_manifest.txt"), manifest);
    assert_eq!(fs::read_dir(&small).unwrap().count(), 1, "no temporary file is left");
    // A name is changed only when the index that knows it is in place.
    assert_eq!(gate.read("evidence/co:lon"), "c");
    assert!(gate.root().join("evidence/link").is_symlink());
}

#[test]
fn an_output_that_is_no_file_is_refused() {
    let gate = workspace();
    seal(&gate, &["--output=/dev/full"])
        .code(4)
        .says("/dev/full is there and is not a regular file");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    fs::create_dir(gate.root().join("e.zip")).unwrap();
    seal(&gate, &["--output=e.zip"]).code(4).says("not a regular file");
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_zip() {
    let gate = workspace();
    for i in 0..300 {
        gate.write(&format!("data/{i}.txt"), format!("{i}\n").repeat(2000));
    }
    let started = Instant::now();
    seal(&gate, &["data"]).code(0);
    let whole = started.elapsed();
    for step in 1..12u32 {
        gate.write(&format!("evidence/odd:{step:02}"), "odd");
        let mut command = gate.command(["evidence-bundle", DIR, "data"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole * step / 12);
        child.kill().unwrap();
        child.wait().unwrap();
        verified(&gate, "evidence.zip");
    }
    seal(&gate, &["data"]).code(0);
    verified(&gate, "evidence");
    verified(&gate, "evidence.zip");
    let names: Vec<String> = (1..12).map(|step| format!("odd:{step:02}")).collect();
    assert_eq!(originals(&gate), names, "no original name is lost");
}

#[test]
fn a_signal_ends_it_with_the_old_zip_in_place() {
    let gate = workspace();
    seal(&gate, &[]).code(0);
    let before = fs::read(gate.root().join("evidence.zip")).unwrap();
    fs::File::create(gate.path("evidence/huge"))
        .unwrap()
        .set_len(8 << 30)
        .unwrap();
    gate.write("evidence/co:lon", "c");
    symlink("smoke.log", gate.root().join("evidence/link")).unwrap();
    let mut child = gate
        .command(["evidence-bundle", DIR])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Everything has been looked at, and 8 GiB are left to be hashed.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("hashing ")));
    let asked = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-TERM", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let status = child.wait().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    assert_eq!(status.code(), Some(4));
    assert!(
        gate.read("evidence.evidence-bundle.json")
            .contains("interrupted by SIGTERM")
    );
    // A name is changed only when the index that knows it is in place.
    assert_eq!(gate.read("evidence/co:lon"), "c");
    assert!(gate.root().join("evidence/link").is_symlink());
    assert_eq!(fs::read(gate.root().join("evidence.zip")).unwrap(), before);
}

#[test]
fn a_file_that_is_being_written_never_makes_a_wrong_bundle() {
    use std::io::Write as _;
    let gate = workspace();
    gate.write("growing.log", "first\n".repeat(1000))
        .write("evidence/growing.log", "first\n".repeat(1000));
    let going = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let writers: Vec<_> = ["growing.log", "evidence/growing.log"]
        .map(|name| {
            let (path, going) = (gate.root().join(name), going.clone());
            std::thread::spawn(move || {
                let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
                while going.load(std::sync::atomic::Ordering::Relaxed) {
                    file.write_all(b"more and more\n").unwrap();
                }
            })
        })
        .into();
    for _ in 0..3 {
        let ran = seal(&gate, &["growing.log"]);
        match ran.output.status.code() {
            Some(0) => verified(&gate, "evidence.zip"),
            Some(1) => {
                ran.says("growing.log changed while it was being sealed");
            }
            _ => panic!("{}", ran.explain()),
        }
    }
    going.store(false, std::sync::atomic::Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    seal(&gate, &["growing.log"]).code(0);
    verified(&gate, "evidence");
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

/// Evidence that was sealed once stays, and so does what somebody put where copies go.
#[test]
fn sealing_again_keeps_earlier_copies_and_refuses_to_lose_what_is_not_its_own() {
    let gate = Gate::new();
    gate.write("one/x.txt", "1").write("two/y.txt", "2");
    seal(&gate, &["one"]).code(0);
    seal(&gate, &["two"]).code(0);
    assert_eq!(paths(&gate), ["evidence.json", "files/one/x.txt", "files/two/y.txt"]);
    gate.run(["verify", "evidence.zip"]).code(0);
    // What is named again is copied again.
    gate.write("one/x.txt", "new");
    seal(&gate, &["one"]).code(0);
    assert_eq!(gate.read("evidence/files/one/x.txt"), "new");
    seal(&gate, &[]).code(0);
    gate.write("evidence/files/mine.txt", "precious");
    seal(&gate, &["one"])
        .code(4)
        .says("evidence/files/mine.txt was not put there by stageproof");
    assert_eq!(gate.read("evidence/files/mine.txt"), "precious");
}

/// `--evidence-dir=/etc` would otherwise seal the machine's secrets.
#[test]
fn a_folder_elsewhere_is_sealed_only_if_stageproof_wrote_there() {
    let gate = Gate::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = elsewhere.path().join("folder");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("shadow"), "secret").unwrap();
    let there = format!("--evidence-dir={}", dir.display());
    gate.run(["evidence-bundle", &there])
        .code(4)
        .says("outside of the workspace and holds no reports");
    assert!(!dir.join("evidence.json").exists() && !dir.with_extension("zip").exists());
    gate.run(["skip-guard", "--require=env:PATH", &there]).code(0);
    gate.run(["evidence-bundle", &there]).code(0);
}
