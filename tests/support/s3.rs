//! A stand-in for an S3-compatible store that refuses what a strict one refuses: it verifies each signature by itself, takes
//! objects only on condition that nothing is there and with the checksum of what arrives, and knows which headers it may get.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::aws::{KEY_ID, SECRET_KEY, SESSION_TOKEN, hmac};
use crate::platform::Request;
use crate::servers::serve;

pub const REGION: &str = "eu-west-1";
pub const BUCKET: &str = "proof";
const PART: usize = 5 << 20;

/// What goes wrong with a request.
#[derive(Clone, Copy)]
pub enum Fault {
    /// It is answered with this status, these headers and this body, and has no effect.
    Answer(u16, &'static str, &'static str),
    /// It has its effect, and the answer is lost.
    Lost,
    /// Somebody else's object is there before it.
    Taken,
    /// It is taken without a lock.
    Unlocked,
    /// Half of the answer arrives.
    Cut,
    /// Another object of this length is there.
    Replaced(usize),
}

#[derive(Clone, Default)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub headers: BTreeMap<String, String>,
    checksum: String,
    etag: String,
    version: String,
}

type Upload = (BTreeMap<String, String>, BTreeMap<usize, Vec<u8>>);

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    /// The headers that describe the object, and the parts.
    uploads: BTreeMap<String, Upload>,
    asked: Vec<String>,
}

pub struct S3 {
    pub address: String,
    state: Arc<Mutex<State>>,
}

