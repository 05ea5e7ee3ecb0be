//! The API of a platform: JSON, asked by a closed list of calls with one token.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::Env;
use super::calls::{Call, Caller, Content, NoAnswer, Unknown};
use super::http::{Answer, Header, is_loopback};
use super::secrets::Secret;

/// Of an answer; a list of releases or machines has some hundred kilobytes.
const LARGEST: usize = 8 << 20;

/// One address of a platform, with who asks.
pub struct Api {
    caller: Caller,
    base: Url,
    who: Who,
    headers: Vec<Header>,
}

/// The platform and who asks it, for sentences.
#[derive(Clone, Debug)]
pub struct Who {
    /// "Fly.io".
    pub platform: &'static str,
    /// What is asked about: "app".
    pub what: &'static str,
    /// "the token of FLY_API_TOKEN".
    pub credentials: String,
}

impl Who {
    /// Somebody with the token of the variable `token_env`.
    pub fn with_token(platform: &'static str, what: &'static str, token_env: &str) -> Self {
        Self {
            platform,
            what,
            credentials: format!("the token of {token_env}"),
        }
    }
}

/// Why there is no usable answer.
#[derive(Debug, PartialEq, Eq)]
pub struct ApiError {
    pub unknown: Unknown,
    /// The platform answered so; `None` if it did not answer.
    pub status: Option<u16>,
    /// What it said with that status. It can hold anything.
    pub body: Vec<u8>,
}

impl ApiError {
    /// A platform that could not be asked.
    pub fn unasked(why: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            unknown: Unknown::new(why, help),
            status: None,
            body: Vec::new(),
        }
    }
}

/// An address that credentials may be sent to. `base_env` is where it is from.
pub fn address(base_env: &str, base: &str) -> Result<Url, ApiError> {
    let parsed = Url::parse(base);
    if parsed == Err(url::ParseError::InvalidPort) {
        let why = format!("the port in the value of {base_env} is not valid");
        return Err(ApiError::unasked(why, "give a port from 1 to 65535, or leave it out"));
    }
    parsed
        .ok()
        .filter(|url| url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))))
        .ok_or_else(|| {
            ApiError::unasked(
                format!("the value of {base_env} is not an https:// URL"),
                "correct it, or leave it out",
            )
        })
}

pub fn caller(env: &Env) -> Result<Caller, ApiError> {
    Caller::new(env).map_err(|error| ApiError::unasked(format!("{error:#}"), "correct what it names"))
}

impl Api {
    /// At the address that the variable `base_env` names, or at `default`. Credentials are not sent without TLS, except to
    /// this machine. `headers` go with every request.
    pub fn at(who: Who, (base_env, default): (&str, &str), headers: Vec<Header>, env: &Env) -> Result<Self, ApiError> {
        let base = env.get(base_env).unwrap_or(default);
        Self::at_url(who, (base_env, base), headers, env)
    }

    /// The same, at an address that was made from the value of `base_env`.
    pub fn at_url(who: Who, (base_env, base): (&str, &str), headers: Vec<Header>, env: &Env) -> Result<Self, ApiError> {
        Ok(Self::with(who, caller(env)?, address(base_env, base)?, headers))
    }

    /// The same, for a server with an address and settings of its own.
    pub fn with(who: Who, caller: Caller, base: Url, headers: Vec<Header>) -> Self {
        Self {
            caller,
            base,
            who,
            headers,
        }
    }

    /// The header that says who asks. `token_env` is the variable that the token is from.
    pub fn authorization(value: &Secret, token_env: &str) -> Result<Header, ApiError> {
        let odd = |_| ApiError::unasked(format!("the value of {token_env} is not a token"), "check the secret");
        Header::new("Authorization", value.reveal(), true).map_err(odd)
    }

    /// The same, for a token that is sent as it is.
    pub fn bearer(token: &Secret, token_env: &str) -> Result<Header, ApiError> {
        Self::authorization(&Secret::new(format!("Bearer {}", token.reveal())), token_env)
    }

    /// A header that says what is asked for.
    pub fn header(name: &str, value: &str) -> Result<Header, ApiError> {
        let odd = |_| ApiError::unasked(format!("the value of the header {name} cannot be sent"), "report it");
        Header::new(name, value, false).map_err(odd)
    }

    /// How many requests were sent.
    pub fn sent(&self) -> usize {
        self.caller.sent()
    }

