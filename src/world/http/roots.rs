//! Whose certificates are trusted.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::world::Env;

pub fn tls(env: &Env) -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS cannot be set up")?
        .with_root_certificates(roots(env)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// An empty container has no certificates, so Mozilla's are built in. `SSL_CERT_FILE` replaces them.
fn roots(env: &Env) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(path) = env.get("SSL_CERT_FILE") else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let wrong = || format!("SSL_CERT_FILE names {path}, which cannot be read as PEM certificates");
    let certificates = CertificateDer::pem_file_iter(Path::new(path)).with_context(wrong)?;
    for certificate in certificates {
        // A bundle may hold certificates that are no roots by today's rules; the others still count.
        let _ = roots.add(certificate.with_context(wrong)?);
    }
    anyhow::ensure!(
        !roots.is_empty(),
        "SSL_CERT_FILE names {path}, which holds no usable certificate"
    );
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(roots: &RootCertStore) -> Vec<String> {
        let subject = |root: &rustls::pki_types::TrustAnchor<'_>| String::from_utf8_lossy(&root.subject).into_owned();
        roots.roots.iter().map(subject).collect()
    }

    fn holds(roots: &RootCertStore, name: &str) -> bool {
        subjects(roots).iter().any(|subject| subject.contains(name))
    }

    #[test]
    fn without_a_word_the_public_authorities_are_trusted() {
        let roots = roots(&Env::default()).unwrap();
        assert!(roots.len() > 50, "{}", roots.len());
        for name in [
            "ISRG Root X1",
            "DigiCert Global Root G2",
            "GTS Root R1",
            "Amazon Root CA 1",
        ] {
            assert!(holds(&roots, name), "{name}");
        }
    }

    #[test]
    fn a_named_file_replaces_them() {
        let home = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = home.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let own = Env::from_iter([("SSL_CERT_FILE", file("own.pem", OWN))]);
        let own = roots(&own).unwrap();
        assert_eq!(
            (own.len(), holds(&own, "stageproof-test")),
            (1, true),
            "{:?}",
            subjects(&own)
        );
        for path in [file("empty.pem", ""), home.path().join("none").display().to_string()] {
            let error = roots(&Env::from_iter([("SSL_CERT_FILE", path.clone())])).unwrap_err();
            assert!(error.to_string().contains(&path), "{error}");
        }
    }

    /// An authority that nobody else has; its key is thrown away.
    const OWN: &str = include_str!("own-authority.pem");
}
