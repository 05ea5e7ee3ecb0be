//! One revision of a service: what it runs, and whether it was ready.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::objects::{Condition, short};
use super::secrets::{self, SecretUse, Variable, Volume};
use crate::commands::rollback_dry_run::releases::Release;
use crate::world::hash::Hashed;
use crate::world::registry::{ImageName, NotAnImage};

/// What a revision takes from the template of its service. Labels and annotations are not among them: deploys write their own
/// commit or time there.
const TEMPLATE: [&str; 17] = [
    "ambientNetworking",
    "encryptionKey",
    "encryptionKeyRevocationAction",
    "encryptionKeyShutdownDuration",
    "executionEnvironment",
    "gpuZonalRedundancyDisabled",
    "maxInstanceRequestConcurrency",
    "nodeSelector",
    "sandboxes",
    "scaling",
    "serviceAccount",
    "serviceMesh",
    "sessionAffinity",
    "timeout",
    "volumes",
    "vpcAccess",
    "workloadIdentityConfig",
];
/// Of a container: where its image is from, which its digest says better.
const ORIGIN: [&str; 3] = ["buildInfo", "image", "sourceCode"];
/// google-github-actions/deploy-cloudrun and Cloud Build write the commit there.
const COMMIT: &str = "commit-sha";

#[derive(Clone, Debug)]
pub struct Revision {
    pub name: String,
    at: String,
    ready: Condition,
    /// What it runs and how, as a digest: two revisions with the same one are the same release.
    template: String,
    pub containers: Vec<Container>,
    pub secrets: Vec<SecretUse>,
    commit: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Container {
    /// As it was deployed.
    pub image: String,
    /// By the digest that Cloud Run found for it.
    pub resolved: Option<ImageName>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    name: String,
    #[serde(default)]
    create_time: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    conditions: Vec<Condition>,
    #[serde(default)]
    containers: Vec<ToldContainer>,
    #[serde(default)]
    container_statuses: Vec<ContainerStatus>,
    #[serde(default)]
    volumes: Vec<Volume>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct ToldContainer {
    name: String,
    image: String,
    env: Vec<Variable>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ContainerStatus {
    name: String,
    image_digest: String,
}

impl Revision {
    pub fn read(value: Value) -> Result<Self, serde_json::Error> {
        let told = Told::deserialize(&value)?;
        let of = |at: usize, name: &str| {
            let named = |status: &&ContainerStatus| !name.is_empty() && status.name == name;
            let by_name = told.container_statuses.iter().find(named);
            by_name.or(told
                .container_statuses
                .get(at)
                .filter(|status| status.name.is_empty() || name.is_empty()))
        };
        let containers = told.containers.iter().enumerate().map(|(at, container)| Container {
            resolved: resolved(
                &container.image,
                of(at, &container.name).map_or("", |status| &status.image_digest),
            ),
            image: container.image.clone(),
        });
        let containers: Vec<Container> = containers.collect();
        Ok(Self {
            name: short(&told.name).to_owned(),
            ready: told
                .conditions
                .into_iter()
                .find(|condition| condition.kind == "Ready")
                .unwrap_or_default(),
            template: template(&value, &containers),
            secrets: secrets::read(
                told.containers.iter().flat_map(|container| &container.env),
                told.volumes,
            ),
            commit: told.labels.get(COMMIT).filter(|text| is_commit(text)).cloned(),
            at: told.create_time,
            containers,
        })
    }

    pub fn release(&self) -> Release {
        let good = self.ready.state == "CONDITION_SUCCEEDED";
        let state = match (good, self.ready.reason()) {
            (true, _) => "Ready".to_owned(),
            (false, Some(reason)) => format!("not ready: {reason}"),
            (false, None) => "not ready".to_owned(),
        };
        Release {
            name: self.name.clone(),
            artifact: Some(self.template.clone()),
            state,
            good,
            at: self.at.clone(),
        }
    }

    /// Whether both run the same images, if not with the same settings.
    pub fn has_images_of(&self, other: &Self) -> bool {
        let of = |revision: &Self| -> Vec<String> { revision.containers.iter().map(Container::content).collect() };
        of(self) == of(other)
    }

    /// The commit it was made of, as far as the deploy wrote it down: as the tag of its image, or as a label.
    pub fn commit(&self) -> Option<&str> {
        let by_tag = match self.containers.as_slice() {
            [one] => one.image.split('@').next().and_then(|name| name.rsplit_once(':')),
            _ => None,
        };
        by_tag
            .map(|(_, tag)| tag)
            .filter(|tag| is_commit(tag))
            .or(self.commit.as_deref())
    }
}

impl Container {
    /// What tells its image apart from others.
    fn content(&self) -> String {
        let digest = self.resolved.as_ref().and_then(ImageName::digest);
        digest.unwrap_or(&self.image).to_owned()
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
}

/// The image by its digest. Cloud Run tells the whole name; it may be the digest alone.
fn resolved(image: &str, digest: &str) -> Option<ImageName> {
    let name = match digest.contains('@') {
        true => digest.to_owned(),
        false if digest.is_empty() => image.to_owned(),
        false => format!("{}@{digest}", image.split('@').next().unwrap_or_default()),
    };
    let name: Result<ImageName, NotAnImage> = name.parse();
    name.ok().filter(|name| name.digest().is_some())
}

fn template(revision: &Value, containers: &[Container]) -> String {
    let mut parts = Map::new();
    for name in TEMPLATE {
        if let Some(value) = revision.get(name) {
            parts.insert(name.to_owned(), value.clone());
        }
    }
    let mut all = revision.get("containers").cloned().unwrap_or_default();
    for (value, container) in all.as_array_mut().into_iter().flatten().zip(containers) {
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, _| !ORIGIN.contains(&name.as_str()));
            fields.insert("image".to_owned(), container.content().into());
        }
    }
    parts.insert("containers".to_owned(), all);
    hex::encode(Hashed::of(Value::from(parts).to_string().as_bytes()).sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn digest(c: char) -> String {
        format!("sha256:{}", c.to_string().repeat(64))
    }

    fn read(more: Value) -> Revision {
        let mut value = json!({"name": "projects/p/locations/r/services/shop/revisions/shop-00007-abc",
            "containers": [{"image": "r.example/shop:v7", "env": [{"name": "A", "value": "1"}]}],
            "containerStatuses": [{"name": "shop-1", "imageDigest": format!("r.example/shop@{}", digest('7'))}]});
        let fields = value.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        Revision::read(value).unwrap()
    }

    #[test]
    fn the_digest_is_read_however_it_is_told() {
        let name = |image: &str, told: &str| resolved(image, told).map(|name| name.to_string());
        let pinned = format!("r.example/shop@{}", digest('7'));
        assert_eq!(name("r.example/shop:v7", &pinned), Some(pinned.clone()));
        let tagged = format!("r.example/shop:v7@{}", digest('7'));
        assert_eq!(name("r.example/shop:v7", &digest('7')), Some(tagged));
        assert_eq!(name("r.example/shop", &digest('7')), Some(pinned.clone()));
        assert_eq!(name(&pinned, ""), Some(pinned));
        assert_eq!(name("r.example/shop:v7", ""), None);
        assert_eq!(name("scratch", ""), None);
    }

    #[test]
    fn only_what_runs_and_how_tells_two_revisions_apart() {
        let one = read(json!({}));
        for same in [
            json!({"labels": {"commit-sha": "0".repeat(40)}, "createTime": "2026-11-01T12:00:00Z"}),
            json!({"containers": [{"image": "r.example/shop:again", "env": [{"name": "A", "value": "1"}]}]}),
            json!({"annotations": {"a": "b"}, "scalingStatus": {"desiredMinInstanceCount": 1}, "uid": "x"}),
        ] {
            let other = read(same.clone());
            assert_eq!(one.template, other.template, "{same}");
            assert!(one.has_images_of(&other));
        }
        for (different, images) in [
            (json!({"timeout": "300s"}), true),
            (json!({"serviceAccount": "other@acme.example"}), true),
            (
                json!({"containers": [{"image": "r.example/shop:v7", "env": [{"name": "A", "value": "2"}]}]}),
                true,
            ),
            (
                json!({"containerStatuses": [{"imageDigest": format!("r.example/shop@{}", digest('8'))}]}),
                false,
            ),
        ] {
            let other = read(different.clone());
            assert_ne!(one.template, other.template, "{different}");
            assert_eq!(one.has_images_of(&other), images, "{different}");
        }
    }

    #[test]
    fn several_containers_have_each_their_digest() {
        let revision = read(
            json!({"containers": [{"name": "web", "image": "r/a:1"}, {"name": "proxy", "image": "r/b:1"}],
            "containerStatuses": [{"name": "proxy", "imageDigest": format!("r/b@{}", digest('b'))},
                {"name": "web", "imageDigest": format!("r/a@{}", digest('a'))}]}),
        );
        let digests: Vec<_> = revision.containers.iter().map(Container::content).collect();
        assert_eq!(digests, [digest('a'), digest('b')]);
    }

    #[test]
    fn the_commit_is_a_tag_or_a_label() {
        let [tagged, labelled] = ["a".repeat(40), "b".repeat(40)];
        let with = |image: &str| {
            let labels = json!({"labels": {"commit-sha": labelled}, "containers": [{"image": image}]});
            read(labels).commit().map(str::to_owned)
        };
        assert_eq!(with(&format!("r.example:5000/shop:{tagged}")), Some(tagged));
        assert_eq!(with("r.example:5000/shop"), Some(labelled.clone()));
        assert_eq!(
            with(&format!("r.example/shop:v7@{}", digest('7'))),
            Some(labelled.clone())
        );
        assert_eq!(read(json!({"labels": {"commit-sha": "abc1234"}})).commit(), None);
    }

    proptest! {
        #[test]
        fn any_image_and_digest_is_one_with_a_digest_or_none(image in "[ -~]{0,40}", told in "([ -~]{0,20}|[a-z./]{1,9}@)(sha256:[0-9a-f]{64})?") {
            if let Some(name) = resolved(&image, &told) {
                prop_assert!(name.digest().is_some());
            }
        }
    }
}
