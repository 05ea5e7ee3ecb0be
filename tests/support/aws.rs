//! A stand-in for services of AWS: it verifies the signature of each request by itself, and holds requests and answers to the
//! shapes of the API (`aws.json`, taken from the models in botocore 1.44, Apache-2.0).

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock, Mutex};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::servers::{read_head, serve};
use crate::shapes::{Shapes, misfit};

pub const KEY_ID: &str = "ASIAEXAMPLEKEY";
pub const SECRET_KEY: &str = "secret/key+of-the-test";
pub const SESSION_TOKEN: &str = "session/token+of-the-test==";
pub const REGION: &str = "eu-west-1";

const TARGETS: [(&str, &str); 2] = [
    ("AmazonEC2ContainerServiceV20141113.", "ecs"),
    ("AmazonEC2ContainerRegistry_V20150921.", "ecr"),
];

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| serde_json::from_str(include_str!("aws.json")).unwrap());

pub type Answer = Result<Value, (u16, &'static str)>;

pub struct Standing {
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Standing {
    /// What was asked, with the namespace of the service.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// `answer` is asked with the name of the action and its input; an error is a status and a name.
pub fn start(answer: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Standing {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = Arc::clone(&asked);
    let address = serve(move |mut stream| {
        let head = read_head(&mut stream);
        let headers: BTreeMap<String, String> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        let (status, body) = match take(&head, &headers, &body) {
            Ok((target, action, input)) => {
                kept.lock().unwrap().push(target);
                match answer(&action, &input) {
                    Ok(output) => {
                        let wrong = misfit(&SHAPES, &output, &format!("{action}Response"), "the answer");
                        assert_eq!(wrong, None, "the stand-in answers what the API cannot");
                        (200, output)
                    }
                    Err((status, code)) => (status, json!({"__type": code, "message": "refused"})),
                }
            }
            Err((code, why)) => (400, json!({"__type": code, "message": why})),
        };
        let text = body.to_string();
        let _ = write!(
            stream,
            "HTTP/1.1 {status} X\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
    });
    Standing { address, asked }
}

/// The target, the action and the input, or the error that the service would answer with.
fn take(
    head: &str,
    headers: &BTreeMap<String, String>,
    body: &[u8],
) -> Result<(String, String, Value), (&'static str, String)> {
    let header = |name: &str| headers.get(name).map(String::as_str).unwrap_or_default();
    if !head.starts_with("POST / HTTP/1.1\r\n") || header("content-type") != "application/x-amz-json-1.1" {
        return Err(("UnknownOperationException", head.to_owned()));
    }
    let target = header("x-amz-target");
    let found = TARGETS
        .iter()
        .find_map(|(prefix, service)| Some((target.strip_prefix(prefix)?, *service)));
    let (action, service) = found.ok_or(("UnknownOperationException", target.to_owned()))?;
    verify(headers, body, service)?;
    let input: Value = serde_json::from_slice(body).map_err(|error| ("SerializationException", error.to_string()))?;
    match misfit(&SHAPES, &input, &format!("{action}Request"), "the input") {
        Some(wrong) => Err(("InvalidParameterException", wrong)),
        None => Ok((target.to_owned(), action.to_owned(), input)),
    }
}

fn verify(headers: &BTreeMap<String, String>, body: &[u8], service: &str) -> Result<(), (&'static str, String)> {
    let no = |code: &'static str, why: &str| Err((code, why.to_owned()));
    let Some(authorization) = headers.get("authorization") else {
        return no("MissingAuthenticationTokenException", "no Authorization");
    };
    let fields: BTreeMap<&str, &str> = authorization
        .trim_start_matches("AWS4-HMAC-SHA256 ")
        .split(", ")
        .filter_map(|field| field.split_once('='))
        .collect();
    let at = &headers["x-amz-date"];
    let sent = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", at).unwrap();
    let sent = sent.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    if (jiff::Timestamp::now().as_second() - sent.as_second()).abs() > 300 {
        return no("InvalidSignatureException", "Signature expired");
    }
    let scope = format!("{}/{REGION}/{service}/aws4_request", &at[..8]);
    if fields["Credential"] != format!("{KEY_ID}/{scope}")
        || headers.get("x-amz-security-token").map(String::as_str) != Some(SESSION_TOKEN)
    {
        return no(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        );
    }
    let names: Vec<&str> = fields["SignedHeaders"].split(';').collect();
    for needed in [
        "content-type",
        "host",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-target",
    ] {
        if !names.contains(&needed) {
            return no("InvalidSignatureException", needed);
        }
    }
    let mut canonical = "POST\n/\n\n".to_owned();
    for name in &names {
        canonical.push_str(&format!("{name}:{}\n", headers[*name]));
    }
    canonical.push_str(&format!("\n{}\n{}", names.join(";"), hex::encode(Sha256::digest(body))));
    let digest = hex::encode(Sha256::digest(canonical));
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for part in scope.split('/') {
        key = hmac(&key, part.as_bytes());
    }
    let signature = hmac(&key, format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{digest}").as_bytes());
    if fields["Signature"] == hex::encode(signature) {
        Ok(())
    } else {
        no("InvalidSignatureException", "the signatures differ")
    }
}

/// RFC 2104, so that it is not the same code on both sides. Keys are shorter than a block.
pub fn hmac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    Sha256::new()
        .chain_update(padded(0x5c))
        .chain_update(inner)
        .finalize()
        .to_vec()
}
