//! Kubernetes: manifests in a folder, with a kustomization or without.

use super::{App, Command, Deploy, Secret, Workflows};
use crate::commands::init::apps::is_manifest;
use crate::commands::init::names;
use crate::commands::init::workflows::is_staging;

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
    let wait = match &deployment {
        Some(name) => format!(" && kubectl rollout status deployment/{name} --timeout=10m"),
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
        command: Command::known(format!("kubectl apply {flag} {folder}{wait}")),
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

/// Of one document. Templates and patches are no YAML that could be parsed, so it is read by lines.
fn name_of_deployment(document: &str) -> Option<String> {
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
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (!name.is_empty() && !name.starts_with('-') && name.chars().all(plain)).then(|| name.to_owned())
}

/// The path of the first `httpGet` of a probe.
pub fn probe(text: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("httpGet:"));
    let mut paths = lines
        .by_ref()
        .take(4)
        .filter_map(|line| line.trim().strip_prefix("path:"));
    let path = paths.next()?.trim().trim_matches(['"', '\'']).to_owned();
    (path != "/" && names::is_url_path(&path)).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_known_by_its_name() {
        let named = |text: &str| name_of_deployment(text);
        let good = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    a: b\n  name: \"shop\"\nspec:\n  name: no\n";
        assert_eq!(named(good).as_deref(), Some("shop"));
        for odd in [
            "kind: Service\nmetadata:\n  name: x\n",
            "kind: Deployment\n",
            "kind: Deployment\nmetadata:\n  name: {{ .x }}\n",
        ] {
            assert_eq!(named(odd), None, "{odd}");
        }
    }
}
