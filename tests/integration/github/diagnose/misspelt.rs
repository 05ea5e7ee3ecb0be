//! A secret is missing because its name is misspelt in the workflow.

use super::{facts, findings};
use crate::diagnose::RED;
use crate::gate::Gate;
use crate::github::mock::{Mock, STAGING, sha};

fn job(id: &str, secret: &str) -> String {
    format!(
        "  {id}:\n    runs-on: ubuntu-latest\n    environment: staging\n    steps:\n      - run: ./deploy.sh staging\n        \
         env:\n          DEPLOY_TOKEN: ${{{{ secrets.{secret} }}}} # for the deploy\n"
    )
}

fn workflow() -> String {
    format!("on: push\njobs:\n{}", job("deploy", "DEPLOY_TOKN"))
}

fn log() -> String {
    RED.replace("Secret source: None", "Secret source: Actions")
}

fn mock() -> Mock {
    Mock::new()
        .environments(["staging"])
        .failed(5, 49)
        .job(5, 11, "deploy", "failure")
        .log(11, Some(&log()))
        .file(&sha(5), STAGING, &workflow())
}

const LISTS: [&str; 5] = ["actions", "checks", "contents", "environments", "secrets"];

#[test]
fn the_nearest_name_that_exists_is_a_patch() {
    for of in ["repository", "organization", "staging"] {
        let mock = mock()
            .grants(&LISTS)
            .secret(of, "DEPLOY_TOKEN")
            .secret("repository", "OTHER");
        let gate = mock.gate();
        gate.write(STAGING, workflow());
        gate.run(["diagnose", "--run=5", "--write", "--pr-text=pr.md"])
            .code(1)
            .says("write secrets.DEPLOY_TOKEN instead of secrets.DEPLOY_TOKN: there is a secret DEPLOY_TOKEN, and none called DEPLOY_TOKN")
            .never_says("could not do anything");
        assert_eq!(gate.read(STAGING), workflow().replace("TOKN", "TOKEN"), "{of}");
        assert_eq!(gate.outputs()["fix"], "secret-name");
        assert_eq!(facts(&gate, 0, "fix"), ["secret-name"]);
        assert!(
            gate.read("pr.md")
                .contains("reads the secret `DEPLOY_TOKEN` instead of `DEPLOY_TOKN`")
        );
        mock.was_asked_properly();
    }
}

#[test]
fn a_name_that_exists_or_that_has_two_neighbours_is_not_corrected() {
    for names in [
        &["DEPLOY_TOKN", "DEPLOY_TOKEN"][..],
        &["DEPLOY_TOKEN", "DEPLOYTOKN"],
        &["DEPLOY_KEY"],
        &[],
    ] {
        let mock = names
            .iter()
            .fold(mock().grants(&LISTS), |mock, name| mock.secret("repository", name));
        let gate = mock.gate();
        gate.run(["diagnose", "--run=5"]).code(1).never_says("instead of");
        assert_eq!(gate.outputs()["fix"], "skip-guard", "{names:?}");
        assert!(findings(&gate, "names-not-compared").is_empty());
    }
}

#[test]
fn the_secrets_of_the_environment_are_asked_for_as_far_as_they_can_be() {
    // On a later page.
    let many = (0..250).fold(mock().grants(&LISTS), |mock, n| {
        mock.secret("staging", &format!("OTHER_{n}"))
    });
    let paged = many.secret("staging", "DEPLOY_TOKEN");
    paged
        .gate()
        .run(["diagnose", "--run=5"])
        .code(1)
        .says("write secrets.DEPLOY_TOKEN instead of");
    let asked = paged.asked();
    let pages = asked
        .iter()
        .filter(|path| path.contains("/environments/staging/secrets"));
    assert_eq!(pages.count(), 3, "{asked:?}");
    paged.was_asked_properly();
    // 403: the name may be there, so nobody knows.
    let refused = mock()
        .secret("staging", "DEPLOY_TOKEN")
        .grants(&["actions", "checks", "contents", "secrets"]);
    let gate = refused.gate();
    gate.run(["diagnose", "--run=5"]).code(1).never_says("instead of");
    let why = findings(&gate, "names-not-compared");
    assert!(why[0].contains("DEPLOY_TOKN is misspelt is not known"), "{why:?}");
    refused.was_asked_properly();
    // 404: there is no such environment, so it has no secrets, and the others are all there are.
    let gone = mock()
        .secret("repository", "DEPLOY_TOKEN")
        .environments([""; 0])
        .grants(&LISTS);
    let gate = gone.gate();
    gate.run(["diagnose", "--run=5"])
        .code(1)
        .says("write secrets.DEPLOY_TOKEN instead of");
    assert!(findings(&gate, "names-not-compared").is_empty());
    gone.was_asked_properly();
}

