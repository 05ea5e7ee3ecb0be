//! What a cluster is asked about a release.
//!
//! Sources: kubernetes.io/docs/reference/using-api/api-concepts and server-side-apply; helm.sh/helm/v3,
//! `pkg/storage/driver/secrets.go` and `pkg/kube/client.go`.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::manifest::Object;
use super::release::{self, Release};
use crate::commands::rollback_dry_run::pods;
use crate::world::World;
use crate::world::api::{Api, ApiError};
use crate::world::calls::{Call, Content};
use crate::world::kubernetes::{Asked, Cluster, Right, Status};

const LIST_RELEASES: Call = Call::get(
    "/api/v1/namespaces/{namespace}/secrets",
    "the revisions of the release: their names and labels alone",
);
const GET_RELEASE: Call = Call::get(
    "/api/v1/namespaces/{namespace}/secrets/{name}",
    "one revision of the release",
);
const CORE: Call = Call::get("/api/v1", "which kinds the cluster serves");
const GROUP: Call = Call::get("/apis/{group}/{version}", "the same, of a group");
const MAY: Call = Call::access_review("may the credentials do this; nothing is stored");
const PATCH_CORE: Call = Call::dry_run(
    "/api/v1/namespaces/{namespace}/{resource}/{name}",
    "would the cluster accept this object of the revision; nothing is stored",
);
const PATCH_CORE_GLOBAL: Call = Call::dry_run("/api/v1/{resource}/{name}", "the same, without a namespace");
const PATCH: Call = Call::dry_run(
    "/apis/{group}/{version}/namespaces/{namespace}/{resource}/{name}",
    "the same, of a group",
);
const PATCH_GLOBAL: Call = Call::dry_run(
    "/apis/{group}/{version}/{resource}/{name}",
    "the same, of a group, without a namespace",
);
const CREATE_CORE: Call = Call::dry_run_create(
    "/api/v1/namespaces/{namespace}/{resource}",
    "would the cluster accept this object, which it does not have now; nothing is stored",
);
const CREATE_CORE_GLOBAL: Call = Call::dry_run_create("/api/v1/{resource}", "the same, without a namespace");
const CREATE: Call = Call::dry_run_create(
    "/apis/{group}/{version}/namespaces/{namespace}/{resource}",
    "the same, of a group",
);
const CREATE_GLOBAL: Call = Call::dry_run_create(
    "/apis/{group}/{version}/{resource}",
    "the same, of a group, without a namespace",
);

/// All that a cluster is ever asked; the registry has a list of its own. A release and a pull secret are both Secrets.
pub const CALLS: [(&str, &[Call]); 1] = [(
    "the Kubernetes API server",
    &[
        LIST_RELEASES,
        GET_RELEASE,
        CORE,
        GROUP,
        MAY,
        PATCH_CORE,
        PATCH_CORE_GLOBAL,
        PATCH,
        PATCH_GLOBAL,
        CREATE_CORE,
        CREATE_CORE_GLOBAL,
        CREATE,
        CREATE_GLOBAL,
        pods::GET_ACCOUNT,
    ],
)];

const TYPE: &str = "helm.sh/release.v1";
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const PAGE: usize = 100;
/// How many requests are sent at once.
pub const AT_ONCE: usize = 8;

/// A revision, as its labels describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    secret: String,
    pub version: u64,
    pub status: String,
}

/// Where objects of a kind are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub resource: String,
    pub namespaced: bool,
}

/// By group, version and kind. What is not in it is not served.
pub type Places = BTreeMap<(String, String, String), Place>;

/// A cluster, asked about one release.
pub struct Helm {
    pub cluster: Cluster,
    pub name: String,
}

/// How Helm changes an object.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    pub place: &'a Place,
    /// Whether the newest revision does not have the object, so that Helm most likely makes it.
    pub is_new: bool,
    pub patch: Patch<'a>,
}

#[derive(Clone, Copy)]
pub enum Patch<'a> {
    /// By a patch that it makes itself.
    Merge(&'a Value),
    /// By server-side apply.
    Apply,
}

/// A Secret that should hold a release.
pub enum Read {
    Release(Box<Release>),
    Odd(String),
}

impl Helm {
    pub fn connect(asked: &Asked, name: &str, world: &World) -> Result<Self, ApiError> {
        Ok(Self {
            cluster: Cluster::connect(asked, "release", &world.env, &world.host)?,
            name: name.to_owned(),
        })
    }

    /// Newest first.
    pub async fn records(&self, until: Instant) -> Result<Vec<Record>, ApiError> {
        #[derive(Deserialize)]
        struct Secret {
            metadata: Metadata,
        }
        #[derive(Deserialize)]
        struct Metadata {
            name: String,
            #[serde(default)]
            labels: BTreeMap<String, String>,
        }
        let content = Content {
            values: &[&self.cluster.namespace],
            query: &[
                ("labelSelector", &format!("owner=helm,name={}", self.name)),
                ("fieldSelector", &format!("type={TYPE}")),
            ],
            headers: &[Api::header("Accept", METADATA_ONLY)?],
            ..Content::default()
        };
        let secrets: Vec<Secret> = self.cluster.list(&LIST_RELEASES, content, PAGE, until).await?;
        let record = |secret: Secret| {
            let Metadata { name, labels } = secret.metadata;
            Some(Record {
                version: labels.get("version")?.parse().ok()?,
                status: labels.get("status").cloned().unwrap_or_default(),
                secret: name,
            })
        };
        let mut records: Vec<Record> = secrets.into_iter().filter_map(record).collect();
        records.sort_by_key(|record| std::cmp::Reverse(record.version));
        Ok(records)
    }

