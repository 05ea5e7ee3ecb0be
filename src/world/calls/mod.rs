//! Requests of which there is a closed list. What is not on it cannot be built, let alone sent.

mod unknown;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
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
/// Makes a change one that is not stored (kubernetes.io/docs/reference/using-api/api-concepts, "Dry-run").
const DRY_RUN: (&str, &str) = ("dryRun", "All");
/// How the path of a test of permissions ends (google/iam/v1/iam_policy.proto, `TestIamPermissions`).
const PERMISSION_TEST: &str = ":testIamPermissions";

/// A request that may be sent: its method, the pattern of its path, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    kind: Kind,
    path: &'static str,
    purpose: &'static str,
    /// A redirect is followed, without credentials to another origin. Otherwise it is the answer.
    follows: bool,
}

/// Each changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As RFC 9110 9.2.1 says of this method, and of the next.
    Get,
    Head,
    /// A GraphQL document that is a query.
    Query(&'static str),
    /// An action of the protocol "AWS JSON", which reads by its name.
    Action(&'static str),
    /// Asks Kubernetes what the one who asks may do; the answer is not stored.
    AccessReview,
    /// Asks Google Cloud which of some permissions the one who asks has.
    PermissionTest,
    /// A change that Kubernetes makes up to storing it: the query says `dryRun=All`, whatever else it says.
    DryRun,
    /// The same, of an object that is not there yet.
    DryRunCreate,
}

impl Call {
    /// In `path`, `{name}` is filled in; a path that is only `{url}` is an address that the server gave.
    pub const fn get(path: &'static str, purpose: &'static str) -> Self {
        Self::new(Kind::Get, path, purpose)
    }

    pub const fn head(path: &'static str, purpose: &'static str) -> Self {
        Self::new(Kind::Head, path, purpose)
    }

    /// A GraphQL query.
    ///
    /// # Panics
    /// If the document is anything else: a constant of that kind does not compile.
    pub const fn query(path: &'static str, document: &'static str, purpose: &'static str) -> Self {
        assert!(
            is_at(document, "query", 0) && !contains(document, "mutation"),
            "the document is not a query"
        );
        Self::new(Kind::Query(document), path, purpose)
    }

    /// An action of an AWS service, such as `AmazonEC2ContainerServiceV20141113.DescribeServices`.
    ///
    /// # Panics
    /// If its name does not say that it reads: a constant of that kind does not compile.
    pub const fn action(target: &'static str, purpose: &'static str) -> Self {
        assert!(
            contains(target, ".Describe") || contains(target, ".List") || contains(target, ".BatchGet"),
            "the action does not read"
        );
        Self::new(Kind::Action(target), "/", purpose)
    }

    /// Asks Kubernetes what the one who asks may do.
    pub const fn access_review(purpose: &'static str) -> Self {
        let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        Self::new(Kind::AccessReview, path, purpose)
    }

    /// Asks Google Cloud which of these permissions the one who asks has: the body is `{"permissions": […]}`.
    ///
    /// # Panics
    /// If the path names another method: a constant of that kind does not compile.
    pub const fn permission_test(path: &'static str, purpose: &'static str) -> Self {
        assert!(
            path.len() > PERMISSION_TEST.len() && is_at(path, PERMISSION_TEST, path.len() - PERMISSION_TEST.len()),
            "the path is not that of a test of permissions"
        );
        Self::new(Kind::PermissionTest, path, purpose)
    }

    /// Asks Kubernetes whether it would take a change.
    pub const fn dry_run(path: &'static str, purpose: &'static str) -> Self {
        Self::new(Kind::DryRun, path, purpose)
    }

    /// Asks Kubernetes whether it would take a new object.
    pub const fn dry_run_create(path: &'static str, purpose: &'static str) -> Self {
        Self::new(Kind::DryRunCreate, path, purpose)
    }

    fn is_dry_run(&self) -> bool {
        matches!(self.kind, Kind::DryRun | Kind::DryRunCreate)
    }

    const fn new(kind: Kind, path: &'static str, purpose: &'static str) -> Self {
        Self {
            kind,
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
        match self.kind {
            Kind::Get => "GET",
            Kind::Head => "HEAD",
            Kind::Query(_) | Kind::Action(_) | Kind::AccessReview | Kind::PermissionTest | Kind::DryRunCreate => "POST",
            Kind::DryRun => "PATCH",
        }
    }

    /// The pattern of its path, with what always follows it.
    pub fn path(&self) -> String {
        match self.kind {
            Kind::DryRun | Kind::DryRunCreate => format!("{}?{}={}", self.path, DRY_RUN.0, DRY_RUN.1),
            Kind::Action(target) => format!("{} ({target})", self.path),
            _ => self.path.to_owned(),
        }
    }

    /// The action that the header `X-Amz-Target` names.
    pub fn target(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Action(target) => Some(target),
            _ => None,
        }
    }

    pub fn purpose(&self) -> &'static str {
        self.purpose
    }

    /// The address below that of a server.
    fn url(&self, base: &Url, values: &[&str], query: &[(&str, &str)]) -> Option<Url> {
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), self.fill(values)?));
        let own = query.iter().filter(|(name, _)| *name != DRY_RUN.0);
        let dry_run = self.is_dry_run().then_some(DRY_RUN);
        let pairs: Vec<_> = own.copied().chain(dry_run).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        Some(url)
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

