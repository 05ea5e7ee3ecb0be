//! Addresses that are used instead of looked-up ones.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// `HOST:PORT:ADDRESS[,ADDRESS]`, as curl's `--resolve` has it. A port `*` stands for every port. An IPv6 address may stand
/// in brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Resolve {
    /// Without a dot at the end, in lower case.
    pub host: String,
    /// `None` is every port.
    pub port: Option<u16>,
    /// At least one, in the order in which they are tried.
    pub addresses: Vec<IpAddr>,
}

/// Why a text is not `HOST:PORT:ADDRESS`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("`{0}` is not HOST:PORT:ADDRESS; write example.org:443:192.0.2.1")]
    Malformed(String),
    #[error("`{0}` names the host `{1}`, which is not a host name; write example.org:443:192.0.2.1")]
    Host(String, String),
    #[error("`{0}` names the port `{1}`; write a number from 1 to 65535, or * for every port")]
    Port(String, String),
    #[error("`{0}` names the address `{1}`; write an IP address, such as 192.0.2.1 or 2001:db8::1")]
    Address(String, String),
}

impl Resolve {
    /// Whether it says where this host is.
    pub fn covers(&self, host: &str, port: Option<u16>) -> bool {
        let same = self.host.eq_ignore_ascii_case(host.trim_end_matches('.'));
        same && (self.port.is_none() || self.port == port)
    }
}

impl FromStr for Resolve {
    type Err = ResolveError;

    fn from_str(text: &str) -> Result<Self, ResolveError> {
        let whole = || text.to_owned();
        let mut parts = text.trim().splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(ResolveError::Malformed(whole()));
        };
        // As URLs write it, so that the two can be compared.
        let host = match url::Host::parse(host) {
            Ok(url::Host::Domain(name)) => name.trim_end_matches('.').to_ascii_lowercase(),
            _ => return Err(ResolveError::Host(whole(), host.to_owned())),
        };
        if host.is_empty() {
            return Err(ResolveError::Malformed(whole()));
        }
        let port = match port {
            "*" => None,
            number => match number.parse() {
                Ok(port) if port > 0 && number.bytes().all(|b| b.is_ascii_digit()) => Some(port),
                _ => return Err(ResolveError::Port(whole(), number.to_owned())),
            },
        };
        let address = |text: &str| -> Result<IpAddr, ResolveError> {
            let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let wrong = || ResolveError::Address(whole(), text.to_owned());
            match bare {
                Some(v6) => v6.parse().map(IpAddr::V6).map_err(|_| wrong()),
                None => text.parse().map_err(|_| wrong()),
            }
        };
        let addresses = addresses.split(',').map(address).collect::<Result<_, _>>()?;
        Ok(Self { host, port, addresses })
    }
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}:", self.host)?,
            None => write!(f, "{}:*:", self.host)?,
        }
        for (n, address) in self.addresses.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            match address {
                IpAddr::V4(v4) => write!(f, "{comma}{v4}")?,
                IpAddr::V6(v6) => write!(f, "{comma}[{v6}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
