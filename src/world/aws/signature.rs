//! AWS Signature Version 4, in the headers of a request.
//!
//! Source: "Create a signed AWS API request" (AWS General Reference); compared with `SigV4Auth` of botocore 1.44.

use hmac::{Hmac, Mac as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use sha2::Sha256;
use url::Url;

use super::Credentials;
use crate::world::Clock;
use crate::world::calls::{Sign, Unsigned};
use crate::world::hash::Hashed;
use crate::world::http::Header;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// Signs the hash of the body as a header, too.
const S3: &str = "s3";

/// Signs as who has these credentials, for one service in one region.
pub struct Signer {
    pub credentials: Credentials,
    pub region: String,
    /// As it is called in the scope of a signature: `ecs`.
    pub service: &'static str,
}

impl Sign for Signer {
    fn sign(&self, request: Unsigned<'_>) -> Option<Vec<Header>> {
        self.sign_at(request, Clock::default().now())
    }
}

impl Signer {
    fn sign_at(&self, request: Unsigned<'_>, now: Timestamp) -> Option<Vec<Header>> {
        let query = canonical_query(request.url)?;
        let at = now.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = at.get(..8)?;
        let mut added = vec![Header::new("X-Amz-Date", &at, false).ok()?];
        if let Some(token) = &self.credentials.session_token {
            added.push(Header::new("X-Amz-Security-Token", token.reveal(), true).ok()?);
        }
        let body = hex::encode(Hashed::of(request.body).sha256);
        if self.service == S3 {
            added.push(Header::new("x-amz-content-sha256", &body, false).ok()?);
        }
        let host = match (request.url.host_str()?, request.url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let mut signed: Vec<(String, String)> = (request.headers.iter().chain(&added))
            .map(|header| (header.name.to_ascii_lowercase(), trimmed(&header.value)))
            .chain([("host".to_owned(), host)])
            .collect();
        signed.sort();
        let names: Vec<&str> = signed.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let headers: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = [request.method, request.url.path(), &query, &headers, &names, &body].join("\n");
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let digest = hex::encode(Hashed::of(canonical.as_bytes()).sha256);
        let to_sign = format!("{ALGORITHM}\n{at}\n{scope}\n{digest}");
        let secret = format!("AWS4{}", self.credentials.secret_key.reveal());
        let key = [day, &self.region, self.service, "aws4_request"]
            .iter()
            .try_fold(secret.into_bytes(), |key, part| hmac(&key, part))?;
        let signature = hex::encode(hmac(&key, &to_sign)?);
        let id = &self.credentials.key_id;
        let value = format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}");
        added.push(Header::new("Authorization", &value, true).ok()?);
        Some(added)
    }
}

fn hmac(key: &[u8], text: &str) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(text.as_bytes());
    Some(mac.finalize().into_bytes().to_vec())
}

/// The parameters in their order. `None` if the URL is not yet encoded as it is signed: others encode it another way.
fn canonical_query(url: &Url) -> Option<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%');
    let query = url.query().unwrap_or_default();
    let is_plain = |text: &str, more: &[u8]| text.bytes().all(|b| plain(b) || more.contains(&b));
    if !is_plain(query, b"&=") || !is_plain(url.path(), b"/") {
        return None;
    }
    let mut pairs: Vec<&str> = query.split('&').collect();
    pairs.sort_unstable();
    Some(pairs.join("&"))
}

/// Without spaces at the ends, and with one between words.
fn trimmed(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::secrets::Secret;

    /// Of AWS's signing test suite (awslabs/aws-c-auth, `tests/aws-signing-test-suite/v4`).
    #[test]
    fn the_published_vectors_are_signed_as_published() {
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        let content_type = ("Content-Type", "application/x-www-form-urlencoded");
        let body_hash = (
            "x-amz-content-sha256",
            "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
        );
        for (name, method, headers, body, token, signature) in [
            (
                "get-vanilla",
                "GET",
                &[][..],
                "",
                None,
                "host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-with-session-token",
                "GET",
                &[],
                "",
                Some(token),
                "host;x-amz-date;x-amz-security-token, \
                 Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            ),
            (
                "get-header-value-trim",
                "GET",
                &[("My-Header1", " value1"), ("My-Header2", " \"a   b   c\"")],
                "",
                None,
                "host;my-header1;my-header2;x-amz-date, \
                 Signature=acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                &[content_type, ("Content-Length", "13"), body_hash],
                "Param1=value1",
                None,
                "content-length;content-type;host;x-amz-content-sha256;x-amz-date, \
                 Signature=d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
            ),
        ] {
            let signer = Signer {
                credentials: Credentials {
                    key_id: "AKIDEXAMPLE".to_owned(),
                    secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                    session_token: token.map(Secret::new),
                },
                region: "us-east-1".to_owned(),
                service: "service",
            };
            let header = |(name, value): &(&str, &str)| Header {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                secret: false,
            };
            let headers: Vec<Header> = headers.iter().map(header).collect();
            let request = Unsigned {
                method,
                url: &Url::parse("https://example.amazonaws.com/").unwrap(),
                headers: &headers,
                body: body.as_bytes(),
            };
            let added = signer
                .sign_at(request, "2015-08-30T12:36:00Z".parse().unwrap())
                .unwrap();
            assert_eq!(added[0].value, "20150830T123600Z");
            let scope = "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
            let whole = format!("{ALGORITHM} {scope}, SignedHeaders={signature}");
            assert_eq!(added.last().unwrap().value, whole, "{name}");
            assert!(!format!("{added:?}").contains("Signature="), "a signature is shown");
        }
    }

    /// Of the "Amazon S3 API Reference", "Examples: Signature Calculations in AWS Signature Version 4".
    #[test]
    fn the_published_examples_of_s3_are_signed_as_published() {
        for (path, range, signature) in [
            (
                "test.txt",
                Some("bytes=0-9"),
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
            (
                "?lifecycle=",
                None,
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
            (
                "?max-keys=2&prefix=J",
                None,
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
            (
                "?prefix=J&max-keys=2",
                None,
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ] {
            let headers = range.map(|range| Header::new("Range", range, false).unwrap());
            let url = format!("https://examplebucket.s3.amazonaws.com/{path}");
            let added = signed("s3", &url, headers.as_slice(), "2013-05-24T00:00:00Z").unwrap();
            let value = &added.last().unwrap().value;
            assert!(value.ends_with(&format!("Signature={signature}")), "{path}: {value}");
        }
    }

    #[test]
    fn what_could_be_encoded_another_way_is_not_signed() {
        for path in ["?a=b+c", "?a=b/c", "a=b", "a+b", "?a=b*", "\u{fc}/'"] {
            let url = format!("https://example.amazonaws.com/{path}");
            assert!(signed("s3", &url, &[], "2013-05-24T00:00:00Z").is_none(), "{path}");
        }
    }

    fn signed(service: &'static str, url: &str, headers: &[Header], at: &str) -> Option<Vec<Header>> {
        let signer = Signer {
            credentials: Credentials {
                key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
                session_token: None,
            },
            region: "us-east-1".to_owned(),
            service,
        };
        let request = Unsigned {
            method: "GET",
            url: &Url::parse(url).unwrap(),
            headers,
            body: b"",
        };
        signer.sign_at(request, at.parse().unwrap())
    }
}