    pub async fn release(&self, record: &Record, until: Instant) -> Result<Read, ApiError> {
        #[derive(Deserialize)]
        struct Secret {
            #[serde(default)]
            data: BTreeMap<String, String>,
        }
        let values = [&*self.cluster.namespace, &*record.secret];
        let secret: Secret = self.cluster.get(&GET_RELEASE, &values, until).await?;
        let data = secret.data.get("release").map_or("", String::as_str);
        Ok(match release::decode(data) {
            Ok(release) => Read::Release(Box::new(release)),
            Err(error) => Read::Odd(format!("the secret {} does not hold a release: {error}", record.secret)),
        })
    }

    /// Where the kinds of these objects are kept.
    pub async fn places(&self, objects: &[Object], until: Instant) -> Result<Places, ApiError> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            resources: Vec<Resource>,
        }
        #[derive(Deserialize)]
        struct Resource {
            name: String,
            kind: String,
            #[serde(default)]
            namespaced: bool,
        }
        let groups: BTreeSet<(&str, &str)> = objects.iter().map(|of| (&*of.group, &*of.version)).collect();
        let ask = |(group, version): (&'_ str, &'_ str)| {
            let (group, version) = (group.to_owned(), version.to_owned());
            async move {
                let list: Result<List, ApiError> = if group.is_empty() {
                    self.cluster.get(&CORE, &[], until).await
                } else {
                    self.cluster.get(&GROUP, &[&group, &version], until).await
                };
                (group, version, list)
            }
        };
        let mut places = Places::new();
        for (group, version, list) in join_all(groups.into_iter().map(ask)).await {
            match list {
                Ok(list) => {
                    // `deployments/scale` is a part of a resource.
                    let whole = list
                        .resources
                        .into_iter()
                        .filter(|resource| !resource.name.contains('/'));
                    places.extend(whole.map(|resource| {
                        let place = Place {
                            resource: resource.name,
                            namespaced: resource.namespaced,
                        };
                        ((group.clone(), version.clone(), resource.kind), place)
                    }));
                }
                Err(error) if error.status == Some(404) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(places)
    }

    /// The namespace of an object at its place; `""` if it has none.
    pub fn namespace<'a>(&'a self, object: &'a Object, place: &Place) -> &'a str {
        match (place.namespaced, &object.namespace) {
            (false, _) => "",
            (true, Some(own)) => own,
            (true, None) => &self.cluster.namespace,
        }
    }

    pub async fn may(&self, namespace: &str, right: Right<'_>, until: Instant) -> Result<bool, ApiError> {
        self.cluster.may_in(&MAY, namespace, right, until).await
    }

    /// Asks whether Helm may make this of the object.
    pub async fn would_accept(&self, object: &Object, change: Change<'_>, until: Instant) -> Result<(), ApiError> {
        let Change { place, is_new, patch } = change;
        let namespace = self.namespace(object, place);
        let (group, version, resource) = (&*object.group, &*object.version, &*place.resource);
        let (patched, created, mut values) = match (group, namespace) {
            ("", "") => (PATCH_CORE_GLOBAL, CREATE_CORE_GLOBAL, vec![resource]),
            ("", namespace) => (PATCH_CORE, CREATE_CORE, vec![namespace, resource]),
            (group, "") => (PATCH_GLOBAL, CREATE_GLOBAL, vec![group, version, resource]),
            (group, namespace) => (PATCH, CREATE, vec![group, version, namespace, resource]),
        };
        if values.iter().chain(&[&*object.name]).any(|value| value.contains('/')) {
            return Err(ApiError::unasked(
                format!(
                    "the {} `{}` has a name that no object can have",
                    object.kind, object.name
                ),
                "correct the chart",
            ));
        }
        let all = values.len();
        values.push(&object.name);
        let send = async |call: &Call, values: &[&str], body: (&str, &Value), more: &[(&str, &str)]| {
            let query = [&[("fieldManager", "helm")], more].concat();
            let answer = self.cluster.dry_run::<Value>(call, values, body, &query, until).await;
            answer.map(|_| ())
        };
        match patch {
            Patch::Merge(patch) => {
                let create = || send(&created, &values[..all], ("application/json", &object.body), &[]);
                let change = || send(&patched, &values, ("application/merge-patch+json", patch), &[]);
                if is_new {
                    match create().await {
                        Err(error) if error.status == Some(409) => change().await,
                        answer => answer,
                    }
                } else {
                    match change().await {
                        Err(error) if is_not_there(&error) => create().await,
                        answer => answer,
                    }
                }
            }
            Patch::Apply => {
                let body = ("application/apply-patch+yaml", &object.body);
                match send(&patched, &values, body, &[]).await {
                    // Helm first takes over what it set itself before it knew server-side apply.
                    Err(error) if is_with_helm_alone(&error) => {
                        send(&patched, &values, body, &[("force", "true")]).await
                    }
                    answer => answer,
                }
            }
        }
    }
}

/// The object itself is not there: a missing namespace is another matter.
fn is_not_there(error: &ApiError) -> bool {
    let says = Status::of(error).map(|status| status.message());
    error.status == Some(404) && says.is_some_and(|says| !says.starts_with("namespaces "))
}

fn is_with_helm_alone(error: &ApiError) -> bool {
    let says = Status::of(error).map(|status| status.message()).unwrap_or_default();
    let all = says.matches("conflict with \"").count() + says.matches("conflicts with \"").count();
    let own = says.matches("with \"helm\"").count();
    error.status == Some(409) && all > 0 && all == own
}
