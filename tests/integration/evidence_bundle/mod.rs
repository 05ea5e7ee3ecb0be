//! `evidence-bundle`: what is the proof?

mod again;
mod chosen;
mod disturbed;
mod downloaded;
mod no_access;
mod odd_files;
mod redacted;
mod refused;
mod reproducible;
mod sealed;
mod stored;
mod uploaded;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::gate::{Gate, Ran};
use crate::skipped::not_checked;

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
    for (program, args) in [
        ("sha256sum", &["--check", "--strict", "--quiet"][..]),
        ("shasum", &["--algorithm=256", "--check", "--strict", "--quiet"]),
    ] {
        let mut command = Command::new(program);
        match command
            .args(args)
            .arg("sha256_manifest.txt")
            .current_dir(folder)
            .output()
        {
            Ok(output) => assert!(
                output.status.success(),
                "{program}: {}",
                String::from_utf8_lossy(&output.stderr)
            ),
            Err(error) => not_checked(&format!("the manifest with {program}"), &error.to_string(), REQUIRED),
        }
    }
}

/// Whether the system lets this process read everything.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").unwrap().uid() == 0
}
