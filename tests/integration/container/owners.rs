//! The container is root, and the runner is not: the steps on the host go on in the folders that the container worked in,
//! and the next checkout cleans them. The runner of the tests looks at the owners after each step.

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::step::{REQUIRED, Step, image};
use crate::s3::S3;
use crate::skipped::not_checked;
use crate::workflow::{DEPLOYS, OK, Project, example};

/// The user of GitHub's hosted runners.
const RUNNER: u32 = 1001;

#[test]
fn the_workflows_run_to_their_end_and_the_next_checkout_cleans_them() {
    // What deploys, and whether it ends well.
    for (file, deploys, result) in [
        ("smoke.yml", DEPLOYS, "success"),
        ("rehearse.yml", DEPLOYS, "success"),
        ("staging.yml", DEPLOYS, "success"),
        ("staging.yml", "exit 3", "failure"),
        ("prove.yml", DEPLOYS, "success"),
        ("deploy-staging.yml", DEPLOYS, "success"),
        ("deploy-staging.yml", "exit 3", "failure"),
    ] {
        let Some(image) = image() else { return };
        if !Step::new(image, "install").give_to(RUNNER) {
            return not_checked("owners", "these tests do not run as root", REQUIRED);
        }
        let project = Project::configured(deploys);
        let mut runner = project.runner(OK);
        (runner.image, runner.user) = (Some(image), Some(RUNNER));
        let ended = runner.run(&example(file));
        let results: Vec<&str> = ended.jobs.values().copied().collect();
        assert!(
            results.contains(&result),
            "{file}, {deploys}: {:#?}\n{}",
            ended.steps,
            ended.said
        );
        assert!(
            result == "failure" || results.iter().all(|is| *is == "success"),
            "{file}: {results:?}\n{}",
            ended.said
        );
        assert_eq!(ended.uploaded().len(), 1, "{file}");
        let workspace = ended.workspace();
        if !workspace.join(".git").exists() {
            continue;
        }
        let mut clean = Command::new("git");
        clean
            .args(["clean", "-ffdx", "-q"])
            .current_dir(&workspace)
            .uid(RUNNER)
            .gid(RUNNER);
        let cleaned = clean.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
        assert!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
        assert!(!workspace.join("artifacts").exists());
    }
}

/// What the commands leave besides the bundle that a workflow uploads.
#[test]
fn what_is_stored_merged_and_diagnosed_belongs_to_the_runner() {
    let Some(image) = image() else { return };
    let s3 = S3::start(|_, _| None);
    let run = |mut step: Step, code| {
        for (name, value) in s3.env() {
            step = step.env(name, value);
        }
        if !step.give_to(RUNNER) {
            not_checked("owners", "these tests do not run as root", REQUIRED);
            return None;
        }
        step.run().code(code);
        for entry in walkdir::WalkDir::new(step.folder("workspace")) {
            let entry = entry.unwrap();
            let meta = entry.metadata().unwrap();
            assert_eq!((meta.uid(), meta.gid()), (RUNNER, RUNNER), "{}", entry.path().display());
        }
        Some(step)
    };
    let step = Step::new(image, "skip-guard").input("require", "not-fork");
    let Some(step) = run(step, 0) else { return };
    let step = step
        .then("evidence-bundle")
        .input("output", "proof.zip")
        .input("store", "s3://proof/{run-id}/proof.zip");
    let Some(step) = run(step, 0) else { return };
    assert_eq!(s3.keys(), ["/proof/77/proof.statement.json", "/proof/77/proof.zip"]);
    assert_eq!(step.outputs()["store-uri"], "s3://proof/77/proof.zip");
    let step = step
        .then("merge")
        .input("bundles", "proof.zip")
        .input("expect", "proof")
        .input("evidence-dir", "all");
    let Some(step) = run(step, 0) else { return };
    let step = step
        .then("diagnose")
        .input("log", "red.log")
        .write("workspace/red.log", crate::diagnose::RED);
    let Some(step) = run(step, 1) else { return };
    assert_eq!(step.outputs()["class"], "missing-secret");
}
