//! Platform `cloud-run`, against a stand-in for the APIs of Cloud Run and IAM, which holds requests and answers to the shapes of
//! the API (`google.json`, taken from `run.v2` in google-api-python-client 2.202.0, Apache-2.0), and a real registry.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::platform::{Answer, Api, Asked, Standing, example, no, ok};
use crate::registry::{PASSWORD, Registry};
use crate::repo::{Repo, Told};
use crate::shapes::{Shapes, misfit};

const SERVICE: &str = "/v2/projects/{project}/locations/{region}/services/{service}";
const REVISIONS: &str = "/v2/projects/{project}/locations/{region}/services/{service}/revisions";
const MAY: &str = "/v2/projects/{project}/locations/{region}/services/{service}:testIamPermissions";
const MAY_ACT: &str = "/v1/projects/-/serviceAccounts/{account}:testIamPermissions";
const ACCOUNT: &str = "shop@acme-staging.iam.gserviceaccount.com";
/// Queries that each method takes, by the discovery document `run.v2`, of those that stageproof has a use for.
const API: Api = Api {
    platform: "cloud-run",
    routes: &[
        ("GET", SERVICE, &[]),
        ("GET", REVISIONS, &["pageSize", "pageToken", "showDeleted"]),
        ("POST", MAY, &[]),
        ("POST", MAY_ACT, &[]),
    ],
    headers: &[],
    token_env: "CLOUDSDK_AUTH_ACCESS_TOKEN",
    address_envs: &[
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM",
    ],
    env: &[],
};
const NAMED: [&str; 4] = [
    "--platform=cloud-run",
    "--service=shop",
    "--region=europe-west1",
    "--project=acme-staging",
];

static SHAPES: LazyLock<Shapes> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../support/google.json")).unwrap());

/// What Google knows.
#[derive(Clone)]
struct Google {
    service: Value,
    /// Newest first.
    revisions: Vec<Value>,
    granted: Vec<&'static str>,
    acts: bool,
    /// Revisions in one answer.
    page: usize,
    /// A route, and what is answered instead.
    refuses: Option<(&'static str, u16, &'static str)>,
}

fn full(revision: &str) -> String {
    format!("projects/acme-staging/locations/europe-west1/services/shop/revisions/{revision}")
}

fn digest(c: char) -> String {
    format!("sha256:{}", c.to_string().repeat(64))
}

fn condition(kind: &str, state: &str) -> Value {
    json!({"type": kind, "state": state, "lastTransitionTime": "2026-11-01T12:00:00.000001Z"})
}

