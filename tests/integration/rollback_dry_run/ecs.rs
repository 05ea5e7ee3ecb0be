//! Platform `ecs`, against a stand-in for Amazon ECS and Amazon ECR that verifies signatures and shapes, and a real registry
//! for images elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::aws::{self, Answer, KEY_ID, REGION, SECRET_KEY, SESSION_TOKEN, Standing};
use crate::platform::example;
use crate::registry::Registry;
use crate::repo::{Repo, Told};
use crate::servers::free_port;

const HOST: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
const ARN: &str = "arn:aws:ecs:eu-west-1:123456789012";
/// 2026-11-01, in seconds since 1970.
const FIRST: u64 = 1_793_534_400;
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What AWS knows.
#[derive(Clone)]
struct Amazon {
    service: Value,
    /// Task definition, status, digest of its image; the newest first.
    deployments: Vec<(&'static str, &'static str, String)>,
    /// Status and image, by `family:revision`.
    definitions: BTreeMap<&'static str, (&'static str, String)>,
    /// By tag and by digest: the digest, what it is, and its status.
    images: BTreeMap<String, (String, &'static str, &'static str)>,
    /// The platforms of an index, and their digests.
    index: Vec<(&'static str, String)>,
    /// An action, and what is answered instead.
    refuses: Option<(&'static str, u16, &'static str)>,
}

fn digest(c: char) -> String {
    format!("sha256:{}", c.to_string().repeat(64))
}

fn rollout(task_definition: &str, status: &str, state: &str) -> Value {
    json!({"id": "ecs-svc/1", "status": status, "taskDefinition": format!("{ARN}:task-definition/{task_definition}"),
        "desiredCount": 2, "pendingCount": 0, "runningCount": 2, "failedTasks": 0, "createdAt": 1_793_534_400.5, "rolloutState": state})
}

/// shop:7 runs, shop:6 failed, shop:5 ran before.
fn shop() -> Amazon {
    let mut amazon = Amazon {
        service: json!({"serviceArn": format!("{ARN}:service/staging/shop"), "serviceName": "shop", "status": "ACTIVE",
            "desiredCount": 2, "runningCount": 2, "pendingCount": 0, "launchType": "FARGATE",
            "taskDefinition": format!("{ARN}:task-definition/shop:7"), "deployments": [rollout("shop:7", "PRIMARY", "COMPLETED")],
            "deploymentController": {"type": "ECS"}}),
        deployments: vec![
            ("shop:7", "SUCCESSFUL", digest('7')),
            ("shop:6", "ROLLBACK_SUCCESSFUL", digest('6')),
            ("shop:5", "SUCCESSFUL", digest('5')),
        ],
        definitions: BTreeMap::new(),
        images: BTreeMap::new(),
        index: vec![("amd64", digest('a')), ("arm64", digest('b'))],
        refuses: None,
    };
    for (name, c) in [("shop:7", '7'), ("shop:6", '6'), ("shop:5", '5')] {
        amazon.definitions.insert(name, ("ACTIVE", format!("{HOST}/shop:v{c}")));
        for key in [format!("v{c}"), digest(c)] {
            amazon.images.insert(key, (digest(c), IMAGE, "ACTIVE"));
        }
    }
    for c in ['a', 'b'] {
        amazon.images.insert(digest(c), (digest(c), IMAGE, "ACTIVE"));
    }
    amazon
}

impl Amazon {
    fn revision(at: usize) -> String {
        format!("{ARN}:service-revision/staging/shop/{at}")
    }

    fn start(mut self) -> Standing {
        if self.service.get("currentServiceRevisions").is_none() {
            let current = json!([{"arn": Self::revision(0), "requestedTaskCount": 2, "runningTaskCount": 2, "pendingTaskCount": 0}]);
            self.service["currentServiceRevisions"] = current;
        }
        aws::start(move |action, input| match self.refuses {
            Some((refused, status, code)) if refused == action => Err((status, code)),
            _ => self.answer(action, input),
        })
    }

