//! Platform `kubernetes`, against a real API server with its controllers, and real registries.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::Command;

use serde_json::{Value, json};

use crate::kubernetes::{ADMIN, Kubernetes, Namespace, PLAIN};
use crate::registry::{PASSWORD, Registry, USER};
use crate::repo::{Repo, Told};
use crate::servers::{answer, eventually, free_port, read_head, serve};

fn workload(kind: &str, image: &str, more: Value) -> Value {
    let mut of = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "shop"}}, "template": {"metadata": {"labels": {"app": "shop"}},
            "spec": {"containers": [{"name": "shop", "image": image}]}}}});
    for (name, value) in more.as_object().unwrap() {
        of["spec"][name] = value.clone();
    }
    of
}

fn deployment(image: &str) -> Value {
    workload("Deployment", image, json!({"replicas": 1}))
}

/// Rolls these images out, one after the other.
fn roll_out(namespace: &Namespace, images: &[&str]) {
    for image in images {
        namespace.apply(&deployment(image));
        namespace.roll_out("deployment/shop");
    }
}

#[track_caller]
fn dry_run_as(user: &str, namespace: &Namespace, more: &[&str]) -> Told {
    let repo = Repo::none();
    let config = namespace.of.kubeconfig(user);
    let space = format!("--namespace={}", namespace.name);
    let mut args = vec!["--platform=kubernetes"];
    if !more.iter().any(|arg| arg.starts_with("--namespace")) {
        args.push(&space);
    }
    if !more.iter().any(|arg| arg.starts_with("--workload")) {
        args.push("--workload=deployment/shop");
    }
    args.extend(more);
    let told = repo.dry_run_with(repo.root(), &args, &[("KUBECONFIG", config.to_str().unwrap())]);
    assert!(
        !told.text.contains(ADMIN) && !told.text.contains(PLAIN),
        "a token is shown: {}",
        told.text
    );
    told
}

#[track_caller]
fn dry_run(namespace: &Namespace, more: &[&str]) -> Told {
    dry_run_as("admin", namespace, more)
}

/// Whether one of the listed calls, `METHOD PATTERN: purpose`, is this request.
pub fn is_listed(list: &str, method: &str, uri: &str) -> bool {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    list.lines()
        .filter_map(|line| line.trim().strip_prefix("- "))
        .any(|line| {
            let call = line.split_once(": ").unwrap().0;
            let (listed, pattern) = call.split_once(' ').unwrap();
            let (pattern, fixed) = pattern.split_once('?').unwrap_or((pattern, ""));
            let parts: Vec<(&str, &str)> = pattern.split('/').zip(path.split('/')).collect();
            listed == method
                && pattern.split('/').count() == path.split('/').count()
                && parts.iter().all(|(part, own)| part.starts_with('{') || part == own)
                && (fixed.is_empty() || query.split('&').any(|pair| pair == fixed))
        })
}

