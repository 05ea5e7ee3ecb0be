//! An S3-compatible store: one object is written, whole or not at all, and never in place of another, and can be
//! downloaded again.
//!
//! Source: Amazon S3 API Reference (PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload, HeadObject,
//! GetObjectRetention) and User Guide ("Conditional writes", "Checking object integrity").

mod ask;
mod fetch;
mod object;
mod place;
mod read_back;
mod refusal;
mod request;
mod upload;

use std::time::Duration;

use url::Url;

use super::api::{ApiError, address};
use super::aws::{Credentials, REGIONS, Signer, endpoint, is_region};
use super::calls::Unknown;
use super::http::{Http, Settings};
use super::{Env, Progress, World};
pub use fetch::{Wanted, fetch};
pub use object::{Lock, LockMode, LockState, Object, Stored};
pub use place::Place;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A bucket of a store, and who asks it.
pub struct Store {
    http: Http,
    progress: Progress,
    /// The bucket is the first part of the path below it, as all stores understand it.
    base: Url,
    signer: Signer,
}

/// Why the store did not do what it was asked.
#[derive(Debug)]
pub enum Failed {
    Refused(Unknown),
    /// It could not be asked.
    Unknown(Unknown),
}

/// Why an object was not stored, or is not known to be.
#[derive(Debug)]
pub enum NotStored {
    /// The store has another object there, or somebody is just writing one.
    Taken(Unknown),
    Failed(Failed),
    /// The file is not what its hash was taken of.
    Changed,
    Unreadable(std::io::Error),
    Stopped(&'static str),
}

impl From<Failed> for NotStored {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

impl From<ApiError> for Failed {
    fn from(error: ApiError) -> Self {
        Self::Unknown(error.unknown)
    }
}

impl From<std::io::Error> for NotStored {
    fn from(error: std::io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl Store {
    /// At the address that is `given`, else where the tools of AWS would look.
    pub fn connect(given: Option<&str>, world: &World) -> Result<Self, Failed> {
        let env = &world.env;
        let credentials = Credentials::of(env)?;
        let region = REGIONS.iter().find_map(|name| Some((*name, env.get(name)?)));
        let own = |region: &str| address_of(given, region, env);
        let (region, base) = match region {
            Some((_, region)) if is_region(region) => (region, own(region)?),
            // Other stores have names of their own for it, or just one: "auto", "garage".
            told => {
                // Of the stores that want none, most take this one.
                let region = told.map_or("us-east-1", |(_, region)| region);
                let base = own("us-east-1")?;
                let is_amazon = base.host_str().is_some_and(|host| host.ends_with(".amazonaws.com"));
                let is_plain = region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                match told {
                    Some((name, _)) if is_amazon || !is_plain => {
                        return Err(unknown(
                            format!("the value of {name} is not a region"),
                            "write it like eu-west-1",
                        ));
                    }
                    None if is_amazon => {
                        return Err(unknown(
                            "the store cannot be asked: AWS_REGION does not name its region",
                            "set it, or give `aws-region` to aws-actions/configure-aws-credentials; for another store, \
                             set AWS_ENDPOINT_URL_S3",
                        ));
                    }
                    _ => (region, base),
                }
            }
        };
        let settings = Settings {
            connect_timeout: CONNECT_TIMEOUT,
            ..Settings::default()
        };
        let http = Http::new(env, &settings).map_err(|error| unknown(format!("{error:#}"), "correct what it names"))?;
        Ok(Self {
            http,
            progress: world.progress.clone(),
            base,
            signer: Signer {
                credentials,
                region: region.to_owned(),
                service: "s3",
            },
        })
    }

    /// The host, for sentences.
    fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }
}

/// The address that is `given`, else the one that the tools of AWS take.
///
/// # Errors
/// It is none that credentials may be sent to.
pub fn address_of(given: Option<&str>, region: &str, env: &Env) -> Result<Url, ApiError> {
    match given {
        Some(url) => endpoint_given(url),
        None => endpoint(("s3", "S3"), region, env),
    }
}

/// What `--store-endpoint` gives. Buckets and keys come behind its path.
fn endpoint_given(url: &str) -> Result<Url, ApiError> {
    const FLAG: &str = "--store-endpoint";
    let url = address(FLAG, url)?;
    let is_bare = url.username().is_empty() && url.password().is_none();
    if is_bare && url.query().is_none() && url.fragment().is_none() {
        return Ok(url);
    }
    Err(ApiError::unasked(
        format!("the value of {FLAG} has more than a host, a port and a path"),
        "leave out the user, the query and the fragment; credentials are read from the environment",
    ))
}

fn unknown(why: impl Into<String>, help: &str) -> Failed {
    Failed::Unknown(Unknown::new(why, help))
}
