//! Requests that another client words, such as GitHub's: over the same connections as everything else, so with the
//! same roots, name servers and proxies.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::{Failure, Header, Http, Method, Request, Settings};
use crate::model::Reason;
use crate::world::Env;

/// An answer with everything in it.
pub struct Whole {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Http {
    /// A client that follows no redirects: who words the requests decides what may go where.
    pub fn for_another_client(env: &Env, connect_timeout: Duration) -> anyhow::Result<Self> {
        let settings = Settings {
            connect_timeout,
            follow_redirects: false,
            ..Settings::default()
        };
        Self::new(env, &settings)
    }

    /// Sends a GET with exactly these headers (and the user agent). A body of more than `body_limit` bytes is a failure,
    /// because a part of it means nothing.
    pub async fn get_whole(
        &self,
        url: &Url,
        headers: HeaderMap,
        timeout: Duration,
        body_limit: usize,
    ) -> Result<Whole, Failure> {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            Header::new(
                name.as_str(),
                &String::from_utf8_lossy(value.as_bytes()),
                value.is_sensitive(),
            )
        };
        let headers = headers.iter().map(header).collect::<Result<Vec<Header>, _>>();
        let headers = headers.map_err(|error| Failure::new(Reason::Header, error.to_string()))?;
        let request = Request {
            url,
            method: &Method::GET,
            headers: &headers,
            body: None,
            timeout,
            body_limit,
        };
        let answer = self.send(request).await?;
        if answer.body_cut {
            let detail = format!("the answer is longer than {body_limit} bytes");
            return Err(Failure::new(Reason::Body, detail));
        }
        let header = |(name, value): (&str, String)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        };
        Ok(Whole {
            status: answer.status,
            headers: answer.headers.iter().filter_map(header).collect(),
            body: answer.body,
        })
    }
}