#[test]
fn a_deployment_goes_back_to_its_last_other_revision_and_nothing_is_stored() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    for tag in ["v1", "v2"] {
        registry.push(&format!("shop:{tag}"), tag, &["linux/amd64", "linux/arm64"]);
    }
    // As the example says.
    let namespace = kubernetes.namespace_named("shop-staging");
    roll_out(&namespace, &[&registry.image("shop:v1"), &registry.image("shop:v2")]);
    let before = namespace.object("deployment/shop");
    let repo = Repo::none();
    let example = fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/examples/platforms/kubernetes.yml"
    ))
    .unwrap();
    repo.gate
        .write("kubernetes.yml", std::str::from_utf8(&example).unwrap());
    let config = kubernetes.kubeconfig("admin");
    let env = [("KUBECONFIG", config.to_str().unwrap())];
    let told = repo.dry_run_with(repo.root(), &["--config=kubernetes.yml"], &env);
    told.is(
        0,
        &["revision 1", "1 release back", "may do everything in this namespace"],
    );
    assert_eq!(told.statuses(), ["passed"; 5], "{}", told.text);
    assert_eq!(told.output("target"), "1");
    let command = "kubectl --context test -n shop-staging rollout undo deployment/shop --to-revision=1";
    assert_eq!(told.output("command"), command);
    for open in ["ConfigMaps", "keeps no record", "the tag of", "the database"] {
        assert!(told.notes().contains(open), "{open}: {}", told.notes());
    }
    assert_eq!(namespace.object("deployment/shop"), before);
    // Nothing was asked that the list does not have.
    let list = repo.dry_run(&["--platform=kubernetes", "--list-calls"]).notes();
    let asked = kubernetes.asked("shop-staging");
    assert!(
        asked
            .iter()
            .any(|(method, uri)| method == "PATCH" && uri.ends_with("shop?dryRun=All")),
        "{asked:?}"
    );
    assert!(asked.len() >= 7, "{asked:?}");
    // What has no namespace may come from a test of Helm, which asks the same server which kinds it serves.
    let of_other = |uri: &str| !uri.contains("/namespaces/") && !uri.contains("selfsubjectaccessreviews");
    for (method, uri) in asked.into_iter().filter(|(_, uri)| !of_other(uri)) {
        assert!(is_listed(&list, &method, &uri), "{method} {uri}\n{list}");
    }
    // The command does what was proved. Then the revision has another number.
    let path = format!("{}:/usr/bin:/bin", kubernetes.programs().display());
    let ran = Command::new("sh")
        .args(["-c", command])
        .envs(env)
        .env("PATH", path)
        .env("HOME", repo.temp())
        .output();
    assert!(ran.unwrap().status.success());
    let image = namespace.object("deployment/shop")["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image, registry.image("shop:v1"));
    namespace.roll_out("deployment/shop");
    dry_run(&namespace, &["--to-release=1"]).is(1, &["has no revision 1; it has 3, 2", "renumbers"]);
}

#[test]
fn stateful_sets_and_daemon_sets_go_back_to_a_controller_revision() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    registry.push("shop:v1", "one", &["linux/amd64"]);
    registry.push("shop:v2", "two", &["linux/amd64"]);
    for (kind, named, more, count) in [
        (
            "StatefulSet",
            "statefulset/shop",
            json!({"replicas": 1, "serviceName": "shop"}),
            "updatedReplicas",
        ),
        ("DaemonSet", "daemonset/shop", json!({}), "updatedNumberScheduled"),
    ] {
        let namespace = kubernetes.namespace();
        if kind == "DaemonSet" {
            namespace.apply(&json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-1"}}));
            // It has a taint until it is ready.
            namespace.kubectl(&[
                "patch",
                "node",
                "node-1",
                "--type=merge",
                r#"--patch={"spec": {"taints": null}}"#,
            ]);
        }
        for tag in ["v1", "v2"] {
            namespace.apply(&workload(kind, &registry.image(&format!("shop:{tag}")), more.clone()));
            eventually("the pods are ready", || {
                namespace.make_pods_ready();
                let now = namespace.object(named);
                let status = &now["status"];
                status["observedGeneration"] == now["metadata"]["generation"]
                    && status[count] == 1
                    && (status["numberAvailable"] == 1 || status["availableReplicas"] == 1)
                    && status["currentRevision"] == status["updateRevision"]
            });
        }
        let before = namespace.object(named);
        let told = dry_run(&namespace, &[&format!("--workload={named}")]);
        told.is(0, &["revision 1", "1 release back"]);
        assert_eq!(told.statuses(), ["passed"; 5], "{}", told.text);
        assert!(
            told.output("command")
                .ends_with(&format!("rollout undo {named} --to-revision=1"))
        );
        assert_eq!(namespace.object(named), before);
        dry_run(&namespace, &[&format!("--workload={named}"), "--to-release=2"]).is(1, &["is already at revision 2"]);
    }
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let Some(kubernetes) = Kubernetes::shared() else { return };
    let namespace = kubernetes.namespace();
    dry_run(&namespace, &[]).is(
        1,
        &[
            "there is no deployment/shop in the namespace",
            "kubectl get deployments",
        ],
    );
    dry_run(&namespace, &["--namespace=nowhere"]).is(1, &["there is no deployment/shop in the namespace nowhere"]);
    roll_out(&namespace, &["127.0.0.1:9/shop:v1"]);
    let told = dry_run(&namespace, &[]);
    told.is(1, &["has no revision before the current one"]);
    assert_eq!(told.codes(), ["no-previous-release"]);
    assert_eq!(told.output("command"), "");
    dry_run(&namespace, &["--to-release=1"]).is(1, &["is already at revision 1: kubectl would change nothing"]);
    dry_run(&namespace, &["--to-release=7"]).is(1, &["has no revision 7; it has 1"]);
    // No node says that the new pod is ready.
    namespace.apply(&deployment("127.0.0.1:9/shop:v2"));
    eventually("the controller has seen it", || {
        let now = namespace.object("deployment/shop");
        now["status"]["observedGeneration"] == now["metadata"]["generation"]
    });
    let told = dry_run(&namespace, &[]);
    told.is(1, &["a rollout of deployment/shop is in progress"]);
    assert_eq!(told.codes(), ["rollout-in-progress"]);
    namespace.roll_out("deployment/shop");
    namespace.kubectl(&["rollout", "pause", "deployment/shop"]);
    let told = dry_run(&namespace, &[]);
    told.is(1, &["is paused", "kubectl rollout resume deployment/shop"]);
    assert_eq!(told.codes(), ["paused"]);
    for (args, says) in [
        (&["--workload=shop"][..], "is not KIND/NAME"),
        (&["--workload=pod/shop"], "cannot be rolled back"),
        (&["--to-release=v1"], "is not a revision"),
        (&["--namespace=A"], "is not the name of a namespace"),
        (&["--ref=v1"], "--ref requires the platform `git`"),
    ] {
        dry_run(&namespace, args).is(2, &[says]);
    }
    Repo::none()
        .dry_run(&["--platform=kubernetes"])
        .is(2, &["needs the workload"]);
}

