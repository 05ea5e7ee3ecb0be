//! Names to addresses, without the system's resolver.
//!
//! A static binary in an empty container has no getaddrinfo plug-ins, so the resolver is part of the binary. It reads
//! `/etc/resolv.conf` and `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use tokio::sync::OnceCell;

use crate::model::TimeSpan;

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// A name server says so.
    #[error("{host}: {detail}")]
    Missing { host: String, detail: &'static str },
    /// Nobody could be asked, or nobody knew; the name may well have an address.
    #[error("{host}: {detail}")]
    Unknown { host: String, detail: String },
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

    /// A resolver that asks one name server, which listens at `port` of this machine.
    #[cfg(test)]
    pub fn asking(port: u16, timeout: Duration) -> Self {
        use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
        let mut connection = ConnectionConfig::udp();
        connection.port = port;
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let runtime = hickory_resolver::net::runtime::TokioRuntimeProvider::default();
        let resolver = TokioResolver::builder_with_config(config, runtime).build().unwrap();
        Self {
            resolver: Arc::new(OnceCell::from(resolver)),
            timeout,
        }
    }

    pub async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let name = host.trim_end_matches('.');
        // RFC 6761: localhost is loopback, whatever the network says. Both families, as servers bind either.
        if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
            return Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]);
        }
        let unknown = |detail: String| DnsError::Unknown {
            host: host.to_owned(),
            detail,
        };
        let missing = |detail: &'static str| DnsError::Missing {
            host: host.to_owned(),
            detail,
        };
        let resolver = self
            .resolver
            .get_or_try_init(|| async {
                TokioResolver::builder_tokio()
                    .and_then(hickory_resolver::ResolverBuilder::build)
                    .map_err(|error| {
                        unknown(format!(
                            "no DNS resolver could be set up from /etc/resolv.conf: {error}"
                        ))
                    })
            })
            .await?;
        let looking = tokio::time::timeout(self.timeout, resolver.lookup_ip(host));
        let answer = looking
            .await
            .map_err(|_| unknown(format!("no name server answered within {}", TimeSpan(self.timeout))))?;
        let found = answer.map_err(|error| {
            if error.is_nx_domain() {
                missing("no such host")
            } else if error.is_no_records_found() {
                missing("the name has no address")
            } else {
                unknown(format!("the name could not be looked up: {error}"))
            }
        })?;
        Ok(found.iter().collect())
    }
}

#[cfg(test)]
mod tests;
