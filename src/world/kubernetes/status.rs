//! What a cluster says when it refuses.

use serde::Deserialize;

use crate::model::text::one_line;
use crate::world::api::ApiError;

/// `v1/Status`, as far as it matters.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    kind: String,
    /// `NotFound`, `Forbidden`, `Invalid`, `Conflict` and others.
    pub reason: String,
    message: String,
}

impl Status {
    /// `None` if something else than a Kubernetes API answered.
    pub fn of(error: &ApiError) -> Option<Self> {
        let status: Self = serde_json::from_slice(&error.body).ok()?;
        (status.kind == "Status").then_some(status)
    }

    /// What it says, in one line.
    pub fn message(&self) -> String {
        one_line(&self.message)
    }
}
