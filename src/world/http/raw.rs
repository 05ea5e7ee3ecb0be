//! Requests that another client words, such as GitHub's, and answers that are too long for the memory: over the same
//! connections as everything else, so with the same roots, name servers and proxies.

use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::phase::Progress;
use super::redirect::Next;
use super::{Failure, Header, Headers, Http, Method, Request, Settings, exchange, failure};
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

    /// Sends a GET with these headers that follows no redirect, and waits for the head of the answer. `stall` limits that
    /// and the wait for each piece.
    pub async fn get_in_pieces(&self, url: &Url, headers: &[Header], stall: Duration) -> Result<Pieces<'_>, Failure> {
        let progress = Progress::default();
        let next = Next::first(url, &Method::GET, headers, None);
        let asked = progress.follow(exchange::ask(&self.0, &progress, &next));
        let response = tokio::time::timeout(stall, asked).await;
        let response = response.unwrap_or_else(|_| Err(Failure::out_of_time(&progress, stall)))?;
        Ok(Pieces {
            status: response.status().as_u16(),
            headers: Headers::new(response.headers().clone()),
            body: reqwest::Body::from(response),
            http: self,
            progress,
            stall,
        })
    }
}

/// An answer whose body is read piece by piece.
pub struct Pieces<'a> {
    pub status: u16,
    pub headers: Headers,
    body: reqwest::Body,
    http: &'a Http,
    progress: Progress,
    stall: Duration,
}

impl Pieces<'_> {
    /// `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = std::future::poll_fn(|context| std::pin::Pin::new(&mut self.body).poll_frame(context));
            let frame = tokio::time::timeout(self.stall, frame).await;
            match frame.map_err(|_| Failure::out_of_time(&self.progress, self.stall))? {
                None => return Ok(None),
                Some(Err(error)) => {
                    return Err(failure::classify(&error, &self.progress, self.http.0.settings()));
                }
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
            }
        }
    }
}
