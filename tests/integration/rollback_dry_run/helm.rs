//! Platform `helm`, against releases that the real helm installs with a real API server, and real registries.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::kubernetes::is_listed;
use crate::kubernetes::{ADMIN, Kubernetes, Namespace, PLAIN};
use crate::registry::Registry;
use crate::repo::{Repo, Told};
use crate::servers::{answer, eventually};

/// A chart with one deployment, whose image and further objects are values.
struct Chart {
    repo: Repo,
    folder: PathBuf,
    /// `helm`, which makes a patch itself, or `helm4`, which uses server-side apply.
    program: &'static str,
}

const TEMPLATE: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: {{ .Values.replicas | default 1 }}
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      imagePullSecrets:
      nodeSelector:
      volumes: [{name: settings, configMap: {name: settings, defaultMode: 0444}}]
      containers: [{name: shop, image: {{ .Values.image }}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {mode: "on", text: "{{ .Values.text }}"}
{{- with .Values.more }}
---
{{ toYaml . }}
{{- end }}
---
apiVersion: batch/v1
kind: Job
metadata: {name: tell, annotations: {helm.sh/hook: post-rollback}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: tell, image: {{ .Values.image }}}]}}}
"#;

impl Chart {
    fn new() -> Self {
        Self::of("helm")
    }

    fn of(program: &'static str) -> Self {
        let repo = Repo::none();
        let folder = repo.outside("chart");
        fs::create_dir_all(folder.join("templates")).unwrap();
        fs::write(
            folder.join("Chart.yaml"),
            "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: \"7\"\n",
        )
        .unwrap();
        fs::write(folder.join("templates/all.yaml"), TEMPLATE).unwrap();
        Self { repo, folder, program }
    }

    fn try_helm(&self, namespace: &Namespace, args: &[&str]) -> Output {
        Command::new(namespace.of.programs().join(self.program))
            .args(args)
            .args(["--namespace", &namespace.name])
            .env("KUBECONFIG", namespace.of.kubeconfig("admin"))
            .env("HOME", self.repo.temp())
            .output()
            .unwrap()
    }

    #[track_caller]
    fn helm(&self, namespace: &Namespace, args: &[&str]) -> String {
        let output = self.try_helm(namespace, args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "helm {args:?}: {errors}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Deploys with these values.
    #[track_caller]
    fn deploy(&self, namespace: &Namespace, values: &Value) {
        let file = self.repo.outside("values.json");
        fs::write(&file, values.to_string()).unwrap();
        let (folder, file) = (self.folder.to_str().unwrap(), file.to_str().unwrap());
        self.helm(namespace, &["upgrade", "--install", "shop", folder, "--values", file]);
    }
}

#[track_caller]
fn dry_run_as(user: &str, namespace: &Namespace, more: &[&str]) -> Told {
    let repo = Repo::none();
    let config = namespace.of.kubeconfig(user);
    let space = format!("--namespace={}", namespace.name);
    let args = [&["--helm-release=shop", &space][..], more].concat();
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

/// Every object of the namespace, by its resource version.
fn all_versions(namespace: &Namespace) -> String {
    let kinds = "deployments,replicasets,pods,configmaps,secrets,services,jobs,serviceaccounts";
    let form = "--output=jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
    namespace.kubectl(&["get", kinds, form])
}

/// Rewrites a revision's record as another status.
fn relabel(namespace: &Namespace, version: u32, status: &str) {
    let secret = format!("sh.helm.release.v1.shop.v{version}");
    namespace.kubectl(&["label", "--overwrite", "secret", &secret, &format!("status={status}")]);
}

#[test]
fn a_release_goes_back_to_its_last_other_revision_and_nothing_is_stored() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    for tag in ["v1", "v2"] {
        registry.push(&format!("shop:{tag}"), tag, &["linux/amd64"]);
    }
    let namespace = kubernetes.namespace_named("shop-release");
    let chart = Chart::new();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "shop:reader"}, "rules": []});
    for tag in ["v1", "v2", "v2"] {
        let image = registry.image(&format!("shop:{tag}"));
        chart.deploy(&namespace, &json!({"image": image, "more": role}));
    }
    namespace.roll_out("deployment/shop");
    // Helm makes again what somebody deleted.
    namespace.kubectl(&["delete", "configmap", "settings"]);
    let history = || chart.helm(&namespace, &["history", "shop"]);
    let before = (all_versions(&namespace), history());
    let repo = Repo::none();
    let example = include_str!("../../../examples/platforms/helm.yml");
    repo.gate.write("helm.yml", example);
    let config = kubernetes.kubeconfig("admin");
    let env = [("KUBECONFIG", config.to_str().unwrap())];
    let told = repo.dry_run_with(repo.root(), &["--config=helm.yml"], &env);
    told.is(
        0,
        &[
            "revision 1",
            "2 releases back",
            "shop-1.2.3",
            "3 objects",
            "may do everything in this namespace",
        ],
    );
    assert_eq!(told.statuses(), ["passed"; 5], "{}", told.text);
    assert_eq!(told.output("target"), "1");
    let command = "helm rollback shop 1 --namespace shop-release --kube-context test --wait";
    assert_eq!(told.output("command"), command);
    for open in [
        "the hook Job tell: it would run",
        "changed by hand",
        "the tag of",
        "the database",
    ] {
        assert!(told.notes().contains(open), "{open}: {}", told.notes());
    }
    assert_eq!((all_versions(&namespace), history()), before);
    let list = repo
        .dry_run(&["--platform=helm", "--helm-release=shop", "--list-calls"])
        .notes();
    let asked = kubernetes.asked("shop-release");
    for (method, path) in [
        ("PATCH", "deployments/shop?"),
        ("PATCH", "configmaps/settings?"),
        ("POST", "configmaps?"),
    ] {
        let is_it = |(own, uri): &(String, String)| own == method && uri.contains(path) && uri.contains("dryRun=All");
        assert!(asked.iter().any(is_it), "{method} {path}: {asked:?}");
    }
    for (method, uri) in asked {
        assert!(is_listed(&list, &method, &uri), "{method} {uri}\n{list}");
    }
    // What was proved is what the command does, without waiting for pods that no node runs.
    chart.helm(&namespace, &["rollback", "shop", "1", "--no-hooks"]);
    let image = namespace.object("deployment/shop")["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_eq!(image, registry.image("shop:v1"));
    // It is revision 4 now, with the manifest of 1: what lies between was gone back from.
    dry_run(&namespace, &[]).is(1, &["gone back from"]);
    dry_run(&namespace, &["--to-release=3"]).is(0, &["revision 3"]);
}