#[test]
fn what_the_credentials_may_is_asked_before() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    registry.push("shop:v1", "one", &["linux/amd64"]);
    let namespace = kubernetes.namespace();
    let v2 = registry.image("shop:v2");
    registry.push("shop:v2", "two", &["linux/amd64"]);
    roll_out(&namespace, &[&registry.image("shop:v1"), &v2]);
    let told = dry_run_as("plain", &namespace, &[]);
    told.is(4, &["refuses the user `plain`", "cannot get resource", "deployments"]);
    namespace.grant("get,list", "deployments.apps,replicasets.apps");
    eventually("the grant is known", || dry_run_as("plain", &namespace, &[]).code != 4);
    let told = dry_run_as("plain", &namespace, &[]);
    told.is(1, &["may not patch deployment/shop", "kubectl create role rollback"]);
    assert_eq!(told.codes(), ["permission-denied"]);
    namespace.grant("patch", "deployments.apps");
    eventually("the grant is known", || dry_run_as("plain", &namespace, &[]).code == 0);
    let told = dry_run_as("plain", &namespace, &[]);
    told.is(0, &["may not read the service account default"]);
    assert_eq!(told.codes(), ["pull-secret-unread"]);
    namespace.grant("delete", "deployments.apps");
    eventually("the grant is known", || {
        dry_run_as("plain", &namespace, &[]).text.contains("may delete it, too")
    });
    // A token of a variable, and one that the cluster does not know.
    let repo = Repo::none();
    let config = kubernetes.kubeconfig("plain");
    let space = format!("--namespace={}", namespace.name);
    let args = ["--workload=deployment/shop", &space, "--platform-token-env=KUBE_TOKEN"];
    for (token, code, says) in [(ADMIN, 0, "the token of KUBE_TOKEN"), ("wrong-token-1", 4, "(401)")] {
        let env = [("KUBECONFIG", config.to_str().unwrap()), ("KUBE_TOKEN", token)];
        let told = repo.dry_run_with(repo.root(), &args, &env);
        told.is(code, &[says]);
        assert!(!told.text.contains(token), "{}", told.text);
    }
}

