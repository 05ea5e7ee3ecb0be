//! Platform `compose`, against a real repository and a real registry.

use std::fs;

use crate::platform::example;
use crate::registry::Registry;
use crate::repo::{Repo, Told};

const LINUX: [&str; 1] = ["linux/amd64"];

fn compose(registry: &Registry, tag: &str) -> String {
    format!(
        "services:\n  web:\n    image: {}\n  worker:\n    image: {}\n",
        registry.image(&format!("shop:{tag}")),
        registry.image("worker:v1")
    )
}

/// A repository whose compose file names v1, then v2.
fn releases(registry: &Registry) -> Repo {
    registry.push("worker:v1", "worker", &LINUX);
    let repo = Repo::empty();
    repo.commit("compose.yml", &compose(registry, "v1"));
    repo.git(&["tag", "staging/1"]);
    repo.commit("compose.yml", &compose(registry, "v2"));
    repo
}

fn dry_run(repo: &Repo, more: &[&str]) -> Told {
    let mut args = vec!["--compose-file=compose.yml"];
    args.extend(more);
    repo.dry_run(&args)
}

#[test]
fn the_images_of_the_compose_file_before_are_the_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    registry.push("shop:v1", "one", &LINUX);
    registry.push("shop:v2", "two", &LINUX);
    let repo = releases(&registry);
    let told = dry_run(&repo, &["--ref=staging/1"]);
    told.is(0, &["shop:v1 is named by a tag", "commits back"]);
    let commit = repo.id("staging/1");
    assert_eq!(
        told.output("command"),
        format!("git checkout --detach {commit} && docker compose --file compose.yml up --detach --wait")
    );
    assert_eq!(told.output("target"), commit);
    // What runs is named by a variable of .env, which is not in the repository.
    fs::write(repo.root().join("compose.yml"), compose(&registry, "${TAG:?}")).unwrap();
    let told = dry_run(&repo, &["--ref=staging/1"]);
    told.is(
        4,
        &[
            "compose.yml: the image of `web`: the variable TAG is not set",
            "in .env beside",
        ],
    );
    fs::write(repo.root().join(".env"), "TAG=v2\n").unwrap();
    dry_run(&repo, &["--ref=staging/1"]).is(0, &["shop:v2"]);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let Some(registry) = Registry::start(false) else { return };
    registry.push("shop:v2", "two", &LINUX);
    let repo = releases(&registry);
    dry_run(&repo, &["--ref=staging/1"]).is(1, &["the registry does not have", "shop:v1"]);
    dry_run(&repo, &["--ref=HEAD"]).is(1, &["names the images that run now", "tracked .env"]);
    dry_run(&repo, &["--ref=v9"]).is(4, &["the clone has no commit `v9`", "fetch-depth: 0"]);
    repo.dry_run(&["--compose-file=other.yml", "--ref=HEAD"])
        .is(4, &["other.yml cannot be read", "relative to the workspace"]);
    fs::write(repo.root().join("other.yml"), compose(&registry, "v2")).unwrap();
    repo.dry_run(&["--compose-file=other.yml", "--ref=HEAD"])
        .is(1, &["has no file other.yml"]);
    fs::write(repo.root().join("compose.yml"), "services: {web: {build: .}}").unwrap();
    dry_run(&repo, &["--ref=staging/1"]).is(4, &["`web` is built where it runs", "push the image of each release"]);
    repo.dry_run(&["--compose-file=compose.yml"])
        .is(2, &["needs the commit of the previous release"]);
    repo.dry_run(&["--compose-file=a", "--state-file=b"])
        .is(2, &["--state-file alone"]);
    repo.dry_run(&["--tags=v*", "--state-file=b"])
        .is(2, &["--tags requires the platform `git`"]);
}

/// Neither what runs nor what ran before is found: the name of the registry is wrong, and nothing is known.
#[test]
fn a_registry_that_has_nothing_proves_nothing() {
    let Some(registry) = Registry::start(false) else { return };
    let repo = releases(&registry);
    dry_run(&repo, &["--ref=staging/1"]).is(4, &[", nor ", "which runs now"]);
    let Some(locked) = Registry::start(true) else { return };
    let repo = Repo::empty();
    repo.commit("compose.yml", &compose(&locked, "v1"));
    repo.git(&["tag", "staging/1"]);
    repo.commit("compose.yml", &compose(&locked, "v2"));
    dry_run(&repo, &["--ref=staging/1"]).is(4, &["401"]);
}

