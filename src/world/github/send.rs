//! One question: sent, sent again where that helps, and its answer read.

use std::time::Duration;

use ::http::header::LOCATION;
use ::http::{HeaderMap, Request};
use octocrab::Error as OctocrabError;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::time::Instant;
use url::Url;

use super::error::{ApiError, Why};
use super::service::{Elsewhere, Unanswered, Within};
use super::{Session, link};
use crate::model::{Reason, TimeSpan};
use crate::world::http::{self, is_loopback};
use crate::world::secrets::Redactor;

/// For one request with its redirects.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A rate limit that ends sooner is waited for, if the session has the time.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// One question is sent so often at most, whatever it is told.
const MOST_TRIES: usize = 5;
/// Before the second and the third try of what may be a hiccup.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(1)];

/// What is shown of why an answer cannot be read, which may repeat a part of it, in bytes.
const DETAIL: usize = 200;

/// What was answered, and where it says that the next page is.
pub struct Answer<T> {
    pub value: T,
    pub next: Option<String>,
}

impl Session<'_> {
    /// Asks for `path`, which begins with a slash and may have a query.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ApiError> {
        let (headers, body) = self.get_text(path, false).await?;
        let wrong = |why: Why| ApiError {
            path: path.to_owned(),
            why,
        };
        let value = serde_json::from_str(&body).map_err(|e| {
            wrong(Why::NotUnderstood(
                self.github.progress.secrets().shorten(e.to_string().as_str(), DETAIL),
            ))
        })?;
        let next = headers
            .get("link")
            .and_then(|value| value.to_str().ok())
            .and_then(link::next)
            .map(str::to_owned);
        Ok(Answer { value, next })
    }

    /// The same, where only matters that there is an answer. It must be one of GitHub's: a page that a network puts before
    /// everything is none.
    pub async fn get_anything(&self, path: &str) -> Result<(), ApiError> {
        self.get::<IgnoredAny>(path).await.map(drop)
    }

    /// What another host keeps for GitHub.
    pub async fn get_kept_elsewhere(&self, path: &str, largest: usize) -> Result<Vec<u8>, ApiError> {
        let to = self.address_elsewhere(path).await?;
        let wrong = |why: Why| ApiError {
            path: path.to_owned(),
            why,
        };
        let request = http::Request::get(&to, &[], self.until.saturating_duration_since(Instant::now()), largest);
        let got = self.github.http.send(request).await;
        let host = to.host_str().unwrap_or_default();
        match got {
            Ok(answer) if answer.status == 200 && answer.body_cut => Err(wrong(Why::TooLarge(largest))),
            Ok(answer) if answer.status == 200 => Ok(answer.body),
            Ok(answer) => Err(wrong(Why::Unexpected {
                status: answer.status,
                said: format!("from {host}"),
            })),
            Err(failure) => Err(wrong(Why::Unreachable {
                reason: failure.reason,
                detail: format!("from {host}"),
            })),
        }
    }

    /// Where another host keeps it for GitHub. The address that GitHub gives is the proof that one may read it; the token
    /// does not go there, and the address is shown nowhere.
    pub async fn address_elsewhere(&self, path: &str) -> Result<Url, ApiError> {
        let (headers, _) = self.get_text(path, true).await?;
        let to = headers.get(LOCATION).and_then(|value| value.to_str().ok());
        let to = to.and_then(|to| self.github.base.join(to).ok());
        let is_safe = |to: &Url| to.scheme() == "https" || (to.scheme() == "http" && is_loopback(to));
        to.filter(is_safe).ok_or_else(|| ApiError {
            path: path.to_owned(),
            why: Why::NotUnderstood("it leads to no https:// address".to_owned()),
        })
    }

    async fn get_text(&self, path: &str, leads_elsewhere: bool) -> Result<(HeaderMap, String), ApiError> {
        let mut pauses = PAUSES.iter().copied();
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.try_once(path, leads_elsewhere).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let pause = match &error.why {
                Why::RateLimited { until, .. } => {
                    let left = until.duration_since(self.github.clock.now());
                    Duration::try_from(left)
                        .ok()
                        .or(Some(Duration::ZERO))
                        .filter(|left| *left <= LONGEST_WAIT)
                        // At once would be hammering.
                        .map(|left| left.max(PAUSES[0]))
                }
                Why::Server { .. }
                | Why::Unreachable {
                    reason: Reason::Reset, ..
                } => pauses.next(),
                _ => None,
            };
            match pause {
                Some(pause) if tries < MOST_TRIES && Instant::now() + pause < self.until => {
                    let pause_of = TimeSpan(pause);
                    self.github.progress.say(&format!("{error}; retrying in {pause_of}"));
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(error),
            }
        }
    }

    async fn try_once(&self, path: &str, leads_elsewhere: bool) -> Result<(HeaderMap, String), ApiError> {
        let wrong = |why: Why| ApiError {
            path: path.to_owned(),
            why,
        };
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(wrong(Why::OutOfTime));
        }
        let client = &self.github.client;
        let mut request = Request::get(path)
            .header("accept", "application/vnd.github+json")
            .extension(Within(TIMEOUT.min(left)));
        if leads_elsewhere {
            request = request.extension(Elsewhere);
        }
        let asked = async {
            let request = client.build_request(request, None::<&()>)?;
            let response = client.execute(request).await?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Ok((status, headers, client.body_to_string(response).await?))
        };
        let (status, headers, body) = asked
            .await
            .map_err(|error| wrong(why(&error, self.github.progress.secrets())))?;
        if (200..300).contains(&status) || (leads_elsewhere && (300..400).contains(&status)) {
            return Ok((headers, body));
        }
        let now = self.github.clock.now();
        Err(ApiError::of_answer(
            path,
            (status, &headers, &body),
            now,
            self.github.progress.secrets(),
        ))
    }

    /// The path of a page that the `Link` of another one names, as for [`Session::get`]. Elsewhere the token would not
    /// follow, and a page would be a stranger's.
    pub fn own_path(&self, path: &str, next: &str) -> Result<String, ApiError> {
        let base = &self.github.base;
        let strange = || ApiError {
            path: path.to_owned(),
            why: Why::NotUnderstood("the next page is on another host".to_owned()),
        };
        let url = Url::parse(next).map_err(|_| strange())?;
        if url.origin() != base.origin() {
            return Err(strange());
        }
        let path = url
            .path()
            .strip_prefix(base.path().trim_end_matches('/'))
            .ok_or_else(strange)?;
        Ok(match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        })
    }
}

/// octocrab hands on what the connections said, in wrappings.
fn why(error: &OctocrabError, secrets: &Redactor) -> Why {
    let mut layer: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = layer {
        if let Some(unanswered) = inner.downcast_ref::<Unanswered>() {
            let detail = secrets.shorten(unanswered.to_string().as_str(), DETAIL);
            return match unanswered.reason() {
                Some(reason) => Why::Unreachable { reason, detail },
                None => Why::NotUnderstood(detail),
            };
        }
        layer = inner.source();
    }
    Why::NotUnderstood("the request cannot be worded".to_owned())
}