#[test]
fn images_are_asked_for_with_the_pull_secrets() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(true)) else {
        return;
    };
    let namespace = kubernetes.namespace();
    let (digest, _) = registry.push("shop:v1", "one", &["linux/amd64"]);
    registry.push("shop:v2", "two", &["linux/amd64"]);
    roll_out(&namespace, &[&registry.image("shop:v1"), &registry.image("shop:v2")]);
    dry_run(&namespace, &[]).is(4, &["does not let shop be read without credentials"]);
    let server = format!("--docker-server={}", registry.host());
    let user = format!("--docker-username={USER}");
    let password = format!("--docker-password={PASSWORD}");
    namespace.kubectl(&["create", "secret", "docker-registry", "pull", &server, &user, &password]);
    let patch = r#"--patch={"imagePullSecrets": [{"name": "pull"}]}"#;
    eventually("the service account is there", || {
        namespace.kubectl(&["get", "serviceaccounts"]).contains("default")
    });
    namespace.kubectl(&["patch", "serviceaccount", "default", patch]);
    let told = dry_run(&namespace, &[]);
    told.is(0, &[&registry.image(&format!("shop@{digest}"))]);
    assert!(!told.text.contains(PASSWORD), "{}", told.text);
    dry_run(&namespace, &["--image-platform=linux/arm64"]).is(1, &["is for linux/amd64, not for linux/arm64"]);
    // Another user of the registry, by a variable.
    let repo = Repo::none();
    let config = kubernetes.kubeconfig("admin");
    let space = format!("--namespace={}", namespace.name);
    let pair = format!("{USER}:wrong-password-1");
    let env = [("KUBECONFIG", config.to_str().unwrap()), ("REGISTRY_AUTH", &pair)];
    let args = [
        "--workload=deployment/shop",
        &space,
        "--registry-auth-env=REGISTRY_AUTH",
    ];
    repo.dry_run_with(repo.root(), &args, &env)
        .is(4, &["with the credentials of REGISTRY_AUTH"]);
    // Gone, absent secret, same images, latest.
    roll_out(&namespace, &[&registry.image("shop:v3"), &registry.image("shop:v2")]);
    let told = dry_run(&namespace, &["--to-release=3"]);
    told.is(1, &["the registry does not have", "shop:v3"]);
    assert_eq!(told.codes(), ["more-rights", "image-absent"]);
    let mut other = deployment(&registry.image("shop:v2"));
    other["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "gone"}, {"name": "pull"}]);
    other["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": "b"}]);
    namespace.apply(&other);
    namespace.roll_out("deployment/shop");
    let told = dry_run(&namespace, &[]);
    told.is(0, &["has the same images; other parts of it differ"]);
    assert_eq!(told.codes(), ["same-images", "more-rights"]);
}

#[test]
fn what_the_cluster_would_not_accept_is_found() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    let namespace = kubernetes.namespace();
    for tag in ["v1", "v2"] {
        registry.push(&format!("shop:{tag}"), tag, &["linux/amd64"]);
    }
    roll_out(&namespace, &[&registry.image("shop:v1"), &registry.image("shop:v2")]);
    for (reason, code, says) in [
        ("Invalid", "invalid-release", "is no longer valid for this cluster"),
        ("Forbidden", "not-admitted", "a rule or quota of the cluster refuses"),
    ] {
        let name = format!("{}-{}", namespace.name, reason.to_ascii_lowercase());
        let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]});
        namespace.apply(
            &json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": {"name": name}, "spec": {"matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": "!object.spec.template.spec.containers[0].image.endsWith(':v1')",
                "message": "v1 is too old", "reason": reason}]}}),
        );
        namespace.apply(&json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {"policyName": name,
            "validationActions": ["Deny"], "matchResources": {"namespaceSelector": {"matchLabels":
                {"kubernetes.io/metadata.name": namespace.name}}}}}));
        eventually("the policy holds", || dry_run(&namespace, &[]).code == 1);
        let told = dry_run(&namespace, &[]);
        told.is(1, &[says, "v1 is too old"]);
        assert_eq!(told.codes(), ["more-rights", code]);
        assert_eq!(told.statuses(), ["passed", "passed", "passed", "failed", "skipped"]);
        namespace.kubectl(&["delete", "validatingadmissionpolicybinding", &name]);
        eventually("the policy is gone", || dry_run(&namespace, &[]).code == 0);
    }
    // One that changes what would run.
    let name = format!("{}-mutating", namespace.name);
    let rule =
        json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["deployments"]});
    namespace.apply(&json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name}, "spec": {"matchConstraints": {"resourceRules": [rule]}, "reinvocationPolicy": "Never",
        "failurePolicy": "Fail", "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression":
            "[JSONPatch{op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'mirror.example/shop:v1'}]"}}]}}));
    namespace.apply(
        &json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name}, "spec": {"policyName": name, "matchResources": {"namespaceSelector": {"matchLabels":
            {"kubernetes.io/metadata.name": namespace.name}}}}}),
    );
    eventually("the policy holds", || dry_run(&namespace, &[]).code == 1);
    dry_run(&namespace, &[]).is(
        1,
        &["would run other images than those of revision 1: mirror.example/shop:v1"],
    );
}

