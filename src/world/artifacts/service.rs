//! The service's own calls: Twirp, which is JSON by POST. GitHub answers in snake_case, others in camelCase.

use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

use super::NotUploaded;
use super::token::Ids;
use crate::world::Progress;
use crate::world::http::{Answer, Failure, Header, Http, Method, Request};

const TIMEOUT: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: usize = 4 << 20;
/// Between the tries.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A zip; later versions of the service ask for a media type, which other servers than GitHub's refuse.
const VERSION: u32 = 4;

pub struct Service {
    http: Http,
    base: Url,
    headers: Vec<Header>,
    ids: Ids,
    progress: Progress,
}

#[derive(Deserialize)]
pub struct Created {
    #[serde(default)]
    ok: bool,
    #[serde(alias = "signedUploadUrl", default)]
    pub signed_upload_url: String,
}

#[derive(Deserialize)]
struct Finalized {
    #[serde(default)]
    ok: bool,
    #[serde(alias = "artifactId", default)]
    artifact_id: Id,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(default)]
    artifacts: Vec<Item>,
}

/// An artifact of the run, as the service lists it.
#[derive(Deserialize)]
pub struct Item {
    /// Of the job that made it, which is not always this one.
    #[serde(alias = "workflowRunBackendId", default)]
    workflow_run_backend_id: String,
    #[serde(alias = "workflowJobRunBackendId", default)]
    workflow_job_run_backend_id: String,
    #[serde(default)]
    pub name: String,
    #[serde(alias = "databaseId", default)]
    pub database_id: Id,
    #[serde(default)]
    pub size: Id,
    /// Of some servers.
    pub digest: Option<String>,
}

#[derive(Deserialize)]
struct Signed {
    #[serde(alias = "signedUrl", default)]
    signed_url: String,
}

/// A number, which JSON of protobuf writes as a text, too.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub enum Id {
    Text(String),
    Number(u64),
    #[default]
    None,
}

impl Id {
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Self::Number(number) => Some(number.to_string()),
            Self::None => None,
        }
    }

    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Text(text) => text.parse().ok(),
            Self::Number(number) => Some(*number),
            Self::None => None,
        }
    }
}

/// One try: what was answered, or why it may help to try again.
enum Try<T> {
    Done(Result<T, NotUploaded>),
    Again(String, Option<Duration>),
}

impl Service {
    pub fn new(http: Http, address: &Url, (token, ids): (&str, Ids), progress: Progress) -> Result<Self, NotUploaded> {
        // Only its origin counts.
        let base = address
            .join("/twirp/github.actions.results.api.v1.ArtifactService/")
            .map_err(|_| NotUploaded::Address(super::ADDRESS))?;
        let header = |name, value: &str, secret| {
            Header::new(name, value, secret).map_err(|_| NotUploaded::Address(super::TOKEN))
        };
        let headers = vec![
            header("Authorization", &format!("Bearer {token}"), true)?,
            header("Content-Type", "application/json", false)?,
        ];
        Ok(Self {
            http,
            base,
            headers,
            ids,
            progress,
        })
    }

    fn request(&self, more: &Value) -> Value {
        let mut request = json!({
            "workflow_run_backend_id": self.ids.run,
            "workflow_job_run_backend_id": self.ids.job,
        });
        if let (Some(request), Some(more)) = (request.as_object_mut(), more.as_object()) {
            request.extend(more.clone());
        }
        request
    }

    pub async fn create(&self, name: &str, expires_at: Option<String>) -> Result<Created, NotUploaded> {
        let mut request = json!({"name": name, "version": VERSION});
        if let Some(expires_at) = expires_at {
            request["expires_at"] = expires_at.into();
        }
        let what = "an upload address";
        match self.patiently::<Created>("CreateArtifact", what, &request).await {
            Err(NotUploaded::Refused { why, .. }) if why.starts_with("409") => {
                Err(NotUploaded::NameTaken(name.to_owned()))
            }
            Ok(created) if !created.ok => Err(NotUploaded::Refused {
                what,
                why: "the answer is not `ok`".to_owned(),
            }),
            answer => answer,
        }
    }

