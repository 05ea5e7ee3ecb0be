//! `merge`: the bundles of a matrix in one, with one verdict.

use std::fs;

use crate::artifacts::Artifacts;
use crate::fetched::{DOWN, OK, bundle, bundle_of, in_action};
use crate::gate::Gate;

fn on_runner() -> Gate {
    Gate::new().on_runner("push", "{}")
}

const MERGE: [&str; 3] = ["merge", "--evidence-dir=all", "--output=all.zip"];

#[test]
fn each_bundle_gets_a_folder_and_the_whole_is_sealed() {
    let gate = on_runner();
    gate.write("eu.zip", bundle("1", "eu", OK));
    gate.write("us.zip", bundle("1", "us", OK));
    gate.run([&MERGE[..], &["eu.zip", "us.zip", "--expect=eu", "--expect=us"]].concat())
        .code(0)
        .says("The bundle eu is whole and unchanged")
        .says("Verdict: pass");
    assert_eq!(gate.outputs()["verdict"], "pass");
    gate.run(["verify", "all.zip"]).code(0);
    gate.run(["verify", "all"]).code(0);
    // Each is still what was sealed in its job.
    gate.run(["verify", "all/bundles/eu"]).code(0);
    gate.run([
        "verdict",
        "all",
        "--require=smoke-eu",
        "--require=smoke-us",
        "--require=merge",
    ])
    .code(0);
    let manifest = gate.read("all/sha256_manifest.txt");
    for path in [
        "bundles/us/reports/smoke-us.json",
        "bundles/eu/evidence.json",
        "reports/merge.json",
    ] {
        assert!(manifest.contains(path), "{manifest}");
    }
}

#[test]
fn a_folder_and_what_was_merged_before_can_be_merged() {
    let gate = on_runner();
    gate.write("a/e.zip", bundle("1", "eu", OK));
    gate.write("b/e.zip", bundle("1", "us", OK));
    gate.run([&MERGE[..], &["a/e.zip", "b/e.zip", "--expect=a", "--expect=b"]].concat())
        .code(0);
    gate.run(["merge", "--evidence-dir=more", "--output=more.zip", "all"])
        .code(0);
    gate.run(["verify", "more/bundles/all/bundles/a"]).code(0);
    gate.run([&MERGE[..], &["a/e.zip", "a/e.zip"]].concat())
        .code(2)
        .says("`a/e.zip` is named twice");
}

#[test]
fn a_failed_leg_a_missing_and_a_damaged_one_fail_and_the_rest_is_sealed() {
    let gate = on_runner();
    gate.write("eu.zip", bundle("1", "eu", DOWN));
    gate.run([&MERGE[..], &["eu.zip"]].concat()).code(1).says("503");
    gate.run(["verify", "all.zip"]).code(0);

    let gate = on_runner();
    let mut damaged = bundle("1", "us", OK);
    damaged[200] ^= 1;
    gate.write("us.zip", damaged);
    gate.write("eu.zip", bundle("1", "eu", OK));
    gate.run([&MERGE[..], &["eu.zip", "us.zip", "--expect=ap", "--expect=us"]].concat())
        .code(1)
        .says("the bundle ap is missing")
        .says("The bundle us is whole and unchanged")
        .never_says("the bundle us is missing");
    assert!(!gate.root().join("all/bundles/us").exists());
    gate.run(["verify", "all.zip"]).code(0);

    let gate = on_runner();
    gate.write("e/x.log", "no report");
    gate.run(["evidence-bundle", "--evidence-dir=e"]).code(0);
    gate.write("eu.zip", bundle("1", "eu", OK));
    gate.run([&MERGE[..], &["e", "eu.zip"]].concat())
        .code(1)
        .says("the bundle e has no reports")
        .never_says("the bundle eu has no reports");
    gate.run(["merge"]).code(2).says("there is nothing to merge");
}