#[test]
fn a_long_history_is_read_in_pages() {
    let Some(kubernetes) = Kubernetes::shared() else { return };
    let namespace = kubernetes.namespace();
    let mut shop = deployment("127.0.0.1:9/shop:v1");
    shop["spec"]["replicas"] = json!(0);
    shop["spec"]["revisionHistoryLimit"] = json!(1000);
    namespace.apply(&shop);
    let uid = namespace.object("deployment/shop")["metadata"]["uid"].clone();
    let set = |number: u32| {
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": format!("old-{number}"),
            "labels": {"app": "shop"}, "annotations": {"deployment.kubernetes.io/revision": number.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop", "uid": uid, "controller": true}]},
            "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "shop", "n": number.to_string()}},
                "template": {"metadata": {"labels": {"app": "shop", "n": number.to_string()}},
                    "spec": {"containers": [{"name": "shop", "image": format!("127.0.0.1:9/shop:old-{number}")}]}}}})
    };
    let sets: Vec<Value> = (2..=130).map(set).collect();
    namespace.apply(&json!({"apiVersion": "v1", "kind": "List", "items": sets}));
    let newest =
        || namespace.object("deployment/shop")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "131";
    eventually("the controller has numbered them", newest);
    let told = dry_run(&namespace, &["--to-release=2"]);
    told.is(
        4,
        &[
            "129 releases back",
            "has no pods: nothing of it runs",
            "cannot be asked [refused]",
        ],
    );
    let pages = kubernetes
        .asked(&namespace.name)
        .into_iter()
        .filter(|(_, uri)| uri.contains("continue="))
        .count();
    assert_eq!(pages, 1);
}

#[test]
fn what_a_cluster_does_not_say_is_unknown() {
    let repo = Repo::none();
    let run = |server: &str, user: &str| {
        let file = repo.outside("config");
        let config = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        fs::write(&file, config).unwrap();
        let env = [("KUBECONFIG", file.to_str().unwrap())];
        let told = repo.dry_run_with(repo.root(), &["--workload=deployment/shop"], &env);
        assert!(!told.text.contains("s3cret"), "{}", told.text);
        told
    };
    let token = "{token: s3cret-token}";
    for (bytes, says) in [
        (
            "HTTP/1.1 429 X\r\nRetry-After: 900\r\nContent-Length: 0\r\n\r\n",
            "limits requests (429); it asks to wait 15m",
        ),
        (
            "HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n",
            "answered with status 503",
        ),
        ("HTTP/1.1 200 X\r\nContent-Length: 6\r\n\r\n<html>", "cannot be read"),
        ("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n", "has no such deployment"),
        (
            "HTTP/1.1 302 X\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n",
            "answered with status 302",
        ),
        ("", "cannot be asked [reset]"),
    ] {
        run(&answer(bytes), token).is(4, &[says]);
    }
    run(&format!("http://127.0.0.1:{}", free_port()), token).is(4, &["cannot be asked [refused]"]);
    run("http://192.0.2.1", token).is(4, &["is not an https:// URL"]);
    run("https://127.0.0.1:9", "{exec: {command: aws}}").is(4, &["the command `aws`", "kubectl create token"]);
    let home = repo.outside("home");
    let env = [("HOME", home.to_str().unwrap())];
    repo.dry_run_with(repo.root(), &["--workload=deployment/shop"], &env)
        .is(4, &["no cluster is known"]);
}

