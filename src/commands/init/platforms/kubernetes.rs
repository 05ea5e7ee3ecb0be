//! Kubernetes: manifests in a folder, with a kustomization or without.

use super::{App, Command, Deploy, Secret, Workflows};
use crate::commands::init::apps::is_manifest;
use crate::commands::init::names;
use crate::commands::init::workflows::is_staging;
use crate::model::yaml::{self, Node};

pub fn find(app: &App<'_>, workflows: &Workflows) -> Option<Deploy> {
    let manifests = || app.files().filter(|path| is_manifest(path) && names::is_path(path));
    let is_kustomization = |path: &&str| path.ends_with("/kustomization.yaml") || path.ends_with("/kustomization.yml");
    // An overlay for staging, else the outermost, which is the first in the order of depth.
    let kustomization = manifests()
        .filter(is_kustomization)
        .min_by_key(|path| (!path.split('/').any(is_staging), path.matches('/').count()));
    let (folder, flag) = match kustomization {
        Some(path) => (folder_of(path), "-k"),
        None => {
            let folders = manifests().map(folder_of);
            let folder = folders.min_by_key(|folder| (!folder.split('/').any(is_staging), folder.len()))?;
            (folder, "-f")
        }
    };
    // It waits until the new version runs, which is what a gate is about.
    let deployment = deployment(app, &folder);
    let renamed = kustomization.and_then(|path| Renamed::by(&app.text(path)?));
    let wait = match &deployment {
        Some(name) => format!(" && {} --timeout=10m", renamed.unwrap_or_default().status(name)),
        None => String::new(),
    };
    let (secret, prepare) = kubeconfig(workflows);
    let health = app.files().filter(|path| is_manifest(path)).find_map(|path| {
        let health = probe(&app.text(path)?)?;
        Some((health, format!("{}{path}", app.folder)))
    });
    let mut why = vec![format!(
        "{}{folder} has {}",
        app.folder,
        match flag {
            "-k" => "a kustomization",
            _ => "Kubernetes manifests",
        }
    )];
    why.extend(deployment.map(|name| format!("its Deployment is {name}")));
    Some(Deploy {
        platform: "to Kubernetes",
        why,
        prepare,
        rollback_first: Some(ROLLBACK_FIRST.to_owned()),
        command: Command::of_staging(
            folder.split('/').any(is_staging),
            format!("kubectl apply {flag} {folder}{wait}"),
            format!("the folder or the namespace of staging, if {folder} deploys to production"),
        ),
        secrets: vec![secret],
        health,
        files: vec![format!("{}{}/**", app.folder, top_of(&folder))],
        ..Deploy::default()
    })
}

/// The kubeconfig of a laptop may lead to another cluster.
pub const ROLLBACK_FIRST: &str = "export KUBECONFIG=\"${KUBECONFIG:?the kubeconfig of staging}\"";

/// The secret that holds a kubeconfig, and the lines that make a file of it. A name can say that it is encoded.
pub fn kubeconfig(workflows: &Workflows) -> (Secret, Vec<String>) {
    let secret = Secret::new(
        "KUBE_CONFIG",
        &[
            "KUBECONFIG",
            "KUBE_CONFIG_DATA",
            "KUBECONFIG_BASE64",
            "KUBE_CONFIG_BASE64",
        ],
        "a kubeconfig of an account that may deploy to staging",
    )
    .long();
    let is_encoded = workflows
        .secrets()
        .iter()
        .map(|used| used.name)
        .any(|name| secret.names.contains(&name) && (name.ends_with("_DATA") || name.ends_with("_BASE64")));
    let decode = if is_encoded { " | base64 --decode" } else { "" };
    let prepare = vec![
        "umask 077".to_owned(),
        "export KUBECONFIG=\"$RUNNER_TEMP/kubeconfig\"".to_owned(),
        format!("printf %s \"$KUBE_CONFIG\"{decode} > \"$KUBECONFIG\""),
    ];
    (secret, prepare)
}

fn folder_of(path: &str) -> String {
    path.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned()
}

fn top_of(folder: &str) -> &str {
    folder.split('/').next().unwrap_or(folder)
}

/// The name of the one Deployment in the manifests, those below and beside the folder included: an overlay has its base
/// elsewhere.
fn deployment(app: &App<'_>, folder: &str) -> Option<String> {
    let top = top_of(folder);
    let mut names: Vec<String> = Vec::new();
    for path in app.files().filter(|path| is_manifest(path) && path.starts_with(top)) {
        let text = app.text(path)?;
        for document in text.split("\n---") {
            names.extend(name_of_deployment(document));
        }
    }
    names.sort_unstable();
    names.dedup();
    match names.as_slice() {
        [name] => Some(name.clone()),
        _ => None,
    }
}

