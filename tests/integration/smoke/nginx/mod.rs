//! `smoke` against a real nginx: virtual hosts' answers, a dead upstream, TLS with an authority of its own.

mod certificates;
mod hosts;
mod site;

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command};

use super::has;
use crate::gate::Gate;
use crate::servers::{eventually, free_port};

fn openssl(folder: &Path, args: &str) {
    let output = Command::new("openssl")
        .args(args.split(' '))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "openssl {args}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority, and a certificate for `localhost` that it signed.
fn issue(folder: &Path) {
    openssl(
        folder,
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=test-authority",
    );
    openssl(
        folder,
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
    );
    std::fs::write(folder.join("san"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n").unwrap();
    openssl(
        folder,
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 30 -extfile san",
    );
}

fn one_host(gate: &Gate, plain: u16, tls: u16, dead: u16) -> String {
    let root = gate.root().display().to_string();
    gate.write("html/index.html", "it works\n");
    gate.write(
        "nginx.conf",
        format!(
            "pid {root}/nginx.pid; error_log {root}/nginx-error.log; worker_processes 1; daemon off; user root;
             events {{ worker_connections 64; }}
             http {{
               access_log off; client_body_temp_path {root}/t1; proxy_temp_path {root}/t2;
               fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
               server {{
                 listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2; root {root}/html;
                 ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;
                 location /dead {{ proxy_pass http://127.0.0.1:{dead}; }}
                 location /moved {{ return 301 /; }}
                 location /login {{ return 401; }}
               }}
             }}"
        ),
    );
    format!("{} -p {root} -c {root}/nginx.conf -e {root}/nginx-error.log", program())
}

/// Debian keeps it where only root looks.
fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() {
        "/usr/sbin/nginx"
    } else {
        "nginx"
    }
}

/// An nginx that the test itself runs, so that a slow start does not count.
struct Running(Child);

impl Running {
    fn new(start: &str, port: u16) -> Self {
        let mut words = start.split(' ');
        let child = Command::new(words.next().unwrap()).args(words).spawn().unwrap();
        eventually("nginx accepts connections", || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self(child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The master ends its workers when it is asked to, not when it is killed.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_web_server_is_started_probed_and_stopped() {
    if !has("nginx") || !has("openssl") {
        return;
    }
    let (plain, tls, dead) = (free_port(), free_port(), free_port());
    let gate = Gate::new();
    issue(gate.root());
    let start = one_host(&gate, plain, tls, dead);
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{plain}"),
        "--expect-body=^it works",
        "--interval=50ms",
        "--start",
        &start,
    ])
    .code(0);
    // It renames its processes, so they are known by what they hold: the master and each worker have the socket.
    assert!(TcpStream::connect(("127.0.0.1", plain)).is_err(), "something is left");
    let _running = Running::new(&start, plain);
    for (path, reason) in [
        ("/dead", "gateway-5xx"),
        ("/moved", "redirect"),
        ("/login", "auth-wall"),
        ("/no", "status-4xx"),
    ] {
        gate.run(["smoke", &format!("http://127.0.0.1:{plain}{path}"), "--within=400ms"])
            .code(1)
            .says(&format!("[app: {reason}]"));
    }
    gate.run([
        "smoke",
        &format!("http://127.0.0.1:{plain}/moved"),
        "--follow-redirects",
    ])
    .code(0);
}

/// D12: wait-on 9.5.1 accepts the certificate without a word.
#[test]
fn an_unknown_authority_is_refused_and_a_named_one_is_not() {
    if !has("nginx") || !has("openssl") {
        return;
    }
    let (plain, tls, dead) = (free_port(), free_port(), free_port());
    let gate = Gate::new();
    issue(gate.root());
    let start = one_host(&gate, plain, tls, dead);
    let url = format!("https://localhost:{tls}");
    let _running = Running::new(&start, plain);
    let args = ["smoke", &url, "--within=400ms", "--interval=100ms"];
    gate.run(args)
        .code(1)
        .says("[app: tls]")
        .says("not signed by a known authority");
    let mut trusting = gate.command(args);
    let output = trusting.env("SSL_CERT_FILE", gate.path("ca.pem")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut broken = gate.command(args);
    let output = broken.env("SSL_CERT_FILE", gate.path("nginx.conf")).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(4),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("SSL_CERT_FILE"));
}
