//! What Cloudflare's API is asked about a Worker.
//!
//! Sources: `cloudflare` 7.3.0 (`workers/scripts/deployments` and `versions`); wrangler 4.86 for the query `deployable`, for
//! the address, and for what is a version to go back to: one that had 100 % of the traffic.

use serde::Deserialize;
use tokio::time::Instant;

use crate::commands::rollback_dry_run::{History, MOST_PAGES, Release};
use crate::world::Env;
use crate::world::api::{Api, ApiError, Who};
use crate::world::calls::{Call, Unknown};
use crate::world::secrets::Secret;

const DEPLOYMENTS: Call = Call::get(
    "/accounts/{account}/workers/scripts/{worker}/deployments",
    "which versions of the Worker had how much of the traffic",
);
const VERSION: Call = Call::get(
    "/accounts/{account}/workers/scripts/{worker}/versions/{version}",
    "whether a version is kept",
);
const DEPLOYABLE: Call = Call::get(
    "/accounts/{account}/workers/scripts/{worker}/versions",
    "which versions can be deployed again",
);
pub const CALLS: [Call; 3] = [DEPLOYMENTS, VERSION, DEPLOYABLE];

pub struct Cloudflare {
    api: Api,
    account: String,
    worker: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    result: T,
}

#[derive(Clone, Deserialize)]
pub struct Deployment {
    id: String,
    created_on: String,
    versions: Vec<Share>,
}

/// How much of the traffic a version gets, in percent.
#[derive(Clone, Deserialize)]
pub struct Share {
    pub version_id: String,
    pub percentage: f64,
}

impl Deployment {
    /// The version that has all of the traffic.
    pub fn whole(&self) -> Option<&str> {
        let all = self.versions.iter().find(|share| share.percentage >= 100.0)?;
        Some(&all.version_id)
    }

    pub fn shares(&self) -> &[Share] {
        &self.versions
    }

    fn release(&self) -> Release {
        let whole = self.whole();
        let names: Vec<&str> = self.versions.iter().map(|share| &*share.version_id).collect();
        Release {
            name: whole.map_or_else(|| names.join("+"), str::to_owned),
            artifact: whole.map(str::to_owned),
            good: whole.is_some(),
            state: if whole.is_some() {
                "had 100 %"
            } else {
                "had a part of the traffic"
            }
            .to_owned(),
            at: self.created_on.clone(),
        }
    }
}

/// `None` if no version has all of the traffic now.
pub fn history(deployments: &[Deployment]) -> Option<History> {
    Some(History {
        current: deployments.first()?.whole()?.to_owned(),
        releases: deployments.iter().map(Deployment::release).collect(),
    })
}

/// A token or an account that cannot be one is answered with 400.
fn malformed(error: ApiError) -> ApiError {
    match error.status {
        Some(400) => ApiError {
            unknown: Unknown::new(
                "Cloudflare does not understand the request (400)",
                "check that the token and the account id are complete",
            ),
            ..error
        },
        _ => error,
    }
}

impl Cloudflare {
    pub fn connect(
        token: &Secret,
        token_env: &str,
        (account, worker): (String, String),
        env: &Env,
    ) -> Result<Self, ApiError> {
        let who = Who::with_token("Cloudflare", "Worker", token_env);
        let headers = vec![Api::bearer(token, token_env)?];
        let default = "https://api.cloudflare.com/client/v4";
        let api = Api::at(who, ("CLOUDFLARE_API_BASE_URL", default), headers, env)?;
        Ok(Self { api, account, worker })
    }

    pub fn sent(&self) -> usize {
        self.api.sent()
    }

    /// Newest first, as wrangler asks for them; further pages until there is a version to go back to.
    pub async fn deployments(&self, named: Option<&str>, until: Instant) -> Result<Vec<Deployment>, ApiError> {
        #[derive(Deserialize)]
        struct Deployments {
            deployments: Vec<Deployment>,
        }
        let mut all: Vec<Deployment> = Vec::new();
        for number in 1..=MOST_PAGES {
            let number = number.to_string();
            let query: &[_] = if all.is_empty() { &[] } else { &[("page", &*number)] };
            let page: Envelope<Deployments> = self
                .api
                .get(&DEPLOYMENTS, &[&self.account, &self.worker], query, until)
                .await
                .map_err(malformed)?;
            let mut new = page.result.deployments;
            new.retain(|deployment| all.iter().all(|known| known.id != deployment.id));
            if new.is_empty() {
                break;
            }
            all.extend(new);
            all.sort_by(|one, other| other.created_on.cmp(&one.created_on));
            if history(&all).is_none_or(|history| history.previous(named).is_ok()) {
                break;
            }
        }
        Ok(all)
    }

    pub async fn version(&self, version: &str, until: Instant) -> Result<(), ApiError> {
        let values = [&*self.account, &*self.worker, version];
        let Envelope::<serde::de::IgnoredAny> { .. } = self.api.get(&VERSION, &values, &[], until).await?;
        Ok(())
    }

    /// The versions that can be deployed: not all that are kept.
    pub async fn deployable(&self, until: Instant) -> Result<Vec<String>, ApiError> {
        #[derive(Deserialize)]
        struct Versions {
            items: Vec<Version>,
        }
        #[derive(Deserialize)]
        struct Version {
            id: String,
        }
        let values = [&*self.account, &*self.worker];
        let answer: Envelope<Versions> = self
            .api
            .get(&DEPLOYABLE, &values, &[("deployable", "true")], until)
            .await?;
        Ok(answer.result.items.into_iter().map(|version| version.id).collect())
    }
}
