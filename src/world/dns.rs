//! Names to addresses, without the system's resolver.
//!
//! A static binary in an empty container has no getaddrinfo plug-ins, so the resolver is part of the binary. It reads
//! `/etc/resolv.conf` and `/etc/hosts`.
//!
//! The two kinds of address are two questions, and each has an answer of its own: that one failed is neither the absence
//! of an address nor the end of the other.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::{DnsError as Answered, NetError};
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, ResolverBuilder, TokioResolver};
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

/// How long the addresses of one kind wait for those of the other. Some name servers never answer for IPv6.
const GRACE: Duration = Duration::from_millis(300);

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

struct Sources {
    hosts: Hosts,
    resolver: TokioResolver,
}

/// The resolver; the configuration is read at the first look-up.
#[derive(Clone)]
pub struct Dns {
    sources: Arc<OnceCell<Sources>>,
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
            sources: Arc::default(),
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
        let resolver = TokioResolver::builder_with_config(config, runtime).build().unwrap();
        let hosts = Hosts::default();
        Self {
            sources: Arc::new(OnceCell::from(Sources { hosts, resolver })),
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
        let failed = |why: NoAddress| match why {
            NoAddress::Missing(detail) => DnsError::Missing {
                host: host.to_owned(),
                detail,
            },
            NoAddress::Unknown(detail) => DnsError::Unknown {
                host: host.to_owned(),
                detail,
            },
        };
        let sources = self
            .sources
            .get_or_try_init(Sources::of_this_machine)
            .await
            .map_err(failed)?;
        let found = match sources.in_hosts(host) {
            // What stands there is all there is, as for every other program.
            Some(listed) => Ok(listed),
            None => tokio::time::timeout(self.timeout, sources.ask(host, self.family))
                .await
                .unwrap_or_else(|_| {
                    let limit = TimeSpan(self.timeout);
                    Err(NoAddress::Unknown(format!("no name server answered within {limit}")))
                }),
        };
        let mut found = found.map_err(failed)?;
        found.retain(|address| self.family.allows(*address));
        if found.is_empty() {
            return Err(failed(NoAddress::Missing(self.family.missing())));
        }
        // A connection to it reaches this machine, and a name server that says it means to say nothing.
        if let Some(placeholder) = found.iter().find(|address| address.is_unspecified()) {
            return Err(failed(NoAddress::Unknown(format!(
                "the name servers give {placeholder}, which is not a host's address"
            ))));
        }
        Ok(found)
    }
}

/// Why a question has no address for an answer.
enum NoAddress {
    /// A name server says that there is none.
    Missing(&'static str),
    /// No server answered.
    Unknown(String),
}

type Found = Result<Vec<IpAddr>, NoAddress>;

impl Sources {
    async fn of_this_machine() -> Result<Self, NoAddress> {
        let resolver = TokioResolver::builder_tokio().and_then(ResolverBuilder::build);
        Ok(Self {
            hosts: Hosts::from_system().unwrap_or_default(),
            resolver: resolver.map_err(|error| {
                let what = "no DNS resolver could be set up from /etc/resolv.conf";
                NoAddress::Unknown(format!("{what}: {error}"))
            })?,
        })
    }

    /// The addresses in `/etc/hosts`, of either kind, IPv6 first.
    fn in_hosts(&self, host: &str) -> Option<Vec<IpAddr>> {
        let name = Name::from_utf8(host).ok()?;
        let of = |kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind));
        let found = [of(RecordType::AAAA), of(RecordType::A)].into_iter().flatten();
        let found: Vec<IpAddr> = found.flat_map(|lookup| addresses(&lookup)).collect();
        Some(found).filter(|found| !found.is_empty())
    }

    async fn ask(&self, host: &str, family: Family) -> Found {
        let four = self.ask_for(host, RecordType::A, Family::V4);
        let six = self.ask_for(host, RecordType::AAAA, Family::V6);
        match family {
            Family::V4 => four.await,
            Family::V6 => six.await,
            Family::Any => match select(std::pin::pin!(four), std::pin::pin!(six)).await {
                Either::Left((four, six)) => both(or_too_late(&four, six).await, four),
                Either::Right((six, four)) => {
                    let four = or_too_late(&six, four).await;
                    both(six, four)
                }
            },
        }
    }

    async fn ask_for(&self, host: &str, kind: RecordType, family: Family) -> Found {
        let looked = self.resolver.lookup(host, kind).await;
        let found = looked.map_err(|error| match &error {
            error if error.is_nx_domain() => NoAddress::Missing("no such host"),
            error if error.is_no_records_found() => NoAddress::Missing(family.missing()),
            NetError::Dns(Answered::ResponseCode(code)) => {
                NoAddress::Unknown(format!("the name servers failed: {}", code.to_str()))
            }
            error => NoAddress::Unknown(format!("the name could not be looked up: {error}")),
        })?;
        match addresses(&found) {
            none if none.is_empty() => Err(NoAddress::Missing(family.missing())),
            found => Ok(found),
        }
    }
}

fn addresses(lookup: &Lookup) -> Vec<IpAddr> {
    // Names that lead to others come along.
    lookup
        .answers()
        .iter()
        .filter_map(|record| record.data.ip_addr())
        .collect()
}

/// The later answer, which is not awaited for long when the first one has addresses.
async fn or_too_late(first: &Found, other: impl Future<Output = Found>) -> Found {
    if first.is_err() {
        return other.await;
    }
    let late = |_| Err(NoAddress::Unknown("no answer in time".to_owned()));
    tokio::time::timeout(GRACE, other).await.unwrap_or_else(late)
}

/// That there is no address is known only if both answers say so.
fn both(six: Found, four: Found) -> Found {
    match (six, four) {
        (Ok(mut six), Ok(four)) => {
            six.extend(four);
            Ok(six)
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(unknown @ NoAddress::Unknown(_)), _) | (_, Err(unknown @ NoAddress::Unknown(_))) => Err(unknown),
        (Err(NoAddress::Missing(six)), Err(NoAddress::Missing(four))) => Err(NoAddress::Missing(match six == four {
            true => six,
            false => Family::Any.missing(),
        })),
    }
}

#[cfg(test)]
mod tests;
