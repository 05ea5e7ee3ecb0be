//! What a cluster is asked about a workload.
//!
//! Sources: kubernetes.io/docs/reference/kubernetes-api; kubectl, `pkg/polymorphichelpers/rollback.go`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::world::World;
use crate::world::api::ApiError;
use crate::world::calls::{Call, Content};
use crate::world::kubernetes::{Asked, Cluster, Right};

const GET_DEPLOYMENT: Call = Call::get(
    "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "the deployment",
);
const GET_STATEFULSET: Call = Call::get(
    "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
    "the stateful set",
);
const GET_DAEMONSET: Call = Call::get(
    "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}",
    "the daemon set",
);
const LIST_REPLICASETS: Call = Call::get(
    "/apis/apps/v1/namespaces/{namespace}/replicasets",
    "the revisions of a deployment",
);
const LIST_REVISIONS: Call = Call::get(
    "/apis/apps/v1/namespaces/{namespace}/controllerrevisions",
    "the revisions of a stateful set or daemon set",
);
const MAY: Call = Call::access_review("may the credentials do this; nothing is stored");
const UNDO_DEPLOYMENT: Call = Call::dry_run(
    "/apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "would the cluster accept the rollback; nothing is stored",
);
const UNDO_STATEFULSET: Call = Call::dry_run(
    "/apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
    "the same, for a stateful set",
);
const UNDO_DAEMONSET: Call = Call::dry_run(
    "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}",
    "the same, for a daemon set",
);
const GET_ACCOUNT: Call = Call::get(
    "/api/v1/namespaces/{namespace}/serviceaccounts/{name}",
    "which pull secrets its pods have",
);
const GET_SECRET: Call = Call::get(
    "/api/v1/namespaces/{namespace}/secrets/{name}",
    "a pull secret: the credentials for the image's registry",
);

/// All that a cluster is ever asked; the registry has a list of its own.
pub const CALLS: [(&str, &[Call]); 1] = [(
    "the Kubernetes API server",
    &[
        GET_DEPLOYMENT,
        GET_STATEFULSET,
        GET_DAEMONSET,
        LIST_REPLICASETS,
        LIST_REVISIONS,
        MAY,
        UNDO_DEPLOYMENT,
        UNDO_STATEFULSET,
        UNDO_DAEMONSET,
        GET_ACCOUNT,
        GET_SECRET,
    ],
)];

/// Old revisions have a template each; some kilobytes.
const PAGE: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

/// What is rolled out, as kubectl names it: `deployment/shop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: Kind,
    pub name: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAWorkload {
    #[error("`{0}` is not KIND/NAME")]
    Form(String),
    #[error("`{0}` cannot be rolled back; the kinds are deployment, statefulset and daemonset")]
    Kind(String),
    #[error("`{0}` is not a name: it has lower-case letters, digits, hyphens and dots")]
    Name(String),
}

impl FromStr for Named {
    type Err = NotAWorkload;

