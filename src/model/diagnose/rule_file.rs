//! A file of rules as it is written. `build.rs` reads those of `rules/` with this, and writes them without their examples,
//! which only tests need.

use serde::{Deserialize, Serialize};

/// A file of rules.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawFile {
    /// Who writes these lines.
    pub tool: String,
    pub rules: Vec<RawRule>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    pub id: String,
    /// Words of which the line has at least one, in any case. They decide which lines are looked at.
    pub any: Vec<String>,
    pub line: String,
    /// What the line must not have.
    #[serde(default)]
    pub not: Option<String>,
    /// What a line near it must have.
    #[serde(default)]
    pub near: Option<String>,
    /// What no line near it may have.
    #[serde(default)]
    pub unless: Option<String>,
    #[serde(default)]
    pub within: Option<usize>,
    pub class: String,
    pub cause: String,
    /// 0 to 100: how well the line explains the failure by itself.
    pub weight: i32,
    /// The last line of its kind explains it, not the first.
    #[serde(default)]
    pub last: bool,
    #[serde(default)]
    pub fix: Option<String>,
    /// What to do, where no change of the workflow helps.
    #[serde(default)]
    pub advice: Option<String>,
    /// An example.
    #[serde(default)]
    pub hit: String,
    /// A line that looks like it and is not one.
    #[serde(default)]
    pub miss: String,
}