#[test]
fn a_state_file_names_the_releases() {
    let Some(registry) = Registry::start(false) else { return };
    let (one, _) = registry.push("shop:v1", "one", &LINUX);
    let (two, _) = registry.push("shop:v2", "two", &LINUX);
    let entry = |release: &str, digest: &str, status: &str| {
        let image = registry.image(&format!("shop@{digest}"));
        format!(
            r#"{{"release":"{release}","at":"2026-11-01T00:00:00Z","status":"{status}","images":{{"web":"{image}"}}}}"#
        )
    };
    let (v1, v2) = (entry("v1", &one, "success"), entry("v2", &two, "success"));
    let repo = Repo::none();
    let state = repo.root().join("releases.json");
    let dry_run = |entries: &[&str], more: &[&str]| {
        fs::write(&state, format!("[{}]", entries.join(","))).unwrap();
        let mut args = vec!["--state-file=releases.json", "--rollback-command=./deploy.sh {release}"];
        args.extend(more);
        repo.dry_run(&args)
    };
    let told = dry_run(&[&v1, &entry("v1.5", &two, "failed"), &v2], &[]);
    told.is(0, &["2 releases back", "ago"]);
    assert_eq!(told.output("command"), "./deploy.sh v1");
    assert_eq!(told.output("target"), "v1");
    dry_run(&[&v2], &[]).is(1, &["no release before the current one"]);
    dry_run(&[&entry("v1", &one, "failed"), &v2], &[]).is(1, &["no earlier release", "ended as `failed`"]);
    dry_run(&[&entry("v1", &two, "success"), &v2], &[]).is(1, &["has the same images"]);
    dry_run(&[&v1, &v2], &["--to-release=v0"]).is(1, &["no release v0"]);
    dry_run(&[&v1, &v2, &entry("v3", &one, "failed")], &[])
        .is(1, &["v3, ended as `failed`", "what runs now is not known"]);
    dry_run(&["{}"], &[]).is(4, &["the state file releases.json cannot be used", "newest last"]);
    fs::write(&state, format!("[{v1},{v2}]")).unwrap();
    repo.dry_run(&["--state-file=releases.json", "--rollback-command=./deploy.sh {sha}"])
        .is(
            1,
            &[
                "does not fill in --rollback-command",
                "write the commit of each release",
            ],
        );
    let gone = format!("sha256:{}", "0".repeat(64));
    dry_run(&[&entry("v1", &gone, "success"), &v2], &[]).is(1, &["does not have"]);
}

/// Going back to other names of the same content would change nothing.
#[test]
fn other_names_of_what_runs_are_no_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    registry.push("shop:v1", "one", &LINUX);
    registry.push("shop:v2", "one", &LINUX);
    let repo = releases(&registry);
    dry_run(&repo, &["--ref=staging/1"]).is(1, &["have other names and the content of those that run now"]);
}

/// Nothing is asked: a second registry would be shown the credentials of the first.
#[test]
fn credentials_of_a_variable_are_for_one_registry() {
    let repo = Repo::empty();
    let file = |host: &str| format!("services:\n  web:\n    image: {host}/shop:v1\n");
    repo.commit("compose.yml", &file("127.0.0.1:1"));
    repo.git(&["tag", "staging/1"]);
    repo.commit("compose.yml", &file("127.0.0.1:2"));
    dry_run(&repo, &["--ref=staging/1", "--registry-auth-env=AUTH"]).is(
        4,
        &["AUTH holds credentials for one registry", "127.0.0.1:1, 127.0.0.1:2"],
    );
    repo.dry_run(&[
        "--image=127.0.0.1:1/shop:v1",
        "--current-image=127.0.0.1:2/shop:v2",
        "--registry-auth-env=AUTH",
    ])
    .is(4, &["AUTH holds credentials for one registry"]);
}

#[test]
fn the_example_works() {
    let Some(registry) = Registry::start(false) else { return };
    registry.push("shop:v1", "one", &LINUX);
    registry.push("shop:v2", "two", &LINUX);
    let repo = releases(&registry);
    repo.dry_run(&[&example("compose"), "--ref=staging/1"])
        .is(0, &["docker compose --file compose.yml"]);
}
