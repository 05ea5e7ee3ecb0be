//! A file becomes an object: in one request, or in parts that are put together when all of them are there.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::ask::{Answered, Ask, CHECKSUM, LOCK_MODE, LOCKED_UNTIL, base64};
use super::refusal::{in_use, tag, taken};
use super::{Failed, NotStored, Object, Store, Stored, unknown};
use crate::model::text::{UNRESERVED, percent_encoded};
use crate::world::Interrupt;
use crate::world::files::{self, Links};
use crate::world::hash::Hashed;
use crate::world::http::Answer;

/// Of one request. Stores take parts from 5 MiB on, and 10,000 of them.
const PART: u64 = 16 << 20;
const MOST_PARTS: u64 = 10_000;
/// A cancelled job has some seconds.
const TO_ABORT: Duration = Duration::from_secs(3);
/// What an object says of itself: its SHA-256.
pub const RECORDED: &str = "x-amz-meta-sha256";
/// Nothing that is there is replaced.
const IF_NOTHING_IS_THERE: (&str, &str) = ("If-None-Match", "*");

impl Store {
    /// Nobody sees a part of it.
    pub async fn put(&self, object: &Object<'_>, interrupt: &Interrupt) -> Result<Stored, NotStored> {
        let mut file = files::open(object.file, Links::Follow)?;
        let bytes = file.metadata()?.len();
        // So that gigabytes are not sent in vain, and for stores that ignore the condition. Who may not look is told by
        // the condition.
        let before = self.ask(&self.head(&object.place)).await?;
        if before.answer.status == 200 {
            return Err(taken(&object.place, ""));
        }
        let (answer, checksum) = if bytes <= PART {
            self.put_at_once(object, &mut file, bytes).await?
        } else {
            self.put_in_parts(object, (&mut file, bytes), interrupt).await?
        };
        self.read_back(object, bytes, answer, &checksum).await
    }

    async fn put_at_once(
        &self,
        object: &Object<'_>,
        file: &mut File,
        bytes: u64,
    ) -> Result<(Option<Answer>, String), NotStored> {
        let body = read(file, bytes)?;
        let hash = Hashed::of(&body).sha256;
        if hex::encode(hash) != object.sha256 {
            return Err(NotStored::Changed);
        }
        let mut headers = described(object);
        headers.extend([own(IF_NOTHING_IS_THERE), (CHECKSUM, base64(&hash))]);
        let ask = Ask {
            method: "PUT",
            headers,
            body,
            ..Ask::of(&object.place, "s3:PutObject")
        };
        let answered = self.ask(&ask).await?;
        Ok((self.whole(&ask, answered)?, base64(&hash)))
    }

    /// What ended the upload. `None`: it is there, and an earlier try of this one may have put it there.
    fn whole(&self, ask: &Ask<'_>, answered: Answered) -> Result<Option<Answer>, NotStored> {
        match (answered.answer.status, answered.code.as_deref()) {
            (200..=299, None) => Ok(Some(answered.answer)),
            (412, _) | (404, Some("NoSuchUpload")) if answered.again => Ok(None),
            _ => Err(self.not_stored(ask, &answered)),
        }
    }

    /// The answer if the store did what it was asked.
    async fn done(&self, ask: &Ask<'_>) -> Result<Answer, NotStored> {
        let answered = self.ask(ask).await?;
        match (answered.answer.status, &answered.code) {
            (200..=299, None) => Ok(answered.answer),
            _ => Err(self.not_stored(ask, &answered)),
        }
    }

    fn not_stored(&self, ask: &Ask<'_>, answered: &Answered) -> NotStored {
        in_use(ask.place, answered).unwrap_or_else(|| self.refused(ask, answered).into())
    }

