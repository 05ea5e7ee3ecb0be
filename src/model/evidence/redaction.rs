//! What the index says about secrets in the files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What was done about secrets in the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Redaction {
    pub mode: Redact,
    /// `built-in`, or the name of the rule file. Absent if the files were not searched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// What was masked, per file and rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked: Vec<Masked>,
    /// Files whose content could not be searched, or not all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_scanned: Vec<NotScanned>,
}

/// What happens to a secret in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redact {
    /// It is replaced in the sealed copy.
    #[default]
    Mask,
    /// Nothing is sealed.
    Fail,
    /// Nothing is searched.
    Off,
}

/// What a rule found in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Masked {
    /// As in `files`.
    pub path: String,
    pub rule: String,
    /// How often it was masked.
    pub count: u64,
}

/// A file that may hold secrets all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NotScanned {
    /// As in `files`.
    pub path: String,
    /// Why, as the second half of a sentence.
    pub reason: String,
    /// Whether a stub with its name, size and hash is sealed in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stub: bool,
}
