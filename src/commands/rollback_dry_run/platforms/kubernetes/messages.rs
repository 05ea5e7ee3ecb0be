//! What is wrong, in words.

use super::named::{Kind, Named};
use crate::commands::rollback_dry_run::releases::NoPrevious;
use crate::model::Finding;
use crate::model::text::count;
use crate::world::api::ApiError;
use crate::world::kubernetes::{Cluster, Status};

/// The cluster says that there is no such workload; anything else that answers 404 is no cluster.
pub fn no_workload(named: &Named, cluster: &Cluster, error: &ApiError) -> Option<Finding> {
    let status = Status::of(error).filter(|_| error.status == Some(404))?;
    let why = format!(
        "there is no {named} in the namespace {}: {}",
        cluster.namespace,
        status.message()
    );
    (status.reason == "NotFound").then(|| {
        Finding::error("no-workload", why).help(format!(
            "`kubectl get {}` lists them; check --workload, --namespace and --kube-context",
            named.kind.resource()
        ))
    })
}

/// Why there is no revision to go back to.
pub fn no_previous(named: &Named, asked: Option<&str>, none: NoPrevious) -> Finding {
    let asked = asked.unwrap_or_default();
    let history = format!("`kubectl rollout history {named}` lists the revisions");
    let (code, message, help) = match none {
        NoPrevious::First => (
            "no-previous-release",
            format!("{named} has no revision before the current one"),
            "roll out once more; check that `revisionHistoryLimit` is not 0".to_owned(),
        ),
        NoPrevious::AllTheSame(earlier) => (
            "same-template",
            format!(
                "{} before the current one of {named} have the same template",
                count(earlier, "revision")
            ),
            "there is nothing to go back to: roll out another image once".to_owned(),
        ),
        NoPrevious::NamedIsCurrent => (
            "same-template",
            format!("{named} is already at revision {asked}: kubectl would change nothing, and exit with 0"),
            format!("name another revision with --to-release; {history}"),
        ),
        NoPrevious::NotThere(names) if names.is_empty() => (
            "no-such-release",
            format!("{named} has no revisions"),
            "check that its controller runs, and that `revisionHistoryLimit` is not 0".to_owned(),
        ),
        NoPrevious::NotThere(names) => (
            "no-such-release",
            format!("{named} has no revision {asked}; it has {}", names.join(", ")),
            "a rollback renumbers the revision it goes back to, and old ones are removed; name one of these".to_owned(),
        ),
        NoPrevious::CurrentUnknown => (
            "current-unknown",
            format!("no revision of {named} has the template that it has now"),
            "its controller has not noted it yet, or does not run; try again in a moment".to_owned(),
        ),
        // Kubernetes does not say what became of a revision.
        NoPrevious::NoneGood(release) | NoPrevious::NamedNotGood(release) => (
            "previous-not-good",
            format!("the revision {} of {named} was not good", release.name),
            history,
        ),
    };
    Finding::error(code, message).help(help)
}

/// The credentials may not roll back.
pub fn may_not(named: &Named, cluster: &Cluster) -> Finding {
    let Named { kind, .. } = named;
    let (resource, history) = (kind.resource(), kind.history());
    let why = format!(
        "{} may not patch {named} in the namespace {}, and so not roll it back",
        cluster.credentials, cluster.namespace
    );
    Finding::error("permission-denied", why).help(format!(
        "grant it: `kubectl create role rollback -n {} --verb=get,list,patch --resource={resource}.apps,{history}.apps`, \
         and bind that role",
        cluster.namespace
    ))
}

/// The cluster would not accept the rollback. `None` if it does not say so.
pub fn not_accepted(named: &Named, number: u64, error: &ApiError) -> Option<Finding> {
    let status = Status::of(error)?;
    let says = status.message();
    let rollback = format!("the rollback of {named} to revision {number}");
    let (code, why, help) = match error.status? {
        422 => (
            "invalid-release",
            format!("{rollback} is no longer valid for this cluster: {says}"),
            "go back to another revision with --to-release, or go forward with a fix",
        ),
        409 => (
            "conflict",
            format!("{rollback} conflicts with another change: {says}"),
            "somebody else is changing it; rehearse again when that is done",
        ),
        // Whether the credentials suffice was asked before.
        403 => (
            "not-admitted",
            format!("a rule or quota of the cluster refuses {rollback}: {says}"),
            "change the rule or the quota, or go back to another revision with --to-release",
        ),
        400 if !says.contains("does not support dry run") => (
            "not-admitted",
            format!("the cluster refuses {rollback}: {says}"),
            "if this names an admission webhook, ask those who run it",
        ),
        _ => return None,
    };
    Some(Finding::error(code, why).help(help))
}

/// What a rollback of this kind does not bring back.
pub fn not_covered(kind: Kind) -> Vec<String> {
    let mut lines = vec![
        "whether that revision works, or ever did: it was not run, and Kubernetes keeps no record of it".to_owned(),
        "ConfigMaps and Secrets that the pods read: they keep their current content".to_owned(),
        "everything else outside the pod template: services, replicas (a HorizontalPodAutoscaler sets them), custom \
         resources"
            .to_owned(),
        "volumes and their content".to_owned(),
        "room on the nodes for the pods".to_owned(),
    ];
    if kind == Kind::StatefulSet {
        lines.push("volumeClaimTemplates: they cannot be changed back".to_owned());
    }
    lines
}
