//! One attempt: a request, and those to where redirects lead.

use std::time::{Instant, SystemTime};

use http_body::Body as _;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, LOCATION, RETRY_AFTER};
use reqwest::{Body, Response, Version};

use super::client::Clients;
use super::failure::{self, Failure};
use super::phase::Progress;
use super::redirect::Next;
use super::request::{self, Method, Request};
use super::response::{Answer, Headers};
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
            next.follow(status, target).map_err(|endless| Failure {
                help: Some("fix the redirects: a browser does not get to the end of them either"),
                ..Failure::new(Reason::Redirect, endless.0)
            })?;
            continue;
        }
        let read = read(clients, progress, response, &next.method, request.body_limit).await;
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
pub async fn ask(clients: &Clients, progress: &Progress, next: &Next<'_>) -> Result<Response, Failure> {
    let settings = clients.settings();
    let proxy = clients.proxies().for_url(&next.url).map_err(|wrong| Failure {
        blind: true,
        ..Failure::new(Reason::Refused, wrong.to_string())
    })?;
    progress.begin(&next.url, !next.hops.is_empty(), proxy);
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
        // The client says it of all others (RFC 9110 8.6).
        if body.is_empty() {
            builder = builder.header(CONTENT_LENGTH, 0);
        }
        builder = builder.body(body.clone());
    }
    let sent = builder.send().await;
    sent.map_err(|error| failure::classify(&error, progress, settings))
}

/// Reads the body and gathers the rest. What the caller knows of the way here is left empty.
async fn read(
    clients: &Clients,
    progress: &Progress,
    response: Response,
    method: &Method,
    limit: usize,
) -> Result<Answer, Failure> {
    let mut phases = progress.phases();
    let (url, address) = (response.url().clone(), response.remote_addr());
    let (response, stream) = http::Response::from(response).into_parts();
    let (body, ended) = read_body(stream, limit)
        .await
        .map_err(|error| failure::classify(&error, progress, clients.settings()))?;
    let (status, mut headers) = (response.status, response.headers);
    // HTTP/1.1 has other ends, and the client knows those. An answer without a body may say how long one would be
    // (RFC 9110 8.6).
    let may_have_body = !method.is_head() && !matches!(status.as_u16(), 204 | 304);
    if ended == Ended::Unmarked && response.version == Version::HTTP_2 && may_have_body {
        let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if declared != Some(body.len().to_string().as_str()) {
            let of = declared.map(|length| format!(" of {length}")).unwrap_or_default();
            let detail = format!("body cut: {}{of} bytes, then the server reset the stream", body.len());
            return Err(Failure::new(Reason::Reset, detail));
        }
    }
    phases.total = progress.elapsed();
    #[expect(clippy::disallowed_methods, reason = "an answer is read when it comes")]
    let now = SystemTime::now();
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    Ok(Answer {
        status: status.as_u16(),
        version: match response.version {
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        },
        location: location(&headers).filter(|_| status.is_redirection()).map(text),
        retry_after: headers
            .get(RETRY_AFTER)
            .and_then(|value| retry_after::parse(value.to_str().ok()?, now)),
        address,
        proxy: progress.proxy(),
        first_expiry: progress.first_expiry(),
        headers: Headers::new(std::mem::take(&mut headers)),
        url,
        hops: Vec::new(),
        took: phases.total,
        body,
        body_cut: ended == Ended::Cut,
        phases,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Whole,
    /// At the limit; there is or may be more.
    Cut,
    /// Nothing more came, and nothing said that this is all. The client takes an HTTP/2 stream that was reset with
    /// NO_ERROR for one that ended, but only END_STREAM is an end (RFC 9113 8.1).
    Unmarked,
}

/// The body up to `limit`. Nothing more is awaited when that is reached: what streams for ever would never be answered.
async fn read_body(mut stream: Body, limit: usize) -> reqwest::Result<(Vec<u8>, Ended)> {
    let mut body = Vec::new();
    while body.len() < limit {
        let frame = std::future::poll_fn(|context| std::pin::Pin::new(&mut stream).poll_frame(context)).await;
        let Some(frame) = frame else {
            let is_marked = stream.is_end_stream();
            return Ok((body, if is_marked { Ended::Whole } else { Ended::Unmarked }));
        };
        if let Some(chunk) = frame?.data_ref() {
            let room = limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                return Ok((body, Ended::Cut));
            }
        }
    }
    let is_whole = stream.is_end_stream();
    Ok((body, if is_whole { Ended::Whole } else { Ended::Cut }))
}

fn location(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(LOCATION).map(reqwest::header::HeaderValue::as_bytes)
}
