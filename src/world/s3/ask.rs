//! What the store is asked, and what it answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::Place;
use crate::world::http::Answer;

pub const CHECKSUM: &str = "x-amz-checksum-sha256";
pub const LOCK_MODE: &str = "x-amz-object-lock-mode";
pub const LOCKED_UNTIL: &str = "x-amz-object-lock-retain-until-date";

/// What is asked.
pub struct Ask<'a> {
    pub method: &'a str,
    pub place: &'a Place,
    /// Encoded: `uploadId=x%2B`.
    pub query: String,
    pub headers: Vec<(&'a str, String)>,
    pub body: Bytes,
    /// As a policy names it: `s3:PutObject`.
    pub action: &'static str,
}

/// An answer of the store.
pub struct Answered {
    pub answer: Answer,
    /// A try before this one may have had its effect, unseen.
    pub again: bool,
    /// The name of the error, if it is one.
    pub code: Option<String>,
}

impl<'a> Ask<'a> {
    pub fn of(place: &'a Place, action: &'static str) -> Self {
        Self {
            method: "GET",
            place,
            query: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            action,
        }
    }

    /// Whether it stores nothing.
    pub fn reads(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }
}

/// A hash as the store writes it.
pub fn base64(hash: &[u8]) -> String {
    STANDARD.encode(hash)
}