/// A revision with one container, by the name of its image and its digest.
fn revision(name: &str, image: &str, digest: &str) -> Value {
    json!({"name": full(name), "uid": "x", "generation": "1", "createTime": "2026-11-01T12:00:00.123456Z",
        "service": "shop", "serviceAccount": ACCOUNT, "timeout": "300s", "maxInstanceRequestConcurrency": 80,
        "scaling": {"maxInstanceCount": 3}, "observedGeneration": "1",
        "containers": [{"name": "shop-1", "image": format!("{image}:latest"), "env": [{"name": "MODE", "value": "staging"}],
            "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "cpuIdle": true}, "ports": [{"containerPort": 8080}]}],
        "containerStatuses": [{"name": "shop-1", "imageDigest": format!("{image}@{digest}")}],
        "conditions": [condition("Ready", "CONDITION_SUCCEEDED"), condition("ContainerHealthy", "CONDITION_SUCCEEDED"),
            json!({"type": "Active", "state": "CONDITION_FAILED", "severity": "INFO", "revisionReason": "RETIRED"})]})
}

fn failed(name: &str, c: char) -> Value {
    let mut revision = revision(name, "r.example/shop", &digest(c));
    revision["conditions"] = json!([{"type": "Ready", "state": "CONDITION_FAILED", "revisionReason": "HEALTH_CHECK_CONTAINER_ERROR",
        "message": "The user-provided container failed to start"}]);
    revision
}

/// The traffic follows the newest revision that is ready.
fn shop(revisions: Vec<Value>) -> Google {
    let newest = revisions
        .first()
        .map_or(Value::Null, |revision| revision["name"].clone());
    let latest = json!([{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}]);
    Google {
        service: json!({"name": "projects/acme-staging/locations/europe-west1/services/shop", "uid": "x", "generation": "7",
            "observedGeneration": "7", "latestReadyRevision": newest, "latestCreatedRevision": newest,
            "template": {"serviceAccount": ACCOUNT}, "traffic": latest, "trafficStatuses": latest,
            "terminalCondition": condition("Ready", "CONDITION_SUCCEEDED"), "ingress": "INGRESS_TRAFFIC_ALL",
            "conditions": [condition("RoutesReady", "CONDITION_SUCCEEDED"), condition("ConfigurationsReady", "CONDITION_SUCCEEDED")]}),
        revisions,
        granted: vec!["run.services.get", "run.services.update"],
        acts: true,
        page: 100,
        refuses: None,
    }
}

/// shop-3 runs; shop-2 never started, and shop-1 ran before. Their images are in no registry.
fn three() -> Google {
    shop(vec![
        revision("shop-3", "r.example/shop", &digest('3')),
        failed("shop-2", '2'),
        revision("shop-1", "r.example/shop", &digest('1')),
    ])
}

fn refused(status: u16, name: &str, message: &str) -> Answer {
    (
        status,
        json!({"error": {"code": status, "message": message, "status": name}}),
        Vec::new(),
    )
}

impl Google {
    fn answer(&self, asked: &Asked) -> Answer {
        if let Some((route, status, name)) = self.refuses
            && route == asked.route
        {
            return refused(status, name, &format!("said by Google: {name}"));
        }
        match asked.route {
            MAY_ACT if asked.values != [ACCOUNT] => refused(403, "PERMISSION_DENIED", "no such account"),
            MAY_ACT if self.acts => tested(asked, &["iam.serviceAccounts.actAs"]),
            MAY_ACT => tested(asked, &[]),
            _ if asked.values != ["acme-staging", "europe-west1", "shop"] => {
                refused(404, "NOT_FOUND", "Resource 'shop' of kind 'SERVICE' does not exist.")
            }
            SERVICE => fit("Service", self.service.clone()),
            REVISIONS => self.list(asked),
            _ => tested(asked, &self.granted),
        }
    }

    fn list(&self, asked: &Asked) -> Answer {
        let size: usize = asked.query.get("pageSize").map_or(100, |size| size.parse().unwrap());
        let from: usize = match asked.query.get("pageToken").map(|token| token.strip_prefix("from/")) {
            None => 0,
            Some(Some(from)) => from.parse().unwrap(),
            Some(None) => return refused(400, "INVALID_ARGUMENT", "page token"),
        };
        let end = from + size.min(self.page);
        let shown: Value = self.revisions.iter().skip(from).take(end - from).cloned().collect();
        match end < self.revisions.len() {
            true => fit(
                "ListRevisionsResponse",
                json!({"revisions": shown, "nextPageToken": format!("from/{end}")}),
            ),
            false => fit("ListRevisionsResponse", json!({"revisions": shown})),
        }
    }

    fn start(self) -> Standing {
        API.start(move |asked| self.answer(asked))
    }

    fn dry_run(self, more: &[&str]) -> Told {
        self.start().dry_run(&[&NAMED, more].concat())
    }

    /// The traffic as it is told, revision and percent.
    fn with_traffic(mut self, shares: &[(&str, u8)]) -> Self {
        let share = |(revision, percent): &(&str, u8)| json!({"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "revision": revision, "percent": percent});
        self.service["trafficStatuses"] = shares.iter().map(share).collect();
        self
    }

    fn with_state(mut self, state: &str, message: &str) -> Self {
        self.service["terminalCondition"] = condition("Ready", state);
        self.service["terminalCondition"]["message"] = message.into();
        self
    }
}

/// An answer that the API can give.
fn fit(shape: &str, answer: Value) -> Answer {
    assert_eq!(misfit(&SHAPES, &answer, shape, "the answer"), None);
    ok(answer)
}

/// Those of the asked ones that are granted. Google takes neither other fields nor wildcards, and answers `{}` without any.
fn tested(asked: &Asked, granted: &[&str]) -> Answer {
    if let Some(wrong) = misfit(&SHAPES, &asked.body, "TestIamPermissionsRequest", "the body") {
        return refused(400, "INVALID_ARGUMENT", &wrong);
    }
    let asked = asked.body["permissions"].as_array().unwrap();
    let is_odd = |name: &Value| name.as_str().unwrap().contains('*');
    if asked.is_empty() || asked.iter().any(is_odd) {
        return refused(400, "INVALID_ARGUMENT", "permissions");
    }
    let is_granted = |name: &&Value| granted.iter().any(|granted| *name == granted);
    let has: Value = asked.iter().filter(is_granted).cloned().collect();
    let answer = if has == json!([]) {
        json!({})
    } else {
        json!({"permissions": has})
    };
    fit("TestIamPermissionsResponse", answer)
}

#[test]
fn the_newest_ready_revision_with_another_image_is_the_way_back() {
    let Some(registry) = Registry::start(false) else { return };
    let [commit_now, commit_then] = ["a".repeat(40), "b".repeat(40)];
    let (now, _) = registry.push("shop:v3", &commit_now, &["linux/amd64"]);
    let (then, _) = registry.push("shop:v1", &commit_then, &["linux/amd64", "linux/arm64"]);
    let image = registry.image("shop");
    let mut target = revision("shop-1", &image, &then);
    target["containers"][0]["env"] = json!([
        {"name": "DB", "valueSource": {"secretKeyRef": {"secret": "db-password", "version": "latest"}}},
        {"name": "API", "valueSource": {"secretKeyRef": {"secret": "api-key", "version": "4"}}},
    ]);
    let google = shop(vec![revision("shop-3", &image, &now), failed("shop-2", '2'), target]);
    let standing = google.start();
    let told = standing.dry_run(&[&example("cloud-run")]);
    told.is(
        0,
        &[
            "shop-1 (Ready)",
            "2 revisions back",
            "100 % to the latest revision",
            &format!("shop@{then}"),
        ],
    );
    assert_eq!(
        told.output("command"),
        "gcloud run services update-traffic shop --to-revisions shop-1=100 --region europe-west1 --project acme-staging"
    );
    assert_eq!(told.output("target"), "shop-1");
    for part in [
        "--to-latest --region europe-west1 --project acme-staging",
        "they keep their current values: db-password (latest)",
        "these versions of secrets: api-key (4)",
        "`validateOnly`",
        "there is no repository here",
    ] {
        assert!(told.notes().contains(part), "{part}: {}", told.notes());
    }
    standing.was_asked_what_is_listed();
    assert_eq!(standing.count(), 4);

    // Their order is that of the claims.
    assert_eq!(told.statuses(), ["passed"; 4]);
    let (other, _) = registry.push("shop:arm", "arm", &["linux/arm64"]);
    shop(vec![
        revision("shop-3", &image, &now),
        revision("shop-1", &image, &other),
    ])
    .dry_run(&[])
    .is(1, &["is for linux/arm64", "runs images for linux/amd64 only"]);
    registry.delete("shop", &then);
    let gone = standing.dry_run(&NAMED);
    gone.is(1, &[&then]);
    assert_eq!(gone.codes(), ["image-absent"], "{}", gone.text);
    assert_eq!(gone.output("command"), "");
}

#[test]
fn what_the_registry_does_not_say_is_unknown() {
    let Some(registry) = Registry::start(true) else { return };
    let (now, _) = registry.push("shop:v3", "now", &["linux/amd64"]);
    let (then, _) = registry.push("shop:v1", "then", &["linux/amd64"]);
    let image = registry.image("shop");
    let google = || {
        shop(vec![
            revision("shop-3", &image, &now),
            revision("shop-1", &image, &then),
        ])
    };
    google().dry_run(&[]).is(4, &["without credentials"]);
    let pair = format!("{}:{PASSWORD}", crate::registry::USER);
    let standing = google().start();
    let args = [&NAMED[..], &["--registry-auth-env=PAIR"]].concat();
    let repo = Repo::none();
    let env = [
        ("CLOUDSDK_AUTH_ACCESS_TOKEN", PASSWORD),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", &*standing.address),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", &*standing.address),
        ("PAIR", &*pair),
    ];
    repo.dry_run_with(repo.root(), &args, &env).is(0, &["1 image"]);
    // Nor what is deployed from source.
    let mut from_source = google();
    from_source.revisions[1]["containers"][0]["image"] = "scratch".into();
    from_source.revisions[1]["containerStatuses"] = json!([]);
    from_source
        .dry_run(&[])
        .is(4, &["does not tell the digest of the image `scratch` of shop-1"]);
    // Neither is found: the registry is not the one that Cloud Run pulls from.
    let elsewhere = registry.image("other");
    let lost = shop(vec![
        revision("shop-3", &elsewhere, &digest('3')),
        revision("shop-1", &elsewhere, &digest('1')),
    ]);
    let standing = lost.start();
    let env = [
        env[0],
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", &*standing.address),
        ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", &*standing.address),
        env[3],
    ];
    repo.dry_run_with(repo.root(), &args, &env).is(4, &["which runs now"]);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let one = |name: &str, c| revision(name, "r.example/shop", &digest(c));
    let stopped = || {
        let mut google = shop(vec![one("shop-3", '3')]);
        google.service["trafficStatuses"] = json!([]);
        google
    };
    let mut reconciling = three();
    reconciling.service["reconciling"] = true.into();
    for (google, args, code, says) in [
        (
            shop(vec![one("shop-3", '3')]),
            &[][..],
            "no-previous-release",
            "shop has no revision before the current one",
        ),
        (
            shop(vec![one("shop-3", '3'), failed("shop-2", '2')]),
            &[],
            "previous-not-good",
            "shop-2, ended as `not ready: HEALTH_CHECK_CONTAINER_ERROR`",
        ),
        (
            shop(vec![one("shop-3", '3'), one("shop-2", '3')]),
            &[],
            "same-artifact",
            "1 revision before the current one of shop has the same template",
        ),
        (
            three(),
            &["--to-release=shop-9"],
            "no-such-release",
            "no revision shop-9 among its newest 3",
        ),
        (
            three(),
            &["--to-release=shop-2"],
            "previous-not-good",
            "shop-2 of shop ended as",
        ),
        (
            three(),
            &["--to-release=shop-3"],
            "same-artifact",
            "has the template that runs now",
        ),
        (
            three().with_traffic(&[("shop-3", 90), (&full("shop-1"), 10)]),
            &[],
            "traffic-split",
            "the traffic of shop is split: 10 % to shop-1, 90 % to shop-3",
        ),
        (stopped(), &[], "no-release", "no revision of shop has traffic"),
        (
            three().with_state("CONDITION_RECONCILING", ""),
            &[],
            "rollout-in-progress",
            "a change of shop is in progress",
        ),
        (
            reconciling,
            &[],
            "rollout-in-progress",
            "a change of shop is in progress",
        ),
        (
            three().with_state("CONDITION_FAILED", "Revision 'shop-4' is not ready"),
            &[],
            "rollout-failed",
            "has failed, and the traffic stayed where it was: Revision 'shop-4' is not ready",
        ),
        (
            Google {
                granted: vec!["run.services.get"],
                ..three()
            },
            &[],
            "permission-denied",
            "the token of CLOUDSDK_AUTH_ACCESS_TOKEN may not update shop",
        ),
        (
            Google { acts: false, ..three() },
            &[],
            "permission-denied",
            &format!("may not act as {ACCOUNT}"),
        ),
    ] {
        let told = google.dry_run(args);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{}", told.text);
        assert_eq!(told.output("command"), "");
    }
    three()
        .start()
        .dry_run(&[
            "--platform=cloud-run",
            "--service=gone",
            "--region=europe-west1",
            "--project=acme-staging",
        ])
        .is(1, &["gone: Cloud Run has no such service", "Resource 'shop' of kind"]);
}

#[test]
fn the_traffic_and_a_named_revision_are_told() {
    let Some(registry) = Registry::start(false) else { return };
    let image = registry.image("shop");
    let each: Vec<Value> = ["4", "3", "2", "1"]
        .iter()
        .map(|at| {
            let (digest, _) = registry.push(&format!("shop:v{at}"), at, &["linux/amd64"]);
            revision(&format!("shop-{at}"), &image, &digest)
        })
        .collect();
    // After a rollback to shop-2, the newer ones get no traffic.
    let pinned = || shop(each.clone()).with_traffic(&[("shop-2", 100)]);
    let told = pinned().dry_run(&[]);
    told.is(
        0,
        &[
            "shop-1 (Ready)",
            "1 revision back",
            "the newer revision shop-4 gets none",
        ],
    );
    assert_eq!(told.codes(), ["traffic-pinned"], "{}", told.text);
    assert!(told.notes().contains("release names its commit"), "{}", told.notes());
    // The label of a revision names its commit where the image does not.
    let mut labelled = pinned();
    for (revision, c) in labelled.revisions.iter_mut().zip('a'..) {
        revision["labels"] = json!({"commit-sha": c.to_string().repeat(40)});
    }
    let told = labelled.dry_run(&[]);
    assert!(told.notes().contains("there is no repository here"), "{}", told.notes());
    let told = pinned().dry_run(&["--to-release=shop-3", "--rollback-command=./traffic {release}"]);
    told.is(0, &["newer than the current one"]);
    assert_eq!(told.output("command"), "./traffic shop-3");
    // The one with all of the traffic may have a tag besides, and be the newest by its name.
    let told = shop(each.clone())
        .with_traffic(&[("shop-4", 60), ("shop-4", 40), ("shop-1", 0)])
        .dry_run(&[]);
    told.is(0, &["100 % to this revision by its name", "shop-3 (Ready)"]);
    assert_eq!(told.codes(), Vec::<&str>::new(), "{}", told.text);

    // Oddities that are told, and stop nothing.
    let mut odd = shop(each.clone());
    odd.service["scaling"] = json!({"scalingMode": "MANUAL"});
    odd.service["conditions"][0] =
        json!({"type": "RoutesReady", "state": "CONDITION_FAILED", "severity": "WARNING", "message": "no domain"});
    odd.granted.extend(["run.services.delete", "run.services.setIamPolicy"]);
    odd.revisions[1]["containerStatuses"] = odd.revisions[0]["containerStatuses"].clone();
    odd.revisions[1]["timeout"] = "60s".into();
    let told = odd.dry_run(&[]);
    told.is(
        0,
        &[
            "RoutesReady of shop has failed: no domain",
            "scaled to 0 instances",
            "the same images; its settings differ",
            "may also change who may use the service and delete the service",
        ],
    );
    let codes: BTreeSet<&str> = told.codes().into_iter().collect();
    assert_eq!(
        codes,
        ["condition-failed", "more-rights", "no-instances", "same-images"].into()
    );
}

#[test]
fn older_pages_are_asked_for_until_there_is_one() {
    let now = |at: usize| revision(&format!("shop-{at}"), "r.example/shop", &digest('3'));
    let many: Vec<Value> = (0..5)
        .map(now)
        .chain([revision("shop-old", "r.example/shop", &digest('1'))])
        .collect();
    let standing = Google { page: 2, ..shop(many) }.start();
    let told = standing.dry_run(&NAMED);
    assert!(
        told.text.contains("shop-old (Ready)") && told.text.contains("5 revisions back"),
        "{}",
        told.text
    );
    // Three pages, the service and two tests of permissions.
    assert_eq!(standing.count(), 6);
    // A list that never ends, and one without what runs.
    let endless = API.start(|asked| {
        let google = shop(vec![revision("shop-3", "r.example/shop", &digest('3'))]);
        match asked.route {
            REVISIONS => ok(json!({"revisions": google.revisions, "nextPageToken": "more"})),
            _ => google.answer(asked),
        }
    });
    endless.dry_run(&NAMED).is(
        1,
        &["9 revisions before the current one of shop have the same template"],
    );
    assert_eq!(endless.count(), 11);
    three()
        .with_traffic(&[("shop-gone", 100)])
        .dry_run(&[])
        .is(4, &["does not list the revision shop-gone"]);
}

#[test]
fn what_google_does_not_say_is_unknown() {
    API.says_nothing(&NAMED);
    for (route, status, name, says) in [
        (
            SERVICE,
            403,
            "PERMISSION_DENIED",
            "(403): said by Google: PERMISSION_DENIED",
        ),
        (SERVICE, 401, "UNAUTHENTICATED", "an access token lasts an hour"),
        (REVISIONS, 403, "PERMISSION_DENIED", "said by Google"),
        (MAY, 403, "PERMISSION_DENIED", "said by Google"),
        (MAY_ACT, 403, "SERVICE_DISABLED", "IAM refuses the token"),
        (MAY_ACT, 429, "RESOURCE_EXHAUSTED", "IAM limits requests"),
    ] {
        let refuses = Some((route, status, name));
        let told = Google { refuses, ..three() }.dry_run(&[]);
        told.is(4, &[says]);
        assert_eq!(told.output("command"), "");
    }
    // A proxy's 404 is not Google's.
    API.start(|_| no(404))
        .dry_run(&NAMED)
        .is(4, &["Cloud Run has no such service, or does not show it"]);
    Google {
        granted: Vec::new(),
        ..three()
    }
    .dry_run(&[])
    .is(4, &["which it was just shown"]);
    three()
        .with_state("STATE_UNSPECIFIED", "")
        .dry_run(&[])
        .is(4, &["does not say whether shop is ready"]);
    // What is missing is told, whatever else is unknown.
    let both = Google {
        refuses: Some((MAY_ACT, 503, "UNAVAILABLE")),
        granted: vec!["run.services.get"],
        ..three()
    };
    both.dry_run(&[]).is(1, &["may not update shop"]);
    // An account that is not told cannot be asked about.
    let mut unnamed = three();
    unnamed.service["template"] = json!({});
    let told = unnamed.dry_run(&[]);
    assert!(
        told.notes().contains("Cloud Run does not tell which it is"),
        "{}",
        told.notes()
    );
}

#[test]
fn what_is_missing_or_odd_is_refused_before_anything_is_sent() {
    let standing = three().start();
    for (args, says) in [
        (&["--platform=cloud-run"][..], "needs the name of the service"),
        (&["--platform=cloud-run", "--service=a/b"], "`a/b` is not a valid name"),
        (
            &["--platform=cloud-run", "--service=shop", "--region=../x"],
            "--region `../x` is not a valid name",
        ),
        (
            &["--platform=cloud-run", "--service=shop", "--to-release=Shop:1"],
            "is not the name of a revision",
        ),
        (
            &["--platform=cloud-run", "--service=shop", "--cluster=x"],
            "--cluster requires the platform `ecs`",
        ),
        (
            &["--service=shop"],
            "--service requires the platform `ecs` or `cloud-run`",
        ),
    ] {
        standing.dry_run(args).is(2, &[says]);
    }
    standing
        .dry_run(&["--platform=cloud-run", "--service=shop", "--project=acme-staging"])
        .is(4, &["neither --region nor CLOUDSDK_RUN_REGION names the region"]);
    let repo = Repo::none();
    let files = [("GOOGLE_APPLICATION_CREDENTIALS", "/creds.json")];
    repo.dry_run_with(repo.root(), &NAMED, &files).is(
        4,
        &[
            "makes no token of the file that GOOGLE_APPLICATION_CREDENTIALS names",
            "token_format: access_token",
        ],
    );
    assert_eq!(standing.count(), 0);
    let env = [
        ("CLOUDSDK_CORE_PROJECT", "acme-staging"),
        ("CLOUDSDK_RUN_REGION", "europe-west1"),
    ];
    let told = API.dry_run_with(&standing.address, &["--platform=cloud-run", "--service=shop"], &env);
    assert!(told.text.contains("shop-1 (Ready)"), "{}", told.text);
}
