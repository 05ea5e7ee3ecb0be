//! Whether an object is there, and is what was sent.

use super::ask::{Ask, CHECKSUM, LOCK_MODE, LOCKED_UNTIL};
use super::refusal::{tag, taken};
use super::{Failed, LockState, NotStored, Object, Place, Store, Stored, unknown};
use crate::world::calls::Unknown;
use crate::world::http::Answer;

impl Store {
    /// That the object is there, is this one, and is locked if it was to be.
    pub async fn read_back(
        &self,
        object: &Object<'_>,
        bytes: u64,
        answer: Option<Answer>,
        checksum: &str,
    ) -> Result<Stored, NotStored> {
        let ask = self.head(&object.place);
        let is_certain = answer.is_some();
        let headers = answer.map(|answer| (answer.headers.get("etag").or_else(|| tag(&answer.body, "ETag")), answer));
        let (etag, version) = match headers {
            Some((etag, answer)) => (etag, answer.headers.get("x-amz-version-id")),
            None => (None, None),
        };
        let there = self.ask(&ask).await?.answer;
        let said = |name: &str| Some(there.headers.get(name)).flatten().filter(|_| there.status == 200);
        let is_other = |name: &str, ours: &str| said(name).is_some_and(|theirs| theirs != ours);
        if is_other(CHECKSUM, checksum) || is_other("content-length", &bytes.to_string()) {
            return Err(match is_certain {
                true => Failed::Refused(Unknown::new(
                    format!("{} is there, and its size or checksum is another", object.place),
                    "somebody replaced it, or the store is broken; the local zip is complete",
                ))
                .into(),
                false => taken(&object.place, ""),
            });
        }
        if !is_certain && (there.status != 200 || said(CHECKSUM).is_none()) {
            return Err(unknown(
                format!(
                    "an answer was lost, and whether {} is this bundle cannot be read back",
                    object.place
                ),
                "look at it, or allow s3:GetObject and run it again with another key",
            )
            .into());
        }
        let lock = match (said(LOCK_MODE), said(LOCKED_UNTIL)) {
            (Some(mode), Some(until)) => LockState::told(&mode, &until, object.lock),
            _ if object.lock.is_some() => self.retention(object).await?,
            _ => LockState::Unknown,
        };
        Ok(Stored {
            bytes,
            etag: etag
                .or_else(|| said("etag"))
                .map(|etag| etag.trim_matches('"').to_owned()),
            version: version.or_else(|| said("x-amz-version-id")),
            lock,
        })
    }

    /// Heads of objects do not say it to everybody.
    async fn retention(&self, object: &Object<'_>) -> Result<LockState, Failed> {
        let ask = Ask {
            query: "retention=".to_owned(),
            ..Ask::of(&object.place, "s3:GetObjectRetention")
        };
        let answered = self.ask(&ask).await?;
        let said = |name: &str| tag(&answered.answer.body, name);
        Ok(match (answered.answer.status, said("Mode"), said("RetainUntilDate")) {
            (200, Some(mode), Some(until)) => LockState::told(&mode, &until, object.lock),
            (200 | 400 | 404, ..) => LockState::NotLocked,
            _ => LockState::Unknown,
        })
    }

    pub fn head<'a>(&self, place: &'a Place) -> Ask<'a> {
        Ask {
            method: "HEAD",
            headers: vec![("x-amz-checksum-mode", "ENABLED".to_owned())],
            ..Ask::of(place, "s3:GetObject")
        }
    }
}