/// Of one document. Templates are no YAML that could be parsed, and are read by lines.
fn name_of_deployment(document: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let name = match yaml::parse(document) {
        Ok(root) if root.get("kind").and_then(Node::text) != Some("Deployment") => None,
        Ok(root) => root.get("metadata")?.get("name")?.text().map(str::to_owned),
        Err(_) => name_by_lines(document),
    };
    name.filter(|name| !name.is_empty() && !name.starts_with('-') && name.chars().all(plain))
}

fn name_by_lines(document: &str) -> Option<String> {
    document.lines().find(|line| line.trim_end() == "kind: Deployment")?;
    let mut lines = document
        .lines()
        .skip_while(|line| line.trim_end() != "metadata:")
        .skip(1);
    let below = lines.by_ref().take_while(|line| line.starts_with(' '));
    let name = below
        .filter_map(|line| line.trim().strip_prefix("name:"))
        .next()?
        .trim()
        .trim_matches(['"', '\'']);
    Some(name.to_owned())
}

/// What a kustomization makes of the names below it.
#[derive(Default)]
struct Renamed {
    prefix: String,
    suffix: String,
    namespace: String,
}

impl Renamed {
    fn by(kustomization: &str) -> Option<Self> {
        let root = yaml::parse(kustomization).ok()?;
        let name = |key: &str| {
            let text = root.get(key).and_then(Node::text).unwrap_or_default();
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            text.chars().all(plain).then(|| text.to_owned())
        };
        Some(Self {
            prefix: name("namePrefix")?,
            suffix: name("nameSuffix")?,
            namespace: name("namespace")?,
        })
    }

    fn status(&self, name: &str) -> String {
        let namespace = match self.namespace.as_str() {
            "" => String::new(),
            namespace => format!(" --namespace={namespace}"),
        };
        format!(
            "kubectl rollout status deployment/{}{name}{}{namespace}",
            self.prefix, self.suffix
        )
    }
}

/// The path of the first `httpGet` of a probe.
pub fn probe(text: &str) -> Option<String> {
    let is_path = |path: &String| path != "/" && names::is_url_path(path);
    let parsed: Result<Vec<Node>, _> = text.split("\n---").map(yaml::parse).collect();
    match parsed {
        Ok(documents) => documents.iter().find_map(http_get).filter(is_path),
        Err(_) => probe_by_lines(text).filter(is_path),
    }
}

fn http_get(node: &Node) -> Option<String> {
    if let Some(path) = node.get("httpGet").and_then(|get| get.get("path")) {
        return path.text().map(str::to_owned);
    }
    let below = node.entries().map(|(_, value)| value).chain(node.items());
    below.into_iter().find_map(http_get)
}

fn probe_by_lines(text: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("httpGet:"));
    let mut paths = lines
        .by_ref()
        .take(4)
        .filter_map(|line| line.trim().strip_prefix("path:"));
    Some(paths.next()?.trim().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_known_by_its_name() {
        let named = |text: &str| name_of_deployment(text);
        let good = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    a: b\n  name: \"shop\"\nspec:\n  name: no\n";
        assert_eq!(named(good).as_deref(), Some("shop"));
        assert_eq!(
            named("{kind: Deployment, metadata: {name: web}}").as_deref(),
            Some("web")
        );
        assert_eq!(
            named("kind: Deployment\nmetadata:\n  name: web\n{{ end }}\n").as_deref(),
            Some("web")
        );
        for odd in [
            "kind: Service\nmetadata:\n  name: x\n",
            "kind: Deployment\n",
            "kind: Deployment\nmetadata:\n  name: {{ .x }}\n",
        ] {
            assert_eq!(named(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_probe_is_read_in_both_styles() {
        for (text, expected) in [
            (
                "readinessProbe:\n  httpGet:\n    port: 80\n    path: /ready\n",
                Some("/ready"),
            ),
            (
                "kind: Service\n---\nspec: [{readinessProbe: {httpGet: {path: /rz, port: 80}}}]\n",
                Some("/rz"),
            ),
            (
                "{{ if .x }}\n  httpGet:\n    path: \"/ready\"\n{{ end }}\n",
                Some("/ready"),
            ),
            ("httpGet: {path: /}", None),
            ("tcpSocket: {port: 80}", None),
        ] {
            assert_eq!(probe(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_rollout_is_awaited_under_the_name_that_the_overlay_makes() {
        let status = |text: &str| Renamed::by(text).unwrap_or_default().status("shop");
        assert_eq!(
            status("namePrefix: stg-\nnamespace: staging\n"),
            "kubectl rollout status deployment/stg-shop --namespace=staging"
        );
        assert_eq!(status("namespace: $(id)\n"), "kubectl rollout status deployment/shop");
    }
}
