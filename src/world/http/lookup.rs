//! Which addresses a request may be sent to.

use std::net::IpAddr;
use std::sync::Arc;

use url::{Host, Url};

use super::failure::Failure;
use super::overrides::Resolve;
use crate::model::Reason;
use crate::world::dns::{Dns, DnsError, Family};

/// The name servers, and what is said instead of them.
#[derive(Clone)]
pub struct Lookup {
    pub dns: Dns,
    pub resolve: Arc<[Resolve]>,
    pub family: Family,
}

impl Lookup {
    /// The given addresses of a host, if any are given for it.
    pub fn given(&self, host: &str, port: Option<u16>) -> Option<Result<Vec<IpAddr>, DnsError>> {
        let given = self.resolve.iter().find(|resolve| resolve.covers(host, port))?;
        let mut addresses = given.addresses.clone();
        addresses.retain(|address| self.family.allows(*address));
        if addresses.is_empty() {
            return Some(Err(DnsError::Missing {
                host: host.to_owned(),
                detail: match self.family {
                    Family::V6 => "--resolve gives no IPv6 address",
                    Family::V4 | Family::Any => "it was given no IPv4 address",
                },
            }));
        }
        Some(Ok(addresses))
    }

    /// The address that a URL has instead of a name. It is wrong if it is not of the family that may be tried.
    pub fn literal(&self, url: &Url) -> Result<Option<IpAddr>, Failure> {
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::from(ip),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip),
            Some(Host::Domain(_)) | None => return Ok(None),
        };
        let only = match self.family {
            _ if self.family.allows(ip) => return Ok(Some(ip)),
            Family::V6 => "IPv6",
            Family::V4 | Family::Any => "IPv4",
        };
        let detail = format!("{ip} is not an {only} address, and only those are allowed");
        Err(Failure::new(Reason::Dns, detail))
    }

    /// All addresses of a URL's host that may be tried.
    pub async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, Failure> {
        if let Some(ip) = self.literal(url)? {
            return Ok(vec![ip]);
        }
        let host = url.host_str().unwrap_or_default();
        let found = match self.given(host, url.port_or_known_default()) {
            Some(given) => given,
            None => self.dns.look_up(host).await,
        };
        found.map_err(|error| Failure::from(&error))
    }
}
