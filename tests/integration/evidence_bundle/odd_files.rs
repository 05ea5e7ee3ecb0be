//! Links, pipes and sockets: what is no plain file.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::process::Command;

use super::{left_out, originals, paths, seal, verified, workspace};
use crate::gate::Gate;

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
