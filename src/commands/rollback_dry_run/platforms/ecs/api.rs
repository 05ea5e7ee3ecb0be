//! What Amazon ECS is asked.
//!
//! Source: the model of the API in botocore 1.44 (`data/ecs/2014-11-13/service-2.json`).

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::hosted::MOST_PAGES;
use crate::world::Env;
use crate::world::api::ApiError;
use crate::world::aws::{self, AwsError, Credentials, Names};
use crate::world::calls::Call;

const SERVICES: Call = Call::action(
    "AmazonEC2ContainerServiceV20141113.DescribeServices",
    "the service, and whether a rollout is in progress",
);
const DEPLOYMENTS: Call = Call::action(
    "AmazonEC2ContainerServiceV20141113.ListServiceDeployments",
    "the deployments of the service, and how they ended",
);
const REVISIONS: Call = Call::action(
    "AmazonEC2ContainerServiceV20141113.DescribeServiceRevisions",
    "the task definitions and images of these deployments",
);
const TASK_DEFINITION: Call = Call::action(
    "AmazonEC2ContainerServiceV20141113.DescribeTaskDefinition",
    "whether a task definition can still be used, and its images",
);
pub const CALLS: [Call; 4] = [SERVICES, DEPLOYMENTS, REVISIONS, TASK_DEFINITION];

const NAMES: Names = Names {
    product: "Amazon ECS",
    host: "ecs",
    signing: "ecs",
    variable: "ECS",
};
/// As many deployments as one answer lists at most, and as many revisions.
const PAGE: usize = 100;
const MOST_REVISIONS: usize = 20;

/// One service of a cluster.
pub struct Ecs {
    api: aws::Service,
    cluster: String,
    service: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct Service {
    pub status: String,
    pub desired_count: u64,
    pub task_definition: String,
    pub deployments: Vec<Rollout>,
    pub deployment_controller: Controller,
    pub current_service_revisions: Vec<CurrentRevision>,
}

/// What runs, or is to run, of a service. The API calls it a deployment, as it does what [`Deployment`] is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rollout {
    pub status: String,
    pub task_definition: String,
    pub desired_count: u64,
    pub running_count: u64,
    pub pending_count: u64,
    /// Not told of services behind a Classic Load Balancer.
    pub rollout_state: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Controller {
    #[serde(rename = "type")]
    pub kind: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct CurrentRevision {
    pub arn: String,
}

/// A service deployment: an attempt to change what runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    pub status: String,
    target_service_revision_arn: Option<String>,
    /// Seconds since 1970.
    created_at: f64,
}

impl Deployment {
    /// The name of its service revision.
    pub fn revision(&self) -> &str {
        self.target_service_revision_arn.as_deref().unwrap_or_default()
    }

    /// RFC 3339.
    pub fn at(&self) -> String {
        let since = SignedDuration::try_from_secs_f64(self.created_at.trunc()).ok();
        let at = since.and_then(|since| Timestamp::from_duration(since).ok());
        at.map(|at| at.to_string()).unwrap_or_default()
    }
}

/// What a service was at one deployment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    service_revision_arn: String,
    pub task_definition: String,
    #[serde(default)]
    pub container_images: Vec<ContainerImage>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerImage {
    pub container_name: Option<String>,
    pub image: Option<String>,
    pub image_digest: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskDefinition {
    pub status: String,
    #[serde(default)]
    pub container_definitions: Vec<Container>,
    pub runtime_platform: Option<RuntimePlatform>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Container {
    pub name: String,
    pub image: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimePlatform {
    pub cpu_architecture: Option<String>,
    pub operating_system_family: Option<String>,
}

/// `shop:7`, of the ARN of a task definition.
pub fn short(task_definition: &str) -> &str {
    task_definition.rsplit('/').next().unwrap_or(task_definition)
}

impl Ecs {
    pub fn connect(
        (cluster, service): (&str, &str),
        region: &str,
        credentials: &Credentials,
        env: &Env,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            api: aws::Service::connect(NAMES, region, credentials, env)?,
            cluster: cluster.to_owned(),
            service: service.to_owned(),
        })
    }

    pub fn sent(&self) -> usize {
        self.api.sent()
    }

    /// `None` if the cluster has no such service.
    pub async fn service(&self, until: Instant) -> Result<Option<Service>, AwsError> {
        #[derive(Deserialize)]
        struct Told {
            #[serde(default)]
            services: Vec<Service>,
            #[serde(default)]
            failures: Vec<Failure>,
        }
        #[derive(Deserialize)]
        struct Failure {
            reason: Option<String>,
        }
        let body = json!({ "cluster": self.cluster, "services": [self.service] });
        let told: Told = self.api.ask(&SERVICES, &body, until).await?;
        if let Some(service) = told.services.into_iter().next() {
            return Ok(Some(service));
        }
        let reason = told.failures.into_iter().next().and_then(|failure| failure.reason);
        match reason.as_deref() {
            Some("MISSING") => Ok(None),
            _ => Err(unclear("tells nothing of the service")),
        }
    }

    /// Newest first.
    pub async fn deployments(&self, until: Instant) -> Result<Vec<Deployment>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Page {
            #[serde(default)]
            service_deployments: Vec<Deployment>,
            next_token: Option<String>,
        }
        let mut all = Vec::new();
        let mut body = json!({ "cluster": self.cluster, "service": self.service, "maxResults": PAGE });
        for _ in 0..MOST_PAGES {
            let page: Page = self.api.ask(&DEPLOYMENTS, &body, until).await?;
            all.extend(page.service_deployments);
            match page.next_token {
                Some(next) => body["nextToken"] = next.into(),
                None => break,
            }
        }
        all.sort_by(|one, other| other.created_at.total_cmp(&one.created_at));
        Ok(all)
    }

    /// By their ARNs. What is older than October 2024 cannot be described, and is left out.
    pub async fn revisions(&self, arns: &[&str], until: Instant) -> Result<BTreeMap<String, Revision>, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            #[serde(default)]
            service_revisions: Vec<Revision>,
        }
        let asked = arns.chunks(MOST_REVISIONS).map(|arns| async move {
            let body = json!({ "serviceRevisionArns": arns });
            self.api.ask::<Told>(&REVISIONS, &body, until).await
        });
        let told = try_join_all(asked).await?;
        let revisions = told.into_iter().flat_map(|told| told.service_revisions);
        Ok(revisions
            .map(|revision| (revision.service_revision_arn.clone(), revision))
            .collect())
    }

    pub async fn task_definition(&self, name: &str, until: Instant) -> Result<TaskDefinition, AwsError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            task_definition: TaskDefinition,
        }
        let body = json!({ "taskDefinition": name });
        let told: Told = self.api.ask(&TASK_DEFINITION, &body, until).await?;
        Ok(told.task_definition)
    }
}

fn unclear(what: &str) -> AwsError {
    ApiError::unasked(
        format!("the answer of Amazon ECS {what}"),
        "try again later; if it stays, report it",
    )
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_names_are_read_as_ecs_writes_them() {
        let deployment: Deployment =
            serde_json::from_str(r#"{"status":"SUCCESSFUL","createdAt":1793534400.123}"#).unwrap();
        assert_eq!(deployment.at(), "2026-11-01T12:00:00Z");
        assert_eq!(short("arn:aws:ecs:eu-west-1:1:task-definition/shop:7"), "shop:7");
        assert_eq!(short("shop:7"), "shop:7");
    }
}
