//! Platform `fly`, against a stand-in for its two APIs that refuses what they refuse, and a real registry.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::registry::{PASSWORD, Registry};
use crate::repo::{Repo, Told};
use crate::servers::{free_port, read_head, serve};

/// What the two APIs know.
#[derive(Clone)]
struct Fly {
    status: &'static str,
    /// Version, status, image.
    releases: Vec<(u64, &'static str, String)>,
    /// Id, state, repository, tag, digest.
    machines: Vec<(&'static str, &'static str, String)>,
    /// Instead of an answer, from either API.
    refuses: Option<&'static str>,
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

    fn graphql(&self, body: &str) -> (u16, Value) {
        let body: Value = serde_json::from_str(body).unwrap();
        let document = body["query"].as_str().unwrap();
        let words = document
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty());
        for word in words {
            if !FIELDS.contains(&word) {
                return (
                    200,
                    json!({"errors": [{"message": format!("Field '{word}' doesn't exist"), "extensions": {"code": "undefinedField"}}]}),
                );
            }
        }
        if body["variables"]["app"] != "shop" {
            return (
                200,
                json!({"data": {"app": null}, "errors": [{"message": "Could not find App", "extensions": {"code": "NOT_FOUND"}}]}),
            );
        }
        let node = |(version, status, image): &(u64, &str, String)| json!({"version": version, "status": status, "imageRef": image, "createdAt": "2026-11-01T12:00:00Z"});
        let nodes: Vec<Value> = self.releases.iter().map(node).collect();
        (
            200,
            json!({"data": {"app": {"status": self.status, "releases": {"nodes": nodes}}}}),
        )
    }

    fn answer(&self, method: &str, path: &str, head: &str, body: &str) -> (u16, Value) {
        let authorized = head
            .to_ascii_lowercase()
            .contains(&format!("authorization: bearer {PASSWORD}\r\n"));
        match (method, path) {
            _ if !authorized => (401, json!({"error": "unauthorized"})),
            ("GET", "/v1/apps/shop/machines") => {
                (200, self.machines.iter().map(|machine| self.machine(machine)).collect())
            }
            ("GET", _) if path.starts_with("/v1/apps/") => (404, json!({"error": "app not found"})),
            ("POST", "/graphql") if head.to_ascii_lowercase().contains("content-type: application/json") => {
                self.graphql(body)
            }
            _ => (405, json!({"error": "method not allowed"})),
        }
    }

    /// Starts both APIs at one address, and keeps what they were asked.
    fn start(self) -> (String, Arc<Mutex<Vec<String>>>) {
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        let address = serve(move |mut stream| {
            let head = read_head(&mut stream);
            let length = head.to_ascii_lowercase();
            let length = length
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next()?.trim().parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body).unwrap();
            let mut words = head.split(' ');
            let (method, path) = (words.next().unwrap(), words.next().unwrap());
            kept.lock().unwrap().push(format!("{method} {path}"));
            let (status, value) = self.answer(method, path, &head, &String::from_utf8(body).unwrap());
            let text = match self.refuses {
                Some(text) => text.to_owned(),
                None => {
                    let body = value.to_string();
                    format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    )
                }
            };
            let _ = stream.write_all(text.as_bytes());
        });
        (address, asked)
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
        refuses: None,
    }
}

fn dry_run_at(address: &str, host: &str, more: &[&str]) -> Told {
    let repo = Repo::none();
    let mut args = vec!["--app=shop"];
    args.extend(more);
    let env = [
        ("FLY_API_TOKEN", PASSWORD),
        ("FLY_API_BASE_URL", address),
        ("FLY_FLAPS_BASE_URL", address),
        ("FLY_REGISTRY_HOST", host),
    ];
    let told = repo.dry_run_with(repo.root(), &args, &env);
    assert!(!told.text.contains(PASSWORD), "the token is shown: {}", told.text);
    told
}

fn dry_run(fly: Fly, more: &[&str]) -> Told {
    let (address, _) = fly.start();
    dry_run_at(&address, "registry.fly.io", more)
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
    let (address, asked) = fly.start();
    let told = dry_run_at(&address, &registry.host(), &[]);
    told.is(0, &["v1 (complete)", "4 releases back"]);
    let pinned = registry.image(&format!("shop@{old}"));
    assert_eq!(
        told.output("command"),
        format!("fly deploy --app shop --image {pinned}")
    );
    assert_eq!(told.output("target"), pinned);
    assert!(told.notes().contains("fly.toml"), "{}", told.notes());
    // Nothing was asked that the list does not have.
    let listed = Repo::none().dry_run(&["--platform=fly", "--list-calls"]);
    listed.is(0, &["api.machines.dev", "the image's registry"]);
    assert_eq!(*asked.lock().unwrap(), ["GET /v1/apps/shop/machines", "POST /graphql"]);
    for call in ["GET /v1/apps/{app}/machines:", "POST /graphql:"] {
        assert!(listed.notes().contains(call), "{}", listed.notes());
    }
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
        let (address, _) = app(&current, &[newest, (1, "complete", image)]).start();
        dry_run_at(&address, &registry.host(), &[])
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
            "1 release before the current one of shop have the same image",
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
    let now = "registry.fly.io/shop:d3";
    for (refuses, says) in [
        (
            "HTTP/1.1 401 X\r\nContent-Length: 0\r\n\r\n",
            "refuses the token of FLY_API_TOKEN (401)",
        ),
        (
            "HTTP/1.1 429 X\r\nRetry-After: 900\r\nContent-Length: 0\r\n\r\n",
            "limits requests (429); it asks to wait 15m",
        ),
        (
            "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
            "answered with status 503",
        ),
        ("HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n<html>", "cannot be read"),
        ("", "cannot be asked [reset]"),
    ] {
        let fly = Fly {
            refuses: Some(refuses),
            ..app(now, &[])
        };
        dry_run(fly, &[]).is(4, &[says]);
    }
    dry_run_at(&format!("http://127.0.0.1:{}", free_port()), "registry.fly.io", &[])
        .is(4, &["cannot be asked [refused]"]);
    // A token goes nowhere without TLS.
    dry_run_at("http://192.0.2.1", "registry.fly.io", &[]).is(4, &["is not an https:// URL"]);
    let repo = Repo::none();
    repo.dry_run(&["--app=shop"])
        .is(4, &["FLY_API_TOKEN is not set or empty", "fly tokens create readonly"]);
    repo.dry_run(&["--app=Shop!"]).is(2, &["is not the name of an app"]);
    repo.dry_run(&["--platform=fly"]).is(2, &["needs the name of the app"]);
    let (address, _) = app(now, &[]).start();
    let env = [
        ("OTHER", PASSWORD),
        ("FLY_API_BASE_URL", &*address),
        ("FLY_FLAPS_BASE_URL", &*address),
    ];
    let args = ["--app=gone", "--platform-token-env=OTHER"];
    repo.dry_run_with(repo.root(), &args, &env)
        .is(1, &["has no such app, or does not show it to the token of OTHER"]);
}
