//! Platform `fly`, against a stand-in for its two APIs that refuses what they refuse, and a real registry.

use serde_json::{Value, json};

use crate::platform::{Answer, Api, Asked, Standing, example, no, ok};
use crate::registry::Registry;
use crate::repo::{Repo, Told};

const API: Api = Api {
    platform: "fly",
    routes: &[("POST", "/graphql", &[]), ("GET", "/v1/apps/{app}/machines", &[])],
    headers: &[],
    token_env: "FLY_API_TOKEN",
    address_envs: &["FLY_API_BASE_URL", "FLY_FLAPS_BASE_URL"],
    env: &[],
};

/// What the two APIs know.
#[derive(Clone)]
struct Fly {
    status: &'static str,
    /// Version, status, image.
    releases: Vec<(u64, &'static str, String)>,
    /// Id, state, repository, tag, digest.
    machines: Vec<(&'static str, &'static str, String)>,
}

/// Fields that flyctl's schema has on these types.
const FIELDS: [&str; 14] = [
    "query",
    "app",
    "name",
    "status",
    "releases",
    "releasesUnprocessed",
    "first",
    "limit",
    "nodes",
    "version",
    "imageRef",
    "createdAt",
    "String",
    "Int",
];

impl Fly {
    fn machine(&self, (id, state, image): &(&str, &str, String)) -> Value {
        let (name, digest) = image.split_once('@').unwrap_or((image, ""));
        let (host, rest) = name.split_once('/').unwrap();
        let (repository, tag) = rest.rsplit_once(':').unwrap_or((rest, ""));
        json!({"id": id, "name": "m", "state": state, "region": "ams", "instance_id": "01", "config": {},
            "image_ref": {"registry": host, "repository": repository, "tag": tag, "digest": digest, "labels": null}})
    }

    fn graphql(&self, body: &Value) -> Value {
        let document = body["query"].as_str().unwrap();
        let words = document.split(|c: char| !c.is_ascii_alphabetic());
        for word in words.filter(|word| !word.is_empty()) {
            if !FIELDS.contains(&word) {
                return json!({"errors": [{"message": format!("Field '{word}' doesn't exist"), "extensions": {"code": "undefinedField"}}]});
            }
        }
        if body["variables"]["app"] != "shop" {
            return json!({"data": {"app": null}, "errors": [{"message": "Could not find App", "extensions": {"code": "NOT_FOUND"}}]});
        }
        let node = |(version, status, image): &(u64, &str, String)| json!({"version": version, "status": status, "imageRef": image, "createdAt": "2026-11-01T12:00:00Z"});
        let nodes: Vec<Value> = self.releases.iter().map(node).collect();
        json!({"data": {"app": {"status": self.status, "releases": {"nodes": nodes}}}})
    }

    fn answer(&self, asked: &Asked) -> Answer {
        match asked.route {
            "/graphql" => ok(self.graphql(&asked.body)),
            _ if asked.values != ["shop"] => no(404),
            _ => ok(self.machines.iter().map(|machine| self.machine(machine)).collect()),
        }
    }

