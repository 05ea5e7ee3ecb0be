//! What is there already stays, unless it is said otherwise.

use std::fs;

use super::toys::{CONFIG, WORKFLOW, files, init, repository};

const OURS: &str = "# Deploys. Written by `stageproof init`; a person changed it since.\non: push\n";
const MINE: &str = "version: 1\nsmoke:\n  url: https://example.org\n";

#[test]
fn a_file_that_differs_is_never_replaced_and_the_other_one_is_not_written() {
    for (path, text) in [(CONFIG, MINE), (WORKFLOW, OURS)] {
        let repo = repository("fly");
        repo.gate.write(path, text);
        let before = files(&repo);
        init(&repo, "", &[])
            .code(1)
            .says(&format!("{path} exists and differs"))
            .says("--diff")
            .says("--force")
            .says("both files are written, or none");
        assert_eq!(files(&repo), before, "{path}");
        init(&repo, "", &["--diff"]).code(0).says(&format!("--- a/{path}"));
        assert_eq!(files(&repo), before, "{path}");
        init(&repo, "", &["--force"])
            .code(0)
            .says(&format!("{path} is replaced"));
        assert_ne!(repo.gate.read(path), text);
        init(&repo, "", &[]).code(0).says("nothing to do");
    }
}

#[test]
fn a_configuration_that_is_damaged_or_misnamed_is_seen() {
    let repo = repository("fly");
    repo.gate.write(CONFIG, "smoke: [\n");
    init(&repo, "", &[]).code(1).says("exists and differs");
    fs::remove_file(repo.root().join(CONFIG)).unwrap();
    repo.gate.write(".github/stageproof.yaml", MINE);
    let before = files(&repo);
    for flags in [&[][..], &["--force"]] {
        init(&repo, "", flags).code(1).says(".github/stageproof.yaml is there");
        assert_eq!(files(&repo), before);
    }
}

/// Somebody else's workflow keeps its name, also with --force.
#[test]
fn another_workflow_of_the_same_name_is_left_as_it_is() {
    let repo = repository("deploys-already");
    let before = repo.gate.read(WORKFLOW);
    init(&repo, "", &["--force"])
        .code(0)
        .says(&format!("did not write {WORKFLOW}: it stays as it is"))
        .says(".github/workflows/stageproof-staging.yml is written");
    assert_eq!(repo.gate.read(WORKFLOW), before);
    for (taken, next) in [("", "-2"), ("-2", "-3"), ("-3", "-4")] {
        let path = |number: &str| format!(".github/workflows/stageproof-staging{number}.yml");
        repo.gate.write(&path(taken), "on: push\n");
        repo.gate.write(CONFIG, MINE);
        init(&repo, "", &["--force"])
            .code(0)
            .says(&format!("{} is written", path(next)));
        assert_eq!(repo.gate.read(&path(taken)), "on: push\n");
    }
}

/// A workflow of ours under any name is the one to compare with: a second one would deploy twice.
#[test]
fn a_workflow_of_ours_is_found_under_any_name() {
    let repo = repository("fly");
    let path = ".github/workflows/ship.yaml";
    repo.gate.write(path, OURS);
    init(&repo, "", &[]).code(1).says(&format!("{path} exists and differs"));
    assert!(!repo.root().join(WORKFLOW).exists());
}

/// Somebody's tests with a step of ours are not a deploy of ours.
#[test]
fn a_workflow_that_uses_stageproof_is_not_taken_over() {
    let repo = repository("fly");
    let path = ".github/workflows/ci.yml";
    let ci = "on: push\njobs:\n  test:\n    steps:\n      - run: npm test\n      - uses: stageproof/stageproof@main\n        \
              with: { command: check }\n";
    repo.gate.write(path, ci);
    init(&repo, "", &["--force"])
        .code(0)
        .says(&format!("{path} uses stageproof"))
        .says(&format!("{WORKFLOW} is written"));
    assert_eq!(repo.gate.read(path), ci);
    assert!(repo.gate.read(WORKFLOW).contains("  push:\n"), "it deploys nothing");
    // One that deploys with it keeps doing so, and the new one waits.
    let repo = repository("fly");
    repo.gate.write(
        path,
        "on: push\njobs:\n  a:\n    uses: stageproof/stageproof/.github/workflows/staging.yml@main\n",
    );
    init(&repo, "", &[]).code(0).says(&format!("{path} deploys on a push"));
    assert!(!repo.gate.read(WORKFLOW).contains("\n  push:\n"));
}

#[test]
fn a_folder_that_cannot_be_written_leaves_neither_file() {
    let repo = repository("fly");
    // Not even root can make a folder in a file.
    fs::remove_dir_all(repo.root().join(".github/workflows")).unwrap();
    repo.gate.write(".github/workflows", "a file");
    let before = files(&repo);
    init(&repo, "", &[]).code(1).says(".github/workflows is not a folder");
    assert_eq!(files(&repo), before);
}
