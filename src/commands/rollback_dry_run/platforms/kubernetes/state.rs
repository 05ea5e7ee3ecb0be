//! Whether a workload is at rest: one revision, and the same that it should be (kubectl, `rollout_status.go`).

use super::named::{Kind, Named};
use super::objects::Workload;
use crate::engine::Observation;
use crate::model::Finding;
use crate::model::text::one_line;

const WAIT: &str = "wait until `kubectl rollout status` says that it is complete, then rehearse the rollback";

/// What keeps it from being at rest, or is odd about it.
pub fn judge(named: &Named, workload: &Workload, mut observed: Observation) -> Observation {
    let (spec, status) = (&workload.spec, &workload.status);
    let mut find = |finding: Finding| observed.findings.push(finding);
    if workload.metadata.deletion_timestamp.is_some() {
        find(Finding::error("being-deleted", format!("{named} is being deleted")).help("deploy it again first"));
    } else if spec.paused {
        find(
            Finding::error(
                "paused",
                format!("the rollout of {named} is paused, and kubectl rolls back none that is"),
            )
            .help(format!(
                "`kubectl rollout resume {named}`, and wait until the rollout is complete"
            )),
        );
    } else if let Some(failed) = status
        .conditions
        .iter()
        .find(|of| of.r#type == "Progressing" && of.status == "False")
    {
        let why = format!("the rollout of {named} failed: {}", one_line(&failed.message));
        find(Finding::error("rollout-failed", why).help(format!(
            "`kubectl rollout undo {named}` ends it; rehearse a rollback when the current revision works"
        )));
    } else if workload.metadata.generation > status.observed_generation {
        let why = format!("the newest change of {named} is not rolled out yet");
        find(Finding::error("rollout-in-progress", why).help(WAIT));
    } else if let Some(progress) = progress(named.kind, workload) {
        let why = format!("a rollout of {named} is in progress: {progress}");
        find(Finding::error("rollout-in-progress", why).help(WAIT));
    } else if let Some(what) = several(named.kind, workload) {
        let why = format!("the pods of {named} are of several revisions: {what}");
        find(
            Finding::error("several-revisions", why).help(match spec.update_strategy.rolling_update.partition {
                0 => "its pods are replaced when they are deleted (OnDelete): delete the old ones",
                _ => "its `partition` keeps the pods below it at the old revision: set it to 0",
            }),
        );
    }
    if spec.update_strategy.r#type == "OnDelete" {
        let why = format!("the pods of {named} are replaced only when they are deleted (OnDelete)");
        find(Finding::warning("on-delete", why).help("after the rollback, delete the pods, or nothing changes"));
    }
    if wanted(named.kind, workload) == 0 {
        let why = format!("{named} has no pods: nothing of it runs");
        find(Finding::warning("no-pods", why).help("scale it up, or check that this is meant"));
    }
    if workload
        .metadata
        .labels
        .get("app.kubernetes.io/managed-by")
        .is_some_and(|by| by == "Helm")
    {
        let why = format!("{named} is managed by Helm, which does not notice this rollback");
        find(Finding::note("managed-by-helm", why).help("`helm rollback` goes back with the whole release"));
    }
    observed
}

/// How many pods there should be.
pub fn wanted(kind: Kind, workload: &Workload) -> u64 {
    match kind {
        Kind::DaemonSet => workload.status.desired_number_scheduled,
        Kind::Deployment | Kind::StatefulSet => workload.spec.replicas.unwrap_or(1),
    }
}

/// What no controller will change by itself.
fn several(kind: Kind, workload: &Workload) -> Option<String> {
    let status = &workload.status;
    let (updated, wanted) = (status.updated_number_scheduled, status.desired_number_scheduled);
    match kind {
        Kind::DaemonSet if updated < wanted => Some(format!("{updated} of {wanted} are of the current one")),
        Kind::StatefulSet if status.update_revision != status.current_revision => {
            let (old, new) = (one_line(&status.current_revision), one_line(&status.update_revision));
            Some(format!("{old} and {new}"))
        }
        _ => None,
    }
}

