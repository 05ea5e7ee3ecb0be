//! What `--version` says of where the binary comes from, and the texts that the binary carries, packed.

#![allow(clippy::disallowed_methods, reason = "a build script asks the environment and git")]
#![allow(clippy::expect_used, reason = "a build that cannot go on stops")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "src/model/diagnose/rule_file.rs"]
mod rule_file;

fn main() {
    println!("cargo::rerun-if-env-changed=STAGEPROOF_COMMIT");
    // Each commit and each checkout adds a line to it.
    let history = ".git/logs/HEAD";
    for input in ["build.rs", "src", "schemas", "Cargo.lock", history] {
        if Path::new(input).exists() {
            println!("cargo::rerun-if-changed={input}");
        }
    }
    let commit = std::env::var("STAGEPROOF_COMMIT").ok().or_else(committed);
    let commit = commit.map_or_else(|| "commit unknown".to_owned(), |id| format!("commit {id}"));
    let target = std::env::var("TARGET").unwrap_or_default();
    println!("cargo::rustc-env=STAGEPROOF_BUILD={commit}, {target}");
    pack_rules().expect("the rules of diagnose can be packed");
    for name in ["config", "evidence", "report"] {
        let schema = std::fs::read(format!("schemas/{name}-v1.json")).expect("there are schemas");
        pack(&format!("{name}.json"), &schema).expect("a schema can be packed");
    }
}

/// Deflates a text: rules and schemas are a sixth of their size then.
fn pack(name: &str, text: &[u8]) -> std::io::Result<()> {
    let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(text)?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join(format!("{name}.deflate")), packed.finish()?)
}

/// All files of rules as JSON, which is read in a tenth of the time that YAML takes, without the examples, which only tests
/// need.
fn pack_rules() -> Result<(), Box<dyn std::error::Error>> {
    let mut files: Vec<PathBuf> = Path::new("src/model/diagnose/rules")
        .read_dir()?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut rules = Vec::new();
    for file in files {
        let read = serde_yaml::from_str::<rule_file::RawFile>(&std::fs::read_to_string(&file)?);
        let mut read = read.map_err(|error| format!("{}: {error}", file.display()))?;
        for rule in &mut read.rules {
            rule.hit.clear();
            rule.miss.clear();
        }
        rules.push(read);
    }
    pack("rules", &serde_json::to_vec(&rules)?)?;
    Ok(())
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
        "schemas",
        "Cargo.toml",
        "Cargo.lock",
        "build.rs",
    ])?;
    if !changed.is_empty() {
        return None;
    }
    git(&["rev-parse", "HEAD"])
}
