//! The credentials that the pods of a workload pull with.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{join, join_all};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{Pod, Puller, Reference};
use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::world::api::ApiError;
use crate::world::calls::Call;
use crate::world::registry::{ImageName, bare_key};

const HUB: &str = "docker.io";

pub const GET_ACCOUNT: Call = Call::get(
    "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "which pull secrets its pods have",
);
pub const GET_SECRET: Call = Call::get(
    "/api/v1/namespaces/{namespace}/secrets/{name}",
    "a pull secret: the credentials for the image's registry",
);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    #[serde(default)]
    image_pull_secrets: Vec<Reference>,
}

#[derive(Deserialize)]
struct PullSecret {
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// Those that the pod names, and those of its service account, as docker's JSON.
pub async fn read(
    puller: Puller<'_>,
    pod: &Pod,
    until: Instant,
    observed: &mut Observation,
) -> Result<Vec<(String, Value)>, NotChecked> {
    let Puller { cluster, namespace, .. } = puller;
    let (account, named) = pod.credentials();
    let account = account.unwrap_or_else(|| "default".to_owned());
    let fetch = |names: Vec<Reference>| async move {
        let reads = names.into_iter().map(|of| async move {
            let secret: Result<PullSecret, _> = cluster.get(&GET_SECRET, &[namespace, &of.name], until).await;
            (of.name, secret)
        });
        join_all(reads).await
    };
    let values = [namespace, &*account];
    let of_account = cluster.get::<Account>(&GET_ACCOUNT, &values, until);
    let (of_account, mut secrets) = join(of_account, fetch(named)).await;
    match of_account.map(|account| account.image_pull_secrets) {
        // A pod has its own or those of its account, and not both (the admission controller ServiceAccount).
        Ok(names) if secrets.is_empty() => secrets = fetch(names).await,
        Ok(_) => {}
        Err(error) => {
            unread(observed, &format!("service account {account}"), &error)?;
        }
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
            Err(error) => {
                unread(observed, &format!("pull secret {name}"), &error)?;
            }
        }
    }
    Ok(found)
}

/// What may not be read, or is not there, is told; the registry may let everybody in. Anything else is an error.
fn unread(observed: &mut Observation, what: &str, error: &ApiError) -> Result<(), NotChecked> {
    let finding = match error.status {
        Some(403) => Finding::note(
            "pull-secret-unread",
            format!("the credentials may not read the {what}; the registry is asked without it"),
        )
        .help("if the registry refuses, name a variable that holds user:password with --registry-auth-env"),
        Some(404) => Finding::warning("pull-secret-missing", format!("there is no {what}"))
            .help("make it again, or pods that need it cannot pull"),
        _ => return Err(error.into()),
    };
    observed.findings.push(finding);
    Ok(())
}

/// The entry for an image, chosen as a node does: by host, which may have wildcards, and by the beginning of the path; the
/// longest key first (kubernetes.io/docs/concepts/containers/images, "Interpretation of config.json").
pub fn entry<'a>(auths: &'a Value, image: &ImageName) -> Option<&'a Value> {
    let mut entries: Vec<(&String, &Value)> = auths.as_object()?.iter().collect();
    entries.sort_by_key(|(key, _)| std::cmp::Reverse(key.len()));
    entries
        .into_iter()
        .find(|(key, _)| covers(key, image))
        .map(|(_, entry)| entry)
}

fn covers(key: &str, image: &ImageName) -> bool {
    let bare = bare_key(key);
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
    use serde_json::json;

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
}
