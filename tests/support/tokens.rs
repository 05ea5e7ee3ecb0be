//! Issues tokens for a registry, as its configuration `auth: token` expects them (the distribution project's "Token
//! Authentication Specification"): a JWT that is signed with RS256 and carries its certificate.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use url::Url;

use crate::registry::{PASSWORD, USER};
use crate::servers::{read_head, serve};

pub const SERVICE: &str = "registry.test";
pub const ISSUER: &str = "tokens.test";
/// Who is known, and may pull nothing.
pub const GUEST: &str = "guest";
/// Whose tokens are no longer valid.
pub const LATE: &str = "late";

/// Starts one that keeps its key in `folder`. Answers with its address and the certificate.
pub fn start(folder: &Path) -> (String, PathBuf) {
    let (key, certificate) = (folder.join("token.key"), folder.join("token.pem"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=tokens.test",
        ])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let pem = fs::read_to_string(&certificate).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let address = serve(move |mut stream| {
        let head = read_head(&mut stream);
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let url = Url::parse("http://x").unwrap().join(&path).unwrap();
        let (status, body) = match user(&head) {
            // Without credentials there is a token, too, which allows nothing.
            Ok(user) => (
                200,
                json!({"token": token(&url, user.as_deref(), &key, &der)}).to_string(),
            ),
            Err(()) => (401, json!({"errors": [{"code": "UNAUTHORIZED"}]}).to_string()),
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    });
    (address, certificate)
}

/// Who asks, if the password is right.
fn user(head: &str) -> Result<Option<String>, ()> {
    let basic = head.lines().find_map(|line| {
        line.to_ascii_lowercase()
            .starts_with("authorization: basic ")
            .then(|| &line[21..])
    });
    let Some(basic) = basic else { return Ok(None) };
    let pair = String::from_utf8(STANDARD.decode(basic.trim()).map_err(|_| ())?).map_err(|_| ())?;
    match pair.split_once(':') {
        Some((user @ (USER | GUEST | LATE), PASSWORD)) => Ok(Some(user.to_owned())),
        _ => Err(()),
    }
}

fn token(url: &Url, user: Option<&str>, key: &Path, certificate: &str) -> String {
    let asked = |name: &str| -> Vec<String> {
        let pairs = url.query_pairs().filter(|(known, _)| known == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    assert_eq!(asked("service"), [SERVICE], "{url}");
    let mut access = Vec::new();
    for scope in asked("scope") {
        let parts: Vec<&str> = scope.split(':').collect();
        let [kind, name, actions] = parts.as_slice() else {
            panic!("the scope {scope} is none");
        };
        if matches!(user, Some(USER | LATE)) {
            let actions: Vec<&str> = actions.split(',').collect();
            access.push(json!({"type": kind, "name": name, "actions": actions}));
        }
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let until = if user == Some(LATE) { now - 600 } else { now + 300 };
    let encoded = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = encoded(json!({"alg": "RS256", "typ": "JWT", "x5c": [certificate]}));
    let claims = encoded(json!({
        "iss": ISSUER, "sub": user.unwrap_or(""), "aud": SERVICE, "exp": until, "nbf": now - 900, "iat": now - 900,
        "jti": format!("{now}-{}", url.as_str().len()), "access": access,
    }));
    let signed = format!("{header}.{claims}");
    let mut openssl = Command::new("openssl")
        .args(["dgst", "-sha256", "-sign"])
        .arg(key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    let signature = openssl.wait_with_output().unwrap().stdout;
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}
