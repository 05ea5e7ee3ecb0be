//! Why one side of a TLS handshake refused the other, in words.

use rustls::{AlertDescription, CertificateError, Error};

use super::certificate::{Certificate, date};
use super::settings::{HttpVersion, Settings};

pub const NO_HTTP2: &str = "the server does not offer HTTP/2";

/// What to do where there is no TLS.
pub const TRY_HTTP: &str = "write http:// if the port speaks plain HTTP, or give the port that speaks TLS";

/// One sentence.
pub fn in_words(error: &Error, shown: Option<&Certificate>, settings: &Settings) -> String {
    use AlertDescription as Alert;
    match error {
        Error::InvalidMessage(_) => "the server does not speak TLS on this port, most likely plain HTTP".to_owned(),
        Error::InvalidCertificate(wrong) => certificate(wrong, shown),
        Error::AlertReceived(Alert::NoApplicationProtocol) if settings.version == HttpVersion::Two => {
            NO_HTTP2.to_owned()
        }
        Error::AlertReceived(Alert::NoApplicationProtocol) => {
            "the server offers none of the requested HTTP versions".to_owned()
        }
        Error::AlertReceived(Alert::UnrecognisedName) => "the server does not know this host name".to_owned(),
        Error::AlertReceived(Alert::CertificateRequired) if settings.client_certificate.is_none() => {
            "the server requires a client certificate, but none was given".to_owned()
        }
        Error::AlertReceived(
            alert @ (Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            | Alert::CertificateRequired),
        ) if settings.client_certificate.is_some() => {
            format!("the server does not accept the client certificate ({alert:?})")
        }
        other => other.to_string(),
    }
}

fn certificate(wrong: &CertificateError, shown: Option<&Certificate>) -> String {
    use CertificateError as Wrong;
    let on = |when: Option<i64>| when.map_or_else(String::new, |when| format!(" {}", date(when)));
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
            "the certificate is self-signed, and not trusted (trust it with --ca-file or SSL_CERT_FILE)".to_owned()
        }
        Wrong::UnknownIssuer => {
            "the certificate is not signed by a known authority (name a private one with --ca-file or SSL_CERT_FILE)"
                .to_owned()
        }
        Wrong::Revoked => "the certificate was revoked".to_owned(),
        Wrong::BadSignature => "the certificate is not signed by the trusted authority that it names".to_owned(),
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
