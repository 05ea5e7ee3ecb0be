//! A service of AWS that speaks "AWS JSON 1.1": a closed list of actions, each request signed.

mod credentials;
mod endpoint;
mod refusal;
mod signature;

use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

use super::Env;
use super::api::{ApiError, caller};
use super::calls::{Call, Caller, Content, Unknown};
pub use credentials::{Credentials, KEY_ID, SECRET_KEY, SESSION_TOKEN};
pub use endpoint::{REGIONS, domain, endpoint, is_region};
pub use refusal::{AwsError, explain};
pub use signature::Signer;

const MEDIA_TYPE: &str = "application/x-amz-json-1.1";
/// Of an answer; a hundred deployments have some ten kilobytes.
const LARGEST: usize = 8 << 20;

/// What a service is called.
#[derive(Clone, Copy, Debug)]
pub struct Names {
    /// "Amazon ECS".
    pub product: &'static str,
    /// Its host below the region, without the domain: `api.ecr`.
    pub host: &'static str,
    /// In signatures and in policies: `ecr`.
    pub signing: &'static str,
    /// At the end of the variable with its address: `ECR`.
    pub variable: &'static str,
}

/// One service in one region.
pub struct Service {
    caller: Caller,
    base: Url,
    product: &'static str,
    signer: Signer,
}

impl Service {
    pub fn connect(names: Names, region: &str, credentials: &Credentials, env: &Env) -> Result<Self, ApiError> {
        Ok(Self {
            caller: caller(env)?,
            base: endpoint((names.host, names.variable), region, env)?,
            product: names.product,
            signer: Signer {
                credentials: credentials.clone(),
                region: region.to_owned(),
                service: names.signing,
            },
        })
    }

    /// How many requests were sent.
    pub fn sent(&self) -> usize {
        self.caller.sent()
    }

    pub async fn ask<T: DeserializeOwned>(&self, call: &Call, body: &Value, until: Instant) -> Result<T, AwsError> {
        let content = Content {
            body: Some(body),
            media_type: Some(MEDIA_TYPE),
            signer: Some(&self.signer),
            ..Content::default()
        };
        let send = |limit: Duration| async move {
            let mut answer = self.caller.send(call, &self.base, content, (limit, LARGEST)).await?;
            if answer.status == 400 && refusal::code(&answer).is_some_and(|code| refusal::is_throttled(&code)) {
                answer.status = 429;
            }
            Ok(answer)
        };
        let product = self.product;
        let failed = |unknown| AwsError { unknown, code: None };
        let answer = self.caller.patiently(until, send).await.map_err(|error| {
            let check = "check the region, and that AWS can be reached from here";
            failed(Unknown::unanswered(product, &error, check))
        })?;
        if answer.status != 200 {
            let action = call.target().and_then(|target| target.rsplit('.').next());
            let action = format!("{}:{}", self.signer.service, action.unwrap_or_default());
            let code = refusal::code(&answer);
            let told = code.as_deref().unwrap_or_default();
            let unknown = explain(product, &action, told, &answer).unwrap_or_else(|| {
                Unknown::new(
                    format!("{product} refused {action} with status {} ({told})", answer.status),
                    "check the names of the cluster, the service and the region",
                )
            });
            return Err(AwsError { unknown, code });
        }
        if answer.body_cut {
            return Err(failed(Unknown::new(
                format!("the answer of {product} is larger than {LARGEST} bytes"),
                "a proxy in between may have answered; if not, report it",
            )));
        }
        serde_json::from_slice(&answer.body).map_err(|error| failed(Unknown::unreadable(product, "reply", &error)))
    }
}
