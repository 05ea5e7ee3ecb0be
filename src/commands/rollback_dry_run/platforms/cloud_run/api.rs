//! What Cloud Run is asked about a service, and IAM about its service account.
//!
//! Source: the discovery documents `run.v2` and `iam.v1` in google-api-python-client 2.202.0. The addresses are those that
//! gcloud reads (`api_endpoint_overrides` of `gcloud config`).

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::objects::Service;
use super::place::Place;
use super::revision::Revision;
use crate::model::text::one_line;
use crate::world::Env;
use crate::world::api::{Api, ApiError, Who};
use crate::world::calls::{Call, Content, Unknown};
use crate::world::secrets::Secret;

const SERVICE: Call = Call::get(
    "/v2/projects/{project}/locations/{region}/services/{service}",
    "the service, and which revisions have its traffic",
);
const REVISIONS: Call = Call::get(
    "/v2/projects/{project}/locations/{region}/services/{service}/revisions",
    "the revisions of the service, and their images",
);
const MAY: Call = Call::permission_test(
    "/v2/projects/{project}/locations/{region}/services/{service}:testIamPermissions",
    "may the credentials change the service",
);
const MAY_ACT: Call = Call::permission_test(
    "/v1/projects/-/serviceAccounts/{account}:testIamPermissions",
    "may the credentials act as the service account of the service",
);
pub const CALLS: [Call; 3] = [SERVICE, REVISIONS, MAY];
pub const IAM_CALLS: [Call; 1] = [MAY_ACT];

const PAGE: &str = "100";

/// One service of Cloud Run.
pub struct CloudRun {
    run: Api,
    iam: Api,
    pub place: Place,
    /// Who asks, for sentences.
    pub asks: String,
}

/// Some of the revisions, newest first.
#[derive(Debug, Default)]
pub struct Page {
    pub revisions: Vec<Revision>,
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    message: String,
    #[serde(default)]
    status: String,
}

fn said(error: &ApiError) -> Option<Said> {
    let refusal: Refusal = serde_json::from_slice(&error.body).ok()?;
    Some(refusal.error)
}

/// Google says that there is no such thing; anything else that answers 404 is not Google.
pub fn is_absent(error: &ApiError) -> bool {
    error.status == Some(404) && said(error).is_some_and(|said| said.status == "NOT_FOUND")
}

/// With what Google says about it: that an API is switched off, that a token has expired.
fn with_words(error: ApiError) -> ApiError {
    let Some(said) = said(&error) else { return error };
    let Unknown { why, help } = error.unknown;
    let why = format!("{why}: {}", one_line(&said.message));
    let help = match error.status {
        Some(401) => "an access token lasts an hour: make one in the same job".to_owned(),
        _ => help,
    };
    ApiError {
        unknown: Unknown { why, help },
        ..error
    }
}

impl CloudRun {
    pub fn connect(token: &Secret, token_env: &str, place: Place, env: &Env) -> Result<Self, ApiError> {
        let asks_run = Who::with_token("Cloud Run", "service", token_env);
        let asks_iam = Who::with_token("IAM", "service account", token_env);
        let headers = vec![Api::bearer(token, token_env)?];
        let run = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN", "https://run.googleapis.com");
        let iam = ("CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM", "https://iam.googleapis.com");
        Ok(Self {
            asks: asks_run.credentials.clone(),
            run: Api::at(asks_run, run, headers.clone(), env)?,
            iam: Api::at(asks_iam, iam, headers, env)?,
            place,
        })
    }

    pub fn sent(&self) -> usize {
        self.run.sent() + self.iam.sent()
    }

    fn values(&self) -> [&str; 3] {
        let Place {
            project,
            region,
            service,
        } = &self.place;
        [project, region, service]
    }

    pub async fn service(&self, until: Instant) -> Result<Service, ApiError> {
        let told = self.run.get(&SERVICE, &self.values(), &[], until).await;
        told.map_err(with_words)
    }

    /// The page that the one before it named, or the first.
    pub async fn revisions(&self, page: Option<&str>, until: Instant) -> Result<Page, ApiError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Told {
            #[serde(default)]
            revisions: Vec<Value>,
            next_page_token: Option<String>,
        }
        let mut query = vec![("pageSize", PAGE)];
        query.extend(page.map(|page| ("pageToken", page)));
        let told = self.run.get(&REVISIONS, &self.values(), &query, until).await;
        let told: Told = told.map_err(with_words)?;
        let unclear = |error| ApiError {
            unknown: Unknown::unreadable("Cloud Run", "revision", &error),
            status: None,
            body: Vec::new(),
        };
        let revisions = told.revisions.into_iter().map(Revision::read);
        Ok(Page {
            revisions: revisions.collect::<Result<_, _>>().map_err(unclear)?,
            next: told.next_page_token.filter(|token| !token.is_empty()),
        })
    }

    /// Which of these permissions the credentials have on the service.
    pub async fn may(&self, permissions: &[&str], until: Instant) -> Result<Vec<String>, ApiError> {
        test(&self.run, &MAY, &self.values(), permissions, until).await
    }

    /// The same, on a service account.
    pub async fn may_act(&self, account: &str, permissions: &[&str], until: Instant) -> Result<Vec<String>, ApiError> {
        test(&self.iam, &MAY_ACT, &[account], permissions, until).await
    }
}

async fn test(
    api: &Api,
    call: &Call,
    values: &[&str],
    permissions: &[&str],
    until: Instant,
) -> Result<Vec<String>, ApiError> {
    /// Without any, the answer is empty.
    #[derive(Deserialize)]
    struct Granted {
        #[serde(default)]
        permissions: Vec<String>,
    }
    let body = json!({ "permissions": permissions });
    let content = Content {
        values,
        body: Some(&body),
        ..Content::default()
    };
    let granted: Granted = api.ask(call, content, until).await.map_err(with_words)?;
    Ok(granted.permissions)
}
