//! A service of Cloud Run and what belongs to it, as far as it matters (discovery document `run.v2`).

use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    pub reconciling: bool,
    pub terminal_condition: Condition,
    pub conditions: Vec<Condition>,
    pub latest_ready_revision: String,
    pub traffic_statuses: Vec<Traffic>,
    pub scaling: Scaling,
    pub template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub state: String,
    pub severity: String,
    pub message: String,
    /// One of these three, by what the condition is about.
    reason: Option<String>,
    revision_reason: Option<String>,
    execution_reason: Option<String>,
}

impl Condition {
    pub fn reason(&self) -> Option<&str> {
        let reasons = [&self.reason, &self.revision_reason, &self.execution_reason];
        reasons.into_iter().find_map(Option::as_deref)
    }
}

/// How much of the traffic goes where, in percent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Traffic {
    #[serde(rename = "type")]
    pub kind: String,
    /// Left out if it is the latest one that is ready.
    pub revision: String,
    pub percent: u32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Scaling {
    pub scaling_mode: String,
    pub manual_instance_count: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Template {
    pub service_account: String,
}

/// The last part of the full name of a resource; a short name is itself.
pub fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
