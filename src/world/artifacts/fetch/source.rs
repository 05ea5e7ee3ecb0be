//! Who is asked: the artifact service, which knows this run only, or the REST API.

use std::time::Duration;

use serde_json::json;

use super::super::service::{Item, Service};
use super::super::{Artifacts, CONNECT_TIMEOUT, is_offered};
use super::{NotFetched, Wanted};
use crate::world::World;
use crate::world::github::{ApiError, Artifact, GitHub, NoAccess, Why};
use crate::world::http::Http;

/// For all calls of the REST API about one artifact.
const TIME: Duration = Duration::from_secs(120);

/// Whom to ask.
pub enum Source {
    Service(Service),
    Rest { github: GitHub, run: u64 },
}

/// An artifact that is there.
pub struct Offer {
    pub id: u64,
    pub name: String,
    pub bytes: u64,
    pub recorded: Option<String>,
    pub is_expired: bool,
    /// The service's own words for it, if that was asked.
    item: Option<Item>,
}

pub fn connect(wanted: &Wanted, world: &World) -> Result<(Source, Http), NotFetched> {
    let env = &world.env;
    if wanted.run.is_none() && is_offered(env) {
        let Artifacts { service, http, .. } = Artifacts::connect(env, world.progress.clone())?;
        return Ok((Source::Service(service), http));
    }
    let (clock, progress) = (world.clock, world.progress.clone());
    let run = wanted.run.as_ref();
    let id = run.map(|run| run.id).or_else(|| world.runner.run_id());
    let github = match run.and_then(|run| run.repository.as_deref()) {
        Some(repository) => GitHub::connect_to(env, clock, progress, &wanted.token_env, repository),
        None => GitHub::connect(env, clock, progress, &wanted.token_env),
    }?;
    let run = id.ok_or(NotFetched::NoRun)?;
    let http = Http::for_another_client(env, CONNECT_TIMEOUT).map_err(NoAccess::NoClient)?;
    Ok((Source::Rest { github, run }, http))
}

impl Source {
    pub async fn offers(&self) -> Result<Vec<Offer>, NotFetched> {
        Ok(match self {
            Self::Service(service) => service.list(&json!({})).await?.into_iter().map(Offer::from).collect(),
            Self::Rest { github, run } => {
                let listed = github.within(TIME).artifacts(*run).await?;
                listed.items.into_iter().map(Offer::from).collect()
            }
        })
    }

    pub async fn address(&self, offer: &Offer) -> Result<String, NotFetched> {
        match (self, &offer.item) {
            (Self::Service(service), Some(item)) => Ok(service.address(item).await?),
            (Self::Rest { github, .. }, _) => match github.within(TIME).artifact_address(offer.id).await {
                Ok(address) => Ok(address.into()),
                Err(ApiError {
                    why: Why::Unexpected { status: 410, .. },
                    ..
                }) => Err(NotFetched::Expired(offer.name.clone())),
                Err(ApiError { why: Why::NotFound, .. }) => Err(NotFetched::Gone(offer.name.clone(), 404)),
                Err(error) => Err(error.into()),
            },
            // The service never lists one without an item.
            (Self::Service(_), None) => Err(NotFetched::Gone(offer.name.clone(), 404)),
        }
    }

    /// For sentences.
    pub fn run(&self) -> String {
        match self {
            Self::Service(_) => "this run".to_owned(),
            Self::Rest { github, run } => format!("run {run} of {}", github.repository()),
        }
    }
}

impl From<Item> for Offer {
    fn from(item: Item) -> Self {
        Self {
            id: item.database_id.number().unwrap_or(0),
            name: item.name.clone(),
            bytes: item.size.number().unwrap_or(0),
            recorded: item.digest.as_deref().and_then(sha256),
            is_expired: false,
            item: Some(item),
        }
    }
}

impl From<Artifact> for Offer {
    fn from(artifact: Artifact) -> Self {
        Self {
            id: artifact.id,
            recorded: artifact.digest.as_deref().and_then(sha256),
            name: artifact.name,
            bytes: artifact.size_in_bytes,
            is_expired: artifact.expired,
            item: None,
        }
    }
}

fn sha256(digest: &str) -> Option<String> {
    let digits = digest.strip_prefix("sha256:")?.to_ascii_lowercase();
    (digits.len() == 64).then_some(digits)
}
