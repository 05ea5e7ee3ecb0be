//! Pods of a Kubernetes cluster: the images that their templates name, and who may pull them.

mod pull_secrets;
mod pullable;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::images::{Wanted, not_checked, one_registry};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::Env;
use crate::world::kubernetes::Cluster;
use crate::world::registry::{Credentials, ImageName, Platform};

pub use pull_secrets::{GET_ACCOUNT, GET_SECRET};
pub use pullable::{Template, pullable};

/// The name of a pull secret.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(default)]
pub struct Reference {
    name: String,
}

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

impl Pod {
    fn of(template: &Value) -> Result<Self, NotChecked> {
        let spec = template.get("spec").and_then(Value::as_object);
        // In a manifest, nothing may stand for what is not set.
        let set = |(key, value): (&String, &Value)| (!value.is_null()).then(|| (key.clone(), value.clone()));
        let spec: Option<Value> = spec.map(|spec| spec.iter().filter_map(set).collect());
        let spec = spec.and_then(|spec| Self::deserialize(spec).ok());
        spec.ok_or_else(|| NotChecked::errored("the pod template cannot be read"))
    }

    /// What its credentials for registries come from.
    fn credentials(&self) -> (Option<String>, Vec<Reference>) {
        (self.service_account_name.clone(), self.image_pull_secrets.clone())
    }

    /// Adds the containers of a pod with the same credentials.
    fn add(&mut self, other: Self) {
        (self.service_account_name, self.image_pull_secrets) = other.credentials();
        self.init_containers.extend(other.init_containers);
        self.containers.extend(other.containers);
    }

    fn all(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers)
    }
}

/// What is not covered about an image that has no digest.
pub fn tag_may_move(image: impl std::fmt::Display) -> String {
    format!("whether the tag of {image} names what it named then: tags can be moved")
}

/// Every image, as it is written; those of init containers first.
pub fn written(template: &Value) -> Vec<String> {
    let mut images = Vec::new();
    for container in Pod::of(template).unwrap_or_default().all() {
        if !images.contains(&container.image) {
            images.push(container.image.clone());
        }
    }
    images
}

/// What its nodes are, where the template says it.
fn platform(template: &Value) -> Platform {
    let nodes = Pod::of(template).unwrap_or_default().node_selector;
    let label = |name: &str, default: &str| nodes.get(name).cloned().unwrap_or_else(|| default.to_owned());
    Platform {
        os: label("kubernetes.io/os", "linux"),
        architecture: label("kubernetes.io/arch", "amd64"),
        variant: None,
    }
}

/// Who pulls, and from where it may know how.
#[derive(Clone, Copy)]
pub struct Puller<'a> {
    pub cluster: &'a Cluster,
    pub namespace: &'a str,
    /// The variable that holds `user:password`, in place of the pull secrets.
    pub auth_env: Option<&'a str>,
    pub env: &'a Env,
}

impl<'a> Puller<'a> {
    pub fn of(cluster: &'a Cluster, auth_env: Option<&'a str>, env: &'a Env) -> Self {
        Self {
            cluster,
            namespace: &cluster.namespace,
            auth_env,
            env,
        }
    }
}

/// Refuses several registries for one pair of name and password.
fn share_a_registry<'a>(
    auth_env: Option<&str>,
    templates: impl IntoIterator<Item = &'a Value>,
) -> Result<(), NotChecked> {
    let images = templates.into_iter().flat_map(written);
    let names: Vec<ImageName> = images.filter_map(|image| ImageName::or_latest(&image).ok()).collect();
    one_registry(auth_env, &names)
}

/// The images that a node would pull, with the credentials that it would use as far as they can be read. What is odd about
/// them is added to what was observed.
async fn wanted(
    pod: Pod,
    puller: Puller<'_>,
    until: Instant,
    observed: &mut Observation,
) -> Result<Vec<Wanted>, NotChecked> {
    let mut names: Vec<ImageName> = Vec::new();
    for container in pod.all() {
        let shown = one_line(&container.image);
        if container.image_pull_policy == "Never" {
            let why = format!("{shown} is never pulled (imagePullPolicy): each node must have it");
            observed
                .findings
                .push(Finding::warning("never-pulled", why).help("no registry can prove this; check the nodes"));
            continue;
        }
        let name = ImageName::or_latest(&container.image).map_err(|error| {
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
    let secrets = match puller.auth_env {
        Some(_) => Vec::new(),
        None => pull_secrets::read(puller, &pod, until, observed).await?,
    };
    let with_credentials = |name: ImageName| {
        let found = secrets.iter().find_map(|(told, json)| {
            let entry = pull_secrets::entry(json, &name)?;
            let config = json!({"auths": {name.host(): entry}}).to_string();
            Some(Credentials::in_docker_config(config.as_bytes(), &name, told))
        });
        let credentials = found.unwrap_or_else(|| Credentials::of(&name, puller.auth_env, puller.env));
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
            json!({"spec": {"nodeSelector": "amd64", "containers": [{"image": "a:1"}]}}),
        ] {
            assert!(Pod::of(&odd).is_err(), "{odd}");
        }
    }
}