#[test]
fn each_reason_why_there_is_no_way_back_has_its_sentence() {
    let Some(kubernetes) = Kubernetes::shared() else { return };
    let (namespace, chart) = (kubernetes.namespace(), Chart::new());
    dry_run(&namespace, &[]).is(1, &["there is no release shop in the namespace", "HELM_DRIVER"]);
    chart.deploy(&namespace, &json!({"image": "127.0.0.1:9/shop:v1"}));
    dry_run(&namespace, &[]).is(1, &["has no revision before the current one"]);
    dry_run(&namespace, &["--to-release=7"]).is(1, &["has no revision 7; it has 1"]);
    dry_run(&namespace, &["--to-release=1"]).is(1, &["the manifest that runs now"]);
    chart.deploy(&namespace, &json!({"image": "127.0.0.1:9/shop:v1"}));
    dry_run(&namespace, &[]).is(1, &["1 revision before the current one", "the same manifest"]);
    // An upgrade that fails: a name that the API server refuses.
    let file = chart.repo.outside("bad.json");
    let bad = json!({"image": "127.0.0.1:9/shop:v3", "more": {"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "UPPER"}}});
    fs::write(&file, bad.to_string()).unwrap();
    let (folder, file) = (chart.folder.to_str().unwrap(), file.to_str().unwrap());
    assert!(
        !chart
            .try_helm(&namespace, &["upgrade", "shop", folder, "--values", file])
            .status
            .success()
    );
    let told = dry_run(&namespace, &["--to-release=3"]);
    told.is(
        1,
        &[
            "revision 3 of shop failed; Helm has revision 2 as deployed",
            "ended as `failed`",
        ],
    );
    // Ending it is a change, though 2 is what is deployed.
    dry_run(&namespace, &["--to-release=2"]).is(4, &["cannot be asked [refused]"]);
    for (status, code, says) in [
        (
            "pending-upgrade",
            "rollout-in-progress",
            "revision 3 of shop is being deployed (pending-upgrade), or Helm was interrupted",
        ),
        ("uninstalled", "uninstalled", "the release shop is uninstalled"),
        (
            "deployed",
            "several-deployed",
            "several revisions of shop are recorded as deployed: 3, 2",
        ),
    ] {
        relabel(&namespace, 3, status);
        let told = dry_run(&namespace, &[]);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code]);
    }
    relabel(&namespace, 3, "failed");
    relabel(&namespace, 2, "superseded");
    dry_run(&namespace, &[]).is(1, &["no revision of shop is deployed; the newest, 3, is `failed`"]);
    relabel(&namespace, 2, "deployed");
    let patch = format!("--patch={}", json!({"data": {"release": STANDARD.encode("{}")}}));
    namespace.kubectl(&["patch", "secret", "sh.helm.release.v1.shop.v2", "--type=merge", &patch]);
    dry_run(&namespace, &[]).is(
        4,
        &["sh.helm.release.v1.shop.v2 does not hold a release: it is not base64"],
    );
    for (args, says) in [
        (&["--helm-release=Shop"][..], "is not the name of a release"),
        (&["--helm-release=shop", "--to-release=v1"], "is not a revision"),
        (&["--platform=helm"], "needs the name of the release"),
        (
            &["--helm-release=shop", "--ref=v1"],
            "--ref requires the platform `git`",
        ),
    ] {
        Repo::none().dry_run(args).is(2, &[says]);
    }
}

#[test]
fn what_the_credentials_may_is_asked_before() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    let (namespace, chart) = (kubernetes.namespace(), Chart::new());
    for tag in ["v1", "v2"] {
        registry.push(&format!("shop:{tag}"), tag, &["linux/amd64"]);
        chart.deploy(&namespace, &json!({"image": registry.image(&format!("shop:{tag}"))}));
    }
    dry_run_as("plain", &namespace, &[]).is(4, &["refuses the user `plain`", "cannot list resource"]);
    namespace.grant("get,list", "secrets");
    eventually("the grant is known", || dry_run_as("plain", &namespace, &[]).code != 4);
    let told = dry_run_as("plain", &namespace, &[]);
    told.is(
        1,
        &[
            "may not create secrets",
            "update secrets",
            "get deployments.apps shop",
            "patch configmaps settings",
            "list replicasets.apps",
            "delete jobs.batch tell",
        ],
    );
    assert_eq!(told.codes(), ["permission-denied"]);
    namespace.grant("create,update", "secrets");
    namespace.grant("get,patch", "deployments.apps,configmaps");
    namespace.grant("list", "replicasets.apps");
    namespace.grant("get,list,watch,create,delete", "jobs.batch");
    eventually("the grant is known", || dry_run_as("plain", &namespace, &[]).code == 0);
    // Before an eleventh record, Helm deletes the oldest.
    for text in 3..=10 {
        chart.deploy(
            &namespace,
            &json!({"image": registry.image("shop:v2"), "text": text.to_string()}),
        );
    }
    dry_run_as("plain", &namespace, &[]).is(1, &["may not delete secrets in"]);
    namespace.grant("delete", "secrets");
    eventually("the grant is known", || dry_run_as("plain", &namespace, &[]).code == 0);
}

