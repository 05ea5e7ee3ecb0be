//! Platform `heroku`, against a stand-in for its Platform API.

use serde_json::{Value, json};

use crate::platform::{Answer, Api, Asked, Standing, example, no, ok};
use crate::repo::{Repo, Told};

const API: Api = Api {
    platform: "heroku",
    routes: &[
        ("GET", "/apps/{app}", &[]),
        ("GET", "/apps/{app}/releases", &[]),
        ("GET", "/apps/{app}/slugs/{slug}", &[]),
        ("GET", "/apps/{app}/oci-images/{image}", &[]),
    ],
    headers: &[("accept", "application/vnd.heroku+json; version=3")],
    token_env: "HEROKU_API_KEY",
    address_envs: &["HEROKU_HOST"],
    env: &[],
};

/// What Heroku knows: releases, newest first, and which slugs are gone.
#[derive(Clone, Default)]
struct Heroku {
    releases: Vec<Value>,
    maintenance: bool,
    /// A slug, and what is answered for it.
    slug: Option<(&'static str, u16)>,
}

/// Version, slug (none if empty), status.
fn release((version, slug, status): (u64, &str, &str), current: u64) -> Value {
    let slug = if slug.is_empty() {
        Value::Null
    } else {
        json!({"id": slug})
    };
    json!({"id": "01234567", "version": version, "status": status, "current": version == current, "slug": slug,
        "created_at": "2026-11-01T12:00:00Z", "description": "Deploy", "addon_plan_names": [], "eligible_for_rollback": true})
}

/// The first that is given is the newest.
fn app(current: u64, releases: &[(u64, &str, &str)]) -> Heroku {
    Heroku {
        releases: releases.iter().map(|it| release(*it, current)).collect(),
        ..Heroku::default()
    }
}

impl Heroku {
    fn start(self) -> Standing {
        API.start(move |asked| self.answer(asked))
    }

    fn answer(&self, asked: &Asked) -> Answer {
        if asked.values[0] != "shop-staging" {
            return no(404);
        }
        match asked.route {
            "/apps/{app}" => ok(json!({"name": "shop-staging", "maintenance": self.maintenance})),
            "/apps/{app}/releases" => self.page(&asked.headers["range"]),
            _ => match self.slug {
                Some((slug, status)) if asked.values[1] == slug => no(status),
                _ => {
                    ok(json!({"id": asked.values[1], "blob": {"method": "get", "url": "https://slugs.example/?sig=x"}}))
                }
            },
        }
    }

    /// 200 releases, and where the next begin.
    fn page(&self, range: &str) -> Answer {
        let (from, rest) = range.split_once("..; ").unwrap();
        assert_eq!(rest, "max=200, order=desc", "{range}");
        let from: usize = from.strip_prefix("version ").unwrap().trim().parse().unwrap_or(0);
        let page: Value = self.releases.iter().skip(from).take(200).cloned().collect();
        match from + 200 < self.releases.len() {
            true => (
                206,
                page,
                vec![("Next-Range", format!("version {}..; max=200, order=desc", from + 200))],
            ),
            false => ok(page),
        }
    }