    fn start(self) -> Standing {
        API.start(move |asked| self.answer(asked))
    }
}

/// An app whose machines run `now`, with the releases given.
fn app(now: &str, releases: &[(u64, &'static str, &str)]) -> Fly {
    Fly {
        status: "deployed",
        releases: releases
            .iter()
            .map(|(version, status, image)| (*version, *status, (*image).to_owned()))
            .collect(),
        machines: vec![("1a", "started", now.to_owned()), ("1b", "stopped", now.to_owned())],
    }
}

fn dry_run_at(standing: &Standing, host: &str, args: &[&str]) -> Told {
    API.dry_run_with(&standing.address, args, &[("FLY_REGISTRY_HOST", host)])
}

fn dry_run(fly: Fly, more: &[&str]) -> Told {
    fly.start().dry_run(&[&["--app=shop"], more].concat())
}

#[test]
fn the_newest_good_release_with_another_image_is_the_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    let (old, _) = registry.push("shop:deployment-1", "one", &["linux/amd64"]);
    let (now, _) = registry.push("shop:deployment-3", "three", &["linux/amd64"]);
    let name = |tag: &str| registry.image(&format!("shop:{tag}"));
    let fly = app(
        &format!("{}@{now}", name("deployment-3")),
        &[
            (5, "failed", &name("deployment-4")),
            (4, "complete", &name("deployment-3")),
            (3, "complete", &name("deployment-3")),
            (2, "interrupted", &name("deployment-2")),
            (1, "complete", &name("deployment-1")),
        ],
    );
    let standing = fly.start();
    let told = dry_run_at(&standing, &registry.host(), &[&example("fly")]);
    told.is(0, &["v1 (complete)", "4 releases back"]);
    let pinned = registry.image(&format!("shop@{old}"));
    assert_eq!(
        told.output("command"),
        format!("fly deploy --app shop --image {pinned}")
    );
    assert_eq!(told.output("target"), pinned);
    assert!(told.notes().contains("fly.toml"), "{}", told.notes());
    standing.was_asked_what_is_listed();
    assert_eq!(standing.count(), 2);
}

#[test]
fn an_image_that_is_gone_or_the_same_under_another_name_is_no_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    let (now, _) = registry.push("shop:deployment-3", "three", &["linux/amd64"]);
    registry.push("shop:deployment-2", "three", &["linux/amd64"]);
    let name = |tag: &str| registry.image(&format!("shop:{tag}"));
    let current = format!("{}@{now}", name("deployment-3"));
    let newest = (3, "complete", &*name("deployment-3"));
    let run = |image: &str| {
        let standing = app(&current, &[newest, (1, "complete", image)]).start();
        dry_run_at(&standing, &registry.host(), &["--app=shop"])
    };
    let told = run(&name("deployment-1"));
    told.is(1, &["the registry does not have", "deployment-1"]);
    assert_eq!(told.codes(), ["image-absent"]);
    assert_eq!(told.output("command"), "");
    let told = run(&name("deployment-2"));
    told.is(1, &["has another name and the same digest"]);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let (now, old) = ("registry.fly.io/shop:d3", "registry.fly.io/shop:d1");
    for (releases, args, code, says) in [
        (
            &[(1, "complete", now)][..],
            &[][..],
            "no-previous-release",
            "has no release before the current one",
        ),
        (
            &[(2, "complete", now), (1, "failed", old)],
            &[],
            "previous-not-good",
            "the newest of them, v1, ended as `failed`",
        ),
        (
            &[(2, "complete", now), (1, "complete", now)],
            &[],
            "same-image",
            "1 release before the current one of shop has the same image",
        ),
        (
            &[(3, "running", old), (2, "complete", now)],
            &[],
            "rollout-in-progress",
            "v3 is being deployed",
        ),
        (
            &[(2, "complete", now), (1, "complete", old)],
            &["--to-release=v7"],
            "no-such-release",
            "no release v7 among its newest 2",
        ),
        (
            &[(2, "complete", now), (1, "failed", old)],
            &["--to-release=v1"],
            "previous-not-good",
            "v1 of shop ended as `failed`",
        ),
        (
            &[(2, "complete", now), (1, "complete", "shop-without-tag")],
            &[],
            "odd-image",
            "neither a tag nor a digest",
        ),
    ] {
        let told = dry_run(app(now, releases), args);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{}", told.text);
    }
    let mut two = app(now, &[(2, "complete", now), (1, "complete", old)]);
    two.machines[1].2 = old.to_owned();
    dry_run(two.clone(), &[]).is(
        1,
        &["run several images", "1a run registry.fly.io/shop:d3", "blue-green"],
    );
    two.machines[1].1 = "destroyed";
    two.machines.remove(0);
    dry_run(two, &[]).is(1, &["has no machine"]);
    dry_run(app(now, &[]), &["--app=shopp"]).is(2, &["--app"]);
}

#[test]
fn what_fly_does_not_say_is_unknown() {
    API.says_nothing(&["--app=shop"]);
    let repo = Repo::none();
    repo.dry_run(&["--app=shop"]).is(4, &["fly tokens create readonly"]);
    repo.dry_run(&["--app=Shop!"]).is(2, &["is not the name of an app"]);
    repo.dry_run(&["--platform=fly"]).is(2, &["needs the name of the app"]);
    let other = Api {
        token_env: "OTHER",
        ..API
    };
    let standing = app("registry.fly.io/shop:d3", &[]).start();
    other
        .dry_run(&standing.address, &["--app=gone", "--platform-token-env=OTHER"])
        .is(1, &["has no such app, or does not show it to the token of OTHER"]);
}
