//! The images that a template names, and who may pull them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{join, join_all};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::{Kubernetes, Reference};
use crate::commands::rollback_dry_run::images::{Wanted, not_checked};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::Env;
use crate::world::registry::{Credentials, ImageName, NotAnImage, Platform};

const HUB: &str = "docker.io";

/// The pods that a template makes, as far as images matter.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pod {
    init_containers: Vec<Container>,
    containers: Vec<Container>,
    image_pull_secrets: Vec<Reference>,
    service_account_name: Option<String>,
    node_selector: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    image: String,
    image_pull_policy: String,
}

fn pod(template: &Value) -> Pod {
    template
        .get("spec")
        .and_then(|spec| Pod::deserialize(spec).ok())
        .unwrap_or_default()
}

/// Every image, as it is written; those of init containers first.
pub fn written(template: &Value) -> Vec<String> {
    let pod = pod(template);
    let mut images = Vec::new();
    for container in pod.init_containers.into_iter().chain(pod.containers) {
        if !images.contains(&container.image) {
            images.push(container.image);
        }
    }
    images
}

/// What its nodes are, where the template says it.
pub fn platform(template: &Value) -> Platform {
    let nodes = pod(template).node_selector;
    let label = |name: &str, default: &str| nodes.get(name).cloned().unwrap_or_else(|| default.to_owned());
    Platform {
        os: label("kubernetes.io/os", "linux"),
        architecture: label("kubernetes.io/arch", "amd64"),
        variant: None,
    }
}

/// The images that a node would pull, with the credentials that it would use as far as they can be read. What is odd about
/// them is added to what was observed.
pub async fn wanted(
    kubernetes: &Kubernetes,
    template: &Value,
    auth_env: Option<&str>,
    env: &Env,
    until: Instant,
    observed: &mut Observation,
) -> Result<Vec<Wanted>, NotChecked> {
    let pod = pod(template);
    let mut names: Vec<ImageName> = Vec::new();
    for container in pod.init_containers.iter().chain(&pod.containers) {
        let shown = one_line(&container.image);
        if container.image_pull_policy == "Never" {
            let why = format!("{shown} is never pulled (imagePullPolicy): each node must have it");
            observed
                .findings
                .push(Finding::warning("never-pulled", why).help("no registry can prove this; check the nodes"));
            continue;
        }
        let name = match container.image.parse() {
            // What a node makes of it.
            Err(NotAnImage::NoRelease(_)) => format!("{}:latest", container.image).parse(),
            name => name,
        };
        let name: ImageName = name.map_err(|error| {
            NotChecked::with_help(
                error.to_string(),
                "go back to a revision whose images have names, with --to-release",
            )
        })?;
        if name.digest().is_none() && name.tag() == Some("latest") {
            let why =
                format!("{shown} is whatever `latest` names when a pod starts: a rollback does not bring it back");
            observed
                .findings
                .push(Finding::warning("tag-can-move", why).help("name images by version or digest"));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if let Some(variable) = auth_env {
        let mut hosts: Vec<&str> = names.iter().map(ImageName::host).collect();
        hosts.dedup();
        if hosts.len() > 1 {
            return Err(NotChecked::with_help(
                format!(
                    "{variable} holds credentials for one registry, and the images are in {}",
                    hosts.join(", ")
                ),
                "leave --registry-auth-env out: pull secrets and docker's configuration file name the registry",
            ));
        }
    }
    let secrets = match auth_env {
        Some(_) => Vec::new(),
        None => {
            pull_secrets(
                kubernetes,
                pod.image_pull_secrets,
                pod.service_account_name,
                until,
                observed,
            )
            .await?
        }
    };
    let with_credentials = |name: ImageName| {
        let found = secrets.iter().find_map(|(told, json)| {
            let entry = entry(json, &name)?;
            let config = json!({"auths": {name.host(): entry}}).to_string();
            Some(Credentials::in_docker_config(config.as_bytes(), &name, told))
        });
        let credentials = found.unwrap_or_else(|| Credentials::of(&name, auth_env, env));
        credentials
            .map(|credentials| Wanted { name, credentials })
            .map_err(not_checked)
    };
    names.into_iter().map(with_credentials).collect()
}

/// Those that the template names, and those of its service account, as docker's JSON.
async fn pull_secrets(
    kubernetes: &Kubernetes,
    named: Vec<Reference>,
    account: Option<String>,
    until: Instant,
    observed: &mut Observation,
) -> Result<Vec<(String, Value)>, NotChecked> {
    let account = account.unwrap_or_else(|| "default".to_owned());
    let read = |names: Vec<Reference>| async move {
        let reads = names.into_iter().map(|of| async move {
            let secret = kubernetes.pull_secret(&of.name, until).await;
            (of.name, secret)
        });
        join_all(reads).await
    };
    let (of_account, mut secrets) = join(kubernetes.pull_secrets_of(&account, until), read(named)).await;
    match of_account {
        // A pod has its own or those of its account, and not both (the admission controller ServiceAccount).
        Ok(names) if secrets.is_empty() => secrets = read(names).await,
        Ok(_) => {}
        Err(error) => unread(observed, &format!("service account {account}"), error.status)
            .map_err(|()| super::messages::not_answered(&error))?,
    }
    let mut found = Vec::new();
    for (name, secret) in secrets {
        let told = format!("the pull secret {name}");
        match secret {
            Ok(secret) => {
                let decoded = |key: &str| {
                    let bytes = STANDARD.decode(secret.data.get(key)?).ok()?;
                    serde_json::from_slice::<Value>(&bytes).ok()
                };
                // The older form has the entries alone.
                let auths = decoded(".dockerconfigjson").and_then(|json| json.get("auths").cloned());
                match auths.or_else(|| decoded(".dockercfg")) {
                    Some(auths) => found.push((told, auths)),
                    None => {
                        let why = format!("{told} has no credentials that a node could use");
                        observed.findings.push(
                            Finding::warning("odd-pull-secret", why)
                                .help("write it with `kubectl create secret docker-registry`"),
                        );
                    }
                }
            }
            Err(error) => unread(observed, &format!("pull secret {name}"), error.status)
                .map_err(|()| super::messages::not_answered(&error))?,
        }
    }
    Ok(found)
}

/// What may not be read, or is not there, is told; the registry may let everybody in. Anything else is an error.
fn unread(observed: &mut Observation, what: &str, status: Option<u16>) -> Result<(), ()> {
    let finding = match status {
        Some(403) => Finding::note(
            "pull-secret-unread",
            format!("the credentials may not read the {what}; the registry is asked without it"),
        )
        .help("if the registry refuses, name a variable that holds user:password with --registry-auth-env"),
        Some(404) => Finding::warning("pull-secret-missing", format!("there is no {what}"))
            .help("make it again, or pods that need it cannot pull"),
        _ => return Err(()),
    };
    observed.findings.push(finding);
    Ok(())
}

/// The entry for an image, chosen as a node does: by host, which may have wildcards, and by the beginning of the path; the
/// longest key first (kubernetes.io/docs/concepts/containers/images, "Interpretation of config.json").
fn entry<'a>(auths: &'a Value, image: &ImageName) -> Option<&'a Value> {
    let mut entries: Vec<(&String, &Value)> = auths.as_object()?.iter().collect();
    entries.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
    entries
        .into_iter()
        .find(|(key, _)| covers(key, image))
        .map(|(_, entry)| entry)
}

