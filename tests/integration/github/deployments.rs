//! `rollback-dry-run --releases deployments`, and images that are named by the commit they were built from.

use super::mock::{Mock, Trouble};
use crate::gate::Gate;
use crate::registry::Registry;
use crate::repo::Repo;

/// A run for the newest commit of a repository with three, and GitHub.
fn told(repo: &Repo, mock: &Mock, args: &[&str]) -> crate::repo::Told {
    let head = repo.id("HEAD");
    let token = super::mock::TOKEN;
    let env = [
        ("GITHUB_API_URL", mock.url.as_str()),
        ("GITHUB_REPOSITORY", super::mock::REPOSITORY),
        ("GITHUB_TOKEN", token),
        ("GITHUB_SHA", head.as_str()),
    ];
    let told = repo.dry_run_with(repo.root(), args, &env);
    assert!(!told.text.contains(token), "{}", told.text);
    mock.was_asked_properly();
    told
}

fn repo() -> (Repo, [String; 3]) {
    let repo = Repo::empty();
    let commits = ["one", "two", "three"].map(|text| repo.commit("app.js", text));
    (repo, commits)
}

#[test]
fn the_newest_success_of_another_commit_is_the_way_back() {
    let (repo, [first, second, third]) = repo();
    let mock = Mock::new()
        .deployment("staging", 5, &third, &["in_progress"])
        .deployment("production", 4, &second, &["success"])
        .deployment("staging", 3, &second, &["failure", "in_progress"])
        // A later success makes it inactive.
        .deployment("staging", 2, &first, &["inactive", "success", "in_progress"]);
    let told = told(
        &repo,
        &mock,
        &["--releases=deployments", "--rollback-command=./deploy.sh {sha}"],
    );
    told.is(0, &["An earlier commit was deployed with success"]);
    let listed = repo.dry_run(&["--releases=deployments", "--list-calls"]);
    for path in mock.asked() {
        let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let path = path
            .split('?')
            .next()
            .unwrap()
            .replace("/repos/acme/shop/", "/repos/{repository}/");
        let parts: Vec<&str> = path
            .split('/')
            .map(|part| if number(part) { "{id}" } else { part })
            .collect();
        let call = format!("GET {}:", parts.join("/"));
        assert!(
            listed.notes().contains(&call),
            "{call} is not listed: {}",
            listed.notes()
        );
    }
    assert_eq!(told.output("command"), format!("./deploy.sh {first}"));
    assert_eq!(told.statuses(), ["passed"; 5], "{}", told.text);
}

#[test]
fn without_a_success_of_another_commit_there_is_none() {
    let (repo, [_, second, third]) = repo();
    let mock =
        Mock::new()
            .deployment("staging", 5, &third, &["success"])
            .deployment("staging", 4, &second, &["failure"]);
    let told = told(&repo, &mock, &["--releases=deployments"]);
    told.is(
        1,
        &["staging has no successful deployment of an earlier commit (1 deployment looked at)"],
    );
    assert_eq!(told.codes(), ["no-deployment"]);
    assert_eq!(told.output("command"), "");
}

#[test]
fn what_github_does_not_say_is_unknown() {
    let (repo, _) = repo();
    for (mock, says) in [
        (Mock::new().grants(&["contents"]), "deployments: read"),
        (Mock::new().troubles([Trouble::NotJson]), "/repos/acme/shop/deployments"),
    ] {
        told(&repo, &mock, &["--releases=deployments"]).is(4, &[says]);
    }
    repo.dry_run(&["--releases=deployments"])
        .is(4, &["GITHUB_TOKEN is not set or empty"]);
    repo.dry_run(&["--releases=deployments", "--tags=v*"])
        .is(2, &["drop one of them"]);
    repo.dry_run(&["--image=a/b:1", "--releases=deployments"])
        .is(2, &["--releases requires the platform `git`"]);
}

#[test]
fn an_image_may_be_named_by_the_commit_that_was_deployed_before() {
    let Some(registry) = Registry::start(false) else { return };
    let (repo, [_, second, third]) = repo();
    let (old, _) = registry.push(&format!("shop:{second}"), "two", &["linux/amd64"]);
    registry.push(&format!("shop:{third}"), "three", &["linux/amd64"]);
    let mock = Mock::new()
        .deployment("staging", 5, &third, &["in_progress"])
        .deployment("staging", 4, &second, &["inactive", "success"]);
    let name = registry.image("shop:{sha}");
    let image = [format!("--image={name}"), format!("--current-image={name}")];
    let told = told(&repo, &mock, &[&image[0], &image[1]]);
    told.is(0, &[&second, &third, "1 commit back"]);
    assert_eq!(told.output("target"), registry.image(&format!("shop@{old}")));
    // What is no commit is no tag either, and proves nothing.
    let mock = Mock::new().deployment("staging", 4, "-odd", &["success"]);
    let odd = self::told(&repo, &mock, &[&image[0], &image[1]]);
    odd.is(4, &["`-odd` is not a tag"]);
    assert_eq!(odd.output("target"), "");
    // Outside of a run nothing says which commit runs.
    repo.dry_run(&[&image[1], "--image=a/b:1"])
        .is(4, &["--current-image has {sha}, and GITHUB_SHA is not set"]);
    Gate::new()
        .run(["rollback-dry-run", "--image=a/b:v{tag}"])
        .code(2)
        .says("is not a tag");
}