    fn answer(&self, action: &str, input: &Value) -> Answer {
        let invalid = Err((400, "InvalidParameterException"));
        if input.get("cluster").is_some_and(|cluster| cluster != "staging") {
            return Err((400, "ClusterNotFoundException"));
        }
        match action {
            "DescribeServices" if input["services"] == json!(["shop"]) => {
                Ok(json!({"services": [self.service], "failures": []}))
            }
            "DescribeServices" => Ok(
                json!({"services": [], "failures": [{"arn": format!("{ARN}:service/staging/x"), "reason": "MISSING"}]}),
            ),
            "ListServiceDeployments" if input["service"] != "shop" => Err((400, "ServiceNotFoundException")),
            "ListServiceDeployments" => self.page(input),
            "DescribeServiceRevisions" => {
                let arns = input["serviceRevisionArns"].as_array().unwrap();
                if arns.is_empty() || arns.len() > 20 {
                    return invalid;
                }
                let each = arns.iter().map(|arn| self.described(arn.as_str().unwrap()));
                Ok(json!({"serviceRevisions": each.collect::<Vec<_>>(), "failures": []}))
            }
            "DescribeTaskDefinition" => {
                let name = input["taskDefinition"].as_str().unwrap();
                let Some((status, image)) = self.definitions.get(name) else {
                    return Err((400, "ClientException"));
                };
                Ok(
                    json!({"taskDefinition": {"taskDefinitionArn": format!("{ARN}:task-definition/{name}"), "status": status,
                    "containerDefinitions": [{"name": "web", "image": image, "essential": true}]}}),
                )
            }
            "DescribeImages" | "BatchGetImage" => self.image(action, input),
            _ => invalid,
        }
    }

