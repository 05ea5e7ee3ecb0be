//! Requests that another client words, such as GitHub's: over the same connections as everything else, so with the
//! same roots, name servers and proxies.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use super::phase::Progress;
use super::{Failure, Http, Settings, classify, failure, out_of_time};
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
        Self::new(
            env,
            &Settings {
                connect_timeout,
                follow_redirects: false,
            },
        )
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
        let progress = Progress::default();
        let exchange = progress.follow(async {
            let request = self.0.request(Method::GET, url.clone()).headers(headers);
            let mut response = request.send().await.map_err(|error| classify(&error))?;
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
                if body.len() + chunk.len() > body_limit {
                    let detail = format!("the answer is longer than {body_limit} bytes");
                    return Err(failure(Reason::Body, detail));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Whole {
                status: response.status().as_u16(),
                headers: std::mem::take(response.headers_mut()),
                body,
            })
        });
        match tokio::time::timeout(timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(out_of_time(progress.phase(), timeout)),
        }
    }
}