    pub async fn get<T: DeserializeOwned>(
        &self,
        call: &Call,
        values: &[&str],
        query: &[(&str, &str)],
        until: Instant,
    ) -> Result<T, ApiError> {
        let content = Content {
            values,
            query,
            ..Content::default()
        };
        self.read(&self.send(call, content, until).await?)
    }

    /// A call that has a body. `headers` in `content` are sent with those of every request.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        call: &Call,
        content: Content<'_>,
        until: Instant,
    ) -> Result<T, ApiError> {
        self.read(&self.send(call, content, until).await?)
    }

    /// The same, with a header of the answer: what says where a list goes on.
    pub async fn page<T: DeserializeOwned>(
        &self,
        call: &Call,
        content: Content<'_>,
        header: &str,
        until: Instant,
    ) -> Result<(T, Option<String>), ApiError> {
        let answer = self.send(call, content, until).await?;
        Ok((self.read(&answer)?, answer.headers.get(header)))
    }

    async fn send(&self, call: &Call, content: Content<'_>, until: Instant) -> Result<Answer, ApiError> {
        let mut headers = self.headers.clone();
        headers.extend_from_slice(content.headers);
        let content = Content {
            headers: &headers,
            ..content
        };
        let send = |limit: Duration| self.caller.send(call, &self.base, content, (limit, LARGEST));
        let answer = self.caller.patiently(until, send).await;
        self.accepted(answer.map_err(|error| self.no_answer(&error))?)
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
        let content = Content {
            body: Some(variables),
            ..Content::default()
        };
        let answer = self.send(call, content, until).await?;
        let reply: Reply<T> = self.read(&answer)?;
        let code = reply
            .errors
            .first()
            .map(|wrong| wrong.extensions.code.clone().unwrap_or_default());
        match (code.as_deref(), reply.data) {
            (None, Some(data)) => Ok(data),
            (Some("UNAUTHORIZED" | "FORBIDDEN"), _) => Err(self.denied(403, Vec::new())),
            (Some("NOT_FOUND"), _) => Err(self.denied(404, Vec::new())),
            (Some(code), _) => {
                let code: String = code.chars().filter(|c| c.is_ascii_uppercase() || *c == '_').collect();
                let code = if code.is_empty() { "no code".to_owned() } else { code };
                Err(ApiError {
                    status: Some(200),
                    ..ApiError::unasked(
                        format!("{} answered the query with an error ({code})", self.who.platform),
                        "try again later; if it stays, stageproof asks for something that the platform no longer has",
                    )
                })
            }
            (None, None) => Err(self.not_understood("has no data")),
        }
    }

    fn accepted(&self, answer: Answer) -> Result<Answer, ApiError> {
        match answer.status {
            200..=299 => Ok(answer),
            status @ (401 | 403 | 404) => Err(self.denied(status, answer.body)),
            status => Err(ApiError {
                unknown: Unknown::unusable(self.who.platform, &answer),
                status: Some(status),
                body: answer.body,
            }),
        }
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ApiError> {
        if answer.body_cut {
            return Err(self.not_understood(format!("is larger than {LARGEST} bytes")));
        }
        serde_json::from_slice(&answer.body).map_err(|error| ApiError {
            unknown: Unknown::unreadable(self.who.platform, "answer", &error),
            status: None,
            body: Vec::new(),
        })
    }

    /// 401 and 403 refuse who asks; 404 says that it is not there, or hides it.
    fn denied(&self, status: u16, body: Vec<u8>) -> ApiError {
        let Who {
            platform,
            what,
            credentials,
        } = &self.who;
        let unknown = match status {
            404 => Unknown::new(
                format!("{platform} has no such {what}, or does not show it to {credentials}"),
                format!("check the name of the {what}, and what {credentials} may read"),
            ),
            _ => Unknown::new(
                format!("{platform} refuses {credentials} ({status})"),
                format!("check that {credentials} is valid and may read this {what}"),
            ),
        };
        ApiError {
            unknown,
            status: Some(status),
            body,
        }
    }

    fn not_understood(&self, what: impl std::fmt::Display) -> ApiError {
        ApiError::unasked(
            format!("the answer of {} {what}", self.who.platform),
            "a proxy in between may have answered; if not, report it",
        )
    }

    fn no_answer(&self, error: &NoAnswer) -> ApiError {
        let Who { platform, what, .. } = &self.who;
        let check = format!("check the name of the {what}, and that {platform} can be reached from here");
        ApiError {
            unknown: Unknown::unanswered(platform, error, &check),
            status: None,
            body: Vec::new(),
        }
    }
}