    async fn put_in_parts(
        &self,
        object: &Object<'_>,
        (file, bytes): (&mut File, u64),
        interrupt: &Interrupt,
    ) -> Result<(Option<Answer>, String), NotStored> {
        let mut headers = described(object);
        headers.push(("x-amz-checksum-algorithm", "SHA256".to_owned()));
        let create = Ask {
            method: "POST",
            query: "uploads=".to_owned(),
            headers,
            ..Ask::of(&object.place, "s3:PutObject")
        };
        let created = self.done(&create).await?;
        let id = tag(&created.body, "UploadId").ok_or_else(|| unreadable(self.host()))?;
        let upload = format!("uploadId={}", percent_encoded(&id, UNRESERVED));
        let sent = tokio::select! {
            sent = self.send_parts(object, (file, bytes), &upload) => sent,
            signal = interrupt.wait() => Err(NotStored::Stopped(signal)),
        };
        if sent.is_err() {
            let abort = Ask {
                method: "DELETE",
                query: upload,
                ..Ask::of(&object.place, "s3:AbortMultipartUpload")
            };
            // If it fails, the parts stay until the bucket's own rules remove them.
            let _ = tokio::time::timeout(TO_ABORT, self.ask(&abort)).await;
        }
        sent
    }

    async fn send_parts(
        &self,
        object: &Object<'_>,
        (file, bytes): (&mut File, u64),
        upload: &str,
    ) -> Result<(Option<Answer>, String), NotStored> {
        let length = PART.max(bytes.div_ceil(MOST_PARTS));
        let (mut whole, mut of_parts) = (Sha256::new(), Sha256::new());
        let (mut parts, mut number, mut sent, mut told) = (String::new(), 0, 0, 0);
        while sent < bytes {
            number += 1;
            let body = read(file, length.min(bytes - sent))?;
            sent += body.len() as u64;
            whole.update(&body);
            let hash = Hashed::of(&body).sha256;
            of_parts.update(hash);
            let checksum = base64(&hash);
            let part = Ask {
                method: "PUT",
                query: format!("partNumber={number}&{upload}"),
                headers: vec![(CHECKSUM, checksum.clone())],
                body,
                ..Ask::of(&object.place, "s3:PutObject")
            };
            let etag = self.done(&part).await?.headers.get("etag").unwrap_or_default();
            parts.push_str(&format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag><ChecksumSHA256>{checksum}</ChecksumSHA256></Part>",
                etag.replace('&', "&amp;").replace('<', "&lt;")
            ));
            let tenths = sent.saturating_mul(10) / bytes;
            if sent < bytes && tenths > told {
                told = tenths;
                self.progress.say(&format!("stored {tenths}0 % of {bytes} bytes"));
            }
        }
        if hex::encode(whole.finalize()) != object.sha256 {
            return Err(NotStored::Changed);
        }
        let list = format!(
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{parts}</CompleteMultipartUpload>"
        );
        let complete = Ask {
            method: "POST",
            query: upload.to_owned(),
            headers: vec![own(IF_NOTHING_IS_THERE), ("Content-Type", "application/xml".to_owned())],
            body: list.into(),
            ..Ask::of(&object.place, "s3:PutObject")
        };
        let checksum = format!("{}-{number}", base64(&of_parts.finalize()));
        // It can begin with 200 and end in an error.
        let answered = self.ask(&complete).await?;
        Ok((self.whole(&complete, answered)?, checksum))
    }
}

/// What the object is, for whoever finds it.
fn described<'a>(object: &Object<'_>) -> Vec<(&'a str, String)> {
    let mut headers = vec![
        ("Content-Type", object.media_type.to_owned()),
        (RECORDED, object.sha256.to_owned()),
    ];
    if let Some(lock) = object.lock {
        headers.push((LOCK_MODE, lock.mode.as_str().to_owned()));
        headers.push((LOCKED_UNTIL, format!("{:.0}", lock.until)));
    }
    headers
}

fn own((name, value): (&'static str, &str)) -> (&'static str, String) {
    (name, value.to_owned())
}

fn read(file: &mut File, bytes: u64) -> Result<Bytes, NotStored> {
    let mut body = Vec::new();
    file.take(bytes).read_to_end(&mut body)?;
    match body.len() as u64 == bytes {
        true => Ok(body.into()),
        false => Err(NotStored::Changed),
    }
}

fn unreadable(host: &str) -> Failed {
    unknown(
        format!("the answer of {host} cannot be read"),
        "a proxy in between may have answered; check AWS_ENDPOINT_URL_S3 and --store-endpoint",
    )
}