    /// Not in the order that is asked for, as nothing promises one.
    fn page(&self, input: &Value) -> Answer {
        let size = usize::try_from(input["maxResults"].as_u64().unwrap()).unwrap();
        assert!((1..=100).contains(&size));
        let from: usize = input["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
        let count = self.deployments.len();
        let each = self.deployments.iter().enumerate().rev().skip(from).take(size);
        let brief = |(at, (_, status, _)): (usize, &(&str, &str, String))| {
            let created = FIRST + u64::try_from(count - at).unwrap() * 3600;
            json!({"serviceDeploymentArn": format!("{ARN}:service-deployment/staging/shop/{at}"), "status": status,
                "targetServiceRevisionArn": Self::revision(at), "createdAt": created})
        };
        let mut answer = json!({"serviceDeployments": each.map(brief).collect::<Vec<_>>()});
        if from + size < count {
            answer["nextToken"] = (from + size).to_string().into();
        }
        Ok(answer)
    }

    fn described(&self, arn: &str) -> Value {
        let at: usize = arn.rsplit('/').next().unwrap().parse().unwrap();
        let (name, _, digest) = self
            .deployments
            .get(at)
            .unwrap_or(&("shop:7", "", String::new()))
            .clone();
        let mut container = json!({"containerName": "web", "image": self.definitions[name].1});
        if !digest.is_empty() {
            container["imageDigest"] = digest.into();
        }
        json!({"serviceRevisionArn": arn, "taskDefinition": format!("{ARN}:task-definition/{name}"), "containerImages": [container]})
    }

    fn image(&self, action: &str, input: &Value) -> Answer {
        if input["registryId"] != "123456789012" || input["repositoryName"] != "shop" {
            return Err((400, "RepositoryNotFoundException"));
        }
        let id = &input["imageIds"][0];
        let key = id
            .get("imageDigest")
            .or_else(|| id.get("imageTag"))
            .and_then(Value::as_str)
            .unwrap();
        let Some((digest, kind, status)) = self.images.get(key) else {
            return Err((400, "ImageNotFoundException"));
        };
        if action == "DescribeImages" {
            return Ok(
                json!({"imageDetails": [{"registryId": "123456789012", "repositoryName": "shop", "imageDigest": digest,
                "imageManifestMediaType": kind, "imageStatus": status}]}),
            );
        }
        let child = |(architecture, digest): &(&str, String)| {
            json!({"mediaType": IMAGE, "digest": digest, "size": 2,
            "platform": {"os": "linux", "architecture": architecture}})
        };
        let index: Vec<Value> = self.index.iter().map(child).collect();
        let manifest = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": index}).to_string();
        Ok(
            json!({"images": [{"registryId": "123456789012", "imageManifest": manifest, "imageManifestMediaType": kind}], "failures": []}),
        )
    }
}

fn dry_run_at(address: &str, args: &[&str], more: &[(&str, &str)]) -> Told {
    let repo = Repo::none();
    let env: Vec<(&str, &str)> = [
        ("AWS_ACCESS_KEY_ID", KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", SESSION_TOKEN),
        ("AWS_REGION", REGION),
        ("AWS_ENDPOINT_URL", address),
    ]
    .into_iter()
    .chain(more.iter().copied())
    .collect();
    let told = repo.dry_run_with(repo.root(), args, &env);
    for secret in [SECRET_KEY, SESSION_TOKEN, "Signature="] {
        assert!(!told.text.contains(secret), "{secret} is shown: {}", told.text);
    }
    told
}

fn dry_run(amazon: Amazon, more: &[&str]) -> Told {
    let args = [&["--cluster=staging", "--service=shop"], more].concat();
    dry_run_at(&amazon.start().address, &args, &[])
}

#[test]
fn the_newest_successful_deployment_of_another_task_definition_is_the_way_back() {
    let standing = shop().start();
    let told = dry_run_at(&standing.address, &[&example("ecs")], &[]);
    told.is(
        0,
        &["shop:5 (SUCCESSFUL)", "2 deployments back", "\"value\": \"shop:7\""],
    );
    let command = "aws ecs update-service --cluster staging --service shop --task-definition shop:5 --region eu-west-1";
    assert_eq!(told.output("command"), command);
    assert_eq!(told.output("target"), "shop:5");
    assert_eq!(told.codes(), ["tag-can-move"]);
    for part in [
        "ecs:UpdateService",
        "iam:SimulatePrincipalPolicy",
        "the task execution role",
        &digest('5'),
    ] {
        assert!(told.notes().contains(part), "{}", told.notes());
    }
    // Two at first, then the revisions, then two task definitions, then two images.
    assert_eq!(standing.asked().len(), 7, "{:?}", standing.asked());
    let mut amazon = shop();
    amazon.images.insert("v5".to_owned(), (digest('5'), INDEX, "ACTIVE"));
    let index = amazon.start();
    dry_run_at(&index.address, &["--cluster=staging", "--service=shop"], &[]).is(0, &[]);
    let listed = Repo::none().dry_run(&["--platform=ecs", "--list-calls"]);
    let notes = listed.notes();
    let calls: BTreeSet<&str> = notes
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- POST / (")?.split_once("): "))
        .map(|(call, _)| call)
        .collect();
    let asked = [standing.asked(), index.asked()].concat();
    assert_eq!(calls, asked.iter().map(String::as_str).collect());
}

#[test]
fn each_reason_why_it_is_not_clear_what_runs_has_its_sentence() {
    let two = |one, other| json!([rollout("shop:7", "PRIMARY", one), rollout("shop:5", "ACTIVE", other)]);
    let one = |state| json!([rollout("shop:7", "PRIMARY", state)]);
    for (member, value, code, says) in [
        (
            "deployments",
            two("IN_PROGRESS", "COMPLETED"),
            "rollout-in-progress",
            "a rollout to shop is in progress: shop:7 (PRIMARY, IN_PROGRESS), shop:5 (ACTIVE, COMPLETED)",
        ),
        (
            "deployments",
            one("IN_PROGRESS"),
            "rollout-in-progress",
            "shop:7 is being deployed to shop: 2 of 2 tasks run",
        ),
        (
            "deployments",
            one("FAILED"),
            "rollout-failed",
            "the rollout of shop:7 to shop has failed",
        ),
        (
            "deployments",
            two("COMPLETED", "COMPLETED"),
            "several-current",
            "the service shop has several deployments",
        ),
        (
            "deployments",
            json!([]),
            "no-release",
            "the service shop has no deployment",
        ),
        (
            "currentServiceRevisions",
            json!([{"arn": Amazon::revision(0)}, {"arn": Amazon::revision(2)}]),
            "several-current",
            "has tasks of 2 service revisions",
        ),
        (
            "status",
            json!("DRAINING"),
            "service-inactive",
            "is DRAINING, not ACTIVE",
        ),
        (
            "deploymentController",
            json!({"type": "CODE_DEPLOY"}),
            "other-controller",
            "CodeDeploy deploys the service shop",
        ),
        (
            "deploymentController",
            json!({"type": "EXTERNAL"}),
            "other-controller",
            "an external controller deploys",
        ),
    ] {
        let mut amazon = shop();
        amazon.service[member] = value;
        let told = dry_run(amazon, &[]);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code]);
        assert_eq!(told.statuses()[1..], ["skipped", "skipped", "skipped"]);
        assert_eq!(told.output("command"), "");
    }
    let told = dry_run_at(&shop().start().address, &["--cluster=staging", "--service=gone"], &[]);
    told.is(1, &["the cluster staging has no service gone"]);
    let told = dry_run_at(&shop().start().address, &["--cluster=prod", "--service=shop"], &[]);
    told.is(1, &["eu-west-1 has no cluster prod"]);
    let mut idle = shop();
    idle.service["desiredCount"] = 0.into();
    dry_run(idle, &[]).is(0, &["is scaled to 0 tasks"]);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let good = |name: &'static str, c: char| (name, "SUCCESSFUL", digest(c));
    for (deployments, args, code, says) in [
        (vec![], &[][..], "current-unknown", "no deployment of shop with shop:7"),
        (
            vec![good("shop:7", '7')],
            &[],
            "no-previous-release",
            "keeps deployments for 90 days; `--to-release FAMILY:REVISION`",
        ),
        (
            vec![good("shop:7", '7'), ("shop:6", "STOPPED", digest('6'))],
            &[],
            "previous-not-good",
            "the newest of them, shop:6, ended as `STOPPED`",
        ),
        (
            // The same task definition with another image: its tag was moved.
            vec![good("shop:7", '7'), good("shop:7", '6')],
            &[],
            "same-artifact",
            "1 deployment before the current one of shop has the same task definition",
        ),
        (
            vec![good("shop:7", '7'), ("shop:6", "ROLLBACK_FAILED", digest('6'))],
            &["--to-release=shop:6"],
            "previous-not-good",
            "the deployment shop:6 of shop ended as `ROLLBACK_FAILED`",
        ),
        (
            vec![good("shop:7", '7'), good("shop:5", '5')],
            &["--to-release=shop:7"],
            "same-artifact",
            "has the task definition that runs now",
        ),
    ] {
        let amazon = Amazon { deployments, ..shop() };
        let told = dry_run(amazon, args);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{}", told.text);
    }
    // What ECS no longer remembers can be named.
    let amazon = Amazon {
        deployments: vec![good("shop:7", '7')],
        ..shop()
    };
    let told = dry_run(amazon.clone(), &["--to-release=shop:5"]);
    told.is(
        0,
        &[
            "no deployment of the last 90 days used shop:5",
            "has no record of the image",
        ],
    );
    assert_eq!(told.output("target"), "shop:5");
    dry_run(amazon, &["--to-release=shop:4"]).is(
        1,
        &["has no task definition shop:4: it was deregistered, or never existed"],
    );
    let mut inactive = shop();
    inactive
        .definitions
        .insert("shop:5", ("INACTIVE", format!("{HOST}/shop:v5")));
    dry_run(inactive, &[]).is(1, &["the task definition shop:5 is INACTIVE"]);
}