fn covers(key: &str, image: &ImageName) -> bool {
    let bare = key
        .strip_prefix("https://")
        .or(key.strip_prefix("http://"))
        .unwrap_or(key);
    let bare = bare
        .trim_end_matches('/')
        .trim_end_matches("/v1")
        .trim_end_matches("/v2");
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = if host == "index.docker.io" { HUB } else { host };
    // A wildcard is for one part of the name.
    let (parts, own): (Vec<&str>, Vec<&str>) = (host.split('.').collect(), image.host().split('.').collect());
    let is_part = |(pattern, part): (&&str, &&str)| match pattern.split_once('*') {
        Some((start, end)) => part.len() >= start.len() + end.len() && part.starts_with(start) && part.ends_with(end),
        None => pattern == part,
    };
    parts.len() == own.len() && parts.iter().zip(&own).all(is_part) && image.repository().starts_with(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_chosen_as_a_node_does() {
        let image: ImageName = "eu.registry.example:5000/acme/shop:v1".parse().unwrap();
        for (key, yes) in [
            ("eu.registry.example:5000", true),
            ("https://eu.registry.example:5000/v2/", true),
            ("*.registry.example:5000", true),
            ("eu.*.example:5000/acme", true),
            ("eu.registry.example:5000/other", false),
            ("registry.example:5000", false),
            ("*.example:5000", false),
            ("eu.registry.example", false),
        ] {
            assert_eq!(covers(key, &image), yes, "{key}");
        }
        assert!(covers("https://index.docker.io/v1/", &"nginx:1".parse().unwrap()));
        let auths = json!({"eu.registry.example:5000": 1, "eu.registry.example:5000/acme": 2});
        assert_eq!(entry(&auths, &image), Some(&json!(2)));
    }

    #[test]
    fn a_template_says_which_images_and_for_what() {
        let template = json!({"spec": {"nodeSelector": {"kubernetes.io/arch": "arm64"},
            "initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"image": "a:1"}]}});
        assert_eq!(written(&template), ["a:1", "b:1"]);
        assert_eq!(platform(&template).to_string(), "linux/arm64");
        assert_eq!(platform(&json!({})).to_string(), "linux/amd64");
    }
}
