//! The container is root, and the runner is not: the steps on the host go on in the folders that the container worked in,
//! and the next checkout cleans them. The runner of the tests looks at the owners after each step.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::step::{REQUIRED, Step, image};
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
