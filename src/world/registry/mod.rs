//! Is an image still in its registry? Present, absent, or unknown; only reads are sent.
//!
//! Sources: the OCI distribution specification 1.1 ("Pulling manifests", "Error Codes"), and the distribution project's
//! "Token Authentication Specification".

mod challenge;
mod credentials;
mod manifest;
mod reference;

use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::Env;
use super::calls::{Call, Caller, NoAnswer};
use super::hash::Hashed;
use super::http::{Answer, Header, is_loopback};
use super::secrets::Secret;
use crate::model::{Reason, TimeSpan};
use challenge::Challenge;
pub use credentials::{Credentials, Unusable};
use manifest::{Config, INDEXES, MANIFESTS, Manifest};
pub use manifest::{NotAPlatform, Platform};
pub use reference::{ImageName, NotAnImage};

const HEAD_MANIFEST: Call = Call::head(
    "/v2/{name}/manifests/{reference}",
    "is the image there, and what is its digest",
);
const GET_MANIFEST: Call = Call::get(
    "/v2/{name}/manifests/{reference}",
    "which platforms does the image have",
);
const GET_CONFIG: Call = Call::get(
    "/v2/{name}/blobs/{digest}",
    "which platform is the image for, and since when",
);
const GET_TOKEN: Call = Call::get("{url}", "a token to pull this one repository, where the registry says");

/// All that is ever sent to a registry.
pub const CALLS: [Call; 4] = [HEAD_MANIFEST, GET_MANIFEST, GET_CONFIG, GET_TOKEN];

/// Of a manifest; the specification asks registries to take 4 MiB.
const LARGEST: usize = 4 << 20;
/// One registry, asked as one user.
pub struct Registry {
    caller: Caller,
    api: Url,
    repository: String,
    host: String,
    hub: bool,
    credentials: Credentials,
    /// What it let in last: one token serves all calls of a repository.
    access: Mutex<Option<Secret>>,
}

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub digest: String,
    pub platform: Platform,
    /// RFC 3339, where the image says it.
    pub created: Option<String>,
}

/// Why an image was not found to be there.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// The registry knows who asks, and has no such image. The sentence says what is absent.
    Absent(String),
    /// The image is there, but not for this platform.
    OtherPlatform(String),
    /// It could not be found out: why, and what to do.
    Unknown { why: String, help: String },
}

impl Registry {
    /// Of this image, with the credentials of a variable or of docker's configuration file.
    pub fn of(image: &ImageName, variable: Option<&str>, env: &Env) -> Result<Self, Missing> {
        let unknown = |why: String, help: &str| Missing::Unknown {
            why,
            help: help.to_owned(),
        };
        let credentials = credentials::find(image.host(), variable, env).map_err(|error| {
            unknown(
                error.to_string(),
                "name a variable that holds user:password of the registry with --registry-auth-env",
            )
        })?;
        Self::with(image, credentials, env)
    }

    /// The same, with these credentials.
    pub fn with(image: &ImageName, credentials: Credentials, env: &Env) -> Result<Self, Missing> {
        let unknown = |why: String, help: &str| Missing::Unknown {
            why,
            help: help.to_owned(),
        };
        let caller = Caller::new(env).map_err(|error| unknown(format!("{error:#}"), "correct what it names"))?;
        let no_address = || unknown(format!("{image} names no address"), "correct the name of the image");
        Ok(Self {
            caller,
            api: image.api().ok_or_else(no_address)?,
            repository: image.repository().to_owned(),
            host: image.host().to_owned(),
            hub: image.is_docker_hub(),
            credentials,
            access: Mutex::default(),
        })
    }

    /// How many requests were sent.
    pub fn sent(&self) -> usize {
        self.caller.sent()
    }

    /// Who asks, for sentences.
    pub fn asks(&self) -> String {
        self.credentials.told()
    }

    /// The digest of what this reference names.
    pub async fn digest(&self, reference: &str, until: Instant) -> Result<String, Missing> {
        let answer = self.ask(&HEAD_MANIFEST, reference, until).await?;
        if let Some(digest) = answer
            .headers
            .get("docker-content-digest")
            .filter(|d| reference::is_digest(d))
        {
            return Ok(digest);
        }
        // Older registries leave it out.
        let answer = self.ask(&GET_MANIFEST, reference, until).await?;
        self.digest_of(&answer)
    }

