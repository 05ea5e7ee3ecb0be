//! Why there was no complete response: from the layers of an error to the one reason.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::pki_types::InvalidDnsNameError;

use super::certificate::Expiry;
use super::phase::{Phase, Progress};
use super::settings::{HttpVersion, Settings};
use super::tls_error;
use crate::model::{Reason, TimeSpan};
use crate::world::dns::DnsError;

/// No whole answer, and why.
#[derive(Debug)]
pub struct Failure {
    pub reason: Reason,
    /// What happened, in words.
    pub detail: String,
    /// The request's time ended it.
    pub out_of_time: bool,
    /// It says nothing about the host: whether that exists could not even be found out from here.
    pub blind: bool,
    /// What to do, if it is not what the reason says.
    pub help: Option<&'static str>,
    /// Of the certificates that were shown before it failed.
    pub first_expiry: Option<Expiry>,
}

impl Failure {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            out_of_time: false,
            blind: false,
            help: None,
            first_expiry: None,
        }
    }

    /// Whether another try may not have it. Who listens, what a name stands for and what a certificate says do not change within
    /// seconds.
    pub fn may_pass(&self) -> bool {
        self.blind || !matches!(self.reason, Reason::Refused | Reason::Dns | Reason::Tls)
    }

    /// The request's time is over.
    pub(super) fn out_of_time(progress: &Progress, limit: Duration) -> Self {
        let phase = progress.phase();
        let at = progress
            .redirected_to()
            .map_or_else(String::new, |url| format!(" (redirected to {url})"));
        let (reason, what) = match phase {
            Phase::Resolving => (Reason::Dns, "no name server answered"),
            Phase::Connecting => (Reason::ConnectTimeout, "no connection"),
            Phase::ShakingHands => (Reason::ConnectTimeout, "TLS handshake not finished"),
            Phase::Answering => (Reason::Timeout, "no complete response"),
        };
        let failure = Self {
            out_of_time: true,
            blind: phase == Phase::Resolving,
            ..Self::new(reason, format!("{what} within {}{at}", TimeSpan::measured(limit)))
        };
        failure.of_proxy(progress.at_proxy())
    }

    /// What failed on the way to a proxy says nothing about the host behind it.
    fn of_proxy(self, proxy: Option<String>) -> Self {
        match proxy {
            Some(proxy) => Self {
                detail: format!("the proxy {proxy}: {}", self.detail),
                blind: true,
                ..self
            },
            None => self,
        }
    }
}

impl From<&DnsError> for Failure {
    fn from(dns: &DnsError) -> Self {
        Self {
            blind: matches!(dns, DnsError::Unknown { .. }),
            ..Self::new(Reason::Dns, dns.to_string())
        }
    }
}

/// The innermost layer that says something decides.
pub fn classify(error: &reqwest::Error, progress: &Progress, settings: &Settings) -> Failure {
    let chain = layers(error);
    let innermost = chain.last().map_or_else(String::new, ToString::to_string);
    // The client does not show this error's type.
    if let (Some(proxy), Some(why)) = (progress.at_proxy(), innermost.strip_prefix(TUNNEL_ERROR)) {
        let detail = format!("the proxy {proxy} cannot connect to the server: {why}");
        return Failure::new(Reason::Refused, detail);
    }
    let proxy = progress.at_proxy().filter(|_| error.is_connect());
    why(error, &chain, progress, settings).of_proxy(proxy)
}

/// How it begins; a test holds the wording.
const TUNNEL_ERROR: &str = "tunnel error: ";