/// Whether the body of a test of permissions holds these and nothing else.
fn names_permissions(body: &Value) -> bool {
    let only = body.as_object().filter(|fields| fields.len() == 1);
    let permissions = only.and_then(|fields| fields.get("permissions")?.as_array());
    permissions.is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_string))
}

/// Whether `part` is in `text` at this place.
const fn is_at(text: &str, part: &str, place: usize) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    let mut at = 0;
    while at < part.len() {
        if place + at >= text.len() || text[place + at] != part[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn contains(text: &str, part: &str) -> bool {
    let mut place = 0;
    while place < text.len() {
        if is_at(text, part, place) {
            return true;
        }
        place += 1;
    }
    false
}

/// What a call is sent with.
#[derive(Clone, Copy, Default)]
pub struct Content<'a> {
    /// What its path is filled in with, in order.
    pub values: &'a [&'a str],
    pub query: &'a [(&'a str, &'a str)],
    pub headers: &'a [Header],
    /// JSON. Of a GraphQL query, its variables.
    pub body: Option<&'a Value>,
    /// Of the body, if it is another than `application/json`.
    pub media_type: Option<&'a str>,
    /// Who signs each try, where a server wants it signed.
    pub signer: Option<&'a dyn Sign>,
}

/// Vouches for a request as it is sent.
pub trait Sign: Sync {
    /// The headers that do, besides those of the request. `None` if it cannot be signed.
    fn sign(&self, request: Unsigned<'_>) -> Option<Vec<Header>>;
}

/// A request that is complete but for its signature.
#[derive(Clone, Copy)]
pub struct Unsigned<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub headers: &'a [Header],
    pub body: &'a [u8],
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
        Self::with(env, &Settings::default())
    }

    /// The same, where the server needs settings of its own.
    pub fn with(env: &Env, settings: &Settings) -> anyhow::Result<Self> {
        let http = |follow_redirects| {
            let settings = Settings {
                connect_timeout: CONNECT_TIMEOUT,
                follow_redirects,
                ..settings.clone()
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

    /// A call below the address of a server. The answer's body is read up to `limit` bytes.
    pub async fn send(
        &self,
        call: &Call,
        base: &Url,
        content: Content<'_>,
        limits: (Duration, usize),
    ) -> Result<Answer, NoAnswer> {
        let body = match (call.kind, content.body) {
            (Kind::Get | Kind::Head, Some(_)) => return Err(NoAnswer::NotBuilt),
            (Kind::PermissionTest, body) if !body.is_some_and(names_permissions) => return Err(NoAnswer::NotBuilt),
            (Kind::Query(document), Some(variables)) => {
                Some(serde_json::json!({ "query": document, "variables": variables }))
            }
            (_, body) => body.cloned(),
        };
        let url = call
            .url(base, content.values, content.query)
            .ok_or(NoAnswer::NotBuilt)?;
        let body = body.map(|body| Bytes::from(body.to_string()));
        let header = |name: &str, value: &str| Header::new(name, value, false).map_err(|_| NoAnswer::NotBuilt);
        let mut headers = content.headers.to_vec();
        if body.is_some() {
            let media_type = content.media_type.unwrap_or("application/json");
            headers.push(header("Content-Type", media_type)?);
        }
        if let Some(target) = call.target() {
            headers.push(header("X-Amz-Target", target)?);
        }
        if let Some(signer) = content.signer {
            let unsigned = Unsigned {
                method: call.method(),
                url: &url,
                headers: &headers,
                body: body.as_deref().unwrap_or_default(),
            };
            let signature = signer.sign(unsigned).ok_or(NoAnswer::NotBuilt)?;
            headers.extend(signature);
        }
        self.ask(call, &url, &headers, body, limits).await
    }

    /// A call to an address that a server gave, if the call is one of these.
    pub async fn send_to(
        &self,
        call: &Call,
        url: &Url,
        headers: &[Header],
        limits: (Duration, usize),
    ) -> Result<Answer, NoAnswer> {
        if call.path != "{url}" || call.kind != Kind::Get {
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
        let method = match call.kind {
            Kind::Get => Method::GET,
            Kind::Head => Method::HEAD,
            Kind::Query(_) | Kind::Action(_) | Kind::AccessReview | Kind::PermissionTest | Kind::DryRunCreate => {
                Method::POST
            }
            Kind::DryRun => Method::PATCH,
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
    #[test]
    fn a_dry_run_is_one_whatever_its_query_says() {
        let path = "/api/v1/namespaces/{namespace}/pods";
        let base = Url::parse("https://cluster.example/k8s/c1/").unwrap();
        for call in [Call::dry_run(path, "test"), Call::dry_run_create(path, "test")] {
            for query in [&[][..], &[("dryRun", "")], &[("dryRun", "None"), ("dryRun", "x")]] {
                let url = call.url(&base, &["shop"], query).unwrap();
                assert_eq!(
                    url.as_str(),
                    "https://cluster.example/k8s/c1/api/v1/namespaces/shop/pods?dryRun=All"
                );
            }
            assert_eq!(call.path(), "/api/v1/namespaces/{namespace}/pods?dryRun=All");
        }
    }

    #[test]
    fn a_query_cannot_leave_its_place() {
        let url = CALL.url(&Url::parse("http://h/").unwrap(), &["a", "b"], &[("x", "1&dryRun=#y")]);
        assert_eq!(url.unwrap().as_str(), "http://h/v2/a/manifests/b?x=1%26dryRun%3D%23y");
    }

    #[test]
    #[should_panic(expected = "the document is not a query")]
    fn a_mutation_cannot_be_built() {
        let _ = Call::query("/graphql", "mutation { x }", "test");
    }

    #[test]
    #[should_panic(expected = "not that of a test of permissions")]
    fn no_other_method_is_a_test_of_permissions() {
        let _ = Call::permission_test("/v2/{service}:setIamPolicy?x=:testIamPermissions:", "test");
    }

    #[tokio::test]
    async fn a_test_of_permissions_holds_permissions_and_nothing_else() {
        let call = Call::permission_test("/v2/{service}:testIamPermissions", "test");
        let caller = Caller::new(&Env::default()).unwrap();
        for body in [
            None,
            Some(serde_json::json!({"permissions": []})),
            Some(serde_json::json!({"permissions": ["run.services.get"], "policy": {}})),
            Some(serde_json::json!({"permissions": [1]})),
        ] {
            let content = Content {
                values: &["shop"],
                body: body.as_ref(),
                ..Content::default()
            };
            let base = Url::parse("http://127.0.0.1:9").unwrap();
            let sent = caller.send(&call, &base, content, (PAUSE, 1)).await;
            assert!(matches!(sent, Err(NoAnswer::NotBuilt)), "{body:?}");
        }
        assert_eq!(caller.sent(), 0);
    }

    #[test]
    #[should_panic(expected = "the action does not read")]
    fn an_action_that_writes_cannot_be_built() {
        let _ = Call::action("AmazonEC2ContainerServiceV20141113.UpdateService", "test");
    }
}