    /// The image that this digest names, with its child for the platform.
    pub async fn image(&self, digest: &str, on: &Platform, until: Instant) -> Result<Image, Missing> {
        let answer = self.ask(&GET_MANIFEST, digest, until).await?;
        let actual = self.digest_of(&answer)?;
        if actual != digest {
            return Err(self.unknown(
                format!("the registry {} sent other content ({actual}) for {digest}", self.host),
                "a proxy or cache in between may be broken; pull the image by its digest with docker",
            ));
        }
        let manifest: Manifest = self.json(&answer, "manifest")?;
        let name = &self.repository;
        if manifest.manifests.is_some() {
            let Some(child) = manifest.child_for(on) else {
                let has = manifest.platforms().join(", ");
                return Err(Missing::OtherPlatform(format!(
                    "{name}@{digest} is not for {on}; it has {has}"
                )));
            };
            // An index stays when a child is deleted.
            return match self.digest(&child.digest, until).await {
                Ok(_) => Ok(Image {
                    digest: digest.to_owned(),
                    platform: on.clone(),
                    created: None,
                }),
                Err(Missing::Absent(_)) => Err(Missing::Absent(format!(
                    "{name}@{digest} is there, but its image for {on}, {}, is not",
                    child.digest
                ))),
                Err(other) => Err(other),
            };
        }
        let Some(config) = manifest.config else {
            return Err(self.unknown(
                format!("{name}@{digest} is neither an image nor an index of images"),
                "name an image that docker can run",
            ));
        };
        let answer = match self.ask(&GET_CONFIG, &config.digest, until).await {
            Err(Missing::Absent(_)) => {
                return Err(Missing::Absent(format!(
                    "the manifest {name}@{digest} is there, but its configuration, {}, is not",
                    config.digest
                )));
            }
            answer => answer?,
        };
        let config: Config = self.json(&answer, "configuration")?;
        if !config.platform.runs_on(on) {
            let is_for = config.platform;
            return Err(Missing::OtherPlatform(format!(
                "{name}@{digest} is for {is_for}, not for {on}"
            )));
        }
        Ok(Image {
            digest: digest.to_owned(),
            platform: config.platform,
            created: config.created,
        })
    }

