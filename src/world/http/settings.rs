//! What a client is set up with.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::overrides::Resolve;
use crate::world::dns::Family;
use crate::world::files::{self, Links};
use crate::world::secrets::Secret;

/// What does not change from one request to the next; probes with equal settings share a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Settings {
    /// For looking the name up, connecting and shaking hands, all together; zero sets no limit of its own.
    pub connect_timeout: Duration,
    /// Follow redirects, ten at most. Otherwise one is the answer.
    pub follow_redirects: bool,
    /// Which HTTP is spoken.
    pub version: HttpVersion,
    /// Addresses of the other family are neither looked up nor tried. Of a proxy, it is the proxy's address that counts.
    pub family: Family,
    /// Addresses that are used instead of looked-up ones, also where a redirect leads. A host that is named here is never
    /// reached through a proxy: that would look it up itself.
    pub resolve: Vec<Resolve>,
    /// PEM certificates that are trusted instead of the built-in authorities and of `SSL_CERT_FILE`. A server's own
    /// certificate may be among them; then that very certificate is trusted, for its names and as long as it is valid.
    pub ca: Option<Pem>,
    /// Shown to a server that asks for one.
    pub client_certificate: Option<ClientCertificate>,
    /// The server's certificate is not verified. That the server has its private key still is.
    pub insecure: bool,
    /// Which proxy is used. Loopback is never reached through one.
    pub proxy: ProxyChoice,
}

/// Which HTTP is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HttpVersion {
    /// HTTP/2 over TLS if the server offers it, else HTTP/1.1.
    #[default]
    Any,
    /// HTTP/1.1 only.
    One,
    /// HTTP/2 only: over TLS nothing else is offered, and without TLS it is spoken from the first byte on.
    Two,
}

/// A certificate for the client, and its key. The certificate may be followed by those that signed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    pub certificate: Pem,
    /// Not encrypted: PKCS#8, PKCS#1 or SEC1.
    pub key: Pem,
}

/// PEM in a file, or at hand and kept in memory only.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pem {
    File(PathBuf),
    Text {
        text: Secret,
        /// Where it is from, for sentences.
        from: String,
    },
}

impl Pem {
    /// The bundles of whole systems are a tenth of it.
    const LARGEST: u64 = 4 << 20;

    pub(super) fn read(&self) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::File(path) => files::read(path, Self::LARGEST, Links::Follow),
            Self::Text { text, .. } => Ok(text.reveal().as_bytes().to_vec()),
        }
    }
}

impl From<PathBuf> for Pem {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Display for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Text { from, .. } => f.write_str(from),
        }
    }
}

/// Which proxy is used, for everything but loopback and what [`Settings::resolve`] names.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub enum ProxyChoice {
    /// What `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in either case.
    #[default]
    FromEnvironment,
    /// No proxy, whatever the environment says.
    None,
    /// This one (`http` or `https`), whatever the environment says. Its user information is a secret.
    Url(Url),
}

impl fmt::Debug for ProxyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromEnvironment => f.write_str("FromEnvironment"),
            Self::None => f.write_str("None"),
            Self::Url(url) => write!(f, "Url({})", without_credentials(url)),
        }
    }
}

/// A URL that may be shown.
pub fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Both fail only where there can be no credentials.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}
