//! Platform `cloudflare`, against a stand-in for the part of its API about Workers.

use serde_json::{Value, json};

use crate::platform::{Answer, Api, Asked, Standing, example, no, ok};
use crate::repo::Told;

const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
const API: Api = Api {
    platform: "cloudflare",
    routes: &[
        (
            "GET",
            "/accounts/{account}/workers/scripts/{worker}/deployments",
            &["page"],
        ),
        (
            "GET",
            "/accounts/{account}/workers/scripts/{worker}/versions/{version}",
            &[],
        ),
        (
            "GET",
            "/accounts/{account}/workers/scripts/{worker}/versions",
            &["deployable"],
        ),
    ],
    headers: &[],
    token_env: "CLOUDFLARE_API_TOKEN",
    address_envs: &["CLOUDFLARE_API_BASE_URL"],
    env: &[("CLOUDFLARE_ACCOUNT_ID", ACCOUNT)],
};

#[derive(Clone, Default)]
struct Cloudflare {
    /// Newest first, each the versions with their parts of the traffic.
    deployments: Vec<Vec<(&'static str, u8)>>,
    /// A version, and what is answered for it.
    kept: Option<(&'static str, u16)>,
    /// Is kept, but no longer deployed.
    too_old: Option<&'static str>,
    /// How many deployments are in one answer.
    page: usize,
}

fn worker(deployments: &[&[(&'static str, u8)]]) -> Cloudflare {
    Cloudflare {
        deployments: deployments.iter().map(|versions| versions.to_vec()).collect(),
        page: 10,
        ..Cloudflare::default()
    }
}

impl Cloudflare {
    fn answer(&self, asked: &Asked) -> Answer {
        let failed = |status| {
            (
                status,
                json!({"success": false, "result": null, "errors": [{"code": 10007}]}),
                Vec::new(),
            )
        };
        let result = |result: Value| ok(json!({"success": true, "errors": [], "messages": [], "result": result}));
        if [&*asked.values[0], &*asked.values[1]] != [ACCOUNT, "shop-staging"] {
            return failed(404);
        }
        match asked.route.rsplit('/').next().unwrap() {
            "deployments" => {
                let page: usize = asked.query.get("page").map_or(1, |page| page.parse().unwrap());
                let all = self.deployments.iter().enumerate();
                let shown = all.skip((page - 1) * self.page).take(self.page).map(|(place, versions)| {
                    let share = |(id, percentage): &(&str, u8)| json!({"version_id": id, "percentage": percentage});
                    json!({"id": format!("d{place}"), "created_on": format!("2026-11-01T12:{:02}:00.5Z", 59 - place),
                        "source": "wrangler", "strategy": "percentage", "versions": versions.iter().map(share).collect::<Value>()})
                });
                result(json!({"deployments": shown.collect::<Value>()}))
            }
            "versions"
                if asked
                    .query
                    .get("deployable")
                    .is_none_or(|deployable| deployable != "true") =>
            {
                no(400)
            }
            "versions" => {
                let ids = self.deployments.iter().flatten().map(|(id, _)| *id);
                let items = ids
                    .filter(|id| self.too_old != Some(id))
                    .map(|id| json!({"id": id, "number": 1}));
                result(json!({"items": items.collect::<Value>()}))
            }
            _ => match self.kept {
                Some((version, status)) if asked.values[2] == version => failed(status),
                _ => result(json!({"id": asked.values[2], "resources": {}})),
            },
        }
    }

    fn start(self) -> Standing {
        API.start(move |asked| self.answer(asked))
    }

    fn dry_run(self, more: &[&str]) -> Told {
        let args = [&["--worker=shop-staging"], more].concat();
        self.start().dry_run(&args)
    }
}

#[test]
fn the_newest_version_that_had_all_of_the_traffic_is_the_way_back() {
    let standing = worker(&[
        &[("c", 100)],
        &[("c", 50), ("b", 50)],
        &[("b", 10), ("a", 90)],
        &[("a", 100)],
    ])
    .start();
    let told = standing.dry_run(&[&example("cloudflare")]);
    told.is(0, &["a (had 100 %)", "3 versions back"]);
    assert_eq!(
        told.output("command"),
        "npx wrangler rollback a --name shop-staging --message Rollback --yes"
    );
    assert_eq!(told.output("target"), "a");
    for part in ["KV, D1, R2", "bindings", "secrets changed since"] {
        assert!(told.notes().contains(part), "{}", told.notes());
    }
    standing.was_asked_what_is_listed();
    assert_eq!(standing.count(), 4);
}

#[test]
fn older_pages_are_asked_for_until_there_is_one() {
    let now: &[(&str, u8)] = &[("b", 100)];
    let paged = Cloudflare {
        page: 2,
        ..worker(&[now, now, now, now, now, &[("a", 100)]])
    };
    paged.dry_run(&[]).is(0, &["a (had 100 %)", "5 versions back"]);
    // A server that ignores pages is not asked for ever.
    let standing = API.start(|asked| {
        let whole = worker(&[&[("b", 100)], &[("b", 100)]]);
        whole.answer(&Asked {
            query: Default::default(),
            values: asked.values.clone(),
            headers: Default::default(),
            body: Value::Null,
            ..*asked
        })
    });
    standing.dry_run(&["--worker=shop-staging"]).is(1, &["same code"]);
    assert_eq!(standing.count(), 2);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    for (deployments, args, code, says) in [
        (
            &[&[("b", 100)][..]][..],
            &[][..],
            "no-previous-release",
            "has no version before the current one",
        ),
        (
            &[&[("b", 100)], &[("b", 50), ("a", 50)]],
            &[],
            "previous-not-good",
            "had a part of the traffic",
        ),
        (
            &[&[("b", 100)], &[("b", 100)]],
            &[],
            "same-artifact",
            "1 version before the current one of shop-staging has the same code",
        ),
        (
            &[&[("b", 90), ("a", 10)], &[("a", 100)]],
            &[],
            "rollout-in-progress",
            "is split: 90 % to b, 10 % to a",
        ),
        (&[], &[], "no-release", "no version of shop-staging is deployed"),
        (
            &[&[("b", 100)], &[("a", 100)]],
            &["--to-release=z"],
            "no-such-release",
            "no version z among its newest 2",
        ),
    ] {
        let told = worker(deployments).dry_run(args);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{}", told.text);
        assert_eq!(told.output("command"), "");
    }
    let gone_back = [&[("a", 100)][..], &[("b", 100)], &[("a", 100)], &[("z", 100)]];
    worker(&gone_back)
        .dry_run(&[])
        .is(0, &["z (had 100 %)", "gone back from"]);
    worker(&[])
        .start()
        .dry_run(&["--worker=gone"])
        .is(1, &["gone: Cloudflare has no such Worker"]);
}

#[test]
fn a_version_that_is_gone_or_unknown_is_no_way_back() {
    let two = || worker(&[&[("b", 100)], &[("a", 100)]]);
    let kept = |kept| Cloudflare {
        kept: Some(kept),
        ..two()
    };
    kept(("a", 404))
        .dry_run(&[])
        .is(1, &["Cloudflare no longer has the version a"]);
    kept(("a", 403))
        .dry_run(&[])
        .is(4, &["refuses the token of CLOUDFLARE_API_TOKEN (403)"]);
    let old = Cloudflare {
        too_old: Some("a"),
        ..two()
    };
    old.dry_run(&[])
        .is(1, &["Cloudflare has the version a, and no longer deploys it"]);
}

#[test]
fn what_cloudflare_does_not_say_is_unknown() {
    API.says_nothing(&["--worker=shop-staging"]);
    let without = Api { env: &[], ..API }.start(|_| no(500));
    without
        .dry_run(&["--worker=shop-staging"])
        .is(4, &["neither --account nor CLOUDFLARE_ACCOUNT_ID names the account"]);
    API.start(|_| no(400))
        .dry_run(&["--worker=shop-staging"])
        .is(4, &["does not understand the request (400)"]);
    let account = format!("--account={ACCOUNT}");
    let given = Api { env: &[], ..API }.start(|asked| worker(&[&[("b", 100)], &[("a", 100)]]).answer(asked));
    given.dry_run(&["--worker=shop-staging", &account]).is(0, &[]);
    given
        .dry_run(&["--platform=cloudflare"])
        .is(2, &["needs the name of the Worker"]);
    given.dry_run(&["--worker=a/b"]).is(2, &["`a/b` is not a valid name"]);
}
