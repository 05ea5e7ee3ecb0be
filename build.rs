//! What `--version` says of where the binary comes from.

#![allow(clippy::disallowed_methods, reason = "a build script asks the environment and git")]

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=STAGEPROOF_COMMIT");
    // Each commit and each checkout adds a line to it.
    let history = ".git/logs/HEAD";
    for input in ["build.rs", "src", "Cargo.lock", history] {
        if Path::new(input).exists() {
            println!("cargo::rerun-if-changed={input}");
        }
    }
    let commit = std::env::var("STAGEPROOF_COMMIT").ok().or_else(committed);
    let commit = commit.map_or_else(|| "commit unknown".to_owned(), |id| format!("commit {id}"));
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=STAGEPROOF_BUILD={commit}, {target}");
}

/// The commit of the checkout, if what is built is that commit. Only for a release, so that a commit does not make a
/// developer's next test build the whole crate again.
fn committed() -> Option<String> {
    // Cargo's checkouts and clones have it; in an unpacked archive git would find whatever repository is around it.
    if std::env::var("PROFILE").as_deref() != Ok("release") || !Path::new(".git").exists() {
        return None;
    }
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let changed = git(&[
        "status",
        "--porcelain",
        "--",
        "src",
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
    ])?;
    if !changed.is_empty() {
        return None;
    }
    git(&["rev-parse", "HEAD"])
}
