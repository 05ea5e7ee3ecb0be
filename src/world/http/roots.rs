//! Whose certificates are trusted.

use std::sync::{Arc, LazyLock};

use anyhow::Context as _;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::settings::Pem;
use crate::world::Env;

/// Whom to trust.
#[derive(Debug)]
pub enum Trust {
    /// Mozilla's authorities: an empty container has none.
    BuiltIn,
    /// What a file holds, instead.
    Named {
        roots: Arc<RootCertStore>,
        /// The same, as they are in the file: also those that are no authorities.
        certificates: Vec<CertificateDer<'static>>,
    },
}

static BUILT_IN: LazyLock<Arc<RootCertStore>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    Arc::new(roots)
});

impl Trust {
    /// What is given, or else the file of `SSL_CERT_FILE`, replaces what is built in. It is read now, so that what is wrong
    /// with it is not taken for a fault of the server.
    pub fn new(env: &Env, given: Option<&Pem>) -> anyhow::Result<Self> {
        match (given, env.get("SSL_CERT_FILE")) {
            (Some(pem @ Pem::File(path)), _) => named(pem, &format!("the file of authorities, {},", path.display())),
            (Some(pem @ Pem::Text { from, .. }), _) => named(pem, from),
            (None, Some(path)) => named(&Pem::File(path.into()), &format!("SSL_CERT_FILE names {path}, which")),
            (None, None) => Ok(Self::BuiltIn),
        }
    }

    pub fn roots(&self) -> Arc<RootCertStore> {
        match self {
            Self::BuiltIn => BUILT_IN.clone(),
            Self::Named { roots, .. } => roots.clone(),
        }
    }

    /// Whether this very certificate was named.
    pub fn names(&self, certificate: &CertificateDer<'_>) -> bool {
        match self {
            Self::BuiltIn => false,
            Self::Named { certificates, .. } => certificates.contains(certificate),
        }
    }
}

fn named(pem: &Pem, what: &str) -> anyhow::Result<Trust> {
    let wrong = || format!("{what} cannot be read as PEM certificates");
    let bytes = pem.read().with_context(wrong)?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .with_context(wrong)?;
    let mut roots = RootCertStore::empty();
    // A bundle may hold certificates that are no roots by today's rules; the others still count.
    roots.add_parsable_certificates(certificates.iter().cloned());
    anyhow::ensure!(
        !certificates.is_empty(),
        "{what} holds no certificate: there is no `-----BEGIN CERTIFICATE-----` in it"
    );
    anyhow::ensure!(!roots.is_empty(), "{what} holds no usable certificate");
    Ok(Trust::Named {
        roots: Arc::new(roots),
        certificates,
    })
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
        let roots = Trust::new(&Env::default(), None).unwrap().roots();
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
        let own = Trust::new(&own, None).unwrap().roots();
        assert_eq!(
            (own.len(), holds(&own, "stageproof-test")),
            (1, true),
            "{:?}",
            subjects(&own)
        );
        for path in [file("empty.pem", ""), home.path().join("none").display().to_string()] {
            let variable = Env::from_iter([("SSL_CERT_FILE", path.clone())]);
            let error = Trust::new(&variable, None).unwrap_err();
            assert!(error.to_string().contains(&path), "{error}");
            let error = Trust::new(&Env::default(), Some(&Pem::File(path.clone().into()))).unwrap_err();
            assert!(error.to_string().contains(&path), "{error}");
        }
    }

    /// An authority that nobody else has; its key is thrown away.
    const OWN: &str = include_str!("own-authority.pem");
}