    /// Makes the artifact visible. A try whose answer was lost may have done so, and a second one would make another.
    pub async fn finalize(&self, name: &str, size: u64, sha256: &str) -> Result<String, NotUploaded> {
        let what = "the end of the upload";
        let request = json!({"name": name, "size": size.to_string(), "hash": format!("sha256:{sha256}")});
        let mut pauses = PAUSES.into_iter();
        loop {
            let why = match self.try_once::<Finalized>("FinalizeArtifact", what, &request).await {
                Try::Done(Ok(Finalized { ok: true, artifact_id })) => {
                    return artifact_id.into_text().ok_or_else(|| NotUploaded::Refused {
                        what,
                        why: "the answer names no artifact".to_owned(),
                    });
                }
                Try::Done(Ok(_)) => "the answer is not `ok`".to_owned(),
                Try::Done(Err(error)) => return Err(error),
                Try::Again(why, _) => why,
            };
            let Some(pause) = pauses.next() else {
                return Err(NotUploaded::Unanswered { what, why });
            };
            self.progress
                .pause(&format!("the artifact is not finalized yet: {why}"), pause)
                .await;
            if let Some(id) = self.listed(name, size, sha256).await? {
                return Ok(id);
            }
        }
    }

    /// The artifact of this name and size, if it can be seen.
    async fn listed(&self, name: &str, size: u64, sha256: &str) -> Result<Option<String>, NotUploaded> {
        let listed = self.list(&json!({"name_filter": name})).await?;
        let is_it = |item: Item| {
            let is_ours = item
                .digest
                .is_none_or(|digest| digest.trim_start_matches("sha256:") == sha256);
            let is_it = is_ours && item.name == name && item.size.into_text() == Some(size.to_string());
            is_it.then(|| item.database_id.into_text()).flatten()
        };
        Ok(listed.into_iter().find_map(is_it))
    }

    /// The artifacts of the run, or those that a filter lets through.
    pub async fn list(&self, filter: &Value) -> Result<Vec<Item>, NotUploaded> {
        let listed = self.patiently::<Listed>("ListArtifacts", "the list of artifacts", filter);
        Ok(listed.await?.artifacts)
    }

    /// Where the zip of an artifact is, for some minutes.
    pub async fn address(&self, item: &Item) -> Result<String, NotUploaded> {
        let request = json!({
            "workflow_run_backend_id": item.workflow_run_backend_id,
            "workflow_job_run_backend_id": item.workflow_job_run_backend_id,
            "name": item.name,
        });
        let signed = self.patiently::<Signed>("GetSignedArtifactURL", "the address of an artifact", &request);
        Ok(signed.await?.signed_url)
    }

    async fn patiently<T: DeserializeOwned>(
        &self,
        method: &str,
        what: &'static str,
        request: &Value,
    ) -> Result<T, NotUploaded> {
        let mut pauses = PAUSES.into_iter();
        loop {
            let (why, asked) = match self.try_once(method, what, request).await {
                Try::Done(result) => return result,
                Try::Again(why, asked) => (why, asked),
            };
            let pause = pauses.next().map(|pause| asked.unwrap_or(pause));
            let Some(pause) = pause.filter(|pause| *pause <= LONGEST_PAUSE) else {
                return Err(NotUploaded::Unanswered { what, why });
            };
            self.progress
                .pause(
                    &format!("the artifact service did not answer with {what}: {why}"),
                    pause,
                )
                .await;
        }
    }

    async fn try_once<T: DeserializeOwned>(&self, method: &str, what: &'static str, request: &Value) -> Try<T> {
        let body = Bytes::from(self.request(request).to_string());
        let Ok(url) = self.base.join(method) else {
            return Try::Done(Err(NotUploaded::Address(super::ADDRESS)));
        };
        let request = Request {
            url: &url,
            method: &Method::POST,
            headers: &self.headers,
            body: Some(&body),
            timeout: TIMEOUT,
            body_limit: LARGEST_ANSWER,
        };
        let answer = match self.http.send(request).await {
            Ok(answer) => answer,
            Err(Failure { detail, .. }) => return Try::Again(detail, None),
        };
        let says = said(&answer);
        let told = format!(
            "{}{}",
            answer.status,
            says.as_ref().map(|says| format!(": {says}")).unwrap_or_default()
        );
        match answer.status {
            200 => match serde_json::from_slice(&answer.body) {
                Ok(value) => Try::Done(Ok(value)),
                Err(_) => Try::Again("the answer cannot be read".to_owned(), None),
            },
            // Said with several statuses (actions/toolkit, `errors.ts`).
            _ if says.as_ref().is_some_and(|says| says.contains("insufficient usage")) => {
                Try::Done(Err(NotUploaded::Quota(says.unwrap_or_default())))
            }
            429 | 500 | 502..=504 => Try::Again(told, answer.retry_after),
            _ => Try::Done(Err(NotUploaded::Refused { what, why: told })),
        }
    }
}

/// The message of an error.
fn said(answer: &Answer) -> Option<String> {
    #[derive(Deserialize)]
    struct Error {
        msg: String,
    }
    let error: Error = serde_json::from_slice(&answer.body).ok()?;
    Some(crate::model::text::one_line(&error.msg))
}
