//! A block blob of Azure: blocks one after the other, then the list of them. The address is the credential.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::NotUploaded;
use crate::world::download::Tenths;
use crate::world::files::{self, Links};
use crate::world::http::{Header, Http, Method, Request};
use crate::world::{Interrupt, Progress, random};

/// As large as those of actions/toolkit.
const BLOCK: usize = 8 << 20;
const TIMEOUT: Duration = Duration::from_secs(300);
const LARGEST_ANSWER: usize = 64 << 10;
const PAUSES: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(4),
    Duration::from_secs(12),
];
/// Version of the protocol (learn.microsoft.com, "Versioning for Azure Storage").
const VERSION: &str = "2021-12-02";

pub struct Blob<'a> {
    http: &'a Http,
    address: &'a str,
}

impl<'a> Blob<'a> {
    /// `None`: that is no address, or one that anybody on the way could read.
    pub fn new(http: &'a Http, address: &'a str) -> Option<Self> {
        super::signed(address).map(|_| Self { http, address })
    }

    /// Answers with the number of bytes, which hash to `sha256`.
    pub async fn upload(
        &self,
        file: &Path,
        sha256: &str,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Result<u64, NotUploaded> {
        let mut file = files::open(file, Links::Follow)?;
        let total = file.metadata()?.len();
        let prefix = random::token().map_err(|error| NotUploaded::Unreadable(std::io::Error::other(error)))?;
        let (mut ids, mut hash, mut sent) = (Vec::new(), Sha256::new(), 0_u64);
        let mut tenths = Tenths::new("uploading the zip", total, progress);
        loop {
            if let Some(signal) = interrupt.received() {
                return Err(NotUploaded::Stopped(signal));
            }
            let mut block = Vec::new();
            (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
            if block.is_empty() {
                break;
            }
            hash.update(&block);
            sent += block.len() as u64;
            // Of one length in a blob, and at most 64 bytes. The base64 of 48 such characters has only letters and digits.
            let id = STANDARD.encode(format!("{prefix}-{:015}", ids.len()));
            self.put(
                &format!("comp=block&blockid={id}"),
                block.into(),
                &[("Content-Type", "application/octet-stream")],
                progress,
            )
            .await?;
            ids.push(id);
            tenths.at(sent);
        }
        if hex::encode(hash.finalize()) != sha256 {
            return Err(NotUploaded::Changed);
        }
        let latest: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
        let list = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{latest}</BlockList>");
        let headers = [
            ("Content-Type", "application/xml"),
            ("x-ms-blob-content-type", "application/zip"),
        ];
        self.put("comp=blocklist", list.into_bytes().into(), &headers, progress)
            .await?;
        Ok(sent)
    }

    async fn put(
        &self,
        query: &str,
        body: Bytes,
        headers: &[(&str, &str)],
        progress: &Progress,
    ) -> Result<(), NotUploaded> {
        let what = "a part of the zip";
        // Text is appended, since the signature in the query holds for the very bytes.
        let join = if self.address.contains('?') { '&' } else { '?' };
        let refused = |why: &str| NotUploaded::Refused {
            what,
            why: why.to_owned(),
        };
        let url = Url::parse(&format!("{}{join}{query}", self.address)).map_err(|_| refused("its address is none"))?;
        let method: Method = "PUT".parse().map_err(|_| refused("its method is none"))?;
        let all = headers.iter().chain(&[("x-ms-version", VERSION)]);
        let headers: Result<Vec<_>, _> = all.map(|(name, value)| Header::new(name, value, false)).collect();
        let headers = headers.map_err(|_| refused("its headers are none"))?;
        let mut pauses = PAUSES.into_iter();
        loop {
            let request = Request {
                url: &url,
                method: &method,
                headers: &headers,
                body: Some(&body),
                timeout: TIMEOUT,
                body_limit: LARGEST_ANSWER,
            };
            let why = match self.http.send(request).await {
                Ok(answer) if answer.status == 201 => return Ok(()),
                Ok(answer) if matches!(answer.status, 500 | 503) => format!("status {}", answer.status),
                Ok(answer) => {
                    let code = code(&answer.body);
                    if answer.status == 403 && code.as_deref() == Some("AuthenticationFailed") {
                        return Err(NotUploaded::Expired);
                    }
                    let code = code.map(|code| format!(" {code}")).unwrap_or_default();
                    return Err(refused(&format!("{}{code}", answer.status)));
                }
                Err(failure) => failure.detail,
            };
            let Some(pause) = pauses.next() else {
                return Err(NotUploaded::Unanswered { what, why });
            };
            let why = format!("{what} is not uploaded yet: {why}");
            progress.pause(&why, pause).await;
        }
    }
}

/// `<Code>` of Azure's error.
fn code(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let code = text.split_once("<Code>")?.1.split_once("</Code>")?.0;
    code.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| code.to_owned())
}