type Answer = (u16, Vec<(&'static str, String)>, Vec<u8>);

impl S3 {
    /// `fault` is asked for each request, by what it asks for and how often that came before.
    pub fn start(fault: impl Fn(&str, usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let own = Arc::clone(&state);
        let address = serve(move |mut stream| {
            let request = Request::read(&mut stream);
            let what = what(&request);
            let before = {
                let mut state = own.lock().unwrap();
                state.asked.push(what.to_owned());
                state.asked.iter().filter(|asked| *asked == what).count() - 1
            };
            // Outside of the lock: it may wait.
            let fault = fault(what, before);
            let mut state = own.lock().unwrap();
            let answer = match fault {
                Some(Fault::Answer(status, headers, body)) => {
                    let body = (body.as_bytes(), body.len());
                    return send(&mut stream, request.method == "HEAD", status, headers, body);
                }
                Some(Fault::Lost) => {
                    act(&mut state, &request, what, false);
                    return;
                }
                Some(Fault::Taken) => {
                    let key = request.target.split('?').next().unwrap().to_owned();
                    state.objects.insert(key, Object::default());
                    act(&mut state, &request, what, false)
                }
                Some(Fault::Replaced(length)) => {
                    let key = request.target.clone();
                    state.objects.get_mut(&key).unwrap().bytes = vec![b'x'; length];
                    act(&mut state, &request, what, false)
                }
                other => act(&mut state, &request, what, matches!(other, Some(Fault::Unlocked))),
            };
            let (status, headers, body) = answer;
            let sent = match fault {
                Some(Fault::Cut) => body.len() / 2,
                _ => body.len(),
            };
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let is_head = request.method == "HEAD";
            send(&mut stream, is_head, status, &headers, (&body[..sent], body.len()));
        });
        Self { address, state }
    }

    pub fn env(&self) -> [(&str, &str); 5] {
        [
            ("AWS_ACCESS_KEY_ID", KEY_ID),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
            ("AWS_SESSION_TOKEN", SESSION_TOKEN),
            ("AWS_REGION", REGION),
            ("AWS_ENDPOINT_URL_S3", &self.address),
        ]
    }

    pub fn keys(&self) -> Vec<String> {
        self.state.lock().unwrap().objects.keys().cloned().collect()
    }

    pub fn object(&self, key: &str) -> Object {
        self.state.lock().unwrap().objects[key].clone()
    }

    /// As what writes objects without a hash of their own leaves one.
    pub fn forget_hash(&self, key: &str) {
        let mut state = self.state.lock().unwrap();
        state.objects.get_mut(key).unwrap().headers.remove("x-amz-meta-sha256");
    }

    /// Uploads that neither ended nor were aborted.
    pub fn open_uploads(&self) -> usize {
        self.state.lock().unwrap().uploads.len()
    }

    pub fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }
}

/// `length` is what is said of the body.
fn send(stream: &mut TcpStream, is_head: bool, status: u16, headers: &str, (body, length): (&[u8], usize)) {
    // That of a head is the object's, which it names itself.
    let length = match is_head {
        true => String::new(),
        false => format!("Content-Length: {length}\r\n"),
    };
    let body = if is_head { &[] } else { body };
    let head = format!("HTTP/1.1 {status} X\r\n{length}{headers}Connection: close\r\n\r\n");
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
}

fn what(request: &Request) -> &'static str {
    let (_, query) = request.target.split_once('?').unwrap_or_default();
    match (request.method.as_str(), query) {
        ("HEAD", "") => "head",
        ("PUT", "") => "put",
        ("POST", "uploads=") => "create",
        ("GET", "retention=") => "retention",
        ("GET", "") => "get",
        ("PUT", query) if query.contains("partNumber=") => "part",
        ("POST", query) if query.starts_with("uploadId=") => "complete",
        ("DELETE", query) if query.starts_with("uploadId=") => "abort",
        _ => "other",
    }
}

fn error(status: u16, code: &str) -> Answer {
    (
        status,
        Vec::new(),
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>").into(),
    )
}

fn act(state: &mut State, request: &Request, what: &str, unlocked: bool) -> Answer {
    if let Err(code) = verify(request, what) {
        return error(403, code);
    }
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let path = path.to_owned();
    if !path.starts_with(&format!("/{BUCKET}/")) {
        return error(404, "NoSuchBucket");
    }
    let query: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let sum = STANDARD.encode(Sha256::digest(&request.body));
    let conditional = header("if-none-match") == "*";
    let described = || {
        let mut headers = request.headers.clone();
        headers.retain(|name, _| {
            name.starts_with("x-amz-meta-") || name.starts_with("x-amz-object-lock-") || name == "content-type"
        });
        if unlocked {
            headers.retain(|name, _| !name.contains("lock"));
        }
        headers
    };
    match what {
        "head" | "get" | "retention" => {
            let Some(object) = state.objects.get(&path) else {
                return error(404, "NoSuchKey");
            };
            let of = |name: &str| object.headers.get(name).cloned();
            let (mode, until) = (of("x-amz-object-lock-mode"), of("x-amz-object-lock-retain-until-date"));
            if what == "retention" {
                return match (mode, until) {
                    (Some(mode), Some(until)) => {
                        let of = format!("<Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate>");
                        (200, Vec::new(), format!("<Retention>{of}</Retention>").into())
                    }
                    _ => error(404, "NoSuchObjectLockConfiguration"),
                };
            }
            let recorded = of("x-amz-meta-sha256").map(|sha256| ("x-amz-meta-sha256", sha256));
            if what == "get" {
                return (200, recorded.into_iter().collect(), object.bytes.clone());
            }
            let mut headers = vec![
                ("Content-Length", object.bytes.len().to_string()),
                ("ETag", object.etag.clone()),
                ("x-amz-version-id", object.version.clone()),
            ];
            if header("x-amz-checksum-mode") == "ENABLED" {
                headers.push(("x-amz-checksum-sha256", object.checksum.clone()));
            }
            headers.extend(recorded);
            headers.extend(mode.map(|mode| ("x-amz-object-lock-mode", mode)));
            headers.extend(until.map(|until| ("x-amz-object-lock-retain-until-date", until)));
            (200, headers, Vec::new())
        }
        "put" => {
            if !conditional || header("x-amz-checksum-sha256") != sum {
                return error(400, "BadDigest");
            }
            put(state, path, request.body.clone(), described(), sum)
        }
        "create" => {
            if header("x-amz-checksum-algorithm") != "SHA256" || !request.body.is_empty() {
                return error(400, "InvalidRequest");
            }
            // With characters that have to be encoded.
            let id = format!("up/load+{}==", state.uploads.len());
            state.uploads.insert(id.clone(), (described(), BTreeMap::new()));
            (
                200,
                Vec::new(),
                format!("<R><Bucket>{BUCKET}</Bucket><UploadId>{id}</UploadId></R>").into(),
            )
        }
        "part" => {
            let Some((_, parts)) = state.uploads.get_mut(&query["uploadId"]) else {
                return error(404, "NoSuchUpload");
            };
            if header("x-amz-checksum-sha256") != sum {
                return error(400, "BadDigest");
            }
            parts.insert(query["partNumber"].parse().unwrap(), request.body.clone());
            (200, vec![("ETag", etag(&request.body))], Vec::new())
        }
        "abort" => {
            state.uploads.remove(&query["uploadId"]);
            (204, Vec::new(), Vec::new())
        }
        "complete" => {
            let Some((described, parts)) = state.uploads.get(&query["uploadId"]).cloned() else {
                return error(404, "NoSuchUpload");
            };
            let listed: String = (parts.iter())
                .map(|(number, part)| {
                    let (tag, sum) = (etag(part), STANDARD.encode(Sha256::digest(part)));
                    format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag><ChecksumSHA256>{sum}</ChecksumSHA256></Part>")
                })
                .collect();
            let body = String::from_utf8(request.body.clone()).unwrap();
            if !conditional || !body.contains(&listed) || body.matches("<Part>").count() != parts.len() {
                return error(400, "InvalidPart");
            }
            if parts.values().rev().skip(1).any(|part| part.len() < PART) || !parts.keys().copied().eq(1..=parts.len())
            {
                return error(400, "EntityTooSmall");
            }
            let of_parts: Vec<u8> = parts.values().flat_map(|part| Sha256::digest(part).to_vec()).collect();
            let sum = format!("{}-{}", STANDARD.encode(Sha256::digest(of_parts)), parts.len());
            let answer = put(state, path, parts.into_values().flatten().collect(), described, sum);
            if answer.0 == 200 {
                state.uploads.remove(&query["uploadId"]);
            }
            answer
        }
        _ => error(405, "MethodNotAllowed"),
    }
}

fn put(state: &mut State, path: String, bytes: Vec<u8>, headers: BTreeMap<String, String>, checksum: String) -> Answer {
    if state.objects.contains_key(&path) {
        return error(412, "PreconditionFailed");
    }
    let (etag, version) = (etag(&bytes), format!("v{}", state.objects.len()));
    let said = vec![("ETag", etag.clone()), ("x-amz-version-id", version.clone())];
    let object = Object {
        bytes,
        headers,
        checksum,
        etag,
        version,
    };
    state.objects.insert(path, object);
    (200, said, Vec::new())
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &hex::encode(Sha256::digest(bytes))[..32])
}

