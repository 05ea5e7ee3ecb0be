//! How a registry is asked: with the token or the credentials that it wants, and what its refusals mean.

use std::sync::PoisonError;

use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::challenge::Challenge;
use super::credentials::Credentials;
use super::manifest::{INDEXES, MANIFESTS};
use super::{GET_MANIFEST, GET_TOKEN, LARGEST, Missing, Registry};
use crate::world::calls::{Call, Content, Unknown};
use crate::world::http::{Answer, Header, is_loopback};
use crate::world::secrets::Secret;

impl Registry {
    /// One call; and once more as who may ask, if the registry wants to know.
    pub(super) async fn ask(&self, call: &Call, reference: &str, until: Instant) -> Result<Answer, Missing> {
        let known = self.access.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self.send(call, reference, known.as_ref(), until).await?;
        if answer.status != 401 {
            return self.judge(call, reference, answer, known.as_ref(), until).await;
        }
        let access = Some(self.authorization(&answer, until).await?);
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
        let headers: Result<Vec<Header>, _> = headers
            .iter()
            .map(|(name, value)| Header::new(name, value, false))
            .collect();
        let headers = headers.map_err(|_| self.no_token())?;
        let values = [self.repository.as_str(), reference];
        let content = Content {
            values: &values,
            headers: &headers,
            ..Content::default()
        };
        let send = |limit| self.caller.send(call, &self.api, content, (limit, LARGEST));
        let answer = self.caller.patiently(until, send).await;
        answer.map_err(|error| Missing::Unknown(Unknown::unanswered(&self.who, &error, super::CHECK_NAME)))
    }

    /// What goes into `Authorization`: a token, or the credentials themselves, as the registry asks.
    async fn authorization(&self, refused: &Answer, until: Instant) -> Result<Secret, Missing> {
        match (
            Challenge::read(&refused.headers.all("www-authenticate")),
            self.credentials.basic(),
        ) {
            (Some(Challenge::Basic), Some(value)) => Ok(Secret::new(value)),
            (Some(Challenge::Bearer { realm, service }), basic) => {
                self.token(&realm, service.as_deref(), basic, until).await
            }
            (Some(Challenge::Basic) | None, _) => Err(self.refused(401, None)),
        }
    }

    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        basic: Option<String>,
        until: Instant,
    ) -> Result<Secret, Missing> {
        #[derive(Deserialize)]
        struct Issued {
            token: Option<String>,
            access_token: Option<String>,
        }
        let mut url = Url::parse(realm).map_err(|_| self.no_token())?;
        // Credentials go there.
        if url.scheme() != "https" && !(is_loopback(&url) && is_loopback(&self.api)) {
            return Err(self.no_token());
        }
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let scope = format!("repository:{}:pull", self.repository);
        url.query_pairs_mut().append_pair("scope", &scope);
        let headers = basic.map(|value| Header::new("Authorization", &value, true));
        let headers: Vec<Header> = headers.transpose().map_err(|_| self.no_token())?.into_iter().collect();
        let send = |limit| self.caller.send_to(&GET_TOKEN, &url, &headers, (limit, LARGEST));
        let answer = self.caller.patiently(until, send).await;
        let answer =
            answer.map_err(|error| Missing::Unknown(Unknown::unanswered(&self.who, &error, super::CHECK_NAME)))?;
        match answer.status {
            200 => {}
            status @ 400..=499 if status != 429 => return Err(self.refused(status, None)),
            _ => return Err(Missing::Unknown(Unknown::unusable(&self.who, &answer))),
        }
        let issued: Issued = self.json(&answer, "token")?;
        let token = issued.token.or(issued.access_token).filter(|token| !token.is_empty());
        token
            .map(|token| Secret::new(format!("Bearer {token}")))
            .ok_or_else(|| self.no_token())
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
                // The answer to HEAD has no body, and the code stands in it.
                let answer = match call.method() {
                    "HEAD" => self.send(&GET_MANIFEST, reference, access, until).await?,
                    _ => answer,
                };
                Err(self.not_there(reference, &answer))
            }
            _ => Err(self.not_there(reference, &answer)),
        }
    }

    /// What an answer means that is not the image.
    fn not_there(&self, reference: &str, answer: &Answer) -> Missing {
        match answer.status {
            404 => self.absent(reference, answer),
            status @ (401 | 403) => self.refused(status, error_code(&answer.body).as_deref()),
            _ => Missing::Unknown(Unknown::unusable(&self.who, answer)),
        }
    }

    fn absent(&self, reference: &str, answer: &Answer) -> Missing {
        let code = error_code(&answer.body);
        let repository = format!("{}/{}", self.host, self.repository);
        let separator = if reference.contains(':') { '@' } else { ':' };
        let is_hidden = self.credentials == Credentials::None && !is_loopback(&self.api);
        match code.as_deref() {
            Some("UNAUTHORIZED" | "DENIED") => self.refused(404, code.as_deref()),
            // Registries call a repository unknown that they only do not show.
            Some("NAME_UNKNOWN") if is_hidden => self.refused(404, code.as_deref()),
            Some("NAME_UNKNOWN") => Missing::Absent(format!("the registry has no repository {repository}")),
            // Any server that is no registry answers 404, too.
            None => Missing::Unknown(Unknown::new(
                format!("{} answered 404 in a way that registries do not", self.who),
                super::CHECK_NAME,
            )),
            _ => Missing::Absent(format!("the registry does not have {repository}{separator}{reference}")),
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
        Missing::Unknown(Unknown::new(
            format!(
                "{} does not let {} be read {} ({status}{code})",
                self.who,
                self.repository,
                self.asks()
            ),
            help,
        ))
    }

    fn no_token(&self) -> Missing {
        Missing::Unknown(Unknown::new(
            format!("{} names no usable address for tokens, or gives none", self.who),
            super::CHECK_NAME,
        ))
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