/// What is not done, in words.
fn progress(kind: Kind, workload: &Workload) -> Option<String> {
    let status = &workload.status;
    let wanted = wanted(kind, workload);
    let (updated, available) = match kind {
        Kind::Deployment => (status.updated_replicas, status.available_replicas),
        Kind::StatefulSet => (wanted, status.ready_replicas),
        Kind::DaemonSet => (status.updated_number_scheduled, status.number_available),
    };
    // With OnDelete, pods of several revisions are how it is meant to be until somebody deletes them.
    let by_hand = workload.spec.update_strategy.r#type == "OnDelete";
    if updated < wanted && !by_hand {
        return Some(format!("{updated} of {wanted} pods are of the current revision"));
    }
    if kind == Kind::Deployment && status.replicas > status.updated_replicas {
        let old = status.replicas - status.updated_replicas;
        return Some(format!("{old} pods of an earlier revision have not ended"));
    }
    let is_rolling = kind == Kind::StatefulSet
        && !by_hand
        && workload.spec.update_strategy.rolling_update.partition == 0
        && status.update_revision != status.current_revision;
    if is_rolling {
        let updated = status.updated_replicas;
        return Some(format!("{updated} of {wanted} pods are of the current revision"));
    }
    (available < wanted).then(|| format!("{available} of {wanted} pods are available"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn codes(kind: Kind, spec: serde_json::Value, status: serde_json::Value) -> Vec<String> {
        let mut spec = spec;
        spec["template"] = json!({});
        let mut workload = json!({"metadata": {"generation": 2}, "spec": spec, "status": status});
        if workload["status"]["observedGeneration"].is_null() {
            workload["status"]["observedGeneration"] = json!(2);
        }
        let workload: Workload = serde_json::from_value(workload).unwrap();
        let named = Named {
            kind,
            name: "shop".to_owned(),
        };
        let observed = judge(&named, &workload, Observation::nothing_wrong());
        (observed.findings.iter())
            .map(|finding| finding.code.to_string())
            .collect()
    }

    #[test]
    fn what_is_not_at_rest_is_told_apart() {
        let two = json!({"replicas": 2});
        let done = json!({"replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        let partition =
            json!({"replicas": 2, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
        let halves = json!({"readyReplicas": 2, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"});
        let on_delete = json!({"updateStrategy": {"type": "OnDelete"}});
        for (kind, spec, status, expected) in [
            (Kind::Deployment, two.clone(), done.clone(), &[][..]),
            (
                Kind::Deployment,
                json!({"replicas": 2, "paused": true}),
                done,
                &["paused"],
            ),
            (
                Kind::Deployment,
                two.clone(),
                json!({"observedGeneration": 1}),
                &["rollout-in-progress"],
            ),
            (
                Kind::Deployment,
                two.clone(),
                json!({"replicas": 3, "updatedReplicas": 2, "availableReplicas": 2}),
                &["rollout-in-progress"],
            ),
            (
                Kind::Deployment,
                two.clone(),
                json!({"conditions": [{"type": "Progressing", "status": "False", "message": "timed out"}]}),
                &["rollout-failed"],
            ),
            (Kind::Deployment, json!({"replicas": 0}), json!({}), &["no-pods"]),
            (Kind::StatefulSet, two, halves.clone(), &["rollout-in-progress"]),
            (Kind::StatefulSet, partition, halves, &["several-revisions"]),
            (
                Kind::DaemonSet,
                json!({}),
                json!({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}),
                &["rollout-in-progress"],
            ),
            (
                Kind::DaemonSet,
                on_delete,
                json!({"desiredNumberScheduled": 2, "updatedNumberScheduled": 1, "numberAvailable": 2}),
                &["several-revisions", "on-delete"],
            ),
        ] {
            assert_eq!(codes(kind, spec.clone(), status.clone()), expected, "{spec} {status}");
        }
    }
}
