//! Names to addresses, without the system's resolver.
//!
//! A static binary in an empty container has no getaddrinfo plug-ins, so the resolver is part of the binary. It reads
//! `/etc/resolv.conf` and `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::TokioResolver;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::OnceCell;

/// A name that has no address, as far as anybody could tell.
#[derive(Debug, thiserror::Error)]
#[error("{host}: {detail}")]
pub struct DnsError {
    host: String,
    detail: String,
}

/// The resolver; the configuration is read at the first look-up.
#[derive(Clone, Default)]
pub struct Dns(Arc<OnceCell<TokioResolver>>);

impl Dns {
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
            .0
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
        let found = resolver.lookup_ip(host).await.map_err(|error| {
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