/// A folder that somebody writes to after it was sealed is not what was sealed.
#[test]
fn a_folder_that_was_changed_is_not_merged() {
    let gate = on_runner();
    gate.write("e/x.log", "line");
    gate.run(["evidence-bundle", "--evidence-dir=e"]).code(0);
    gate.write("e/more.log", "x");
    gate.run([&MERGE[..], &["e"]].concat())
        .code(1)
        .says("more.log exists but is not listed");
    let is_sealed = gate.root().join("all/bundles").exists() || gate.root().join("all.zip").exists();
    assert!(!is_sealed, "nothing was merged: {}", gate.listing());
}

#[test]
fn an_action_merges_what_its_run_uploaded_and_uploads_the_whole() {
    let artifacts = Artifacts::start(false, |_, _| None);
    artifacts.holds("proof-eu-1", &bundle("1", "eu", DOWN));
    artifacts.holds("proof-eu-2", &bundle("2", "eu", OK));
    artifacts.holds("proof-us-1", &bundle("1", "us", OK));
    let gate = in_action(&artifacts)
        .env("INPUT_COMMAND", "merge")
        .env("INPUT_ARTIFACT", "proof-eu-*\nproof-us-*")
        .env("INPUT_EXPECT", "proof-eu\nproof-us\n")
        .env("INPUT_ANY-ATTEMPT", "true")
        .env("INPUT_EVIDENCE-DIR", "all")
        .env("INPUT_UPLOAD", "required")
        .env("INPUT_ARTIFACT-NAME", "proof");
    let none: [&str; 0] = [];
    gate.run(none)
        .code(0)
        .says("proof-eu-1 is left out: proof-eu-2 is of a later attempt of the same job")
        .never_says("scratch")
        .never_says(".stageproof-seal");
    assert!(
        gate.root().join("all/bundles/proof-eu/evidence.json").is_file(),
        "{}",
        gate.listing()
    );
    let uploaded = artifacts
        .visible()
        .into_iter()
        .find(|(name, _)| name == "proof")
        .unwrap();
    assert_eq!(uploaded.1, fs::read(gate.root().join("all.zip")).unwrap());
    assert_eq!(gate.outputs()["artifact-id"], "1003");
}

/// A matrix that numbers its jobs has names that look like those of attempts.
#[test]
fn a_shard_that_failed_is_not_taken_for_an_earlier_attempt() {
    for matrix in [["\"1\"", "\"2\""], ["", ""]] {
        let gate = on_runner().env("GITHUB_RUN_ATTEMPT", "2");
        gate.write("e-1.zip", bundle_of(matrix[0], "1", "eu", DOWN));
        gate.write("e-2.zip", bundle_of(matrix[1], "2", "us", OK));
        gate.run([&MERGE[..], &["e-1.zip", "e-2.zip", "--any-attempt"]].concat())
            .code(1)
            .says("503")
            .never_says("is left out");
    }
}

#[test]
fn no_bundle_takes_the_place_of_another() {
    let gate = on_runner();
    gate.write("e-1-1.zip", bundle("1", "eu", DOWN));
    gate.write("e-1.zip", bundle("1", "us", OK));
    gate.write("e.zip", bundle("1", "ap", OK));
    gate.run([&MERGE[..], &["e-1-1.zip", "e-1.zip", "e.zip"]].concat())
        .code(1)
        .says("503");
    assert!(gate.root().join("all/bundles/e-1-1").exists(), "{}", gate.listing());

    let artifacts = Artifacts::start(false, |_, _| None);
    artifacts.holds("ev", &bundle("2", "eu", OK));
    let gate = in_action(&artifacts);
    gate.write("ev.zip", bundle("2", "eu", DOWN));
    gate.run([&MERGE[..], &["ev.zip", "--artifact=ev"]].concat())
        .code(1)
        .says("two bundles are called ev");
}

