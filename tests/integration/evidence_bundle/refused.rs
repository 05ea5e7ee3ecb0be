//! What is not sealed at all, and said before anything is written.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};

use super::{paths, seal, workspace};
use crate::gate::Gate;

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
        (".".to_owned(), "does not name a folder"),
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
fn an_output_that_is_no_file_is_refused() {
    let gate = workspace();
    seal(&gate, &["--output=/dev/full"])
        .code(4)
        .says("/dev/full exists and is not a regular file");
    assert!(fs::metadata("/dev/full").unwrap().file_type().is_char_device());
    fs::create_dir(gate.root().join("e.zip")).unwrap();
    seal(&gate, &["--output=e.zip"]).code(4).says("not a regular file");
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
        .says("outside the workspace and contains no reports");
    assert!(!dir.join("evidence.json").exists() && !dir.with_extension("zip").exists());
    gate.run(["skip-guard", "--require=env:PATH", &there]).code(0);
    gate.run(["evidence-bundle", &there]).code(0);
}
