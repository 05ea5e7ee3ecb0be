//! Is an image still in its registry? Present, absent, or unknown; only reads are sent.
//!
//! Sources: the OCI distribution specification 1.1 ("Pulling manifests", "Error Codes"), and the distribution project's
//! "Token Authentication Specification".

mod access;
mod challenge;
mod credentials;
mod manifest;
mod reference;

use std::sync::Mutex;

use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::Env;
use super::calls::{Call, Caller, Unknown};
use super::hash::Hashed;
use super::http::Answer;
use super::secrets::Secret;
pub use credentials::{Credentials, Unusable, bare as bare_key};
use manifest::Config;
pub use manifest::{INDEXES, MANIFESTS, Manifest, NotAPlatform, Platform};
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
    "which platform is the image for, since when, and of which commit",
)
.redirected();
const GET_TOKEN: Call = Call::get("{url}", "a token to pull this one repository, where the registry says");

/// All that is ever sent to a registry.
pub const CALLS: [Call; 4] = [HEAD_MANIFEST, GET_MANIFEST, GET_CONFIG, GET_TOKEN];

const CHECK_NAME: &str = "check the name of the registry and of the image";
/// Of a manifest; the specification asks registries to take 4 MiB.
const LARGEST: usize = 4 << 20;
/// One registry, asked as one user.
pub struct Registry {
    caller: Caller,
    api: Url,
    repository: String,
    host: String,
    /// The registry, for sentences.
    who: String,
    hub: bool,
    credentials: Credentials,
    /// What it let in last: one token serves all calls of a repository.
    access: Mutex<Option<Secret>>,
}

/// An image that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub digest: String,
    /// The digest of its manifest for the platform: another one if the image is an index.
    pub manifest: String,
    pub platform: Platform,
    /// RFC 3339, where the image says it.
    pub created: Option<String>,
    /// The commit it was built from, where its label says it.
    pub revision: Option<String>,
}

/// Why an image was not found to be there.
#[derive(Debug, PartialEq, Eq)]
pub enum Missing {
    /// The registry knows who asks, and has no such image. The sentence says what is absent.
    Absent(String),
    /// The image is there, but not for this platform.
    OtherPlatform(String),
    /// It could not be found out.
    Unknown(Unknown),
}

impl Credentials {
    /// Those of a variable, or of docker's configuration file.
    pub fn of(image: &ImageName, variable: Option<&str>, env: &Env) -> Result<Self, Missing> {
        credentials::find(image.host(), variable, env).map_err(|error| {
            let help = "name a variable that holds user:password of the registry with --registry-auth-env";
            Missing::Unknown(Unknown::new(error.to_string(), help))
        })
    }

    /// Those in a docker configuration file that is kept elsewhere, such as in a pull secret. `told` names that for
    /// sentences.
    pub fn in_docker_config(json: &[u8], image: &ImageName, told: &str) -> Result<Self, Missing> {
        credentials::in_json(json, image.host(), told).map_err(|error| {
            let help = "write it as `docker login` or `kubectl create secret docker-registry` does";
            Missing::Unknown(Unknown::new(error.to_string(), help))
        })
    }
}

impl Registry {
    /// Of this image, with the credentials of a variable or of docker's configuration file.
    pub fn of(image: &ImageName, variable: Option<&str>, env: &Env) -> Result<Self, Missing> {
        Self::with(image, Credentials::of(image, variable, env)?, env)
    }

    /// The same, with these credentials.
    pub fn with(image: &ImageName, credentials: Credentials, env: &Env) -> Result<Self, Missing> {
        let wrong = |why: String| Missing::Unknown(Unknown::new(why, CHECK_NAME));
        let no_client = |error| Missing::Unknown(Unknown::new(format!("{error:#}"), "correct what it names"));
        let caller = Caller::new(env).map_err(no_client)?;
        let no_address = || wrong(format!("{image} names no address"));
        Ok(Self {
            caller,
            api: image.api().ok_or_else(no_address)?,
            repository: image.repository().to_owned(),
            who: format!("the registry {}", image.host()),
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

    /// The digest of what this reference names. If that is a digest, the registry must say the same.
    pub async fn digest(&self, reference: &str, until: Instant) -> Result<String, Missing> {
        let answer = self.ask(&HEAD_MANIFEST, reference, until).await?;
        let told = answer.headers.get("docker-content-digest");
        let digest = match told.filter(|digest| reference::is_digest(digest)) {
            Some(digest) => digest,
            // Older registries leave it out.
            None => self.digest_of(&self.ask(&GET_MANIFEST, reference, until).await?)?,
        };
        if reference::is_digest(reference) && digest != reference {
            return Err(self.other_content(&digest, reference));
        }
        Ok(digest)
    }

    /// The image that this digest names; of an index, the one for the platform.
    pub async fn image(&self, digest: &str, on: &Platform, until: Instant) -> Result<Image, Missing> {
        let mut manifest = self.manifest(digest, until).await?;
        let mut of_platform = digest.to_owned();
        let name = &self.repository;
        if manifest.manifests.is_some() {
            let Some(child) = manifest.child_for(on) else {
                let has = manifest.platforms().join(", ");
                return Err(Missing::OtherPlatform(format!(
                    "{name}@{digest} is not for {on}; it has {has}"
                )));
            };
            // An index stays when a child is deleted.
            of_platform.clone_from(&child.digest);
            manifest = match self.manifest(&child.digest, until).await {
                Err(Missing::Absent(_)) => {
                    return Err(Missing::Absent(format!(
                        "{name}@{digest} is there, but its image for {on}, {}, is not",
                        child.digest
                    )));
                }
                manifest => manifest?,
            };
        }
        let Some(config) = manifest.config else {
            return Err(no_image(format!(
                "{name}@{digest} is neither an image nor an index of images"
            )));
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
        let actual = self.digest_of(&answer)?;
        if actual != config.digest {
            return Err(self.other_content(&actual, &config.digest));
        }
        let config: Config = self.json(&answer, "configuration")?;
        if !config.platform.runs_on(on) {
            let is_for = config.platform;
            return Err(Missing::OtherPlatform(format!(
                "{name}@{digest} is for {is_for}, not for {on}"
            )));
        }
        Ok(Image {
            digest: digest.to_owned(),
            manifest: of_platform,
            revision: config.revision(),
            platform: config.platform,
            created: config.created,
        })
    }

    async fn manifest(&self, digest: &str, until: Instant) -> Result<Manifest, Missing> {
        let answer = self.ask(&GET_MANIFEST, digest, until).await?;
        let actual = self.digest_of(&answer)?;
        if actual != digest {
            return Err(self.other_content(&actual, digest));
        }
        self.json(&answer, "manifest")
    }

    fn other_content(&self, actual: &str, expected: &str) -> Missing {
        Missing::Unknown(Unknown::new(
            format!("{} has other content ({actual}) for {expected}", self.who),
            "a proxy or cache in between may be broken; pull the image by its digest with docker",
        ))
    }

    fn digest_of(&self, answer: &Answer) -> Result<String, Missing> {
        if answer.body_cut {
            return Err(no_image(format!(
                "what {} sent is larger than {LARGEST} bytes",
                self.who
            )));
        }
        Ok(format!("sha256:{}", hex::encode(Hashed::of(&answer.body).sha256)))
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, answer: &Answer, what: &str) -> Result<T, Missing> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| Missing::Unknown(Unknown::unreadable(&self.who, what, &error)))
    }
}

fn no_image(why: String) -> Missing {
    Missing::Unknown(Unknown::new(why, "name an image that docker can run"))
}