    fn from_str(text: &str) -> Result<Self, NotAWorkload> {
        let (kind, name) = text
            .split_once('/')
            .ok_or_else(|| NotAWorkload::Form(text.to_owned()))?;
        let kind = match kind.to_ascii_lowercase().trim_end_matches(".apps") {
            "deployment" | "deployments" | "deploy" => Kind::Deployment,
            "statefulset" | "statefulsets" | "sts" => Kind::StatefulSet,
            "daemonset" | "daemonsets" | "ds" => Kind::DaemonSet,
            _ => return Err(NotAWorkload::Kind(kind.to_owned())),
        };
        if !is_name(name) {
            return Err(NotAWorkload::Name(name.to_owned()));
        }
        Ok(Self {
            kind,
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.word(), self.name)
    }
}

/// A name of an object (kubernetes.io/docs/concepts/overview/working-with-objects/names).
pub fn is_name(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(word) && text.bytes().last().is_some_and(word);
    ends && text.len() <= 253 && text.bytes().all(|b| word(b) || matches!(b, b'-' | b'.'))
}

impl Kind {
    /// As kubectl takes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulset",
            Self::DaemonSet => "daemonset",
        }
    }

    /// As rules name it.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        }
    }

    /// What its revisions are kept as.
    pub fn history(self) -> &'static str {
        match self {
            Self::Deployment => "replicasets",
            Self::StatefulSet | Self::DaemonSet => "controllerrevisions",
        }
    }

    fn get(self) -> Call {
        match self {
            Self::Deployment => GET_DEPLOYMENT,
            Self::StatefulSet => GET_STATEFULSET,
            Self::DaemonSet => GET_DAEMONSET,
        }
    }

    fn undo(self) -> Call {
        match self {
            Self::Deployment => UNDO_DEPLOYMENT,
            Self::StatefulSet => UNDO_STATEFULSET,
            Self::DaemonSet => UNDO_DAEMONSET,
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub name: String,
    pub uid: String,
    pub generation: u64,
    pub annotations: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub owner_references: Vec<Owner>,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Owner {
    uid: String,
    controller: bool,
}

/// A deployment, stateful set or daemon set.
#[derive(Clone, Debug, Deserialize)]
pub struct Workload {
    pub metadata: Metadata,
    pub spec: Spec,
    #[serde(default)]
    pub status: State,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    pub replicas: Option<u64>,
    #[serde(default)]
    pub paused: bool,
    #[serde(default)]
    selector: Selector,
    pub template: Value,
    #[serde(default)]
    pub update_strategy: Strategy,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Strategy {
    pub r#type: String,
    pub rolling_update: Rolling,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rolling {
    pub partition: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    /// As a query has it.
    fn text(&self) -> String {
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|of| match of.operator.as_str() {
            "In" => format!("{} in ({})", of.key, of.values.join(",")),
            "NotIn" => format!("{} notin ({})", of.key, of.values.join(",")),
            "DoesNotExist" => format!("!{}", of.key),
            _ => of.key.clone(),
        });
        labels.chain(expressions).collect::<Vec<_>>().join(",")
    }
}

/// What its controller says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    pub observed_generation: u64,
    pub replicas: u64,
    pub updated_replicas: u64,
    pub available_replicas: u64,
    pub ready_replicas: u64,
    pub current_revision: String,
    pub update_revision: String,
    pub desired_number_scheduled: u64,
    pub updated_number_scheduled: u64,
    pub number_available: u64,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    pub r#type: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

/// A replica set or a controller revision.
#[derive(Clone, Debug, Deserialize)]
pub struct Kept {
    pub metadata: Metadata,
    /// Of a replica set.
    pub spec: Option<KeptSpec>,
    /// Of a controller revision: its number, and the patch that brings it back.
    pub revision: Option<u64>,
    pub data: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct KeptSpec {
    pub template: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Reference {
    pub name: String,
}

/// What a pull secret holds.
#[derive(Deserialize)]
pub struct PullSecret {
    #[serde(default)]
    pub data: BTreeMap<String, String>,
}

/// A cluster, asked about one workload.
pub struct Kubernetes {
    pub cluster: Cluster,
    pub named: Named,
}

impl Kubernetes {
    pub fn connect(asked: &Asked, named: &Named, world: &World) -> Result<Self, ApiError> {
        let cluster = Cluster::connect(asked, named.kind.word(), &world.env, &world.host)?;
        Ok(Self {
            cluster,
            named: named.clone(),
        })
    }

    pub async fn workload(&self, until: Instant) -> Result<Workload, ApiError> {
        let Named { kind, name } = &self.named;
        self.cluster
            .get(&kind.get(), &[&self.cluster.namespace, name], until)
            .await
    }

    /// What is kept of its revisions, in no order.
    pub async fn history(&self, workload: &Workload, until: Instant) -> Result<Vec<Kept>, ApiError> {
        let call = match self.named.kind {
            Kind::Deployment => LIST_REPLICASETS,
            Kind::StatefulSet | Kind::DaemonSet => LIST_REVISIONS,
        };
        let content = Content {
            values: &[&self.cluster.namespace],
            query: &[("labelSelector", &workload.spec.selector.text())],
            ..Content::default()
        };
        let mut kept: Vec<Kept> = self.cluster.list(&call, content, PAGE, until).await?;
        let is_its = |owner: &Owner| owner.controller && owner.uid == workload.metadata.uid;
        kept.retain(|kept| kept.metadata.owner_references.iter().any(is_its));
        Ok(kept)
    }

    pub async fn may(&self, right: Right<'_>, until: Instant) -> Result<bool, ApiError> {
        self.cluster.may(&MAY, right, until).await
    }

    /// What the workload would be after this patch.
    pub async fn undo(&self, patch: (&str, &Value), until: Instant) -> Result<Workload, ApiError> {
        let Named { kind, name } = &self.named;
        let values = [&*self.cluster.namespace, name];
        self.cluster.dry_run(&kind.undo(), &values, patch, &[], until).await
    }

    /// The names of the pull secrets that a service account gives its pods.
    pub async fn pull_secrets_of(&self, account: &str, until: Instant) -> Result<Vec<Reference>, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Account {
            #[serde(default)]
            image_pull_secrets: Vec<Reference>,
        }
        let values = [&*self.cluster.namespace, account];
        let account: Account = self.cluster.get(&GET_ACCOUNT, &values, until).await?;
        Ok(account.image_pull_secrets)
    }

    pub async fn pull_secret(&self, name: &str, until: Instant) -> Result<PullSecret, ApiError> {
        let values = [&*self.cluster.namespace, name];
        self.cluster.get(&GET_SECRET, &values, until).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_named_as_kubectl_names_it() {
        for (text, shown) in [
            ("deployment/shop", "deployment/shop"),
            ("deploy/shop", "deployment/shop"),
            ("Deployments.apps/shop.v1", "deployment/shop.v1"),
            ("sts/db", "statefulset/db"),
            ("ds/agent", "daemonset/agent"),
        ] {
            assert_eq!(text.parse::<Named>().unwrap().to_string(), shown);
        }
        for text in [
            "shop",
            "pod/shop",
            "deployment/",
            "deployment/a/b",
            "deployment/Shop",
            "deployment/-a",
        ] {
            assert!(text.parse::<Named>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_selector_is_written_as_a_query_has_it() {
        let selector: Selector = serde_json::from_str(
            r#"{"matchLabels":{"app":"shop","tier":"web"},"matchExpressions":[{"key":"a","operator":"In","values":["b","c"]},
                {"key":"d","operator":"Exists"},{"key":"e","operator":"DoesNotExist"},{"key":"f","operator":"NotIn","values":["g"]}]}"#,
        )
        .unwrap();
        assert_eq!(selector.text(), "app=shop,tier=web,a in (b,c),d,!e,f notin (g)");
    }
}
