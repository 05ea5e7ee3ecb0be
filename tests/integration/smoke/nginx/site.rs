//! A web server for many names, with certificates of its own.

use super::{Running, issue, openssl, program};
use crate::gate::Gate;
use crate::servers::free_port;
use crate::smoke::has;

/// A web server for many names, on a port for each way to speak with it.
pub struct Site {
    pub gate: Gate,
    pub plain: u16,
    pub tls: u16,
    pub mutual: u16,
    _running: Running,
}

impl Site {
    /// `None` without the programs it takes.
    pub fn new() -> Option<Self> {
        if !has("nginx") || !has("openssl") {
            return None;
        }
        let gate = Gate::new();
        let (plain, tls, mutual, dead) = (free_port(), free_port(), free_port(), free_port());
        issue(gate.root());
        // Another name and another authority, as before the right one is issued.
        openssl(
            gate.root(),
            "req -x509 -newkey rsa:2048 -nodes -keyout default.key -out default.pem -days 1 -subj /CN=default.invalid",
        );
        for (from, to) in [("default.pem", "live.pem"), ("default.key", "live.key")] {
            std::fs::copy(gate.path(from), gate.path(to)).unwrap();
        }
        openssl(
            gate.root(),
            "req -newkey rsa:2048 -nodes -keyout client.key -out client.csr -subj /CN=probe",
        );
        openssl(
            gate.root(),
            "x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out client.pem -days 30 -extfile san",
        );
        gate.write("html/index.html", "it works\n");
        let root = gate.root().display().to_string();
        let own = format!("ssl_certificate {root}/server.pem; ssl_certificate_key {root}/server.key;");
        gate.write(
            "nginx.conf",
            format!(
                "pid {root}/nginx.pid; error_log {root}/nginx-error.log; worker_processes 1; daemon off; user root;
                 events {{ worker_connections 64; }}
                 http {{
                   access_log off; client_body_temp_path {root}/t1; proxy_temp_path {root}/t2;
                   fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
                   limit_req_zone $server_name zone=one:1m rate=1r/s; limit_req_status 429;
                   server {{
                     listen 127.0.0.1:{plain} default_server; server_name _; return 404;
                   }}
                   server {{
                     listen 127.0.0.1:{plain}; server_name shop.example; root {root}/html;
                     location /limited {{
                       limit_req zone=one; error_page 429 @busy; try_files /index.html =404;
                     }}
                     location @busy {{ add_header Retry-After 1 always; return 429; }}
                     location /account {{ return 302 http://login.example:{plain}/form?from=$uri; }}
                     location /dead {{ proxy_pass http://127.0.0.1:{dead}; }}
                     location /broken {{ return 500; }}
                   }}
                   server {{
                     listen 127.0.0.1:{plain}; server_name login.example;
                     location /form {{ add_header X-Saw-Bypass \"<$http_x_bypass>\" always; return 200 'log in'; }}
                   }}
                   server {{
                     listen 127.0.0.1:{tls} ssl http2; server_name localhost; root {root}/html; {own}
                   }}
                   server {{
                     listen 127.0.0.1:{tls} ssl http2; server_name new.example; root {root}/html;
                     ssl_certificate {root}/live.pem; ssl_certificate_key {root}/live.key;
                   }}
                   server {{
                     listen 127.0.0.1:{mutual} ssl; server_name localhost; root {root}/html; {own}
                     ssl_client_certificate {root}/ca.pem; ssl_verify_client on;
                   }}
                 }}"
            ),
        );
        let start = format!("{} -p {root} -c {root}/nginx.conf -e {root}/nginx-error.log", program());
        Some(Self {
            _running: Running::new(&start, plain),
            gate,
            plain,
            tls,
            mutual,
        })
    }

    /// Probes a virtual host over plain HTTP. The other host is known, too.
    pub fn plain(&self, gate: &Gate, place: &str, more: &[&str]) -> i32 {
        let (name, path) = place.split_once('/').unwrap();
        let url = format!("http://{name}:{}/{path}", self.plain);
        let mut args = vec!["smoke".to_owned(), url, "--interval=50ms".to_owned()];
        for name in ["shop.example", "login.example", "other.example"] {
            args.push(format!("--resolve={name}:{}:127.0.0.1", self.plain));
        }
        if !more.iter().any(|arg| arg.starts_with("--within")) {
            args.push("--within=300ms".to_owned());
        }
        args.extend(more.iter().map(|arg| (*arg).replace("PORT", &self.plain.to_string())));
        gate.run(args).output.status.code().unwrap()
    }

    pub fn file(&self, name: &str) -> String {
        self.gate.path(name).display().to_string()
    }
}
