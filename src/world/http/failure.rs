//! Why there was no whole answer: from the layers of an error to the one reason.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use super::certificate::{self, Certificate};
use super::phase::{Phase, Progress};
use super::settings::{HttpVersion, Settings};
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
}

impl Failure {
    pub(super) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
            out_of_time: false,
            blind: false,
        }
    }

    /// The request's time is over.
    pub(super) fn out_of_time(phase: Phase, limit: Duration) -> Self {
        let (reason, what) = match phase {
            Phase::Resolving => (Reason::Dns, "no name server answered"),
            Phase::Connecting => (Reason::ConnectTimeout, "no connection"),
            Phase::ShakingHands => (Reason::ConnectTimeout, "no end of the TLS handshake"),
            Phase::Answering => (Reason::Timeout, "no whole answer"),
        };
        Self {
            out_of_time: true,
            blind: phase == Phase::Resolving,
            ..Self::new(reason, format!("{what} within {}", TimeSpan(round(limit))))
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
    for layer in chain.iter().rev() {
        if let Some(dns) = layer.downcast_ref::<DnsError>() {
            return dns.into();
        }
        if let Some(tls) = layer.downcast_ref::<rustls::Error>() {
            return Failure::new(
                Reason::Tls,
                tls_in_words(tls, progress.certificate().as_ref(), settings),
            );
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
        return Failure::new(Reason::Timeout, "no whole answer in time");
    }
    let innermost = chain.last().map_or_else(String::new, ToString::to_string);
    if error.is_connect() {
        return Failure::new(Reason::Refused, format!("no connection: {innermost}"));
    }
    let detail = match settings.version {
        // What the first letters of an HTTP/1.1 answer are, read as HTTP/2.
        HttpVersion::Two if innermost.contains("frame with invalid size") => NO_HTTP2.to_owned(),
        HttpVersion::Two => format!("no HTTP/2 answer: {innermost}"),
        // Closed without an answer, or an answer that is not HTTP.
        HttpVersion::Any | HttpVersion::One => format!("no HTTP answer: {innermost}"),
    };
    Failure::new(Reason::Reset, detail)
}

const NO_CONNECTION: &str = "no connection in time";
const NO_HANDSHAKE: &str = "connected, but no end of the TLS handshake in time";
const NO_HTTP2: &str = "the server does not offer HTTP/2";

fn layers<'e>(error: &'e reqwest::Error) -> Vec<&'e (dyn StdError + 'static)> {
    let mut chain: Vec<&'e (dyn StdError + 'static)> = Vec::new();
    let mut next: Option<&'e (dyn StdError + 'static)> = Some(error);
    while let Some(layer) = next {
        chain.push(layer);
        // An I/O error made from another error hides it from `source`.
        next = match layer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner as &(dyn StdError + 'static)),
            None => layer.source(),
        };
    }
    chain
}

fn of_io(layer: &(dyn StdError + 'static), error: &reqwest::Error, progress: &Progress) -> Option<Failure> {
    use io::ErrorKind as Kind;
    let shaking_hands = progress.phase() == Phase::ShakingHands;
    let (reason, words) = match layer.downcast_ref::<io::Error>()?.kind() {
        Kind::ConnectionRefused => (Reason::Refused, "connection refused: nothing listens there"),
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
            (Reason::Reset, "the connection was reset")
        }
        Kind::UnexpectedEof if error.is_connect() => (
            Reason::Tls,
            "the connection was closed in the middle of the TLS handshake",
        ),
        Kind::UnexpectedEof => (Reason::Reset, "the connection was closed before the answer was whole"),
        Kind::HostUnreachable | Kind::NetworkUnreachable => (Reason::ConnectTimeout, "there is no route to the host"),
        Kind::TimedOut if error.is_connect() && shaking_hands => (Reason::ConnectTimeout, NO_HANDSHAKE),
        Kind::TimedOut if error.is_connect() => (Reason::ConnectTimeout, NO_CONNECTION),
        _ => return None,
    };
    Some(Failure::new(reason, words))
}

fn tls_in_words(error: &rustls::Error, shown: Option<&Certificate>, settings: &Settings) -> String {
    use AlertDescription as Alert;
    match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        rustls::Error::InvalidCertificate(wrong) => certificate_in_words(wrong, shown),
        rustls::Error::AlertReceived(Alert::NoApplicationProtocol) if settings.version == HttpVersion::Two => {
            NO_HTTP2.to_owned()
        }
        rustls::Error::AlertReceived(Alert::NoApplicationProtocol) => {
            "the server offers none of the HTTP versions that were asked for".to_owned()
        }
        rustls::Error::AlertReceived(Alert::UnrecognisedName) => "the server does not know this host name".to_owned(),
        rustls::Error::AlertReceived(Alert::CertificateRequired) if settings.client_certificate.is_none() => {
            "the server asks for a client certificate, and none was given".to_owned()
        }
        rustls::Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired),
        ) => format!("the server does not accept the client certificate ({alert:?})"),
        other => other.to_string(),
    }
}

fn certificate_in_words(wrong: &CertificateError, shown: Option<&Certificate>) -> String {
    use CertificateError as Wrong;
    let on = |when: Option<i64>| when.map_or_else(String::new, |when| format!(" {}", certificate::date(when)));
    let is_self_signed = shown.is_some_and(|shown| shown.self_issued);
    match wrong {
        Wrong::Expired | Wrong::ExpiredContext { .. } => match shown.map(|shown| shown.not_after) {
            // An authority between may be the one that expired.
            Some(end) if !is_over(wrong, end) => "a certificate in the server's chain has expired".to_owned(),
            end => format!("the certificate expired{}", on(end).replacen(' ', " on ", 1)),
        },
        Wrong::NotValidYet | Wrong::NotValidYetContext { .. } => {
            format!(
                "the certificate is not valid before{}",
                on(shown.map(|shown| shown.not_before))
            )
        }
        Wrong::NotValidForNameContext { expected, presented } => {
            // Each is written as its kind with the name in it: DnsName("example.org").
            let names: Vec<&str> = presented
                .iter()
                .map(|name| name.split('"').nth(1).unwrap_or(name))
                .collect();
            let names = match names.as_slice() {
                [] => "no name at all".to_owned(),
                [shown @ .., last] if shown.len() > 4 => format!("{}, ... and {last}", shown[..4].join(", ")),
                all => all.join(", "),
            };
            format!("the certificate is for {names}, not for {}", expected.to_str())
        }
        Wrong::NotValidForName => "the certificate is for another name".to_owned(),
        Wrong::UnknownIssuer | Wrong::Other(_) if is_self_signed => {
            "the certificate is self-signed, and it is not named as trusted (SSL_CERT_FILE names it)".to_owned()
        }
        Wrong::UnknownIssuer => {
            "the certificate is not signed by a known authority (a private one is named with SSL_CERT_FILE)".to_owned()
        }
        Wrong::Revoked => "the certificate was revoked".to_owned(),
        Wrong::BadSignature => "the certificate's signature is wrong".to_owned(),
        Wrong::BadEncoding => "the server's certificate cannot be read".to_owned(),
        other => format!("the certificate cannot be trusted: {other}"),
    }
}

/// Whether this end is the one that rustls means.
fn is_over(wrong: &CertificateError, end: i64) -> bool {
    match wrong {
        CertificateError::ExpiredContext { time, .. } => i64::try_from(time.as_secs()).is_ok_and(|now| end < now),
        _ => true,
    }
}

fn round(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1))
}
