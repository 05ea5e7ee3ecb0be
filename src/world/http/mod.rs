//! One HTTP request, and exactly why it failed.
//!
//! reqwest carries it. Redirects are followed here, because what may go along to another origin is ours to decide, and the
//! pools are off: every request has a connection of its own, as a kept one would hide what the next user meets.

mod certificate;
mod client;
mod connect;
mod exchange;
mod failure;
mod lookup;
mod overrides;
mod phase;
mod proxies;
mod raw;
mod redirect;
mod request;
mod response;
mod retry_after;
mod roots;
mod settings;
#[cfg(test)]
mod tests;
mod tls;
mod tls_error;

use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

use super::Env;
use super::dns::{self, Dns};
pub use crate::world::dns::Family;
pub use certificate::{Certificate, Expiry};
use client::Clients;
pub use failure::Failure;
use lookup::Lookup;
pub use overrides::{Resolve, ResolveError};
use phase::Progress;
pub use proxies::NotAProxy;
use proxies::Proxies;
pub use raw::Pieces;
pub use request::{Header, HeaderError, Method, MethodError, Request};
pub use response::{Answer, Headers, Hop, Phases};
pub use settings::{ClientCertificate, HttpVersion, Pem, ProxyChoice, Settings};

/// A client. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Http(Arc<Clients>);

impl Http {
    /// A client with these settings. An error names the file or the setting that cannot be used.
    pub fn new(env: &Env, settings: &Settings) -> anyhow::Result<Self> {
        // The connect timeout counts the look-up in; ending the look-up before it keeps the two apart.
        let dns_timeout = match settings.connect_timeout {
            limit if limit.is_zero() => dns::TIMEOUT,
            limit => dns::TIMEOUT.min(limit * 4 / 5),
        };
        Self::with_dns(env, settings, Dns::within(dns_timeout))
    }

    fn with_dns(env: &Env, settings: &Settings, dns: Dns) -> anyhow::Result<Self> {
        let lookup = Lookup {
            dns: dns.only(settings.family),
            resolve: settings.resolve.as_slice().into(),
            family: settings.family,
        };
        Ok(Self(Arc::new(Clients::new(env, settings, lookup)?)))
    }

    /// One attempt. Everything is sent anew, redirects are followed if the settings say so.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer, Failure> {
        let progress = Progress::default();
        let exchange = progress.follow(exchange::exchange(&self.0, &progress, &request));
        match tokio::time::timeout(request.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(Failure::out_of_time(&progress, request.timeout)),
        }
        .map_err(|failure| Failure {
            first_expiry: progress.first_expiry(),
            ..failure
        })
    }

    /// Which proxy a request for this URL goes through, in words. An error names the variable that names none.
    pub fn proxy(&self, url: &Url) -> Result<Option<String>, NotAProxy> {
        self.0.proxies().for_url(url)
    }

    /// The addresses that a URL's host has and that may be tried, at least one: those that the settings give, else those
    /// that are looked up. An IP address is its own. Looking up ends by itself, within the connect timeout.
    pub async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, Failure> {
        self.0.lookup().addresses(url).await
    }
}

/// What is wrong with the proxy that requests with these settings for this URL would go through.
pub fn check_proxy(env: &Env, settings: &Settings, url: &Url) -> Result<(), NotAProxy> {
    match Proxies::new(env, &settings.proxy, &settings.resolve) {
        Ok(proxies) => proxies.for_url(url).map(|_| ()),
        // Said when the client is made.
        Err(_) => Ok(()),
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
