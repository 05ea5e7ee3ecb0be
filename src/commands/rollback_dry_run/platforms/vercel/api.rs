//! What Vercel's REST API is asked.
//!
//! Source: `@vercel/sdk` 1.28.35 (`projectsGetProject`, `deploymentsGetDeployments`, `deploymentsGetDeployment`).

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{History, MOST_PAGES, Release};
use crate::world::Env;
use crate::world::api::{Api, ApiError, Who};
use crate::world::calls::Call;
use crate::world::secrets::Secret;

const PROJECT: Call = Call::get(
    "/v9/projects/{project}",
    "what runs in production, and whether it is paused",
);
const DEPLOYMENTS: Call = Call::get("/v7/deployments", "the production deployments of the project");
const DEPLOYMENT: Call = Call::get("/v13/deployments/{deployment}", "whether a deployment is kept");
pub const CALLS: [Call; 3] = [PROJECT, DEPLOYMENTS, DEPLOYMENT];

pub struct Vercel {
    api: Api,
    /// An id (`team_…`) or a slug; `None` for what belongs to a person.
    team: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    pub id: String,
    #[serde(default)]
    pub paused: bool,
    #[serde(default)]
    targets: BTreeMap<String, Option<Deployment>>,
    pub last_alias_request: Option<AliasRequest>,
}

impl Project {
    pub fn production(&self) -> Option<&Deployment> {
        self.targets.get("production")?.as_ref()
    }
}

/// The last rollback or promotion.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AliasRequest {
    pub job_status: String,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    /// `uid` in lists.
    #[serde(alias = "uid")]
    pub id: String,
    pub ready_state: String,
    /// Of a ready one, whether it has seen production traffic.
    pub ready_substate: Option<String>,
    pub created_at: i64,
    pub plan: Option<String>,
    #[serde(default)]
    meta: BTreeMap<String, serde_json::Value>,
    is_rollback_candidate: Option<bool>,
    soft_deleted_by_retention: Option<bool>,
}

impl Deployment {
    fn artifact(&self) -> String {
        self.commit().unwrap_or_else(|| self.id.clone())
    }

    /// If git deployed it; a deployment of changed files names the commit below them.
    pub fn commit(&self) -> Option<String> {
        let text = |name: &str| self.meta.get(name).and_then(|value| value.as_str());
        let names = [
            "githubCommitSha",
            "gitlabCommitSha",
            "bitbucketCommitSha",
            "gitCommitSha",
        ];
        let commit = names
            .into_iter()
            .find_map(text)
            .filter(|_| text("gitDirty") != Some("1"));
        commit.map(str::to_owned)
    }

    pub fn is_under_way(&self) -> bool {
        matches!(&*self.ready_state, "BUILDING" | "INITIALIZING" | "QUEUED") || self.has_seen("ROLLING")
    }

    pub fn has_seen(&self, substate: &str) -> bool {
        self.ready_substate.as_deref() == Some(substate)
    }

    fn release(&self) -> Release {
        let state = match &*self.ready_state {
            _ if self.soft_deleted_by_retention == Some(true) => "DELETED by the retention policy".to_owned(),
            "READY" if self.has_seen("STAGED") => "READY, and never had production traffic".to_owned(),
            "READY" if self.is_rollback_candidate == Some(false) => "READY, and no candidate for a rollback".to_owned(),
            state => state.to_owned(),
        };
        Release {
            name: self.id.clone(),
            artifact: Some(self.artifact()),
            good: state == "READY",
            state,
            at: Timestamp::from_millisecond(self.created_at)
                .map(|at| at.to_string())
                .unwrap_or_default(),
        }
    }
}

pub fn history(current: &Deployment, deployments: &[Deployment]) -> History {
    History {
        current: current.artifact(),
        releases: deployments.iter().map(Deployment::release).collect(),
    }
}

impl Vercel {
    pub fn connect(token: &Secret, token_env: &str, team: Option<String>, env: &Env) -> Result<Self, ApiError> {
        let who = Who::with_token("Vercel", "project", token_env);
        let headers = vec![Api::bearer(token, token_env)?];
        // The CLI takes another address only as an argument.
        let api = Api::at(who, ("VERCEL_API_BASE_URL", "https://api.vercel.com"), headers, env)?;
        Ok(Self { api, team })
    }

    pub fn sent(&self) -> usize {
        self.api.sent()
    }

    fn team(&self) -> Option<(&str, &str)> {
        let team = self.team.as_deref()?;
        Some((if team.starts_with("team_") { "teamId" } else { "slug" }, team))
    }

    pub async fn project(&self, project: &str, until: Instant) -> Result<Project, ApiError> {
        let query: Vec<_> = self.team().into_iter().collect();
        self.api.get(&PROJECT, &[project], &query, until).await
    }

    /// Those for production, newest first; older ones until there is one to go back to.
    pub async fn deployments(
        &self,
        project: &Project,
        current: &Deployment,
        named: Option<&str>,
        until: Instant,
    ) -> Result<Vec<Deployment>, ApiError> {
        #[derive(Deserialize)]
        struct Page {
            deployments: Vec<Deployment>,
            pagination: Pagination,
        }
        #[derive(Deserialize)]
        struct Pagination {
            next: Option<i64>,
        }
        let mut all = Vec::new();
        let mut before = None;
        for _ in 0..MOST_PAGES {
            let before_text = before.map(|next: i64| next.to_string());
            let own = [("projectId", &*project.id), ("target", "production"), ("limit", "100")];
            let until_text = before_text.as_deref().map(|next| ("until", next));
            let query: Vec<_> = own.into_iter().chain(until_text).chain(self.team()).collect();
            let page: Page = self.api.get(&DEPLOYMENTS, &[], &query, until).await?;
            all.extend(page.deployments);
            before = page.pagination.next;
            if before.is_none() || history(current, &all).previous(named).is_ok() {
                break;
            }
        }
        Ok(all)
    }

    pub async fn deployment(&self, id: &str, until: Instant) -> Result<Deployment, ApiError> {
        let query: Vec<_> = self.team().into_iter().collect();
        self.api.get(&DEPLOYMENT, &[id], &query, until).await
    }
}
