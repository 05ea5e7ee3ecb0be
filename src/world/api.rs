//! The API of a platform: JSON, asked by a closed list of calls with one token.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::Env;
use super::calls::{Call, Caller, NoAnswer, Unknown};
use super::http::{Answer, Header, is_loopback};
use super::secrets::Secret;

/// Of an answer; a list of releases or machines has some hundred kilobytes.
const LARGEST: usize = 8 << 20;

/// One address of a platform, with who asks.
pub struct Api {
    caller: Caller,
    base: Url,
    /// As sentences name it: "Fly.io".
    platform: &'static str,
    authorization: Header,
    /// The variable that the token is from.
    token_env: String,
}

/// Why there is no usable answer.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiError {
    pub unknown: Unknown,
    /// The platform answered so; `None` if it did not answer.
    pub status: Option<u16>,
}

impl Api {
    /// `authorization` is the whole value of that header. A token is not sent without TLS, except to this machine.
    /// `base_env` is the variable that may name another address.
    pub fn new(
        platform: &'static str,
        (base_env, base): (&str, &str),
        (authorization, token_env): (Secret, &str),
        env: &Env,
    ) -> Result<Self, ApiError> {
        let wrong = |why: String, help: &str| ApiError {
            unknown: Unknown::new(why, help),
            status: None,
        };
        let base = Url::parse(base)
            .ok()
            .filter(|url| url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))))
            .ok_or_else(|| {
                wrong(
                    format!("the value of {base_env} is not an https:// URL"),
                    "correct it, or leave it out",
                )
            })?;
        let odd = |_| wrong(format!("the value of {token_env} is not a token"), "check the secret");
        Ok(Self {
            caller: Caller::new(env).map_err(|error| wrong(format!("{error:#}"), "correct what it names"))?,
            base,
            platform,
            authorization: Header::new("Authorization", authorization.reveal(), true).map_err(odd)?,
            token_env: token_env.to_owned(),
        })
    }

    /// How many requests were sent.
    pub fn sent(&self) -> usize {
        self.caller.sent()
    }

    pub async fn get<T: DeserializeOwned>(&self, call: &Call, values: &[&str], until: Instant) -> Result<T, ApiError> {
        let headers = [self.authorization.clone()];
        let send = |limit: Duration| self.caller.send(call, &self.base, values, &headers, (limit, LARGEST));
        let answer = self
            .caller
            .patiently(until, send)
            .await
            .map_err(|error| self.no_answer(&error))?;
        self.read(&self.accepted(answer)?)
    }

    /// A GraphQL query. Its errors are words of the platform; they are told apart by their code.
    pub async fn query<T: DeserializeOwned>(
        &self,
        call: &Call,
        variables: &Value,
        until: Instant,
    ) -> Result<T, ApiError> {
        #[derive(Deserialize)]
        struct Reply<T> {
            #[serde(default = "Option::default")]
            data: Option<T>,
            #[serde(default)]
            errors: Vec<Wrong>,
        }
        #[derive(Deserialize)]
        struct Wrong {
            #[serde(default)]
            extensions: Extensions,
        }
        #[derive(Default, Deserialize)]
        struct Extensions {
            code: Option<String>,
        }
        let json =
            Header::new("Content-Type", "application/json", false).map_err(|_| self.no_answer(&NoAnswer::NotBuilt))?;
        let headers = [self.authorization.clone(), json];
        let send = |limit: Duration| {
            self.caller
                .query(call, &self.base, variables, &headers, (limit, LARGEST))
        };
        let answer = self
            .caller
            .patiently(until, send)
            .await
            .map_err(|error| self.no_answer(&error))?;
        let reply: Reply<T> = self.read(&self.accepted(answer)?)?;
        let code = reply
            .errors
            .first()
            .map(|wrong| wrong.extensions.code.clone().unwrap_or_default());
        match (code.as_deref(), reply.data) {
            (None, Some(data)) => Ok(data),
            (Some("UNAUTHORIZED" | "FORBIDDEN"), _) => Err(self.refused(403)),
            (Some("NOT_FOUND"), _) => Err(self.not_found()),
            (Some(code), _) => {
                let code: String = code.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').collect();
                let code = if code.is_empty() { "no code".to_owned() } else { code };
                Err(ApiError {
                    unknown: Unknown::new(
                        format!("{} answered the query with an error ({code})", self.platform),
                        "try again later; if it stays, stageproof asks for something that the platform no longer has",
                    ),
                    status: Some(200),
                })
            }
            (None, None) => Err(self.not_understood("has no data")),
        }
    }

    fn accepted(&self, answer: Answer) -> Result<Answer, ApiError> {
        match answer.status {
            200..=299 => Ok(answer),
            status @ (401 | 403) => Err(self.refused(status)),
            404 => Err(self.not_found()),
            status => Err(ApiError {
                unknown: Unknown::unusable(self.platform, &answer),
                status: Some(status),
            }),
        }
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ApiError> {
        if answer.body_cut {
            return Err(self.not_understood(format!("is larger than {LARGEST} bytes")));
        }
        serde_json::from_slice(&answer.body).map_err(|error| ApiError {
            unknown: Unknown::unreadable(self.platform, "answer", &error),
            status: None,
        })
    }

    fn refused(&self, status: u16) -> ApiError {
        let (platform, token) = (self.platform, &self.token_env);
        ApiError {
            unknown: Unknown::new(
                format!("{platform} refuses the token of {token} ({status})"),
                format!("check that the token in {token} is valid and may read this app"),
            ),
            status: Some(status),
        }
    }

    fn not_found(&self) -> ApiError {
        let (platform, token) = (self.platform, &self.token_env);
        ApiError {
            unknown: Unknown::new(
                format!("{platform} has no such app, or does not show it to the token of {token}"),
                "check the name of the app, and whose token it is",
            ),
            status: Some(404),
        }
    }

    fn not_understood(&self, what: impl std::fmt::Display) -> ApiError {
        ApiError {
            unknown: Unknown::new(
                format!("the answer of {} {what}", self.platform),
                "a proxy in between may have answered; if not, report it",
            ),
            status: None,
        }
    }

    fn no_answer(&self, error: &NoAnswer) -> ApiError {
        ApiError {
            unknown: Unknown::unanswered(
                self.platform,
                error,
                "check the name of the app, and that its platform can be reached from here",
            ),
            status: None,
        }
    }
}
