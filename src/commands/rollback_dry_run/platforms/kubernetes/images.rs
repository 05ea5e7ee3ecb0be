//! The images that a template names, and who may pull them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::api::Kubernetes;
use super::objects::Reference;
use super::pull_secrets;
use crate::commands::rollback_dry_run::images::{Wanted, not_checked, one_registry};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::Env;
use crate::world::registry::{Credentials, ImageName, NotAnImage, Platform};

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
    read(template).unwrap_or_default()
}

fn read(template: &Value) -> Option<Pod> {
    Pod::deserialize(template.get("spec")?).ok()
}

/// What a node makes of it.
fn image_name(image: &str) -> Result<ImageName, NotAnImage> {
    match image.parse() {
        Err(NotAnImage::NoRelease(_)) => format!("{image}:latest").parse(),
        name => name,
    }
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
/// them is added to what was observed. `other` is the template whose images are asked for with the same credentials.
pub async fn wanted(
    kubernetes: &Kubernetes,
    (template, other): (&Value, &Value),
    auth_env: Option<&str>,
    env: &Env,
    until: Instant,
    observed: &mut Observation,
) -> Result<Vec<Wanted>, NotChecked> {
    let pod = read(template).ok_or_else(|| NotChecked::errored("the pod template cannot be read"))?;
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
        let name = image_name(&container.image).map_err(|error| {
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
    if names.is_empty() {
        return Err(NotChecked::with_help(
            "the pod template names no image that a node would pull, so no registry was asked",
            "go back to another revision with --to-release, or check the images on the nodes",
        ));
    }
    let others = written(other).into_iter().filter_map(|image| image_name(&image).ok());
    let others: Vec<ImageName> = others.collect();
    one_registry(auth_env, names.iter().chain(&others))?;
    let secrets = match auth_env {
        Some(_) => Vec::new(),
        None => {
            pull_secrets::read(
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
            let entry = pull_secrets::entry(json, &name)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_says_which_images_and_for_what() {
        let template = json!({"spec": {"nodeSelector": {"kubernetes.io/arch": "arm64"},
            "initContainers": [{"image": "a:1"}], "containers": [{"image": "b:1"}, {"image": "a:1"}]}});
        assert_eq!(written(&template), ["a:1", "b:1"]);
        assert_eq!(platform(&template).to_string(), "linux/arm64");
        assert_eq!(platform(&json!({})).to_string(), "linux/amd64");
        // One that cannot be read is not one without images.
        for odd in [
            json!({}),
            json!({"spec": {"nodeSelector": null, "containers": [{"image": "a:1"}]}}),
        ] {
            assert!(read(&odd).is_none(), "{odd}");
        }
    }
}
