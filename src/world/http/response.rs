//! What came back.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::certificate::Expiry;

/// A whole answer: that of the last request, if redirects were followed.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// `HTTP/1.0`, `HTTP/1.1` or `HTTP/2`.
    pub version: &'static str,
    pub headers: Headers,
    /// Where a redirect that was not followed points to, as the server wrote it.
    pub location: Option<String>,
    /// The redirects that were followed, in order.
    pub hops: Vec<Hop>,
    /// Where the answer came from, after redirects; without user information.
    pub url: Url,
    /// Who was connected to: the proxy, if there is one.
    pub address: Option<SocketAddr>,
    /// The proxy it came through, and who named it.
    pub proxy: Option<String>,
    /// At most the request's limit.
    pub body: Vec<u8>,
    /// Whether there was or may have been more.
    pub body_cut: bool,
    /// The whole attempt, redirects included.
    pub took: Duration,
    /// Of the last request.
    pub phases: Phases,
    /// Of the certificates that this server and those that redirected showed; `None` without TLS.
    pub first_expiry: Option<Expiry>,
    /// How long the server asks to wait (RFC 9110 10.2.3), seen from now: zero if that is over, a day at most.
    pub retry_after: Option<Duration>,
}

/// A redirect that was followed. Neither URL has user information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub status: u16,
    pub from: Url,
    pub to: Url,
}

impl Hop {
    /// Whether it led from `https` to `http`. It is followed, as curl and browsers do; whoever asks for more looks here.
    pub fn is_downgrade(&self) -> bool {
        self.from.scheme() == "https" && self.to.scheme() == "http"
    }
}

/// Where the time of one request went. `dns`, `connect` and `tls` follow one another; `first_byte` and `total` both count
/// from the start and contain them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Looking the name up; `None` if nothing was looked up. Through a proxy: its name, as it looks up the server's.
    pub dns: Option<Duration>,
    /// The TCP connection, with addresses that did not answer. Through a proxy: to the proxy, and for `https` also the
    /// tunnel through it.
    pub connect: Option<Duration>,
    /// The handshake with the server; `None` on plain `http`.
    pub tls: Option<Duration>,
    /// From the start until the answer's head was there.
    pub first_byte: Duration,
    /// From the start until the body was read, or its limit reached.
    pub total: Duration,
}

/// The headers of an answer. Names are compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Headers(HeaderMap);

impl Headers {
    pub(super) fn new(map: HeaderMap) -> Self {
        Self(map)
    }

    /// The first header of this name. What is not UTF-8 in it becomes U+FFFD.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).map(text)
    }

    /// All headers of this name, in the order of the answer.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.get_all(name).iter().map(text).collect()
    }

    /// All of them: name in lower case, value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().map(|(name, value)| (name.as_str(), text(value)))
    }
}

fn text(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// What is no header is left out.
impl<'a> FromIterator<(&'a str, &'a str)> for Headers {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(headers: I) -> Self {
        let header = |(name, value): (&str, &str)| {
            Some((
                HeaderName::try_from(name).ok()?,
                HeaderValue::from_bytes(value.as_bytes()).ok()?,
            ))
        };
        let mut map = HeaderMap::new();
        for (name, value) in headers.into_iter().filter_map(header) {
            map.append(name, value);
        }
        Self(map)
    }
}
