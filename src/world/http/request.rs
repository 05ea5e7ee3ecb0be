//! What is asked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

/// One request. Every attempt sends all of it again.
pub struct Request<'a> {
    /// `http` or `https`. User information in it is sent as Basic authentication, to this origin only.
    pub url: &'a Url,
    pub method: &'a Method,
    /// Several may have the same name. `User-Agent` replaces our own.
    pub headers: &'a [Header],
    pub body: Option<&'a Bytes>,
    /// From looking the name up to the last byte read, redirects included.
    pub timeout: Duration,
    /// In bytes. The body is read up to here; what comes after is not waited for. With 0, the head is the answer.
    pub body_limit: usize,
}

impl<'a> Request<'a> {
    pub fn get(url: &'a Url, headers: &'a [Header], timeout: Duration, body_limit: usize) -> Self {
        Self {
            url,
            method: &Method::GET,
            headers,
            body: None,
            timeout,
            body_limit,
        }
    }
}

/// A request method, such as `GET`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method(reqwest::Method);

/// Why a text is not a method.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    #[error("`{0}` is not an HTTP method; write GET, HEAD, POST or another one")]
    Malformed(String),
    #[error("HTTP methods are written in upper case: {upper}, not {0}", upper = .0.to_ascii_uppercase())]
    NotUpper(String),
    #[error("CONNECT asks for a tunnel, not for an answer; write GET, HEAD, POST or another method")]
    Connect,
}

impl Method {
    pub const GET: Self = Self(reqwest::Method::GET);
    pub const HEAD: Self = Self(reqwest::Method::HEAD);
    pub const POST: Self = Self(reqwest::Method::POST);
    pub const PATCH: Self = Self(reqwest::Method::PATCH);

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the answer has no body, whatever its headers say.
    pub fn is_head(&self) -> bool {
        *self == Self::HEAD
    }

    pub(super) fn inner(&self) -> &reqwest::Method {
        &self.0
    }
}

impl Default for Method {
    fn default() -> Self {
        Self::GET
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        // Names are case-sensitive (RFC 9110 9.1), and no server knows `get`.
        if text.bytes().any(|byte| byte.is_ascii_lowercase()) && text.parse::<reqwest::Method>().is_ok() {
            return Err(MethodError::NotUpper(text.to_owned()));
        }
        if text == "CONNECT" {
            return Err(MethodError::Connect);
        }
        text.parse()
            .map(Self)
            .map_err(|_| MethodError::Malformed(text.to_owned()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One header of a request.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Header {
    pub name: String,
    pub value: String,
    /// The value is never shown and never sent to another origin than the first.
    pub secret: bool,
}

/// Why a header cannot be sent. It never shows the value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("`{0}` is not the name of a header; write NAME: VALUE")]
    Name(String),
    #[error("a header has no colon; write NAME: VALUE")]
    NoColon,
    #[error("the value of the header {0} contains a control character, such as a line break")]
    Value(String),
    #[error("the header {0} is set by the client and cannot be given")]
    Framing(String),
}

/// What says where a message ends and how the connection goes on. Another value than the client's breaks the message; in
/// HTTP/2 most of them are errors (RFC 9113 8.2.2).
const FRAMING: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Header {
    /// White space around the value is not part of it. `Authorization`, `Proxy-Authorization` and `Cookie` are secret
    /// without a word.
    pub fn new(name: &str, value: &str, secret: bool) -> Result<Self, HeaderError> {
        let header = Self {
            name: name.trim().to_owned(),
            value: value.trim_matches([' ', '\t']).to_owned(),
            secret: secret || is_credential(name.trim()),
        };
        header.encoded()?;
        Ok(header)
    }

    /// The same, from `NAME: VALUE`.
    pub fn parse(line: &str, secret: bool) -> Result<Self, HeaderError> {
        let (name, value) = line.split_once(':').ok_or(HeaderError::NoColon)?;
        Self::new(name, value, secret)
    }

    fn encoded(&self) -> Result<(HeaderName, HeaderValue), HeaderError> {
        let name = HeaderName::try_from(&self.name).map_err(|_| HeaderError::Name(self.name.clone()))?;
        if FRAMING.contains(&name.as_str()) {
            return Err(HeaderError::Framing(self.name.clone()));
        }
        let mut value =
            HeaderValue::from_bytes(self.value.as_bytes()).map_err(|_| HeaderError::Value(self.name.clone()))?;
        value.set_sensitive(self.secret);
        Ok((name, value))
    }

    /// Whether it is for the first origin only.
    pub(super) fn stays(&self) -> bool {
        self.secret || is_credential(&self.name) || self.name.eq_ignore_ascii_case("host")
    }

    /// Whether it describes a body, and goes when that goes (RFC 9110 15.4).
    pub(super) fn describes_body(&self) -> bool {
        let name = self.name.as_bytes();
        name.len() > 8 && name[..8].eq_ignore_ascii_case(b"content-")
    }
}

/// Headers that are what a password is, whoever set them.
fn is_credential(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie"]
        .iter()
        .any(|credential| name.eq_ignore_ascii_case(credential))
}

/// The headers as the client takes them.
pub(super) fn encode<'h>(headers: impl IntoIterator<Item = &'h Header>) -> Result<HeaderMap, HeaderError> {
    let mut map = HeaderMap::new();
    for header in headers {
        let (name, value) = header.encoded()?;
        map.append(name, value);
    }
    Ok(map)
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.secret { "***" } else { &self.value };
        write!(f, "{}: {value}", self.name)
    }
}

#[cfg(test)]
mod tests;
