//! The artifacts of a run: uploading one zip, and getting zips again.
//!
//! The artifact service of GitHub Actions, version 4, is what `actions/upload-artifact` speaks.
//!
//! Source: actions/toolkit, `packages/artifact/src/internal`. Azure's part: learn.microsoft.com, "Put Block", "Put Block List".

mod blob;
mod fetch;
mod service;
mod token;

use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::http::{Http, Settings, is_loopback};
use super::{Clock, Env, Interrupt, Progress};
use blob::Blob;
pub use fetch::{Bundle, Fetched, LARGEST, NotFetched, OfRun, PAUSES, STALL, Wanted, fetch};
use service::{Created, Service};
pub use token::Malformed;

const TOKEN: &str = "ACTIONS_RUNTIME_TOKEN";
const ADDRESS: &str = "ACTIONS_RESULTS_URL";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What no name may have (actions/toolkit, `path-and-artifact-name-validation.ts`).
const NOT_IN_NAMES: &[char] = &['"', ':', '<', '>', '|', '*', '?', '\r', '\n', '\\', '/'];

/// What the run's artifacts can be added to.
pub struct Artifacts {
    service: Service,
    http: Http,
    job: String,
}

/// What is uploaded, and as what.
pub struct Artifact<'a> {
    pub name: &'a str,
    pub zip: &'a Path,
    /// What its bytes must hash to.
    pub sha256: &'a str,
    /// For how many days it is kept, if not for as long as the repository's settings say.
    pub days: Option<u32>,
}

#[derive(Debug)]
pub struct Uploaded {
    pub id: String,
    pub bytes: u64,
}

/// Why nothing was uploaded.
#[derive(Debug, thiserror::Error)]
pub enum NotUploaded {
    #[error("this step has no {0}: the runner gives it to actions, not to `run:` steps")]
    NoService(&'static str),
    #[error("{0} is not on GitHub.com, and GitHub Enterprise Server does not offer this artifact service")]
    OtherServer(String),
    #[error("{TOKEN} {0}")]
    Token(#[from] Malformed),
    #[error("{0} is not an address")]
    Address(&'static str),
    #[error("this run already has an artifact `{0}`")]
    NameTaken(String),
    #[error("the artifact storage of this account is full: {0}")]
    Quota(String),
    #[error("the artifact service refused {what}: {why}")]
    Refused { what: &'static str, why: String },
    #[error("the upload address expired: it is valid for an hour, and the upload took longer")]
    Expired,
    #[error("the artifact service could not be asked for {what}: {why}")]
    Unanswered { what: &'static str, why: String },
    #[error("the zip changed while it was uploaded")]
    Changed,
    #[error("the zip cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    #[error("interrupted by {0} before it ended")]
    Stopped(&'static str),
}

/// Whether this step can use the service at all.
pub fn is_offered(env: &Env) -> bool {
    let is_known = env.get("GITHUB_SERVER_URL").is_none_or(is_github_com);
    is_known && [TOKEN, ADDRESS].iter().all(|name| env.get(name).is_some())
}

/// The first character that no name of an artifact may have.
pub fn not_in_a_name(name: &str) -> Option<char> {
    name.chars().find(|c| NOT_IN_NAMES.contains(c))
}

impl Artifacts {
    pub fn connect(env: &Env, progress: Progress) -> Result<Self, NotUploaded> {
        let value = |name: &'static str| env.get(name).ok_or(NotUploaded::NoService(name));
        let (token, address) = (value(TOKEN)?, value(ADDRESS)?);
        if let Some(server) = env.get("GITHUB_SERVER_URL").filter(|server| !is_github_com(server)) {
            return Err(NotUploaded::OtherServer(server.to_owned()));
        }
        let ids = token::ids(token)?;
        let address = Url::parse(address).map_err(|_| NotUploaded::Address(ADDRESS))?;
        let settings = Settings {
            connect_timeout: CONNECT_TIMEOUT,
            ..Settings::default()
        };
        let http = Http::new(env, &settings).map_err(|error| NotUploaded::Unanswered {
            what: "an upload address",
            why: format!("{error:#}"),
        })?;
        let job = ids.job.clone();
        let service = Service::new(http.clone(), &address, (token, ids), progress)?;
        Ok(Self { service, http, job })
    }

    /// What this job, of a matrix too, has for itself.
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Uploads a zip. It is not seen by anybody before all of it is there.
    pub async fn upload(
        &self,
        artifact: Artifact<'_>,
        (clock, longest): (Clock, Option<u32>),
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Result<Uploaded, NotUploaded> {
        let Artifact {
            name,
            zip,
            sha256,
            days,
        } = artifact;
        let until = days.map(|days| expiry(clock.now(), days.min(longest.unwrap_or(u32::MAX))));
        let Created { signed_upload_url, .. } = self.service.create(name, until).await?;
        let blob = Blob::new(&self.http, &signed_upload_url).ok_or(NotUploaded::Address("the upload address"))?;
        let bytes = blob.upload(zip, sha256, progress, interrupt).await?;
        let id = self.service.finalize(name, bytes, sha256).await?;
        Ok(Uploaded { id, bytes })
    }
}

/// An address that says by itself who may use it. `None`: it is none, or one that anybody on the way could read.
fn signed(address: &str) -> Option<Url> {
    let url = Url::parse(address).ok()?;
    // Other servers than GitHub's are on the runner's own network.
    let is_near = is_loopback(&url) || matches!(url.host(), Some(url::Host::Ipv4(ip)) if ip.is_private());
    (url.scheme() == "https" || is_near).then_some(url)
}

fn expiry(now: Timestamp, days: u32) -> String {
    let later = now.checked_add(SignedDuration::from_hours(24 * i64::from(days)));
    format!("{:.3}", later.unwrap_or(now))
}

/// As actions/toolkit tells it from GitHub Enterprise Server.
fn is_github_com(server: &str) -> bool {
    let host = Url::parse(server)
        .ok()
        .and_then(|url| url.host_str().map(str::to_ascii_lowercase));
    host.is_some_and(|host| {
        host == "github.com" || host.ends_with(".ghe.com") || host == "localhost" || host.ends_with(".localhost")
    })
}