    fn dry_run(self, more: &[&str]) -> Told {
        let args = [&["--platform=heroku", "--app=shop-staging"], more].concat();
        self.start().dry_run(&args)
    }
}

#[test]
fn the_newest_good_release_with_another_slug_is_the_way_back() {
    let standing = app(
        5,
        &[
            (6, "d", "failed"),
            (5, "c", "succeeded"),
            (4, "c", "succeeded"),
            (3, "b", "failed"),
            (2, "a", "succeeded"),
            (1, "", "succeeded"),
        ],
    )
    .start();
    let told = standing.dry_run(&[&example("heroku")]);
    told.is(0, &["v2 (succeeded)", "3 releases back", "v5 (slug c)"]);
    assert_eq!(told.output("command"), "heroku releases:rollback v2 --app shop-staging");
    assert_eq!(told.output("target"), "v2");
    for part in ["config vars: the rollback restores", "the release command", "add-ons"] {
        assert!(told.notes().contains(part), "{}", told.notes());
    }
    assert!(
        !told.notes().contains("they keep their current values"),
        "{}",
        told.notes()
    );
    standing.was_asked_what_is_listed();
    assert_eq!(standing.count(), 4);
}

#[test]
fn what_was_gone_back_from_is_left_out() {
    let releases = [
        (4, "a", "succeeded"),
        (3, "b", "succeeded"),
        (2, "a", "succeeded"),
        (1, "z", "succeeded"),
    ];
    app(4, &releases)
        .dry_run(&[])
        .is(0, &["v1 (succeeded)", "gone back from"]);
    app(4, &releases)
        .dry_run(&["--to-release=v3"])
        .is(0, &["v3 (succeeded)"]);
    app(4, &releases[..3])
        .dry_run(&[])
        .is(1, &["v3, ended as `succeeded, and was gone back from`"]);
}

#[test]
fn older_pages_are_asked_for_until_there_is_one() {
    let mut releases: Vec<_> = (2..=450).rev().map(|version| (version, "now", "succeeded")).collect();
    releases.push((1, "old", "succeeded"));
    let standing = app(450, &releases).start();
    let told = standing.dry_run(&["--platform=heroku", "--app=shop-staging"]);
    told.is(0, &["v1 (succeeded)", "449 releases back"]);
    assert_eq!(standing.count(), 6);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let good = [(2, "b", "succeeded"), (1, "a", "succeeded")];
    for (current, releases, args, code, says) in [
        (
            1,
            &[(1, "a", "succeeded")][..],
            &[][..],
            "no-previous-release",
            "has no release before the current one",
        ),
        (
            2,
            &[(2, "b", "succeeded"), (1, "a", "failed")],
            &[],
            "previous-not-good",
            "the newest of them, v1, ended as `failed`",
        ),
        (
            2,
            &[(2, "b", "succeeded"), (1, "", "succeeded")],
            &[],
            "previous-not-good",
            "ended as `succeeded, without code`",
        ),
        (
            2,
            &[(2, "b", "succeeded"), (1, "b", "succeeded")],
            &[],
            "same-artifact",
            "1 release before the current one of shop-staging has the same slug",
        ),
        (
            1,
            &[(2, "b", "pending"), (1, "a", "succeeded")],
            &[],
            "rollout-in-progress",
            "release command of the newest release of shop-staging is running",
        ),
        (
            7,
            &good,
            &[],
            "no-release",
            "no release of shop-staging is the current one",
        ),
        (
            1,
            &[(1, "", "succeeded")],
            &[],
            "no-release",
            "the current release of shop-staging, v1, has no code",
        ),
        (
            2,
            &good,
            &["--to-release=v7"],
            "no-such-release",
            "no release v7 among its newest 2",
        ),
        (
            2,
            &good,
            &["--to-release=v2"],
            "same-artifact",
            "has the slug that runs now",
        ),
        (
            2,
            &[(2, "b", "succeeded"), (1, "a", "failed")],
            &["--to-release=v1"],
            "previous-not-good",
            "v1 of shop-staging ended as `failed`",
        ),
    ] {
        let told = app(current, releases).dry_run(args);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{}", told.text);
        assert_eq!(told.output("command"), "");
    }
    let mut two = app(2, &good);
    two.releases[1]["current"] = true.into();
    two.dry_run(&[])
        .is(1, &["several releases of shop-staging the current one: v2, v1"]);
    let mut expired = app(2, &good);
    expired.releases[1]["eligible_for_rollback"] = false.into();
    expired.dry_run(&[]).is(1, &["ended as `expired`"]);
    let maintained = Heroku {
        maintenance: true,
        ..app(2, &good)
    };
    maintained
        .dry_run(&[])
        .is(0, &["shop-staging is in maintenance mode", "pass-weak"]);
    let gone = ["--platform=heroku", "--app=gone"];
    app(2, &good)
        .start()
        .dry_run(&gone)
        .is(1, &["gone: Heroku has no such app, or does not show it to the token"]);
}

#[test]
fn a_slug_that_is_gone_or_unknown_is_no_way_back() {
    let slug = |slug| Heroku {
        slug: Some(slug),
        ..app(2, &[(2, "b", "succeeded"), (1, "a", "succeeded")])
    };
    slug(("a", 404))
        .dry_run(&[])
        .is(1, &["Heroku no longer has the slug of v1", "artifact-gone"]);
    slug(("a", 403))
        .dry_run(&[])
        .is(4, &["refuses the token of HEROKU_API_KEY (403)"]);
    slug(("a", 500)).dry_run(&[]).is(4, &["answered with status 500"]);
    // What runs is certainly there.
    let mut both = app(2, &[(2, "x", "succeeded"), (1, "a", "succeeded")]);
    both.slug = Some(("a", 404));
    let standing = API.start(move |asked| match asked.route {
        "/apps/{app}/slugs/{slug}" => no(404),
        _ => both.answer(asked),
    });
    standing
        .dry_run(&["--platform=heroku", "--app=shop-staging"])
        .is(4, &["finds neither the slug of v1 nor the one that runs now"]);
    // Apps of the generation Fir have images.
    let mut fir = app(2, &[(2, "", "succeeded"), (1, "", "succeeded")]);
    for release in &mut fir.releases {
        release["oci_image"] = json!({"id": format!("image-{}", release["version"])});
    }
    fir.dry_run(&[]).is(0, &["v1 (succeeded)", "image image-1"]);
}

/// A slug names the commit that it was built from.
#[test]
fn the_commits_of_slugs_tell_how_far_back_it_is() {
    let repo = Repo::with_releases();
    let commits = [("a", repo.id("v1")), ("b", repo.id("HEAD"))];
    let heroku = app(2, &[(2, "b", "succeeded"), (1, "a", "succeeded")]);
    let standing = API.start(move |asked| {
        match commits
            .iter()
            .find(|(slug, _)| asked.values.get(1) == Some(&(*slug).to_owned()))
        {
            Some((slug, commit)) => ok(json!({"id": slug, "commit": commit})),
            None => heroku.answer(asked),
        }
    });
    let args = ["--platform=heroku", "--app=shop-staging", "--migrations=app"];
    let told = API.dry_run_in(&repo, &standing.address, &args, &[]);
    told.is(0, &["2 commits back", "pass-weak"]);
}

#[test]
fn what_heroku_does_not_say_is_unknown() {
    API.says_nothing(&["--platform=heroku", "--app=shop-staging"]);
    let standing = app(1, &[]).start();
    standing
        .dry_run(&["--platform=heroku"])
        .is(2, &["needs the name of the app"]);
    standing
        .dry_run(&["--platform=heroku", "--app=a b"])
        .is(2, &["`a b` is not a valid name"]);
}
