//! One HTTP request, and exactly why it failed.

mod foreign;
mod phase;
mod proxies;
mod roots;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use url::{Host, Url};

use super::Env;
use super::dns::{self, Dns, DnsError};
use crate::model::{Reason, TimeSpan};
use phase::{Connecting, Looking, Phase, Progress};

/// As many as browsers follow at least; a chain longer than this is a loop.
const MOST_REDIRECTS: usize = 10;

/// What does not change from one request to the next.
#[derive(Clone, Debug)]
pub struct Settings {
    pub connect_timeout: Duration,
    pub follow_redirects: bool,
}

/// One request.
pub struct Request<'a> {
    pub url: &'a Url,
    pub head: bool,
    /// From the first byte sent to the last byte read.
    pub timeout: Duration,
    /// The body is read up to here; what comes after is not waited for.
    pub body_limit: usize,
}

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Where a redirect that was not followed points to.
    pub location: Option<String>,
    /// Where the answer came from, after redirects.
    pub url: Url,
    pub address: Option<SocketAddr>,
    /// At most the request's limit.
    pub body: Vec<u8>,
    /// Whether there was more.
    pub body_cut: bool,
    pub took: Duration,
}

/// No whole answer, and why.
#[derive(Debug)]
pub struct Failure {
    pub reason: Reason,
    /// What happened, in words.
    pub detail: String,
    /// The request's time ended it.
    pub out_of_time: bool,
    /// It says nothing about the host: whether that exists could not even be found out from here.
    pub blind: bool,
}

/// Every request has a connection of its own: a kept one would hide what the next user meets.
#[derive(Clone)]
pub struct Http(Client);

impl Http {
    pub fn new(env: &Env, settings: &Settings) -> anyhow::Result<Self> {
        // The connect timeout counts the look-up in; ending the look-up before it keeps the two apart.
        let dns_timeout = dns::TIMEOUT.min(settings.connect_timeout * 4 / 5);
        Self::with_dns(env, settings, Dns::within(dns_timeout))
    }

    fn with_dns(env: &Env, settings: &Settings, dns: Dns) -> anyhow::Result<Self> {
        let redirects = if settings.follow_redirects {
            Policy::limited(MOST_REDIRECTS)
        } else {
            Policy::none()
        };
        let mut builder = Client::builder()
            .user_agent(concat!("stageproof/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(roots::tls(env)?)
            .dns_resolver(Looking(dns))
            .connector_layer(tower_layer::layer_fn(Connecting))
            .redirect(redirects)
            .referer(false)
            .pool_max_idle_per_host(0)
            .connect_timeout(settings.connect_timeout)
            // Those of the system; the environment's come next.
            .no_proxy();
        for proxy in proxies::proxies(env) {
            builder = builder.proxy(proxy);
        }
        Ok(Self(builder.build().context("the HTTP client cannot be set up")?))
    }

    pub async fn send(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let progress = Progress::default();
        let exchange = progress.follow(self.exchange(&request));
        match tokio::time::timeout(request.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(out_of_time(progress.phase(), request.timeout)),
        }
    }

    async fn exchange(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let started = Instant::now();
        let method = if request.head { Method::HEAD } else { Method::GET };
        let mut response = self
            .0
            .request(method, request.url.clone())
            .send()
            .await
            .map_err(|error| classify(&error))?;
        let mut body = Vec::new();
        let mut body_cut = false;
        while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
            let room = request.body_limit - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                body_cut = true;
                break;
            }
        }
        let location = response
            .headers()
            .get(reqwest::header::LOCATION)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Ok(Answer {
            status: response.status().as_u16(),
            location,
            url: response.url().clone(),
            address: response.remote_addr(),
            body,
            body_cut,
            took: started.elapsed(),
        })
    }
}

/// Whether a URL names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        None => false,
    }
}

fn out_of_time(phase: Phase, limit: Duration) -> Failure {
    let (reason, what) = match phase {
        Phase::Resolving => (Reason::Dns, "no name server answered"),
        Phase::Connecting => (Reason::ConnectTimeout, "no connection"),
        Phase::Answering => (Reason::Timeout, "no whole answer"),
    };
    Failure {
        out_of_time: true,
        blind: phase == Phase::Resolving,
        ..failure(reason, format!("{what} within {}", TimeSpan(round(limit))))
    }
}

/// From the layers of an error to the one reason. The innermost layer that says something decides.
fn classify(error: &reqwest::Error) -> Failure {
    let mut chain: Vec<&(dyn StdError + 'static)> = Vec::new();
    let mut next: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(layer) = next {
        chain.push(layer);
        // An I/O error made from another error hides it from `source`.
        next = match layer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => layer.source(),
        };
    }
    let innermost = chain.last().map_or_else(String::new, ToString::to_string);
    for layer in chain.iter().rev() {
        if let Some(dns) = layer.downcast_ref::<DnsError>() {
            return Failure {
                blind: matches!(dns, DnsError::Unknown { .. }),
                ..failure(Reason::Dns, dns.to_string())
            };
        }
        if let Some(tls) = layer.downcast_ref::<rustls::Error>() {
            return failure(Reason::Tls, tls_in_words(tls));
        }
    }
    if error.is_redirect() {
        return failure(
            Reason::Redirect,
            format!("the redirects do not end: more than {MOST_REDIRECTS}, or back to where they came from"),
        );
    }
    for layer in chain.iter().rev() {
        if let Some(io) = layer.downcast_ref::<io::Error>() {
            use io::ErrorKind as Kind;
            let reason = match io.kind() {
                Kind::ConnectionRefused => Some((Reason::Refused, "connection refused: nothing listens there")),
                Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
                    Some((Reason::Reset, "the connection was reset"))
                }
                Kind::UnexpectedEof if error.is_connect() => Some((
                    Reason::Tls,
                    "the connection was closed in the middle of the TLS handshake",
                )),
                Kind::UnexpectedEof => Some((Reason::Reset, "the connection was closed before the answer was whole")),
                Kind::HostUnreachable | Kind::NetworkUnreachable => {
                    Some((Reason::ConnectTimeout, "there is no route to the host"))
                }
                Kind::TimedOut if error.is_connect() => Some((Reason::ConnectTimeout, "no connection in time")),
                _ => None,
            };
            if let Some((reason, words)) = reason {
                return failure(reason, words.to_owned());
            }
        }
    }
    if error.is_timeout() && error.is_connect() {
        return failure(Reason::ConnectTimeout, "no connection in time".to_owned());
    }
    if error.is_timeout() {
        return failure(Reason::Timeout, "no whole answer in time".to_owned());
    }
    if error.is_connect() {
        return failure(Reason::Refused, format!("no connection: {innermost}"));
    }
    // Closed without an answer, or an answer that is not HTTP.
    failure(Reason::Reset, format!("no HTTP answer: {innermost}"))
}

fn tls_in_words(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "the certificate is not signed by a known authority (a private one is named with SSL_CERT_FILE)".to_owned()
        }
        other => other.to_string(),
    }
}

fn failure(reason: Reason, detail: String) -> Failure {
    Failure {
        reason,
        detail,
        out_of_time: false,
        blind: false,
    }
}

fn round(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1))
}
