//! What a cluster is asked about a workload.
//!
//! Sources: kubernetes.io/docs/reference/kubernetes-api; kubectl, `pkg/polymorphichelpers/rollback.go`.

use serde_json::Value;
use tokio::time::Instant;

use super::named::{Kind, Named};
use super::objects::{Kept, Workload};
use crate::commands::rollback_dry_run::pods;
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
        pods::GET_ACCOUNT,
        pods::GET_SECRET,
    ],
)];

/// Old revisions have a template each; some kilobytes.
const PAGE: usize = 100;

impl Kind {
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
        kept.retain(|kept| kept.metadata.is_controlled_by(&workload.metadata.uid));
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
}
