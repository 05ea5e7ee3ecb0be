//! What the action is pointed at: small servers on loopback.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An HTTP server that answers 200 to everything, until the process ends. Answers with its port.
pub fn http() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    port
}

fn answer(mut stream: TcpStream) {
    let mut request = Vec::new();
    let mut part = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(n) => request.extend_from_slice(&part[..n]),
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
}

/// A name server that knows one name.
pub struct NameServer {
    address: &'static str,
}

impl NameServer {
    /// resolv.conf knows no ports, so it needs port 53, on an address of this machine's that nobody else uses.
    pub fn answering(name: &str) -> io::Result<Self> {
        let address = "127.0.53.53";
        let socket = UdpSocket::bind((address, 53))?;
        let name = name.to_owned();
        std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                if let Some(reply) = reply(&packet[..length], &name) {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Ok(Self { address })
    }

    pub fn resolv_conf(&self) -> String {
        format!("nameserver {}\noptions timeout:1 attempts:1\n", self.address)
    }
}

/// The answer to a query (RFC 1035, section 4.1): 127.0.0.1 for the one name, no such name for others.
fn reply(query: &[u8], known: &str) -> Option<Vec<u8>> {
    let mut at = 12;
    let mut labels = Vec::new();
    while *query.get(at)? != 0 {
        let length = usize::from(query[at]);
        labels.push(String::from_utf8_lossy(query.get(at + 1..at + 1 + length)?).to_lowercase());
        at += 1 + length;
    }
    let question = query.get(12..at + 5)?;
    let is_known = labels.join(".") == known;
    let is_ipv4 = question.ends_with(&[0, 1, 0, 1]);
    let code = if is_known { 0 } else { 3 };
    let answers = u8::from(is_known && is_ipv4);
    let mut reply = query[..2].to_vec();
    // A response, recursion available; one question, the answers, nothing else.
    reply.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
    reply.extend(question);
    if answers == 1 {
        // The name is that of the question; type A, class IN, 60 s, four bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    Some(reply)
}

/// A certificate authority nobody knows, and a certificate of it for this machine.
pub struct Authority {
    folder: tempfile::TempDir,
}

impl Authority {
    pub fn new() -> io::Result<Self> {
        let authority = Self {
            folder: tempfile::tempdir()?,
        };
        fs::write(
            authority.folder.path().join("leaf.ext"),
            "subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n",
        )?;
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        for line in [
            &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=Unknown -days 2"),
            &format!("req {key} -keyout leaf.key -out leaf.csr -subj /CN=localhost"),
            "x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out leaf.pem -days 2 -extfile leaf.ext",
        ] {
            let output = authority.openssl(line).output()?;
            if !output.status.success() {
                return Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
            }
        }
        Ok(authority)
    }

    pub fn certificate(&self) -> String {
        fs::read_to_string(self.folder.path().join("ca.pem")).unwrap()
    }

    fn openssl(&self, line: &str) -> Command {
        let mut command = Command::new("openssl");
        command.args(line.split(' ')).current_dir(self.folder.path());
        command.stdin(Stdio::null());
        command
    }
}

/// An HTTPS server that answers 200.
pub struct Tls {
    process: Child,
    pub port: u16,
}

impl Tls {
    pub fn start(authority: &Authority) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let line = format!("s_server -accept {free} -cert leaf.pem -key leaf.key -www -quiet");
        let mut command = authority.openssl(&line);
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "openssl s_server does not listen"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        Self {
            process,
            port: free.port(),
        }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
