//! Written pins of the action name a commit of this repository that holds what they use. A pin of anything else would fail
//! in somebody's run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::Value;

use crate::skipped::not_checked;
use crate::workflow::definition::Callee;

/// Where the action is used by what is a part of it, and by those who copy. Within each there is one commit.
const PLACES: [&[&str]; 2] = [
    &["prove", ".github/workflows/staging.yml"],
    &["examples/workflows", "docs", "README.md"],
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(places: &[&str]) -> Vec<PathBuf> {
    let entries = places
        .iter()
        .flat_map(|place| walkdir::WalkDir::new(root().join(place)));
    let files = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file());
    files.map(walkdir::DirEntry::into_path).collect()
}

/// Standard output, if it went well.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(root())
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Every mapping with `uses`.
fn uses<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            found.extend(value["uses"].is_string().then_some(value));
            map.values().for_each(|value| uses(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| uses(value, found)),
        _ => {}
    }
}

#[test]
fn pins_are_written_in_one_form_and_name_one_commit() {
    let mention = Regex::new(r"uses: stageproof/stageproof[^@\s]*@\S+.*").unwrap();
    let pin = Regex::new(r"^uses: stageproof/stageproof[^@\s]*@([0-9a-f]{40}) # (\d+\.\d+\.\d+)$").unwrap();
    for places in PLACES {
        let mut pins = BTreeSet::new();
        for file in files(places) {
            let text = fs::read_to_string(&file).unwrap_or_default();
            for line in mention.find_iter(&text).map(|found| found.as_str()) {
                // In running text there is no version to name.
                if line.contains('…') {
                    continue;
                }
                let parts = pin
                    .captures(line)
                    .unwrap_or_else(|| panic!("{}: {line}", file.display()));
                pins.insert((parts[1].to_owned(), parts[2].to_owned()));
            }
        }
        assert_eq!(pins.len(), 1, "{places:?}: {pins:?}");
    }
}

#[test]
fn pinned_commits_hold_what_is_used_of_them() {
    if git(&["rev-parse", "--is-shallow-repository"]).as_deref() != Some("false") {
        return not_checked("pins", "this is no whole clone", "STAGEPROOF_REQUIRE_HISTORY");
    }
    let mut checked = 0;
    for file in files(&["prove", ".github/workflows/staging.yml", "examples/workflows"]) {
        let text = fs::read_to_string(&file).unwrap();
        let written: Value = serde_yaml::from_str(&text).unwrap();
        let mut found = Vec::new();
        uses(&written, &mut found);
        for step in found {
            let Some(used) = step["uses"]
                .as_str()
                .and_then(|uses| uses.strip_prefix("stageproof/stageproof"))
            else {
                continue;
            };
            let (path, commit) = used.split_once('@').unwrap();
            let here = file.display();
            assert!(
                git(&["merge-base", "--is-ancestor", commit, "HEAD"]).is_some(),
                "{here}: {commit} is not in the history"
            );
            let path = path.trim_start_matches('/');
            let path = match path.ends_with(".yml") {
                true => path.to_owned(),
                false => Path::new(path).join("action.yml").display().to_string(),
            };
            let at_pin = git(&["show", &format!("{commit}:{path}")]);
            let at_pin = at_pin.unwrap_or_else(|| panic!("{here}: there is no {path} at {commit}"));
            let mut at_pin: Value = serde_yaml::from_str(&at_pin).unwrap();
            if path.ends_with("staging.yml") {
                at_pin = at_pin["on"]["workflow_call"].take();
            }
            let callee: Callee = serde_json::from_value(at_pin).unwrap();
            let given = step["with"].as_object().into_iter().flatten();
            let given: BTreeMap<String, String> =
                given.map(|(name, value)| (name.clone(), value.to_string())).collect();
            callee.take(&given, &format!("{here}: {path} at {commit}"));
            if let Some(command) = step["with"]["command"].as_str() {
                let listed = &callee.inputs["command"].description;
                let known = listed.split([' ', ',', '.']).any(|word| word == command);
                assert!(known, "{here}: the action at {commit} has no command `{command}`");
            }
            checked += 1;
        }
    }
    assert!(checked > 10, "{checked}");
}