#[test]
fn older_deployments_are_found_on_further_pages() {
    let mut deployments = vec![("shop:7", "SUCCESSFUL", digest('7')); 150];
    deployments.push(("shop:5", "SUCCESSFUL", digest('5')));
    let standing = Amazon { deployments, ..shop() }.start();
    let told = dry_run_at(&standing.address, &["--cluster=staging", "--service=shop"], &[]);
    told.is(0, &["150 deployments back"]);
    let pages = standing
        .asked()
        .iter()
        .filter(|call| call.ends_with("ListServiceDeployments"))
        .count();
    assert_eq!(pages, 2);
}

#[test]
fn an_image_that_is_gone_or_another_is_no_way_back() {
    let absent = |key: &str| {
        let mut amazon = shop();
        amazon.images.remove(key);
        amazon
    };
    let told = dry_run(absent("v5"), &[]);
    told.is(1, &["Amazon ECR does not have", "/shop:v5"]);
    assert_eq!(told.codes(), ["image-absent"]);
    // If that which runs is not found either, the question is wrong.
    let mut both = absent("v5");
    both.images.remove(&digest('7'));
    dry_run(both, &[]).is(4, &[", nor ", "which runs now"]);
    let mut moved = shop();
    moved.images.insert("v5".to_owned(), (digest('6'), IMAGE, "ACTIVE"));
    let told = dry_run(moved, &[]);
    told.is(1, &["when shop:5 was deployed", "a rollback would start another image"]);
    assert_eq!(told.codes(), ["tag-moved"]);
    let mut archived = shop();
    archived
        .images
        .insert("v5".to_owned(), (digest('5'), IMAGE, "ARCHIVED"));
    dry_run(archived, &[]).is(1, &["has archived"]);
    let mut by_digest = shop();
    by_digest
        .definitions
        .insert("shop:5", ("ACTIVE", format!("{HOST}/shop@{}", digest('5'))));
    let told = dry_run(by_digest, &[]);
    told.is(0, &[]);
    assert_eq!(told.codes(), Vec::<&str>::new());
    let mut elsewhere = shop();
    let other = HOST.replace("shop", "x");
    elsewhere
        .definitions
        .insert("shop:5", ("ACTIVE", format!("{other}/other:v5")));
    dry_run(elsewhere, &[]).is(1, &["has no repository other in the account 123456789012"]);
}

