//! Between octocrab and our connections: where a request goes, and with what.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::{CONTENT_LENGTH, LOCATION};
use http::{HeaderMap, Method, Request, Response};
use octocrab::OctoBody;
use tower_service::Service;
use url::Url;

use crate::model::Reason;
use crate::world::http::{Failure, Http};

/// A renamed repository is one redirect away. More than a few are a loop.
const MOST_REDIRECTS: usize = 5;
/// The largest pages, of 100 runs, are about 2 MB.
const LARGEST_BODY: usize = 16 << 20;

/// How long one request may take; travels in the request.
#[derive(Clone, Copy)]
pub struct Within(pub Duration);

/// A redirect to what is kept elsewhere is the answer, also on the same host: who asks goes there by itself, without the
/// token. Travels in the request.
#[derive(Clone, Copy)]
pub struct Elsewhere;

/// No answer that could be read as one.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    #[error("{}", .0.detail)]
    Failed(Failure),
    #[error("the answer is not UTF-8")]
    NotText,
    #[error("it redirects {0}")]
    Misled(String),
    #[error("only GET is ever sent")]
    NotARead,
}

impl Unanswered {
    pub fn reason(&self) -> Option<Reason> {
        match self {
            Self::Failed(failure) => Some(failure.reason),
            _ => None,
        }
    }
}

#[derive(Clone)]
pub struct Connections {
    http: Http,
    base: Url,
}

impl Connections {
    pub fn new(http: Http, base: Url) -> Self {
        Self { http, base }
    }

    async fn exchange(self, request: Request<OctoBody>) -> Result<Response<String>, Unanswered> {
        let (parts, _) = request.into_parts();
        if parts.method != Method::GET {
            return Err(Unanswered::NotARead);
        }
        let Within(limit) = parts
            .extensions
            .get()
            .copied()
            .unwrap_or(Within(Duration::from_secs(10)));
        let leads_elsewhere = parts.extensions.get::<Elsewhere>().is_some();
        let until = tokio::time::Instant::now() + limit;
        let mut headers = parts.headers;
        // octocrab writes one for a body that is not there.
        headers.remove(CONTENT_LENGTH);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut url = Url::parse(&format!("{}{path}", self.base.as_str().trim_end_matches('/')))
            .map_err(|_| Unanswered::Misled("to an invalid address".to_owned()))?;
        for _ in 0..=MOST_REDIRECTS {
            let left = until.saturating_duration_since(tokio::time::Instant::now());
            let sent = self.http.get_whole(&url, headers.clone(), left, LARGEST_BODY);
            let answer = sent.await.map_err(Unanswered::Failed)?;
            // 301, 307 and 308 tell where the repository is now, and 302 where what it keeps elsewhere is.
            let is_answer = leads_elsewhere && matches!(answer.status, 302 | 303);
            if !is_answer && matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                match target(&url, &answer.headers) {
                    Ok(to) => {
                        url = to;
                        continue;
                    }
                    Err(Unanswered::Misled(_)) if leads_elsewhere => {}
                    Err(misled) => return Err(misled),
                }
            }
            let body = String::from_utf8(answer.body).map_err(|_| Unanswered::NotText)?;
            let mut response = Response::new(body);
            *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or_default();
            *response.headers_mut() = answer.headers;
            return Ok(response);
        }
        Err(Unanswered::Misled(format!("more than {MOST_REDIRECTS} times")))
    }
}

/// Where a redirect leads. Never to another host: it gets no token, and what it says about a repository is its own word.
fn target(from: &Url, headers: &HeaderMap) -> Result<Url, Unanswered> {
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let to = location
        .and_then(|location| from.join(location).ok())
        .ok_or_else(|| Unanswered::Misled("without a target".to_owned()))?;
    if to.origin() != from.origin() {
        let origin = to.origin().ascii_serialization();
        return Err(Unanswered::Misled(format!("to {origin}, which is not GitHub's API")));
    }
    Ok(to)
}

impl Service<Request<OctoBody>> for Connections {
    type Response = Response<String>;
    type Error = Unanswered;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        Box::pin(self.clone().exchange(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_leads_somewhere_on_the_same_host() {
        let lead = |from: &str, to: Option<&str>| {
            let headers = to.map(|to| (LOCATION, to.parse().unwrap())).into_iter().collect();
            target(&Url::parse(from).unwrap(), &headers).map(String::from)
        };
        let from = "https://api.github.com/repos/acme/old";
        assert_eq!(
            lead(from, Some("/repositories/1")).unwrap(),
            "https://api.github.com/repositories/1"
        );
        for to in [
            None,
            Some("http://api.github.com/repositories/1"),
            Some("https://api.github.com:8443/repositories/1"),
            Some("https://other.example/x"),
            Some("//other.example/x"),
            Some("https://api.github.com.other.example/x"),
            Some("https://api.github.com@other.example/x"),
            Some("file:///etc/passwd"),
            Some("https://"),
        ] {
            assert!(matches!(lead(from, to), Err(Unanswered::Misled(_))), "{to:?}");
        }
    }
}
