//! Somebody who types what the help and the documents say: a repository with releases, stageproof on the PATH, and
//! `https://staging.example.com`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::repo::Repo;
use crate::servers::{free_port, read_head, serve};

const HEALTHY: &str = "HTTP/1.1 200 OK\r\nContent-Length: 15\r\nConnection: close\r\n\r\n{\"status\":\"ok\"}";
const MISSING: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

pub struct Newcomer {
    repo: Repo,
    pub env: Vec<(&'static str, String)>,
}

impl Newcomer {
    pub fn new() -> Self {
        let repo = Repo::with_releases();
        let (proxy, certificate) = staging();
        let authorities = repo.outside("staging.pem");
        fs::write(&authorities, certificate).unwrap();
        let env = vec![
            ("STAGING_URL", "https://staging.example.com".to_owned()),
            ("HTTPS_PROXY", proxy),
            ("SSL_CERT_FILE", authorities.display().to_string()),
        ];
        let newcomer = Self { repo, env };
        newcomer.write("dist/app.js", "ok");
        newcomer.write("releases/previous", "v1");
        newcomer.write("test-results/a.xml", "<testsuite/>");
        newcomer.write("build.sh", "#!/bin/sh\necho built\n");
        newcomer.write("deploy.sh", "#!/bin/sh\necho deployed to \"$1\"\n");
        newcomer
    }

    pub fn home(&self) -> &Path {
        self.repo.root()
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.home().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// As a person types it, in a shell. A server that it starts is on a free port.
    pub fn types(&self, lines: &str) -> Output {
        let mut lines = lines.to_owned();
        for port in ["8080", "3000"] {
            if lines.contains(port) {
                lines = lines.replace(port, &free_port().to_string());
            }
        }
        let binary = assert_cmd::cargo::cargo_bin!("stageproof");
        let folders = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let path = std::env::join_paths([binary.parent().unwrap().to_owned()].into_iter().chain(folders));
        let mut shell = Command::new("sh");
        shell.args(["-ec", &lines]).current_dir(self.home()).env_clear();
        shell.env("PATH", path.unwrap()).env("HOME", self.home());
        shell.envs(self.env.iter().map(|(name, value)| (name, value)));
        shell.output().unwrap()
    }
}

/// A host of a name that does not exist: a proxy that answers for it, and the certificate by which to trust it.
fn staging() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["staging.example.com".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let proxy = serve(move |mut stream| {
        let connect = read_head(&mut stream);
        assert!(connect.starts_with("CONNECT staging.example.com:443 "), "{connect}");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        let mut stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
        let mut head = [0; 4096];
        let read = stream.read(&mut head).unwrap_or(0);
        let missing = String::from_utf8_lossy(&head[..read]).contains("/no-such-page");
        let _ = stream.write_all(if missing { MISSING } else { HEALTHY }.as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    });
    (proxy, made.cert.pem())
}
