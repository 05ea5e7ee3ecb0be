//! What is there already stays, unless it is said otherwise.

use std::fs;

use super::toys::{CONFIG, WORKFLOW, files, init, repository};

const MINE: &str = "version: 1\nsmoke:\n  url: https://example.org\n";

#[test]
fn a_file_that_differs_is_never_replaced_and_the_other_one_is_not_written() {
    for (path, text) in [
        (CONFIG, MINE),
        (WORKFLOW, "jobs: {a: {uses: stageproof/stageproof/x.yml@main}}\n"),
    ] {
        let repo = repository("fly");
        let text = text.replace("{a: {", "\n  a:\n    ").replace("}}", "");
        repo.gate.write(path, &text);
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
        .says(".github/workflows/stageproof-staging.yml is written");
    assert_eq!(repo.gate.read(WORKFLOW), before);
    repo.gate
        .write(".github/workflows/stageproof-staging.yml", "on: push\n");
    repo.gate.write(CONFIG, MINE);
    init(&repo, "", &["--force"])
        .code(0)
        .says(".github/workflows/stageproof-staging-2.yml is written");
}

/// A workflow under any name that uses stageproof is the one to compare with: a second one would deploy twice.
#[test]
fn a_workflow_that_uses_stageproof_is_found_under_any_name() {
    let repo = repository("fly");
    let path = ".github/workflows/ship.yaml";
    repo.gate.write(
        path,
        "on: push\njobs:\n  a:\n    steps:\n      - uses: stageproof/stageproof@main\n",
    );
    init(&repo, "", &[]).code(1).says(&format!("{path} exists and differs"));
    assert!(!repo.root().join(WORKFLOW).exists());
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
