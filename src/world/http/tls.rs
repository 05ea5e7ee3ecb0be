//! TLS as a probe needs it: whole handshakes only, and what the server shows is kept.

use std::sync::{Arc, OnceLock};

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls12Resumption, Tls13ClientSessionValue,
    WebPkiServerVerifier, verify_server_name,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, NamedGroup, SignatureScheme};

use super::certificate::Certificate;
use super::phase;
use super::roots::Trust;
use super::settings::{ClientCertificate, HttpVersion, Settings};
use crate::world::Env;

/// The TLS of a client with these settings, but for the HTTP versions it offers.
pub fn config(env: &Env, settings: &Settings) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Verifier {
        trust: Trust::new(env, settings.ca.as_ref())?,
        insecure: settings.insecure,
        provider: provider.clone(),
        strict: OnceLock::new(),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match &settings.client_certificate {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let (chain, key) = read(own)?;
            builder.with_client_auth_cert(chain, key).with_context(|| {
                format!(
                    "the client certificate {} and the key {} cannot be used together: they do not match, or the \
                     certificate is not X.509 version 3",
                    own.certificate, own.key
                )
            })?
        }
    };
    // A resumed session shows no certificate, so one that became bad would not be seen.
    config.resumption = Resumption::store(Arc::new(NoSessions)).tls12_resumption(Tls12Resumption::Disabled);
    Ok(config)
}

/// What is offered to the server, best first.
pub fn offers(version: HttpVersion) -> Vec<Vec<u8>> {
    let (h1, h2) = (b"http/1.1".to_vec(), b"h2".to_vec());
    match version {
        HttpVersion::Any => vec![h2, h1],
        HttpVersion::One => vec![h1],
        HttpVersion::Two => vec![h2],
    }
}

fn read(own: &ClientCertificate) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let path = &own.certificate;
    let wrong = || format!("the client certificate {path} cannot be read as PEM certificates");
    let bytes = path.read().with_context(wrong)?;
    let chain = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .with_context(wrong)?;
    anyhow::ensure!(!chain.is_empty(), "{path} holds no certificate");
    let wrong = || {
        let path = &own.key;
        format!("the client certificate's key {path} cannot be read as a PEM key without a passphrase")
    };
    let bytes = own.key.read().with_context(wrong)?;
    let key = PrivateKeyDer::from_pem_slice(&bytes).with_context(wrong)?;
    Ok((chain, key))
}

/// Keeps what the server shows, and then decides as rustls does; or not at all.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    insecure: bool,
    provider: Arc<CryptoProvider>,
    /// Made at the first handshake: what speaks plain HTTP does not pay for it.
    strict: OnceLock<Result<Arc<WebPkiServerVerifier>, Error>>,
}

impl Verifier {
    fn strict(&self) -> Result<&Arc<WebPkiServerVerifier>, Error> {
        let make = || {
            WebPkiServerVerifier::builder_with_provider(self.trust.roots(), self.provider.clone())
                .build()
                .map_err(|error| Error::General(error.to_string()))
        };
        self.strict.get_or_init(make).as_ref().map_err(Clone::clone)
    }

    /// Decides about a certificate that was itself named as trusted: it is, for its names and as long as it is valid.
    /// rustls trusts authorities only, and those not as servers; but a certificate that a server signed for itself
    /// usually claims to be one.
    fn named(shown: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> Result<ServerCertVerified, Error> {
        let certificate = Certificate::from_der(shown).ok_or(CertificateError::BadEncoding)?;
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if seconds < certificate.not_before {
            return Err(CertificateError::NotValidYet.into());
        }
        if seconds > certificate.not_after {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(shown)?, name)?;
        Ok(ServerCertVerified::assertion())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        phase::certificates_shown(shown, intermediates.iter());
        if self.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        let decided = self
            .strict()?
            .verify_server_cert(shown, intermediates, name, ocsp_response, now);
        if decided.is_err() && self.trust.names(shown) {
            return Self::named(shown, name, now);
        }
        decided
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Remembers nothing. It is asked when a handshake begins, which the client does not tell otherwise.
#[derive(Debug)]
struct NoSessions;

impl ClientSessionStore for NoSessions {
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        phase::handshake_begins();
        None
    }

    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}
