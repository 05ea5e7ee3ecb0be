//! The objects of a cluster, as far as they matter (kubernetes.io/docs/reference/kubernetes-api).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    pub name: String,
    pub uid: String,
    pub generation: u64,
    pub annotations: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    owner_references: Vec<Owner>,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Owner {
    uid: String,
    controller: bool,
}

impl Metadata {
    /// Whether the object with this uid made it, and looks after it.
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        self.owner_references
            .iter()
            .any(|owner| owner.controller && owner.uid == uid)
    }
}

/// A deployment, stateful set or daemon set.
#[derive(Clone, Debug, Deserialize)]
pub struct Workload {
    pub metadata: Metadata,
    pub spec: Spec,
    #[serde(default)]
    pub status: State,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    pub replicas: Option<u64>,
    #[serde(default)]
    pub paused: bool,
    #[serde(default)]
    pub selector: Selector,
    pub template: Value,
    #[serde(default)]
    pub update_strategy: Strategy,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Strategy {
    pub r#type: String,
    pub rolling_update: Rolling,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rolling {
    pub partition: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    match_labels: BTreeMap<String, String>,
    match_expressions: Vec<Expression>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    /// As a query has it.
    pub fn text(&self) -> String {
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|of| match of.operator.as_str() {
            "In" => format!("{} in ({})", of.key, of.values.join(",")),
            "NotIn" => format!("{} notin ({})", of.key, of.values.join(",")),
            "DoesNotExist" => format!("!{}", of.key),
            _ => of.key.clone(),
        });
        labels.chain(expressions).collect::<Vec<_>>().join(",")
    }
}

/// What its controller says.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    pub observed_generation: u64,
    pub replicas: u64,
    pub updated_replicas: u64,
    pub available_replicas: u64,
    pub ready_replicas: u64,
    pub current_revision: String,
    pub update_revision: String,
    pub desired_number_scheduled: u64,
    pub updated_number_scheduled: u64,
    pub number_available: u64,
    pub conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Condition {
    pub r#type: String,
    pub status: String,
    pub reason: String,
    pub message: String,
}

/// A replica set or a controller revision.
#[derive(Clone, Debug, Deserialize)]
pub struct Kept {
    pub metadata: Metadata,
    /// Of a replica set.
    pub spec: Option<KeptSpec>,
    /// Of a controller revision: its number, and the patch that brings it back.
    pub revision: Option<u64>,
    pub data: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct KeptSpec {
    pub template: Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_written_as_a_query_has_it() {
        let selector: Selector = serde_json::from_str(
            r#"{"matchLabels":{"app":"shop","tier":"web"},"matchExpressions":[{"key":"a","operator":"In","values":["b","c"]},
                {"key":"d","operator":"Exists"},{"key":"e","operator":"DoesNotExist"},{"key":"f","operator":"NotIn","values":["g"]}]}"#,
        )
        .unwrap();
        assert_eq!(selector.text(), "app=shop,tier=web,a in (b,c),d,!e,f notin (g)");
    }
}
