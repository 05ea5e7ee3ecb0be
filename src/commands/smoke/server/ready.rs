//! When a started server counts as up.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use regex::Regex;
use url::Url;

use super::address::addresses;
use crate::commands::smoke::expect::pattern::{self, NotAPattern};
use crate::model::text;
use crate::world::follow::Follow;
use crate::world::http::{Http, Request, Settings, is_loopback};
use crate::world::{World, ports};

/// Between two looks. Starting is what people wait for.
const INTERVAL: Duration = Duration::from_millis(50);
const ATTEMPT: Duration = Duration::from_secs(2);

/// What says that a server is up.
#[derive(Clone, Debug)]
pub enum Ready {
    /// It answers 2xx or 3xx.
    Url(Url),
    /// Something accepts connections.
    Port { host: String, port: u16 },
    /// A line of its output matches.
    Line(Regex),
}

/// Why a text does not say when a server is up.
#[derive(Debug, thiserror::Error)]
pub enum ReadyError {
    #[error("`{0}` is not a readiness check; write http://127.0.0.1:PORT/PATH, tcp:PORT, tcp:HOST:PORT or log:REGEX")]
    Form(String),
    #[error("`{0}` is not on this machine, where the server is started")]
    Elsewhere(String),
    #[error(transparent)]
    Pattern(#[from] NotAPattern),
}

impl Ready {
    /// Host and port that must be free before the start, if it names any.
    pub fn place(&self) -> Option<(String, u16)> {
        match self {
            Self::Url(url) => Some((url.host_str()?.to_owned(), url.port_or_known_default()?)),
            Self::Port { host, port } => Some((host.clone(), *port)),
            Self::Line(_) => None,
        }
    }

    /// Waits until it is so. Ends by itself only with an error that no waiting heals.
    /// What was seen goes to `tell`, for whoever ends the wait.
    pub async fn wait(&self, log: &Path, tell: &impl Fn(String), world: &World) -> anyhow::Result<()> {
        match self {
            Self::Url(url) => answers(url, tell, world).await,
            Self::Port { host, port } => {
                let addresses = addresses(host).await.map_err(anyhow::Error::msg)?;
                accepts(&addresses, *port).await;
                Ok(())
            }
            Self::Line(pattern) => says(pattern, log).await,
        }
    }
}

async fn answers(url: &Url, tell: &impl Fn(String), world: &World) -> anyhow::Result<()> {
    let settings = Settings {
        connect_timeout: ATTEMPT,
        ..Settings::default()
    };
    let http = Http::new(&world.env, &settings)?;
    loop {
        let request = Request::get(url, &[], ATTEMPT, 0);
        tell(match http.send(request).await {
            Ok(answer) if (200..400).contains(&answer.status) => return Ok(()),
            Ok(answer) => format!("it answers {}", answer.status),
            Err(failure) => failure.detail,
        });
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn accepts(addresses: &[IpAddr], port: u16) {
    loop {
        for ip in addresses {
            if ports::connect((*ip, port).into(), ATTEMPT).await.is_ok() {
                return;
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn says(pattern: &Regex, log: &Path) -> anyhow::Result<()> {
    let mut log = Follow::open(log)?;
    loop {
        if log.lines()?.iter().any(|line| pattern.is_match(line)) {
            return Ok(());
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

impl FromStr for Ready {
    type Err = ReadyError;

    fn from_str(given: &str) -> Result<Self, ReadyError> {
        let given = given.trim();
        let wrong = || ReadyError::Form(given.to_owned());
        if let Some(expression) = given.strip_prefix("log:") {
            return Ok(Self::Line(pattern::parse(expression.trim())?));
        }
        if let Some(place) = given.strip_prefix("tcp:") {
            let (host, port) = place.rsplit_once(':').unwrap_or(("localhost", place));
            let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let shown = if host.contains(':') {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            let url = Url::parse(&format!("http://{shown}")).map_err(|_| wrong())?;
            if !is_loopback(&url) {
                return Err(ReadyError::Elsewhere(given.to_owned()));
            }
            return Ok(Self::Port {
                host: host.to_owned(),
                port,
            });
        }
        let url = Url::parse(given).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !plain {
            return Err(wrong());
        }
        if !is_loopback(&url) {
            return Err(ReadyError::Elsewhere(given.to_owned()));
        }
        Ok(Self::Url(url))
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "{url}"),
            Self::Port { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Port { host, port } => write!(f, "tcp:{host}:{port}"),
            Self::Line(pattern) => write!(f, "log:{pattern}"),
        }
    }
}

text::read_from_text!(Ready {
    "description": "A URL that answers 2xx or 3xx, tcp:PORT or tcp:HOST:PORT that accepts connections, or \
                    log:REGEX that matches a line of the server's output.",
    "pattern": "^(https?://.+|tcp:.+|log:.+)$",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_printed() {
        for (text, printed) in [
            ("http://127.0.0.1:3000/up", "http://127.0.0.1:3000/up"),
            ("tcp:5432", "tcp:localhost:5432"),
            ("tcp:127.0.0.1:5432", "tcp:127.0.0.1:5432"),
            ("tcp:[::1]:5432", "tcp:[::1]:5432"),
            ("log:listening on .*", "log:listening on .*"),
        ] {
            assert_eq!(text.parse::<Ready>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for (text, says) in [
            ("", "write http://127.0.0.1:PORT"),
            ("3000", "write http://127.0.0.1:PORT"),
            ("tcp:0", "write http://127.0.0.1:PORT"),
            ("tcp:", "write http://127.0.0.1:PORT"),
            ("log:", "matches everything"),
            ("log:(", "not a regular expression"),
            ("http://example.com/", "not on this machine"),
            ("tcp:example.com:80", "not on this machine"),
            ("http://user:pw@localhost/", "write http://127.0.0.1:PORT"),
        ] {
            let error = text.parse::<Ready>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