#[test]
fn what_the_cluster_or_the_registry_no_longer_has_is_found() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    let chart = Chart::new();
    registry.push("shop:v2", "two", &["linux/amd64"]);
    let (v1, v2) = (registry.image("shop:v1"), registry.image("shop:v2"));
    let object = |name: &str, more: &Value| {
        let mut of = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        of.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        of
    };
    let elsewhere =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "far", "namespace": "far-away"}});
    let group_of = |name: &str| json!({"apiVersion": "shop.example/v1", "kind": "Basket", "metadata": {"name": name}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "baskets.shop.example"}, "spec": {"group": "shop.example", "scope": "Namespaced",
            "names": {"kind": "Basket", "plural": "baskets", "singular": "basket"},
            "versions": [{"name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}}}]}});
    for (name, more, code, says) in [
        (
            "absent",
            object("a", &json!({"data": {"a": "b"}})),
            "image-absent",
            "the registry does not have",
        ),
        (
            "served",
            group_of("one"),
            "not-served",
            "the cluster no longer serves shop.example/v1 Basket",
        ),
        (
            "newest",
            group_of("two"),
            "not-served",
            "which the newest revision has (two), and Helm stops at it",
        ),
        (
            "space",
            elsewhere,
            "no-namespace",
            "needs the namespace far-away, which is not there any more",
        ),
        (
            "fixed",
            object("fixed", &json!({"data": {"a": "b"}})),
            "invalid-release",
            "ConfigMap fixed is no longer valid for this cluster",
        ),
    ] {
        let namespace = kubernetes.namespace();
        if name == "space" {
            namespace.kubectl(&["create", "namespace", "far-away"]);
        }
        if matches!(name, "served" | "newest") {
            namespace.apply(&definition);
            namespace.kubectl(&["wait", "--for=condition=Established", "crd/baskets.shop.example"]);
        }
        let image = if name == "absent" { &v1 } else { &v2 };
        let (was, is) = if name == "newest" {
            (json!(null), more)
        } else {
            (more, json!(null))
        };
        chart.deploy(&namespace, &json!({"image": image, "more": was}));
        chart.deploy(&namespace, &json!({"image": v2, "text": "new", "more": is}));
        match name {
            "space" => {
                namespace.kubectl(&["delete", "namespace", "far-away", "--wait=false"]);
                dry_run(&namespace, &[]).is(1, &["needs the namespace far-away, which is being deleted"]);
                // As the controller of namespaces would do it.
                let gone = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "far-away"},
                    "spec": {"finalizers": []}});
                let path = "--raw=/api/v1/namespaces/far-away/finalize";
                namespace.kubectl_with(&["replace", path, "--filename=-"], &gone.to_string());
            }
            "served" | "newest" => drop(namespace.kubectl(&["delete", "crd", "baskets.shop.example"])),
            "fixed" => namespace.apply(&object("fixed", &json!({"immutable": true, "data": {"a": "other"}}))),
            _ => {}
        }
        let told = dry_run(&namespace, &[]);
        told.is(1, &[says]);
        assert!(told.codes().contains(&code), "{:?}", told.codes());
    }
}