/// A cluster that answers like one up to the dry run, which ends so.
fn cluster_that_refuses(status: u16, reason: &'static str, message: &'static str) -> String {
    let metadata = json!({"name": "shop", "uid": "u1", "generation": 1});
    let mut now = deployment("127.0.0.1:9/shop:v2");
    now["metadata"] = metadata;
    now["status"] = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1});
    let set = |number: u32| {
        let mut of = deployment(&format!("127.0.0.1:9/shop:v{number}"));
        of["metadata"] = json!({"annotations": {"deployment.kubernetes.io/revision": number.to_string()},
            "ownerReferences": [{"uid": "u1", "controller": true}]});
        of
    };
    let sets = json!({"items": [set(1), set(2)], "metadata": {}});
    let refusal = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "reason": reason,
        "message": message});
    serve(move |mut stream| {
        let head = read_head(&mut stream);
        let lower = head.to_ascii_lowercase();
        let length = lower
            .split("content-length: ")
            .nth(1)
            .and_then(|rest| rest.lines().next()?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).unwrap();
        let is_patch = lower.contains("content-type: application/json-patch+json");
        let apps = "/apis/apps/v1/namespaces/default";
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let (status, answer) = match (head.split(' ').next().unwrap(), path.strip_prefix(apps)) {
            _ if !lower.contains("authorization: bearer s3cret-token") => (401, json!({})),
            ("GET", Some("/deployments/shop")) => (200, now.clone()),
            ("GET", Some("/replicasets?labelSelector=app%3Dshop&limit=100")) => (200, sets.clone()),
            ("POST", None) if path == "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
                let review: Value = serde_json::from_slice(&body).unwrap();
                let is_patch = review["spec"]["resourceAttributes"]["verb"] == "patch";
                (201, json!({"status": {"allowed": is_patch}}))
            }
            ("PATCH", Some("/deployments/shop?dryRun=All")) if is_patch => (status, refusal.clone()),
            _ => (405, json!({})),
        };
        let text = answer.to_string();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            text.len()
        );
        let _ = stream.write_all(format!("{head}{text}").as_bytes());
    })
}

#[test]
fn each_refusal_of_the_dry_run_has_its_sentence() {
    let repo = Repo::none();
    for (status, reason, message, code, says) in [
        (
            409,
            "Conflict",
            "the object has been modified",
            1,
            "conflicts with another change: the object has been modified",
        ),
        (
            400,
            "BadRequest",
            "admission webhook \"w\" denied the request: no",
            1,
            "the cluster refuses the rollback",
        ),
        (
            400,
            "BadRequest",
            "admission webhook \"w\" does not support dry run",
            4,
            "does not support dry run",
        ),
        (
            404,
            "NotFound",
            "deployments.apps \"shop\" not found",
            4,
            "has no such deployment",
        ),
        (
            500,
            "InternalError",
            "etcdserver: leader changed",
            4,
            "answered with status 500: etcdserver: leader changed",
        ),
    ] {
        let server = cluster_that_refuses(status, reason, message);
        let config = json!({"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": {"token": "s3cret-token"}}]});
        let file = repo.outside("config");
        fs::write(&file, config.to_string()).unwrap();
        let env = [("KUBECONFIG", file.to_str().unwrap())];
        let told = repo.dry_run_with(repo.root(), &["--workload=deployment/shop"], &env);
        told.is(code, &[says]);
        assert_eq!(told.statuses()[..3], ["passed"; 3], "{}", told.text);
        assert_eq!(told.output("command"), "");
        assert!(!told.text.contains("s3cret"), "{}", told.text);
    }
}
