//! Requests of which there is a closed list. What is not on it cannot be built, let alone sent.

mod unknown;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use super::Env;
use super::http::{Answer, Failure, Header, Http, Method, Request, Settings};

pub use unknown::Unknown;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// For one request with its redirects.
const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_TRIES: usize = 3;
const PAUSE: Duration = Duration::from_millis(500);
/// A limit that ends later is not waited for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A request that may be sent: its method, the pattern of its path, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    method: ReadMethod,
    path: &'static str,
    purpose: &'static str,
    /// A redirect is followed, without credentials to another origin. Otherwise it is the answer.
    follows: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReadMethod {
    /// Neither changes anything (RFC 9110 9.2.1).
    Get,
    Head,
    /// Sends this GraphQL document, which is a query, and no mutation.
    Query(&'static str),
}

impl Call {
    /// In `path`, `{name}` is filled in; a path that is only `{url}` is an address that the server gave.
    pub const fn get(path: &'static str, purpose: &'static str) -> Self {
        Self {
            method: ReadMethod::Get,
            path,
            purpose,
            follows: false,
        }
    }

    pub const fn head(path: &'static str, purpose: &'static str) -> Self {
        Self {
            method: ReadMethod::Head,
            path,
            purpose,
            follows: false,
        }
    }

    /// A GraphQL query. A document that is anything else is a call that cannot be built.
    pub const fn query(path: &'static str, document: &'static str, purpose: &'static str) -> Self {
        Self {
            method: ReadMethod::Query(document),
            path,
            purpose,
            follows: false,
        }
    }

    /// The same, where the content may be kept elsewhere.
    pub const fn redirected(self) -> Self {
        Self { follows: true, ..self }
    }

    pub fn method(&self) -> &'static str {
        match self.method {
            ReadMethod::Get => "GET",
            ReadMethod::Head => "HEAD",
            ReadMethod::Query(_) => "POST",
        }
    }

    pub fn path(&self) -> &'static str {
        self.path
    }

    pub fn purpose(&self) -> &'static str {
        self.purpose
    }

    /// The path with its places filled in, in order. A value cannot leave its place: it is made of what a name, a tag or a
    /// digest may hold, and is not `..`.
    fn fill(&self, values: &[&str]) -> Option<String> {
        let mut values = values.iter();
        let mut out = String::new();
        let mut rest = self.path;
        while let Some((before, after)) = rest.split_once('{') {
            let value = values.next()?;
            let plain =
                |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'/' | b'@' | b'+');
            let odd = |part: &str| matches!(part, "" | "." | "..");
            if !value.bytes().all(plain) || value.split('/').any(odd) {
                return None;
            }
            out.push_str(before);
            out.push_str(value);
            rest = after.split_once('}')?.1;
        }
        out.push_str(rest);
        values.next().is_none().then_some(out)
    }
}

/// Sends calls, and counts them.
pub struct Caller {
    http: Http,
    following: Http,
    sent: AtomicUsize,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    OutOfTime,
    /// It could not be built from what was to be filled in.
    NotBuilt,
    Failed(Failure),
}

impl Caller {
    pub fn new(env: &Env) -> anyhow::Result<Self> {
        let http = |follow_redirects| {
            let settings = Settings {
                connect_timeout: CONNECT_TIMEOUT,
                follow_redirects,
                ..Settings::default()
            };
            Http::new(env, &settings)
        };
        Ok(Self {
            http: http(false)?,
            following: http(true)?,
            sent: AtomicUsize::new(0),
        })
    }

    /// How many were sent.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Sends again after a 429, a 5xx or a broken connection, three times in all and before `until`. `send` is told how long
    /// one try may take. Any other answer is final.
    pub async fn patiently<F>(&self, until: Instant, send: impl Fn(Duration) -> F) -> Result<Answer, NoAnswer>
    where
        F: Future<Output = Result<Answer, NoAnswer>>,
    {
        let mut tries = 1;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoAnswer::OutOfTime);
            }
            let answer = send(left.min(TIMEOUT)).await;
            let pause = match &answer {
                Ok(answer) if matches!(answer.status, 429 | 500..=599) => answer.retry_after.unwrap_or(PAUSE),
                Err(NoAnswer::Failed(_)) => PAUSE,
                Ok(_) | Err(NoAnswer::NotBuilt | NoAnswer::OutOfTime) => return answer,
            };
            tries += 1;
            if tries > MOST_TRIES || pause > LONGEST_PAUSE || Instant::now() + pause >= until {
                return answer;
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// A call below the address of a server. The body is read up to `limit` bytes.
    pub async fn send(
        &self,
        call: &Call,
        base: &Url,
        values: &[&str],
        headers: &[Header],
        (timeout, limit): (Duration, usize),
    ) -> Result<Answer, NoAnswer> {
        let path = call.fill(values).ok_or(NoAnswer::NotBuilt)?;
        let mut url = base.clone();
        url.set_path(&path);
        self.ask(call, &url, headers, None, (timeout, limit)).await
    }

    /// A GraphQL query with its variables.
    pub async fn query(
        &self,
        call: &Call,
        base: &Url,
        variables: &serde_json::Value,
        headers: &[Header],
        limits: (Duration, usize),
    ) -> Result<Answer, NoAnswer> {
        let ReadMethod::Query(document) = call.method else {
            return Err(NoAnswer::NotBuilt);
        };
        if !document.starts_with("query") || document.contains("mutation") {
            return Err(NoAnswer::NotBuilt);
        }
        let path = call.fill(&[]).ok_or(NoAnswer::NotBuilt)?;
        let mut url = base.clone();
        url.set_path(&path);
        let body = serde_json::json!({ "query": document, "variables": variables });
        self.ask(call, &url, headers, Some(body.to_string().into()), limits)
            .await
    }

    /// A call to an address that a server gave, if the call is one of these.
    pub async fn send_to(
        &self,
        call: &Call,
        url: &Url,
        headers: &[Header],
        limits: (Duration, usize),
    ) -> Result<Answer, NoAnswer> {
        if call.path != "{url}" {
            return Err(NoAnswer::NotBuilt);
        }
        self.ask(call, url, headers, None, limits).await
    }

    async fn ask(
        &self,
        call: &Call,
        url: &Url,
        headers: &[Header],
        body: Option<Bytes>,
        (timeout, body_limit): (Duration, usize),
    ) -> Result<Answer, NoAnswer> {
        let method = match call.method {
            ReadMethod::Get => Method::GET,
            ReadMethod::Head => Method::HEAD,
            ReadMethod::Query(_) => Method::POST,
        };
        self.sent.fetch_add(1, Ordering::Relaxed);
        let request = Request {
            url,
            method: &method,
            headers,
            body: body.as_ref(),
            timeout,
            body_limit,
        };
        let http = if call.follows { &self.following } else { &self.http };
        http.send(request).await.map_err(NoAnswer::Failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = Call::get("/v2/{name}/manifests/{reference}", "test");

    #[test]
    fn what_is_filled_in_stays_in_its_place() {
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            CALL.fill(&["library/nginx", &digest]),
            Some(format!("/v2/library/nginx/manifests/{digest}"))
        );
        for values in [
            &["a", "b", "c"][..],
            &["a"],
            &["../admin", "x"],
            &["a/../../b", "x"],
            &["a//b", "x"],
            &["a?x=1", "x"],
            &["a#b", "x"],
            &["a%2e%2e", "x"],
            &["", "x"],
            &["a", "x y"],
        ] {
            assert_eq!(CALL.fill(values), None, "{values:?}");
        }
    }
}
