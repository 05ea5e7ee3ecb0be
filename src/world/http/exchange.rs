//! One attempt: a request, and those to where redirects lead.

use std::time::{Instant, SystemTime};

use reqwest::header::{HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Response, Version};

use super::answer::{Answer, Headers};
use super::client::Clients;
use super::failure::{self, Failure};
use super::phase::Progress;
use super::redirect::Next;
use super::request::{self, Request};
use super::retry_after;
use super::settings::{HttpVersion, without_credentials};
use crate::model::Reason;

pub async fn exchange(clients: &Clients, progress: &Progress, request: &Request<'_>) -> Result<Answer, Failure> {
    let started = Instant::now();
    let mut next = Next::first(request.url, request.method, request.headers, request.body);
    loop {
        let response = ask(clients, progress, &next)
            .await
            .map_err(|failure| next.after_redirects(failure))?;
        if clients.settings().follow_redirects
            && let Some(target) = next.target(response.status().as_u16(), location(response.headers()))
        {
            let status = response.status().as_u16();
            next.follow(status, target)
                .map_err(|endless| Failure::new(Reason::Redirect, endless.0))?;
            continue;
        }
        let read = read(clients, progress, response, request.body_limit).await;
        let answer = read.map_err(|failure| next.after_redirects(failure))?;
        return Ok(Answer {
            hops: next.hops,
            url: without_credentials(&next.url),
            took: started.elapsed(),
            ..answer
        });
    }
}

/// Asks, and waits for the head of the answer.
async fn ask(clients: &Clients, progress: &Progress, next: &Next<'_>) -> Result<Response, Failure> {
    let settings = clients.settings();
    progress.begin(&next.url, !next.hops.is_empty());
    clients.lookup().literal(&next.url)?;
    let headers = request::encode(next.headers.iter().copied())
        .map_err(|error| Failure::new(Reason::Header, format!("the request cannot be sent: {error}")))?;
    // HTTP/2 has no such header: what takes its place comes from the URL, and a server refuses two that differ.
    let client = match (headers.contains_key("host"), settings.version) {
        (false, _) => clients.usual(),
        (true, HttpVersion::Any | HttpVersion::One) => clients
            .http1()
            .map_err(|error| Failure::new(Reason::Header, format!("no client for HTTP/1.1: {error}")))?,
        (true, HttpVersion::Two) => {
            let detail = "a Host header of its own cannot be sent over HTTP/2; give the addresses of the host instead";
            return Err(Failure::new(Reason::Header, detail));
        }
    };
    let mut builder = client
        .request(next.method.inner().clone(), next.url.clone())
        .headers(headers);
    if let Some(body) = next.body {
        builder = builder.body(body.to_vec());
    }
    let sent = builder.send().await;
    sent.map_err(|error| failure::classify(&error, progress, settings))
}

/// Reads the body and gathers the rest. What the caller knows of the way here is left empty.
async fn read(clients: &Clients, progress: &Progress, mut response: Response, limit: usize) -> Result<Answer, Failure> {
    let mut phases = progress.phases();
    let mut body = Vec::new();
    let mut body_cut = false;
    let broken = |error: reqwest::Error| failure::classify(&error, progress, clients.settings());
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            body_cut = true;
            break;
        }
    }
    phases.total = progress.elapsed();
    let status = response.status();
    let headers = response.headers();
    #[expect(clippy::disallowed_methods, reason = "an answer is read when it comes")]
    let now = SystemTime::now();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ok(Answer {
        status: status.as_u16(),
        version: match response.version() {
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        },
        location: location(headers).filter(|_| status.is_redirection()).map(text),
        retry_after: headers
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.to_str().ok()?, now)),
        address: response.remote_addr(),
        certificate: progress.certificate(),
        headers: Headers::new(std::mem::take(response.headers_mut())),
        url: response.url().clone(),
        hops: Vec::new(),
        took: phases.total,
        body,
        body_cut,
        phases,
    })
}

fn location(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(LOCATION).map(reqwest::header::HeaderValue::as_bytes)
}
