//! Platform `vercel`, against a stand-in for its REST API.

use serde_json::{Value, json};

use crate::platform::{Answer, Api, Asked, Standing, example, no, ok};
use crate::repo::{Repo, Told};

const API: Api = Api {
    platform: "vercel",
    routes: &[
        ("GET", "/v9/projects/{project}", &["teamId", "slug"]),
        (
            "GET",
            "/v7/deployments",
            &["projectId", "target", "limit", "until", "teamId", "slug"],
        ),
        ("GET", "/v13/deployments/{deployment}", &["teamId", "slug"]),
    ],
    headers: &[],
    token_env: "VERCEL_TOKEN",
    address_envs: &["VERCEL_API_BASE_URL"],
    env: &[],
};

/// A production deployment: id, commit (none if empty), state.
type Deployment = (&'static str, &'static str, &'static str);

#[derive(Clone)]
struct Vercel {
    /// Newest first.
    deployments: Vec<Deployment>,
    current: &'static str,
    project: Value,
    /// A deployment, and what is answered for it.
    kept: Option<(&'static str, Answer)>,
    page: usize,
}

/// With the deployments given; `current` has the traffic.
fn shop(current: &'static str, deployments: &[Deployment]) -> Vercel {
    Vercel {
        deployments: deployments.to_vec(),
        current,
        project: json!({}),
        kept: None,
        page: 100,
    }
}

impl Vercel {
    /// In lists, the id is `uid`.
    fn deployment(&self, place: usize, id_name: &str) -> Value {
        let (id, commit, state) = self.deployments[place];
        let (state, substate) = state.split_once(' ').unwrap_or((state, ""));
        let meta = if commit.is_empty() {
            json!({})
        } else {
            json!({"githubCommitSha": commit})
        };
        let mut value = json!({"url": "shop.vercel.app", "readyState": state, "createdAt": 1_793_000_000_000_u64 - place as u64,
            "plan": "pro", "meta": meta, "target": "production"});
        value[id_name] = id.into();
        if !substate.is_empty() {
            value["readySubstate"] = substate.into();
        }
        value
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.deployments.iter().position(|(other, ..)| *other == id)
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if asked.query.get("slug").is_none_or(|team| team != "acme") {
            return no(403);
        }
        match asked.route {
            "/v9/projects/{project}" if asked.values[0] != "shop" => no(404),
            "/v9/projects/{project}" => {
                let current = self.place(self.current).map(|place| self.deployment(place, "id"));
                let mut project = json!({"id": "prj_1", "name": "shop", "targets": {"production": current}, "lastAliasRequest": null});
                for (name, value) in self.project.as_object().unwrap() {
                    project[name] = value.clone();
                }
                if let Some(plan) = self.project.get("plan") {
                    project["targets"]["production"]["plan"] = plan.clone();
                }
                ok(project)
            }
            "/v7/deployments" => {
                assert_eq!(
                    [&*asked.query["projectId"], &*asked.query["target"]],
                    ["prj_1", "production"]
                );
                let from: usize = asked.query.get("until").map_or(0, |until| until.parse().unwrap());
                let to = self.deployments.len().min(from + self.page);
                let page: Vec<Value> = (from..to).map(|place| self.deployment(place, "uid")).collect();
                let next = (to < self.deployments.len()).then_some(to);
                ok(json!({"deployments": page, "pagination": {"count": page.len(), "next": next, "prev": null}}))
            }
            _ => match &self.kept {
                Some((id, answer)) if asked.values[0] == *id => answer.clone(),
                _ => self
                    .place(&asked.values[0])
                    .map_or(no(404), |place| ok(self.deployment(place, "id"))),
            },
        }
    }

    fn start(self) -> Standing {
        API.start(move |asked| self.answer(asked))
    }

    fn dry_run(self, more: &[&str]) -> Told {
        let args = [&["--platform=vercel", "--project=shop", "--team=acme"], more].concat();
        self.start().dry_run(&args)
    }
}

const GOOD: [Deployment; 2] = [("dpl_2", "b", "READY PROMOTED"), ("dpl_1", "a", "READY PROMOTED")];

#[test]
fn the_newest_deployment_with_another_commit_is_the_way_back() {
    let standing = shop(
        "dpl_5",
        &[
            ("dpl_6", "f", "ERROR"),
            ("dpl_5", "e", "READY PROMOTED"),
            ("dpl_4", "e", "READY PROMOTED"),
            ("dpl_3", "d", "READY STAGED"),
            ("dpl_2", "b", "READY PROMOTED"),
        ],
    )
    .start();
    let told = standing.dry_run(&[&example("vercel")]);
    told.is(0, &["dpl_2 (READY)", "3 deployments back"]);
    assert_eq!(told.output("command"), "vercel rollback dpl_2 --yes --scope acme");
    assert_eq!(told.output("target"), "dpl_2");
    for part in ["environment variables and cron jobs", "until `vercel promote`"] {
        assert!(told.notes().contains(part), "{}", told.notes());
    }
    standing.was_asked_what_is_listed();
    assert_eq!(standing.count(), 4);
}

#[test]
fn older_pages_are_asked_for_until_there_is_one() {
    let deployments = [&[GOOD[0]; 1][..], &[("dpl_b", "b", "READY PROMOTED"); 5], &[GOOD[1]]].concat();
    let paged = Vercel {
        page: 2,
        ..shop("dpl_2", &deployments)
    };
    paged.dry_run(&[]).is(0, &["dpl_1 (READY)", "6 deployments back"]);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    for (current, deployments, args, code, says) in [
        (
            "dpl_2",
            &GOOD[..1],
            &[][..],
            "no-previous-release",
            "has no deployment before the current one",
        ),
        (
            "dpl_2",
            &[GOOD[0], ("dpl_1", "a", "ERROR")],
            &[],
            "previous-not-good",
            "the newest of them, dpl_1, ended as `ERROR`",
        ),
        (
            "dpl_2",
            &[GOOD[0], ("dpl_1", "a", "READY STAGED")],
            &[],
            "previous-not-good",
            "never had production traffic",
        ),
        (
            "dpl_2",
            &[GOOD[0], ("dpl_1", "b", "READY")],
            &[],
            "same-artifact",
            "has the same commit",
        ),
        (
            "dpl_2",
            &[("dpl_3", "c", "BUILDING"), GOOD[0], GOOD[1]],
            &[],
            "rollout-in-progress",
            "dpl_3 is under way",
        ),
        (
            "dpl_2",
            &[("dpl_2", "b", "READY ROLLING"), GOOD[1]],
            &[],
            "rollout-in-progress",
            "dpl_2 is under way",
        ),
        (
            "none",
            &GOOD,
            &[],
            "no-release",
            "no deployment of shop has production traffic",
        ),
        (
            "dpl_2",
            &GOOD,
            &["--to-release=dpl_7"],
            "no-such-release",
            "no deployment dpl_7 among its newest 2",
        ),
    ] {
        let told = shop(current, deployments).dry_run(args);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{}", told.text);
        assert_eq!(told.output("command"), "");
    }
    let with = |project: Value| Vercel {
        project,
        ..shop("dpl_2", &GOOD)
    };
    with(json!({"lastAliasRequest": {"jobStatus": "in-progress", "type": "rollback"}}))
        .dry_run(&[])
        .is(1, &["a rollback or promotion of shop is under way"]);
    with(json!({"paused": true}))
        .dry_run(&[])
        .is(0, &["the project shop is paused", "pass-weak"]);
    with(json!({"plan": "hobby"})).dry_run(&[]).is(0, &["dpl_1 (READY)"]);
    let further = [GOOD[0], ("dpl_1b", "b", "READY PROMOTED"), GOOD[1]];
    Vercel {
        project: json!({"plan": "hobby"}),
        ..shop("dpl_2", &further)
    }
    .dry_run(&[])
    .is(0, &["dpl_1 is further back than the plan Hobby allows", "pass-weak"]);
    shop("dpl_2", &GOOD)
        .start()
        .dry_run(&["--platform=vercel", "--project=gone", "--team=acme"])
        .is(1, &["gone: Vercel has no such project"]);
}

#[test]
fn a_deployment_that_is_gone_or_unknown_is_no_way_back() {
    let kept = |answer| Vercel {
        kept: Some(("dpl_1", answer)),
        ..shop("dpl_2", &GOOD)
    };
    kept(no(404))
        .dry_run(&[])
        .is(1, &["Vercel no longer has the deployment dpl_1"]);
    kept(no(410))
        .dry_run(&[])
        .is(1, &["Vercel no longer has the deployment dpl_1"]);
    let deleted = json!({"id": "dpl_1", "readyState": "DELETED", "createdAt": 1});
    kept(ok(deleted)).dry_run(&[]).is(1, &["artifact-gone"]);
    kept(no(403))
        .dry_run(&[])
        .is(4, &["refuses the token of VERCEL_TOKEN (403)"]);
}

#[test]
fn the_commits_of_deployments_tell_how_far_back_it_is() {
    let repo = Repo::with_releases();
    let commit = |name: &str| &*repo.id(name).leak();
    let deployments = [
        ("dpl_2", commit("HEAD"), "READY PROMOTED"),
        ("dpl_1", commit("v1"), "READY PROMOTED"),
    ];
    let standing = shop("dpl_2", &deployments).start();
    API.dry_run_in(
        &repo,
        &standing.address,
        &["--platform=vercel", "--project=shop", "--team=acme"],
        &[],
    )
    .is(0, &["2 commits back"]);
}

#[test]
fn what_vercel_does_not_say_is_unknown() {
    API.says_nothing(&["--platform=vercel", "--project=shop"]);
    let standing = shop("dpl_2", &GOOD).start();
    standing
        .dry_run(&["--platform=vercel", "--project=shop"])
        .is(4, &["(403)"]);
    standing
        .dry_run(&["--platform=vercel"])
        .is(2, &["needs the name of the project"]);
}