/// What server-side apply would refuse or merge: a list item that is there twice, and ports whose numbers change.
#[test]
fn what_helms_own_patch_does_is_not_refused() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    let (namespace, chart) = (kubernetes.namespace(), Chart::new());
    registry.push("shop:v1", "one", &["linux/amd64"]);
    let image = registry.image("shop:v1");
    let twice = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    let more = |port: u16, strategy: Value| {
        let pods = json!({"metadata": {"labels": {"app": "more"}},
            "spec": {"containers": [{"name": "c", "image": image, "env": twice}]}});
        json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "more"},
                "spec": {"selector": {"matchLabels": {"app": "more"}}, "strategy": strategy, "template": pods}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "more"},
                "spec": {"type": "NodePort", "selector": {"app": "more"}, "ports": [{"name": "http", "port": port}]}},
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"},
                "spec": {"containers": [{"name": "c", "image": image}]}}]})
    };
    for (port, strategy) in [
        (80, json!({"type": "Recreate"})),
        (81, json!({"rollingUpdate": {"maxSurge": 2}})),
    ] {
        chart.deploy(&namespace, &json!({"image": image, "more": more(port, strategy)}));
    }
    dry_run(&namespace, &[]).is(0, &["5 objects"]);
    chart.helm(&namespace, &["rollback", "shop", "1", "--no-hooks"]);
}

#[test]
fn a_release_of_helm_4_goes_back_by_server_side_apply() {
    let (Some(kubernetes), Some(registry)) = (Kubernetes::shared(), Registry::start(false)) else {
        return;
    };
    let (namespace, chart) = (kubernetes.namespace(), Chart::of("helm4"));
    for tag in ["v1", "v2"] {
        registry.push(&format!("shop:{tag}"), tag, &["linux/amd64"]);
        chart.deploy(&namespace, &json!({"image": registry.image(&format!("shop:{tag}"))}));
    }
    dry_run(&namespace, &[]).is(0, &["revision 1", "2 objects"]);
    let other =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"mode": "off"}});
    let args = [
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=other",
        "--filename=-",
    ];
    namespace.kubectl_with(&args, &other.to_string());
    let told = dry_run(&namespace, &[]);
    told.is(
        1,
        &[
            "ConfigMap settings has fields that another program set",
            "\"other\"",
            "--force-conflicts",
        ],
    );
    assert!(told.codes().contains(&"conflict"), "{:?}", told.codes());
    let rollback = chart.try_helm(&namespace, &["rollback", "shop", "1", "--no-hooks"]);
    assert!(!rollback.status.success(), "{rollback:?}");
}

#[test]
fn what_a_cluster_does_not_say_is_unknown() {
    let repo = Repo::none();
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
        ("", "cannot be asked [reset]"),
    ] {
        let file = repo.outside("config");
        let config = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: '{}'}}}}]\nusers: [{{name: u, user: {{token: s3cret-token}}}}]\n",
            answer(bytes)
        );
        fs::write(&file, config).unwrap();
        let env = [("KUBECONFIG", file.to_str().unwrap())];
        let told = repo.dry_run_with(repo.root(), &["--helm-release=shop"], &env);
        told.is(4, &[says]);
        assert!(!told.text.contains("s3cret"), "{}", told.text);
    }
}