#[test]
fn an_index_must_have_the_image_for_the_platform() {
    let mut amazon = shop();
    // ECS may have kept the digest of the index or of the image in it.
    amazon.deployments[2].2 = digest('a');
    amazon.images.insert("v5".to_owned(), (digest('5'), INDEX, "ACTIVE"));
    let told = dry_run(amazon.clone(), &[]);
    told.is(0, &["linux/amd64"]);
    assert!(!told.notes().contains("tells only of an index"), "{}", told.notes());
    dry_run(amazon.clone(), &["--image-platform=linux/s390x"])
        .is(1, &["is not for linux/s390x; it has linux/amd64, linux/arm64"]);
    amazon.images.remove(&digest('a'));
    dry_run(amazon, &[]).is(1, &["is there, but its image for linux/amd64", "is not"]);
}

#[test]
fn images_elsewhere_are_asked_for_at_their_registry() {
    let Some(registry) = Registry::start(false) else { return };
    let (now, _) = registry.push("shop:v7", "seven", &["linux/amd64"]);
    let (then, _) = registry.push("shop:v5", "five", &["linux/amd64"]);
    let mut amazon = shop();
    for (name, tag, digest, at) in [("shop:7", "v7", &now, 0), ("shop:5", "v5", &then, 2)] {
        amazon
            .definitions
            .insert(name, ("ACTIVE", registry.image(&format!("shop:{tag}"))));
        amazon.deployments[at].2.clone_from(digest);
    }
    dry_run(amazon.clone(), &[]).is(0, &[&registry.image(&format!("shop@{then}"))]);
    registry.delete("shop", &then);
    dry_run(amazon, &[]).is(1, &["the registry does not have"]);
}

