//! Names to addresses, without the system's resolver.
//!
//! A static binary in an empty container has no getaddrinfo plug-ins, so the resolver is part of the binary. It reads
//! `/etc/resolv.conf` and `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

use crate::model::TimeSpan;

/// A name that has no address, as far as anybody could tell.
#[derive(Debug, thiserror::Error)]
#[error("{host}: {detail}")]
pub struct DnsError {
    host: String,
    detail: String,
}

/// How long name servers may take, all of them together. A name server that is down must not look like a host that is.
pub const TIMEOUT: Duration = Duration::from_secs(4);

/// The resolver; the configuration is read at the first look-up.
#[derive(Clone)]
pub struct Dns {
    resolver: Arc<OnceCell<TokioResolver>>,
    timeout: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self::within(TIMEOUT)
    }
}

impl Dns {
    /// A resolver that gives up after `timeout`.
    pub fn within(timeout: Duration) -> Self {
        Self {
            resolver: Arc::default(),
            timeout,
        }
    }

    pub async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let name = host.trim_end_matches('.');
        // RFC 6761: localhost is loopback, whatever the network says. Both families, as servers bind either.
        if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
            return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        }
        let wrong = |detail: String| DnsError {
            host: host.to_owned(),
            detail,
        };
        let resolver = self
            .resolver
            .get_or_try_init(|| async {
                TokioResolver::builder_tokio()
                    .and_then(hickory_resolver::ResolverBuilder::build)
                    .map_err(|error| {
                        wrong(format!(
                            "no DNS resolver could be set up from /etc/resolv.conf: {error}"
                        ))
                    })
            })
            .await?;
        let looking = tokio::time::timeout(self.timeout, resolver.lookup_ip(host));
        let answer = looking
            .await
            .map_err(|_| wrong(format!("no name server answered within {}", TimeSpan(self.timeout))))?;
        let found = answer.map_err(|error| {
            wrong(if error.is_nx_domain() {
                "no such host".to_owned()
            } else if error.is_no_records_found() {
                "the name has no address".to_owned()
            } else {
                format!("the name could not be looked up: {error}")
            })
        })?;
        Ok(found.iter().collect())
    }
}

impl Resolve for Dns {
    fn resolve(&self, name: Name) -> Resolving {
        let dns = self.clone();
        Box::pin(async move {
            let addresses = dns.look_up(name.as_str()).await?;
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}
