//! What the system does not let a user do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::{DIR, REQUIRED, is_root, left_out, paths, seal, workspace};
use crate::gate::Gate;
use crate::skipped::not_checked;

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
    assert!(text.contains("the report cannot be written"), "{text}");
    assert_eq!(fs::read(gate.root().join("evidence.zip")).unwrap(), before);
}