/// What was verified would not verify any more.
#[test]
fn a_secret_in_a_sealed_bundle_fails_instead_of_being_masked() {
    let gate = on_runner();
    gate.write("eu.zip", bundle("1", "eu", OK));
    gate.write("e/x.log", "the word is open-sesame-4711");
    gate.run(["evidence-bundle", "--evidence-dir=e"]).code(0);
    let ran = gate.run_with(
        &[("DOOR_PASSWORD", "open-sesame-4711")],
        "",
        [&MERGE[..], &["eu.zip", "e"]].concat(),
    );
    ran.code(1)
        .says("the bundle e holds a secret, in all/bundles/e/x.log")
        .says("--mask-env")
        .never_says("open-sesame-4711");
    assert!(!gate.root().join("all.zip").exists(), "{}", gate.listing());
    assert_eq!(gate.read("all/bundles/e/x.log"), "the word is open-sesame-4711");
}

#[test]
fn no_bundle_is_replaced_by_the_merged_one() {
    let gate = on_runner();
    let zip = bundle("1", "eu", OK);
    gate.write("eu.zip", &zip);
    for args in [
        ["eu.zip", "--evidence-dir=all", "--output=eu.zip"],
        ["./eu.zip", "--evidence-dir=eu", "--verbose"],
    ] {
        gate.run([&["merge"], &args[..]].concat())
            .code(2)
            .says("would replace or change the bundle");
        assert_eq!(fs::read(gate.root().join("eu.zip")).unwrap(), zip);
    }
    gate.write("e/x.log", "line");
    gate.run(["evidence-bundle", "--evidence-dir=e"]).code(0);
    std::os::unix::fs::symlink("e", gate.root().join("link")).unwrap();
    for folder in ["e/all", "link/all"] {
        gate.run(["merge", "e", "--output=all.zip", &format!("--evidence-dir={folder}")])
            .code(2)
            .says("is inside the bundle")
            .says(folder);
        assert!(!gate.root().join("e/all").exists());
    }
    gate.write("all/eu.zip", &zip);
    gate.run(["merge", "all/eu.zip", "--evidence-dir=all"])
        .code(2)
        .says("would be sealed twice");
    fs::remove_dir_all(gate.root().join("all")).unwrap();
    gate.run(["merge", "eu.zip", "--evidence-dir=all", "--expect="])
        .code(2)
        .says("--expect is empty");
    gate.run(["merge", "eu.zip", "--evidence-dir=named", "--expect=eu.zip"])
        .code(0);
    // What is configured for the bundle of each job is not meant for the whole.
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nevidence-bundle: {output: eu.zip, requires: [f.txt], files: ['*.toml']}\n",
    )
    .write("own.toml", "x = 1");
    gate.run(["merge", "eu.zip", "--evidence-dir=all"]).code(0);
    assert!(!gate.root().join("all/files").exists(), "{}", gate.listing());
    assert_eq!(fs::read(gate.root().join("eu.zip")).unwrap(), zip);
    gate.run(["verify", "all.zip"]).code(0);
}

#[test]
fn what_was_masked_or_replaced_by_a_stub_can_be_merged() {
    let gate = on_runner();
    gate.write("eu.zip", bundle("1", "eu", OK));
    gate.write("e/key.p12", "-");
    gate.write("e/x.log", "the word is open-sesame-4711");
    let rules = "[extend]\nuseDefault = true\n[[rules]]\nid = \"key-file\"\npath = '''\\.p12$'''\n";
    gate.write("rules.toml", rules).write(
        ".github/stageproof.yml",
        "version: 1\nevidence-bundle: {rules: rules.toml}\n",
    );
    let door = [("DOOR_PASSWORD", "open-sesame-4711")];
    gate.run_with(&door, "", ["evidence-bundle", "--evidence-dir=e"])
        .code(0);
    gate.run_with(&door, "", [&MERGE[..], &["eu.zip", "e"]].concat())
        .code(1)
        .says("the bundle e has no reports");
    assert!(gate.read("all/bundles/e/key.p12").contains("sealed this text in place"));
    gate.run(["verify", "all.zip"]).code(0);
    gate.run(["verify", "all/bundles/e"]).code(0);
}
