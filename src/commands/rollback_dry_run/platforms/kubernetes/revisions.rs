//! The revisions of a workload, what they would run, and the request that brings one back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::named::Kind;
use super::objects::{Kept, Metadata, Workload};
use crate::commands::rollback_dry_run::releases::Release;

const NUMBER: &str = "deployment.kubernetes.io/revision";
const CAUSE: &str = "kubernetes.io/change-cause";
/// The controller's own label, which tells apart the pods of two revisions.
const HASH: &str = "pod-template-hash";
/// Annotations that stay with the deployment (kubectl, `annotationsToSkip`).
const STAY: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    NUMBER,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// One revision that can be gone back to.
#[derive(Clone, Debug)]
pub struct Revision {
    pub number: u64,
    metadata: Metadata,
    pub template: Value,
    /// Of a controller revision: what it was kept as.
    patch: Option<Value>,
}

/// Newest first. What has no number or no template is none.
pub fn read(kept: Vec<Kept>) -> Vec<Revision> {
    let revision = |kept: Kept| {
        let number = match kept.revision {
            Some(number) => number,
            None => kept.metadata.annotations.get(NUMBER)?.parse().ok()?,
        };
        let template = match (kept.spec, &kept.data) {
            (Some(spec), _) => spec.template,
            (None, Some(data)) => data.pointer("/spec/template")?.clone(),
            (None, None) => return None,
        };
        Some(Revision {
            number,
            metadata: kept.metadata,
            template: without_hash(template),
            patch: kept.data,
        })
    };
    let mut all: Vec<Revision> = kept.into_iter().filter_map(revision).collect();
    all.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    all
}

impl Revision {
    pub fn name(&self) -> String {
        self.number.to_string()
    }

    /// Kubernetes keeps no record of what became of a revision, so each counts as good.
    pub fn release(&self) -> Release {
        Release {
            name: self.name(),
            artifact: None,
            state: String::new(),
            good: true,
            at: self.metadata.creation_timestamp.clone().unwrap_or_default(),
        }
    }

    /// Why it was rolled out, if somebody wrote that down.
    pub fn cause(&self) -> Option<&str> {
        self.metadata.annotations.get(CAUSE).map(String::as_str)
    }

    /// The patch that `kubectl rollout undo` sends, and its media type.
    pub fn undo(&self, kind: Kind, workload: &Workload) -> (&'static str, Value) {
        if let (Kind::StatefulSet | Kind::DaemonSet, Some(patch)) = (kind, &self.patch) {
            return ("application/strategic-merge-patch+json", patch.clone());
        }
        let stays = |name: &str| STAY.contains(&name);
        let own = (workload.metadata.annotations.iter()).filter(|(name, _)| stays(name.as_str()));
        let old = (self.metadata.annotations.iter()).filter(|(name, _)| !stays(name.as_str()));
        let annotations: BTreeMap<_, _> = own.chain(old).collect();
        let patch = json!([
            {"op": "replace", "path": "/spec/template", "value": self.template},
            {"op": "replace", "path": "/metadata/annotations", "value": annotations},
        ]);
        ("application/json-patch+json", patch)
    }
}

fn without_hash(mut template: Value) -> Value {
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.remove(HASH);
    }
    template
}

/// Whether two templates say the same. What is empty or null is as good as absent, as it is for kubectl.
pub fn are_same(one: &Value, other: &Value) -> bool {
    normal(&without_hash(one.clone())) == normal(&without_hash(other.clone()))
}

/// `None` for what says nothing. `$patch` is what makes a patch of a template.
fn normal(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(name, _)| *name != "$patch");
            let fields: serde_json::Map<_, _> = fields
                .filter_map(|(name, value)| Some((name.clone(), normal(value)?)))
                .collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        Value::Array(items) => {
            // Places count: an item that says nothing stays one.
            let items: Vec<Value> = items.iter().map(|item| normal(item).unwrap_or_default()).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_makes_no_difference() {
        let kept = json!({"$patch": "replace", "metadata": {"creationTimestamp": null, "labels": {"a": "b", HASH: "1"}},
            "spec": {"containers": [{"name": "c", "resources": {}}], "securityContext": {}}});
        let now = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "env": []}]}});
        assert!(are_same(&kept, &now));
        let other = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "d"}]}});
        assert!(!are_same(&kept, &other));
    }

    #[test]
    fn the_patch_of_a_deployment_keeps_its_own_annotations_and_takes_the_others_back() {
        let workload: Workload = serde_json::from_value(json!({
            "metadata": {"annotations": {NUMBER: "3", CAUSE: "three", "own": "gone"}},
            "spec": {"template": {}}}))
        .unwrap();
        let kept: Kept = serde_json::from_value(json!({
            "metadata": {"annotations": {NUMBER: "1", CAUSE: "one", "deployment.kubernetes.io/max-replicas": "2"}},
            "spec": {"template": {"metadata": {"labels": {HASH: "x", "app": "shop"}}}}}))
        .unwrap();
        let revision = read(vec![kept]).remove(0);
        assert_eq!((revision.number, revision.cause()), (1, Some("one")));
        let (media_type, patch) = revision.undo(Kind::Deployment, &workload);
        assert_eq!(media_type, "application/json-patch+json");
        assert_eq!(patch[0]["value"], json!({"metadata": {"labels": {"app": "shop"}}}));
        assert_eq!(patch[1]["value"], json!({NUMBER: "3", CAUSE: "one"}));
    }
}