/// The token of a job may list no secrets.
#[test]
fn what_other_workflows_use_counts_where_the_names_cannot_be_listed() {
    let mock = mock().secret("repository", "DEPLOY_TOKEN");
    let gate = mock.gate();
    gate.write(STAGING, workflow());
    gate.run(["diagnose", "--run=5"]).code(1).never_says("instead of");
    let why = findings(&gate, "names-not-compared");
    assert!(
        why[0].contains("DEPLOY_TOKN is misspelt is not known") && why[0].contains("Secrets: read"),
        "{why:?}"
    );
    let others = format!(
        "on: push\njobs:\n{}{}",
        job("one", "DEPLOY_TOKEN"),
        job("two", "DEPLOY_TOKEN")
    );
    gate.write(".github/workflows/other.yml", &others);
    gate.run(["diagnose", "--run=5"]).code(1).says(
        "write secrets.DEPLOY_TOKEN instead of secrets.DEPLOY_TOKN: DEPLOY_TOKN is empty; other jobs use DEPLOY_TOKEN",
    );
    mock.was_asked_properly();
}

#[test]
fn offline_one_other_use_is_not_enough_and_a_fork_has_no_secrets_at_all() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write("red.log", log()).write(STAGING, workflow());
    let other = |jobs: &[&str]| {
        let jobs: String = jobs.iter().map(|id| job(id, "DEPLOY_TOKEN")).collect();
        gate.write(".github/workflows/other.yml", format!("on: push\njobs:\n{jobs}"));
    };
    let args = [
        "diagnose",
        "--log=red.log",
        "--workflow-file=.github/workflows/staging.yml",
    ];
    other(&["one"]);
    gate.run(args).code(1).never_says("instead of");
    other(&["one", "two"]);
    gate.run(args)
        .code(1)
        .says("write secrets.DEPLOY_TOKEN instead of secrets.DEPLOY_TOKN");
    // Another environment has other secrets; without one, a job has those of the repository.
    let path = ".github/workflows/other.yml";
    let same = gate.read(path);
    gate.write(path, same.replace("environment: staging", "environment: production"));
    gate.run(args).code(1).never_says("instead of");
    gate.write(path, same.replace("    environment: staging\n", ""));
    gate.run(args).code(1).says("instead of");
    // A name that sounds like no secret: the expression decides.
    gate.write(path, &same)
        .write("red.log", log().replace("DEPLOY_TOKEN", "TOK"))
        .write(STAGING, workflow().replace("DEPLOY_TOKEN:", "TOK:"));
    gate.run(args)
        .code(1)
        .says("missing-secret: ")
        .says("write secrets.DEPLOY_TOKEN instead of secrets.DEPLOY_TOKN");
    assert_eq!(gate.outputs()["class"], "missing-secret");
    gate.write("red.log", log()).write(STAGING, workflow());
    // The misspelt name is used elsewhere, too: it may be the right one.
    gate.write(
        ".github/workflows/third.yml",
        format!("on: push\njobs:\n{}", job("x", "DEPLOY_TOKN")),
    );
    gate.run(args).code(1).never_says("instead of");
    gate.write(".github/workflows/third.yml", "jobs: {}");
    gate.write("red.log", RED);
    gate.run(args).code(1).never_says("instead of");
}
