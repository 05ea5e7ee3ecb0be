//! Servers that a test scripts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

pub fn redirect(status: u16, to: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// Answers every request, head and body, as it is told; one for each connection.
pub async fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
    serve_at("127.0.0.1:0", answer).await
}

pub async fn serve_at(address: &str, answer: impl Fn(&str) -> String + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move { talk(stream, &*answer).await });
        }
    });
    address
}

/// The same over TLS. The answers come over HTTP/1.1.
pub async fn serve_tls(
    config: Arc<ServerConfig>,
    answer: impl Fn(&str) -> String + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, acceptor) = (answer.clone(), TlsAcceptor::from(config.clone()));
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    talk(stream, &*answer).await;
                }
            });
        }
    });
    address
}

/// HTTP/2 alone, over TLS if there is a configuration. The body of each answer is the request's method and URI.
pub async fn serve_http2(config: Option<Arc<ServerConfig>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                match config {
                    Some(config) => {
                        if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                            talk_http2(stream).await;
                        }
                    }
                    None => talk_http2(stream).await,
                }
            });
        }
    });
    address
}

async fn talk_http2(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let body = format!("{} {}", request.method(), request.uri());
        if let Ok(mut stream) = respond.send_response(http::Response::new(()), false) {
            let _ = stream.send_data(body.into_bytes().into(), true);
        }
    }
}

async fn talk(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &(impl Fn(&str) -> String + ?Sized)) {
    let mut request = Vec::new();
    let mut buffer = [0u8; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer).await {
            Ok(length) if length > 0 => request.extend_from_slice(&buffer[..length]),
            _ => return,
        }
    }
    let _ = stream
        .write_all(answer(&String::from_utf8_lossy(&request)).as_bytes())
        .await;
    let _ = stream.shutdown().await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.trim().parse().unwrap())
}

/// An authority that nobody knows, and what it signs.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    folder: tempfile::TempDir,
}

/// A certificate and its key, as PEM.
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        // Two of one name would be taken for each other.
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test authority {}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn sign(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let (params, key) = prepared(names, change);
        Signed {
            certificate: params.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// Signed by another authority in between, which is sent along.
    pub fn sign_by_another(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Signed {
        let (mut params, key) = prepared(&[], change);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, "authority between");
        let between = params.signed_by(&key, &self.issuer).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let (params, key) = prepared(names, |_| ());
        Signed {
            certificate: format!("{}{between}", params.signed_by(&key, &issuer).unwrap().pem()),
            key: key.serialize_pem(),
        }
    }

    /// The authority's own certificate, in a file.
    pub fn file(&self) -> PathBuf {
        self.keep("ca.pem", &self.pem)
    }

    pub fn keep(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A server that asks its clients for a certificate of this authority.
    pub fn strict_server(&self, server: &Signed) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider())
            .build()
            .unwrap();
        let (chain, key) = server.parts();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(
            builder
                .with_client_cert_verifier(verifier)
                .with_single_cert(chain, key)
                .unwrap(),
        )
    }
}

impl Signed {
    /// Signed by itself. openssl's claim to be authorities, those of others mostly do not.
    pub fn by_itself(names: &[&str], is_authority: bool, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let (mut params, key) = prepared(names, change);
        if is_authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes())
            .map(Result::unwrap)
            .collect();
        (chain, PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }

    pub fn server(&self, offers: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let (chain, key) = self.parts();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap();
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
        config.alpn_protocols = offers.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }

    /// A server that shows this certificate, and signs with whatever key is there.
    pub fn borrowing_server(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ServerConfig> {
        let (chain, key) = self.parts();
        let key = provider().key_provider.load_private_key(key).unwrap();
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap();
        let resolver = Arc::new(Borrowing(Arc::new(CertifiedKey::new(chain, key))));
        Arc::new(builder.with_no_client_auth().with_cert_resolver(resolver))
    }
}

/// Shows a certificate although it has another's key.
#[derive(Debug)]
struct Borrowing(Arc<CertifiedKey>);

impl ResolvesServerCert for Borrowing {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }
}

fn prepared(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (CertificateParams, KeyPair) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, "test server");
    change(&mut params);
    (params, KeyPair::generate().unwrap())
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