fn verify(request: &Request, what: &str) -> Result<(), &'static str> {
    const ALLOWED: [&str; 18] = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
        "if-none-match",
        "user-agent",
        "x-amz-checksum-algorithm",
        "x-amz-checksum-mode",
        "x-amz-checksum-sha256",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-meta-sha256",
        "x-amz-object-lock-mode",
        "x-amz-object-lock-retain-until-date",
        "x-amz-security-token",
        "accept-encoding",
        "connection",
    ];
    if request.headers.keys().any(|name| !ALLOWED.contains(&name.as_str())) {
        return Err("UnexpectedHeader");
    }
    if request.headers.get("x-amz-content-sha256") != Some(&hex::encode(Sha256::digest(&request.body))) {
        return Err("XAmzContentSHA256Mismatch");
    }
    if matches!(what, "put" | "part" | "create" | "complete") && !request.headers.contains_key("content-length") {
        return Err("MissingContentLength");
    }
    let authorization = request.headers.get("authorization").ok_or("MissingSecurityHeader")?;
    let fields: BTreeMap<&str, &str> = (authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or("InvalidRequest")?
        .split(", "))
    .filter_map(|field| field.split_once('='))
    .collect();
    let at = &request.headers["x-amz-date"];
    if fields["Credential"] != format!("{KEY_ID}/{}/{REGION}/s3/aws4_request", &at[..8]) {
        return Err("InvalidAccessKeyId");
    }
    if request.headers.get("x-amz-security-token").map(String::as_str) != Some(SESSION_TOKEN) {
        return Err("InvalidToken");
    }
    let names: Vec<&str> = fields["SignedHeaders"].split(';').collect();
    let must = |name: &String| name == "host" || name.starts_with("x-amz-");
    if request
        .headers
        .keys()
        .filter(|name| must(name))
        .any(|name| !names.contains(&name.as_str()))
    {
        return Err("AccessDenied");
    }
    match fields["Signature"]
        == signature(
            &request.method,
            &request.target,
            &request.headers,
            &names,
            SECRET_KEY,
            REGION,
        ) {
        true => Ok(()),
        false => Err("SignatureDoesNotMatch"),
    }
}