#[test]
fn what_aws_does_not_say_is_unknown() {
    for (action, status, code, says) in [
        (
            "DescribeServices",
            400,
            "ExpiredTokenException",
            "the session of AWS_ACCESS_KEY_ID has expired",
        ),
        (
            "DescribeServices",
            400,
            "UnrecognizedClientException",
            "does not know the credentials of AWS_ACCESS_KEY_ID",
        ),
        (
            "DescribeServices",
            400,
            "AccessDeniedException",
            "may not call ecs:DescribeServices",
        ),
        (
            "DescribeServices",
            400,
            "com.amazonaws.ecs#AccessDeniedException",
            "may not call ecs:DescribeServices",
        ),
        (
            "DescribeServices",
            400,
            "InvalidSignatureException",
            "refuses the signature",
        ),
        (
            "DescribeServices",
            400,
            "ThrottlingException",
            "limits requests (ThrottlingException)",
        ),
        (
            "DescribeServices",
            500,
            "ServerException",
            "Amazon ECS answered with status 500",
        ),
        (
            "DescribeServices",
            400,
            "InvalidParameterException",
            "refused ecs:DescribeServices with status 400",
        ),
        (
            "ListServiceDeployments",
            400,
            "AccessDeniedException",
            "may not call ecs:ListServiceDeployments",
        ),
        (
            "ListServiceDeployments",
            400,
            "UnsupportedFeatureException",
            "does not have ecs:ListServiceDeployments here",
        ),
        (
            "DescribeServiceRevisions",
            400,
            "AccessDeniedException",
            "may not call ecs:DescribeServiceRevisions",
        ),
        (
            "DescribeTaskDefinition",
            400,
            "AccessDeniedException",
            "may not call ecs:DescribeTaskDefinition",
        ),
        (
            "DescribeTaskDefinition",
            400,
            "ClientException",
            "refused ecs:DescribeTaskDefinition",
        ),
        (
            "DescribeImages",
            400,
            "AccessDeniedException",
            "may not call ecr:DescribeImages",
        ),
        (
            "DescribeImages",
            500,
            "ServerException",
            "Amazon ECR answered with status 500",
        ),
    ] {
        let mut amazon = shop();
        amazon.refuses = Some((action, status, code));
        let standing = amazon.start();
        let told = dry_run_at(&standing.address, &["--cluster=staging", "--service=shop"], &[]);
        told.is(4, &[says]);
        assert_eq!(told.output("command"), "", "{action} {code}");
        // Each try has a signature of its own.
        let tries = standing
            .asked()
            .iter()
            .filter(|call| call.ends_with("DescribeServices"))
            .count();
        let again = action == "DescribeServices" && matches!(code, "ThrottlingException" | "ServerException");
        assert_eq!(tries, if again { 3 } else { 1 }, "{code}");
    }
    let args = ["--cluster=staging", "--service=shop"];
    for (answer, says) in [
        (
            "HTTP/1.1 429 X\r\nRetry-After: 900\r\nContent-Length: 0\r\n\r\n",
            "limits requests (429); it asks to wait 15m",
        ),
        (
            "HTTP/1.1 403 X\r\nContent-Length: 6\r\n\r\n<html>",
            "answered with status 403",
        ),
        (
            "HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n<html>",
            "sent a reply that cannot be read",
        ),
        ("", "cannot be asked [reset]"),
    ] {
        dry_run_at(&crate::servers::answer(answer), &args, &[]).is(4, &[says]);
    }
    dry_run_at(&format!("http://127.0.0.1:{}", free_port()), &args, &[]).is(4, &["cannot be asked [refused]"]);
}

#[test]
fn without_usable_credentials_nothing_is_sent() {
    let standing = shop().start();
    let args = ["--cluster=staging", "--service=shop"];
    for (more, says) in [
        (
            &[("AWS_ACCESS_KEY_ID", "")][..],
            "AWS_ACCESS_KEY_ID is not set or empty",
        ),
        (
            &[("AWS_ACCESS_KEY_ID", ""), ("AWS_PROFILE", "staging")],
            "AWS_PROFILE names a profile, which stageproof does not use",
        ),
        (
            &[("AWS_SESSION_TOKEN", "")],
            "is a temporary key, and AWS_SESSION_TOKEN is not set",
        ),
        (
            &[("AWS_REGION", "")],
            "neither --region nor AWS_REGION names the region",
        ),
        (
            &[("AWS_REGION", "evil.example/")],
            "the value of AWS_REGION is not a region of AWS",
        ),
        (&[("AWS_ENDPOINT_URL", "http://192.0.2.1")], "is not an https:// URL"),
    ] {
        dry_run_at(&standing.address, &args, more).is(4, &[says]);
    }
    assert_eq!(standing.asked(), Vec::<String>::new());
    // The wrong secret makes a signature that the service refuses.
    dry_run_at(&standing.address, &args, &[("AWS_SECRET_ACCESS_KEY", "another")]).is(4, &["refuses the signature"]);
    let repo = Repo::none();
    for (args, says) in [
        (&["--platform=ecs"][..], "needs the name of the cluster"),
        (&["--cluster=staging"], "needs the name of the service"),
        (&["--cluster=a b", "--service=shop"], "is not a valid name"),
        (
            &["--cluster=staging", "--service=shop", "--to-release=v5"],
            "like shop:7",
        ),
        (
            &["--platform=fly", "--app=shop", "--region=eu-west-1"],
            "requires the platform `ecs`",
        ),
    ] {
        repo.dry_run(args).is(2, &[says]);
    }
}
