//! Certificates that expire behind a good one, and redirects that leave TLS.

use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{page, smoke};
use crate::gate::Gate;
use crate::servers::serve;

/// A server's certificate of so many hours, and who signed it.
struct Shown {
    config: Arc<ServerConfig>,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn hours(params: &mut CertificateParams, hours: u64) {
    params.not_after = (std::time::SystemTime::now() + Duration::from_secs(hours * 3600)).into();
}

fn named(name: &str, is_authority: bool) -> (CertificateParams, KeyPair) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    if is_authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    (params, KeyPair::generate().unwrap())
}

impl Authority {
    fn new() -> Self {
        let (params, key) = named("authority", true);
        Self {
            pem: params.self_signed(&key).unwrap().pem(),
            issuer: Issuer::new(params, key),
        }
    }

    fn server(&self, valid: u64) -> Shown {
        let (mut params, key) = named("localhost", false);
        hours(&mut params, valid);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        Shown::new(&pem, &key)
    }

    /// With an authority in between that is sent along.
    fn server_of_another(&self, valid: u64, between: u64) -> Shown {
        let (mut params, key) = named("between", true);
        hours(&mut params, between);
        let chain = params.signed_by(&key, &self.issuer).unwrap().pem();
        let issuer = Issuer::new(params, key);
        let (mut params, key) = named("localhost", false);
        hours(&mut params, valid);
        let own = params.signed_by(&key, &issuer).unwrap().pem();
        Shown::new(&(own + &chain), &key)
    }
}

impl Shown {
    fn new(pem: &str, key: &KeyPair) -> Self {
        let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
            .map(Result::unwrap)
            .collect();
        let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        Self {
            config: Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap()),
        }
    }
}

/// Each connection is answered by the next of these, over and over.
fn behind_a_balancer(backends: Vec<Shown>, answer: String) -> String {
    let asked = AtomicUsize::new(0);
    let url = serve(move |stream| {
        let n = asked.fetch_add(1, Ordering::SeqCst);
        let connection = ServerConnection::new(backends[n % backends.len()].config.clone()).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let mut head = Vec::new();
        let mut byte = [0u8];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
            head.push(byte[0]);
        }
        let _ = stream.write_all(answer.as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    url.replace("http://127.0.0.1", "https://localhost")
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const LONG: u64 = 24 * 60;
const SHORT: u64 = 20;

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Moved\r\nLocation: {to}/\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn the_shortest_certificate_of_every_sample_hop_and_authority_counts() {
    let authority = Authority::new();
    let gate = Gate::new();
    gate.write("ca.pem", &authority.pem);
    let args = [
        "--ca-file=ca.pem",
        "--min-certificate-days=14",
        "--follow-redirects",
        "--watch=300ms",
    ];
    let run = |url: &str| smoke(&gate, url, &args);
    let good = behind_a_balancer(vec![authority.server(LONG)], OK.into());
    run(&good).code(0);
    let one_of_three = vec![authority.server(LONG), authority.server(SHORT), authority.server(LONG)];
    run(&behind_a_balancer(one_of_three, OK.into()))
        .code(1)
        .says("the certificate of localhost is valid for 0 more days");
    run(&behind_a_balancer(vec![authority.server(SHORT)], moved(&good)))
        .code(1)
        .says("the certificate of localhost is valid for 0 more days");
    run(&behind_a_balancer(
        vec![authority.server_of_another(LONG, SHORT)],
        OK.into(),
    ))
    .code(1)
    .says("an authority's certificate that localhost sends along is valid for 0 more days");
    run(&behind_a_balancer(
        vec![authority.server_of_another(LONG, LONG)],
        OK.into(),
    ))
    .code(0);
}

#[test]
fn a_redirect_that_leaves_tls_is_a_warning_unless_it_is_expected() {
    let authority = Authority::new();
    let gate = Gate::new();
    gate.write("ca.pem", &authority.pem);
    let plain = page("ok");
    let url = behind_a_balancer(vec![authority.server(LONG)], moved(&plain));
    smoke(&gate, &url, &["--ca-file=ca.pem", "--follow-redirects"])
        .code(0)
        .says("the rest is not encrypted")
        .says("Verdict: pass-weak");
    let expected = format!("--expect-redirect={plain}/");
    smoke(&gate, &url, &["--ca-file=ca.pem", &expected])
        .code(0)
        .never_says("not encrypted");
}