/// The query is decoded and encoded again, as a server does it.
fn signature(
    method: &str,
    target: &str,
    headers: &BTreeMap<String, String>,
    names: &[&str],
    secret: &str,
    region: &str,
) -> String {
    let encode = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        text.bytes()
            .map(|b| {
                if plain(b) {
                    char::from(b).to_string()
                } else {
                    format!("%{b:02X}")
                }
            })
            .collect::<String>()
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs: BTreeMap<String, String> = url::form_urlencoded::parse(query.replace('+', "%2B").as_bytes())
        .into_owned()
        .collect();
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect();
    let lines: String = names
        .iter()
        .map(|name| format!("{name}:{}\n", headers[*name]))
        .collect();
    let (at, body) = (&headers["x-amz-date"], &headers["x-amz-content-sha256"]);
    let canonical = format!(
        "{method}\n{path}\n{}\n{lines}\n{}\n{body}",
        pairs.join("&"),
        names.join(";")
    );
    let scope = format!("{}/{region}/s3/aws4_request", &at[..8]);
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part.as_bytes());
    }
    let digest = hex::encode(Sha256::digest(canonical));
    hex::encode(hmac(
        &key,
        format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}").as_bytes(),
    ))
}

/// Who asks a real store.
pub struct Client<'a> {
    pub address: &'a str,
    pub key_id: &'a str,
    pub secret: &'a str,
}

impl Client<'_> {
    /// The status and the body.
    pub fn ask(&self, method: &str, target: &str, more: &[(&str, &str)]) -> (u16, Vec<u8>) {
        let host = self.address.trim_start_matches("http://");
        let at = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let empty = hex::encode(Sha256::digest(b""));
        let mut headers: BTreeMap<String, String> =
            [("host", host), ("x-amz-date", &at), ("x-amz-content-sha256", &empty)]
                .iter()
                .chain(more)
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect();
        let names: Vec<String> = headers.keys().cloned().collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let signature = signature(method, target, &headers, &names, self.secret, "us-east-1");
        let (day, names) = (&at[..8], names.join(";"));
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{day}/us-east-1/s3/aws4_request, SignedHeaders={names}, Signature={signature}",
            self.key_id
        );
        headers.insert("authorization".to_owned(), value);
        let lines: String = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "{method} {target} HTTP/1.1\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = memchr::memmem::find(&answer, b"\r\n\r\n").unwrap();
        let status = String::from_utf8_lossy(&answer[9..12]).parse().unwrap();
        (status, answer[end + 4..].to_vec())
    }
}
