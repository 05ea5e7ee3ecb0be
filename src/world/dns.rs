//! Names to addresses, without the system's resolver.
//!
//! A static binary in an empty container has no getaddrinfo plug-ins, so the resolver is part of the binary. It reads
//! `/etc/resolv.conf` and `/etc/hosts`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
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

/// Which kind of address is looked up and tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Family {
    /// Both, IPv6 first.
    #[default]
    Any,
    /// IPv4 only: AAAA records are not even asked for, as some name servers never answer that.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Whether such an address may be tried. An IPv4 address written as IPv6 (`::ffff:192.0.2.1`) is an IPv4 address.
    pub fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.to_canonical().is_ipv4(),
            Self::V6 => address.to_canonical().is_ipv6(),
        }
    }

    /// What a host without such an address has not.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Any => "the name has no address",
            Self::V4 => "the name has no IPv4 address",
            Self::V6 => "the name has no IPv6 address",
        }
    }
}

/// The resolver; the configuration is read at the first look-up.
#[derive(Clone)]
pub struct Dns {
    resolver: Arc<OnceCell<TokioResolver>>,
    timeout: Duration,
    family: Family,
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
            family: Family::Any,
        }
    }

    /// The same, for addresses of one family.
    pub fn only(mut self, family: Family) -> Self {
        self.family = family;
        self
    }

    /// A resolver that asks one name server, which listens at `port` of this machine.
    #[cfg(test)]
    pub fn asking(port: u16, timeout: Duration) -> Self {
        Self::asking_for(Family::Any, port, timeout)
    }

    /// The same, for addresses of one family.
    #[cfg(test)]
    pub fn asking_for(family: Family, port: u16, timeout: Duration) -> Self {
        use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
        let mut connection = ConnectionConfig::udp();
        connection.port = port;
        let server = NameServerConfig::new(Ipv4Addr::LOCALHOST.into(), true, vec![connection]);
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        let runtime = hickory_resolver::net::runtime::TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, runtime);
        builder.options_mut().ip_strategy = strategy(family);
        let resolver = builder.build().unwrap();
        Self {
            resolver: Arc::new(OnceCell::from(resolver)),
            timeout,
            family,
        }
    }

    /// The addresses of a host name, at least one, in the order in which they are to be tried.
    pub async fn look_up(&self, host: &str) -> Result<Vec<IpAddr>, DnsError> {
        let name = host.trim_end_matches('.');
        // RFC 6761: localhost is loopback, whatever the network says. Both families, as servers bind either.
        if name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost") {
            let mut both = vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            both.retain(|address| self.family.allows(*address));
            return Ok(both);
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
                    .and_then(|mut builder| {
                        builder.options_mut().ip_strategy = strategy(self.family);
                        builder.build()
                    })
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
                missing(self.family.missing())
            } else {
                unknown(format!("the name could not be looked up: {error}"))
            }
        })?;
        // /etc/hosts is read without regard to the family.
        let found: Vec<IpAddr> = found.iter().filter(|address| self.family.allows(*address)).collect();
        if found.is_empty() {
            return Err(missing(self.family.missing()));
        }
        Ok(found)
    }
}

fn strategy(family: Family) -> LookupIpStrategy {
    match family {
        Family::Any => LookupIpStrategy::Ipv6AndIpv4,
        Family::V4 => LookupIpStrategy::Ipv4Only,
        Family::V6 => LookupIpStrategy::Ipv6Only,
    }
}

#[cfg(test)]
mod tests;