type Layer<'e> = &'e (dyn StdError + 'static);

fn why(error: &reqwest::Error, chain: &[Layer<'_>], progress: &Progress, settings: &Settings) -> Failure {
    for layer in chain.iter().rev() {
        if let Some(dns) = layer.downcast_ref::<DnsError>() {
            return dns.into();
        }
        // Known only when TLS needs it; a name server would have said that there is no such host.
        if layer.is::<InvalidDnsNameError>() {
            return Failure::new(Reason::Dns, "the host in the URL is not a valid DNS name");
        }
        if let Some(tls) = layer.downcast_ref::<rustls::Error>() {
            let words = tls_error::in_words(tls, progress.certificate().as_ref(), settings);
            return Failure {
                help: matches!(tls, rustls::Error::InvalidMessage(_)).then_some(tls_error::TRY_HTTP),
                ..Failure::new(Reason::Tls, words)
            };
        }
    }
    if let Some(failure) = chain.iter().rev().find_map(|layer| of_io(*layer, error, progress)) {
        return failure;
    }
    if error.is_timeout() && error.is_connect() {
        let shaking_hands = progress.phase() == Phase::ShakingHands;
        return Failure::new(
            Reason::ConnectTimeout,
            if shaking_hands { NO_HANDSHAKE } else { NO_CONNECTION },
        );
    }
    if error.is_timeout() {
        return Failure::new(Reason::Timeout, "no complete response in time");
    }
    let innermost = chain.last().map_or_else(String::new, ToString::to_string);
    if error.is_connect() {
        return Failure::new(Reason::Refused, format!("no connection: {innermost}"));
    }
    let detail = match settings.version {
        // What the first letters of an HTTP/1.1 answer are, read as HTTP/2.
        HttpVersion::Two if is_wrong_frame(chain) => tls_error::NO_HTTP2.to_owned(),
        HttpVersion::Two => format!("no HTTP/2 answer: {innermost}"),
        // Closed without a response, or an answer that is not HTTP.
        HttpVersion::Any | HttpVersion::One => format!("no HTTP answer: {innermost}"),
    };
    Failure::new(Reason::Reset, detail)
}

fn is_wrong_frame(chain: &[Layer<'_>]) -> bool {
    let reasons = chain
        .iter()
        .filter_map(|layer| layer.downcast_ref::<h2::Error>()?.reason());
    reasons.into_iter().any(|reason| reason == h2::Reason::FRAME_SIZE_ERROR)
}

const NO_CONNECTION: &str = "no connection in time";
const NO_HANDSHAKE: &str = "connected, but TLS handshake not finished in time";

fn layers(error: &reqwest::Error) -> Vec<Layer<'_>> {
    let mut chain: Vec<Layer<'_>> = Vec::new();
    let mut next: Option<Layer<'_>> = Some(error);
    while let Some(layer) = next {
        chain.push(layer);
        // An I/O error made from another error hides it from `source`.
        next = match layer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as Layer<'_>),
            None => layer.source(),
        };
    }
    chain
}

fn of_io(layer: Layer<'_>, error: &reqwest::Error, progress: &Progress) -> Option<Failure> {
    use io::ErrorKind as Kind;
    let shaking_hands = progress.phase() == Phase::ShakingHands;
    let ends_early = error.is_connect() && layer.downcast_ref::<io::Error>()?.kind() == Kind::UnexpectedEof;
    let (reason, words) = match layer.downcast_ref::<io::Error>()?.kind() {
        Kind::ConnectionRefused => (Reason::Refused, "connection refused: nothing listens there"),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            (Reason::Reset, "the connection was reset")
        }
        Kind::UnexpectedEof if error.is_connect() => {
            (Reason::Tls, "the connection was closed during the TLS handshake")
        }
        Kind::UnexpectedEof => (
            Reason::Reset,
            "the connection was closed before the response was complete",
        ),
        Kind::HostUnreachable | Kind::NetworkUnreachable => (Reason::ConnectTimeout, "there is no route to the host"),
        Kind::TimedOut if error.is_connect() && shaking_hands => (Reason::ConnectTimeout, NO_HANDSHAKE),
        Kind::TimedOut if error.is_connect() => (Reason::ConnectTimeout, NO_CONNECTION),
        _ => return None,
    };
    Some(Failure {
        help: ends_early.then_some(tls_error::TRY_HTTP),
        ..Failure::new(reason, words)
    })
}