    fn digest_of(&self, answer: &Answer) -> Result<String, Missing> {
        if answer.body_cut {
            return Err(self.unknown(
                format!(
                    "a manifest of the registry {} is larger than {LARGEST} bytes",
                    self.host
                ),
                "name an image that docker can run",
            ));
        }
        Ok(format!("sha256:{}", hex::encode(Hashed::of(&answer.body).sha256)))
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, answer: &Answer, what: &str) -> Result<T, Missing> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            self.unknown(
                format!(
                    "the registry {} sent a {what} that is not valid JSON of its kind: {error}",
                    self.host
                ),
                "name an image that docker can run",
            )
        })
    }

    /// One call; and once more as who may ask, if the registry wants to know.
    async fn ask(&self, call: &Call, reference: &str, until: Instant) -> Result<Answer, Missing> {
        let known = self.access.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.send(call, reference, known.as_ref(), until).await?;
        if answer.status != 401 {
            return self.judge(call, reference, answer, known.as_ref(), until).await;
        }
        let access = Some(self.access(&answer, until).await?);
        self.access
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(&access);
        let answer = self.send(call, reference, access.as_ref(), until).await?;
        self.judge(call, reference, answer, access.as_ref(), until).await
    }

    async fn send(
        &self,
        call: &Call,
        reference: &str,
        access: Option<&Secret>,
        until: Instant,
    ) -> Result<Answer, Missing> {
        let accept = INDEXES.iter().chain(&MANIFESTS).copied().collect::<Vec<_>>().join(", ");
        let mut headers = vec![("Accept", accept)];
        if let Some(value) = access {
            headers.push(("Authorization", value.reveal().to_owned()));
        }
        let headers = headers
            .iter()
            .filter_map(|(name, value)| Header::new(name, value, false).ok());
        let headers: Vec<Header> = headers.collect();
        let values = [self.repository.as_str(), reference];
        let send = |limit| self.caller.send(call, &self.api, &values, &headers, (limit, LARGEST));
        let answer = self.caller.patiently(until, send).await;
        answer.map_err(|error| self.no_answer(error))
    }

    /// What goes into `Authorization`: a token, or the credentials themselves, as the registry asks.
    async fn access(&self, refused: &Answer, until: Instant) -> Result<Secret, Missing> {
        match Challenge::read(&refused.headers.all("www-authenticate")) {
            Some(Challenge::Basic) => match self.credentials.basic() {
                Some(value) => Ok(Secret::new(value)),
                None => Err(self.refused(401, None)),
            },
            Some(Challenge::Bearer { realm, service }) => self.token(&realm, service.as_deref(), until).await,
            None => Err(self.refused(401, None)),
        }
    }

    async fn token(&self, realm: &str, service: Option<&str>, until: Instant) -> Result<Secret, Missing> {
        #[derive(Deserialize)]
        struct Issued {
            token: Option<String>,
            access_token: Option<String>,
        }
        let odd = || {
            self.unknown(
                format!("the registry {} names no usable address for tokens", self.host),
                "this is not how registries answer; check that the host is one",
            )
        };
        let mut url = Url::parse(realm).map_err(|_| odd())?;
        // Credentials go there.
        if url.scheme() != "https" && !(is_loopback(&url) && is_loopback(&self.api)) {
            return Err(odd());
        }
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let scope = format!("repository:{}:pull", self.repository);
        url.query_pairs_mut().append_pair("scope", &scope);
        let basic = self.credentials.basic();
        let headers = basic.and_then(|value| Header::new("Authorization", &value, true).ok());
        let headers: Vec<Header> = headers.into_iter().collect();
        let send = |limit| self.caller.send_to(&GET_TOKEN, &url, &headers, (limit, LARGEST));
        let answer = self.caller.patiently(until, send).await;
        let answer = answer.map_err(|error| self.no_answer(error))?;
        match answer.status {
            200 => {}
            status @ 400..=499 if status != 429 => return Err(self.refused(status, None)),
            status => return Err(self.unavailable(status)),
        }
        let issued: Issued = self.json(&answer, "token")?;
        let token = issued.token.or(issued.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(odd)?;
        Ok(Secret::new(format!("Bearer {token}")))
    }

    /// What an answer says. An absence counts only if the registry would have shown the image to who asked.
    async fn judge(
        &self,
        call: &Call,
        reference: &str,
        answer: Answer,
        access: Option<&Secret>,
        until: Instant,
    ) -> Result<Answer, Missing> {
        match answer.status {
            200 => Ok(answer),
            404 => {
                // The answer to HEAD has no body, and the code stands there.
                let code = match call.method() {
                    "HEAD" => {
                        let answer = self.send(&GET_MANIFEST, reference, access, until).await?;
                        error_code(&answer.body)
                    }
                    _ => error_code(&answer.body),
                };
                let shown = format!("{}/{}", self.host, self.repository);
                let separator = if reference.contains(':') { '@' } else { ':' };
                match code.as_deref() {
                    // Registries call a repository unknown that they only do not show.
                    Some("NAME_UNKNOWN") if self.credentials == Credentials::None && !is_loopback(&self.api) => {
                        Err(self.refused(404, Some("NAME_UNKNOWN")))
                    }
                    Some("NAME_UNKNOWN") => Err(Missing::Absent(format!("the registry has no repository {shown}"))),
                    Some("UNAUTHORIZED" | "DENIED") => Err(self.refused(404, code.as_deref())),
                    _ => Err(Missing::Absent(format!(
                        "the registry does not have {shown}{separator}{reference}"
                    ))),
                }
            }
            status @ (401 | 403) => Err(self.refused(status, error_code(&answer.body).as_deref())),
            429 => {
                let wait = answer
                    .retry_after
                    .map(|wait| format!("; it asks to wait {}", TimeSpan(wait)));
                Err(self.unknown(
                    format!(
                        "the registry {} limits requests (429){}",
                        self.host,
                        wait.unwrap_or_default()
                    ),
                    "try again later, or ask with credentials, which have a higher limit",
                ))
            }
            status => Err(self.unavailable(status)),
        }
    }

    fn unknown(&self, why: String, help: &str) -> Missing {
        Missing::Unknown {
            why,
            help: help.to_owned(),
        }
    }

    fn refused(&self, status: u16, code: Option<&str>) -> Missing {
        let code = code.map(|code| format!(" {code}")).unwrap_or_default();
        let help = match (&self.credentials, self.hub) {
            (Credentials::None, _) => {
                "give credentials that may pull: name a variable that holds user:password with --registry-auth-env, or \
                 log in with docker before this step"
            }
            (Credentials::Basic(..), true) => {
                "check the credentials; Docker Hub also answers so for a repository that does not exist"
            }
            (Credentials::Basic(..), false) => "check that these credentials are right and may pull this repository",
        };
        self.unknown(
            format!(
                "the registry {} does not let {} be read {} ({status}{code})",
                self.host,
                self.repository,
                self.asks()
            ),
            help,
        )
    }

    fn unavailable(&self, status: u16) -> Missing {
        self.unknown(
            format!("the registry {} answered with status {status}", self.host),
            "try again later; check the registry's status page",
        )
    }

    fn no_answer(&self, error: NoAnswer) -> Missing {
        match error {
            NoAnswer::OutOfTime => self.unknown(
                format!("the registry {} did not answer in time", self.host),
                "check that it can be reached from here",
            ),
            NoAnswer::NotBuilt => self.unknown(
                format!("the registry {} names something that cannot be asked for", self.host),
                "check the name of the image",
            ),
            NoAnswer::Failed(failure) => {
                let help = match failure.reason {
                    Reason::Dns | Reason::Refused => "check the name of the registry in the image's name",
                    _ => "check that the registry can be reached from here",
                };
                self.unknown(
                    format!(
                        "the registry {} cannot be asked [{}]: {}",
                        self.host,
                        failure.reason.as_str(),
                        failure.detail
                    ),
                    failure.help.unwrap_or(help),
                )
            }
        }
    }
}

/// The first code of an error's body, if it looks like one.
fn error_code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<Coded>,
    }
    #[derive(Deserialize)]
    struct Coded {
        code: String,
    }
    let body: Body = serde_json::from_slice(body).ok()?;
    let code = body.errors.into_iter().next()?.code;
    let plain = |b: u8| b.is_ascii_uppercase() || b == b'_';
    (code.len() <= 40 && code.bytes().all(plain)).then_some(code)
}
