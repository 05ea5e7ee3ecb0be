//! What is wrong, in words.

use super::api::{Helm, Record};
use super::manifest::Object;
use super::release::Release;
use crate::commands::rollback_dry_run::{NoPrevious, Words};
use crate::engine::NotChecked;
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::api::ApiError;
use crate::world::kubernetes::Status;

fn release_of(helm: &Helm) -> String {
    format!("the release {}", helm.name)
}

pub fn no_release(helm: &Helm) -> Finding {
    let namespace = &helm.cluster.namespace;
    let why = format!("there is no {} in the namespace {namespace}", &release_of(helm)[4..]);
    Finding::error("no-release", why).help(format!(
        "`helm list --all --namespace {namespace}` lists them; releases that Helm keeps elsewhere than in Secrets \
         (HELM_DRIVER) are not found"
    ))
}

/// What the newest revision says about the release, if it says that nothing can be gone back from or to.
pub fn not_at_rest(helm: &Helm, newest: &Record) -> Option<Finding> {
    let Record { version, status, .. } = newest;
    let name = &helm.name;
    let (code, why, help) = match &**status {
        "pending-install" | "pending-upgrade" | "pending-rollback" => (
            "rollout-in-progress",
            format!("revision {version} of {name} is being deployed ({status}), or Helm was interrupted"),
            format!(
                "wait until `helm status {name}` says that it is deployed; if no Helm runs any more, `helm rollback {name}` \
                 ends it, and until then helm refuses upgrades"
            ),
        ),
        "uninstalled" | "uninstalling" => (
            "uninstalled",
            format!("{} is {status}: its newest revision is {version}", release_of(helm)),
            "install it again; what was removed cannot be gone back from".to_owned(),
        ),
        _ => return None,
    };
    Some(Finding::error(code, why).help(help))
}

/// No revision, or several, are recorded as deployed.
pub fn not_one(helm: &Helm, deployed: &[u64], newest: &Record) -> Finding {
    let name = &helm.name;
    match deployed {
        [] => Finding::error(
            "none-deployed",
            format!(
                "no revision of {name} is deployed; the newest, {}, is `{}`",
                newest.version,
                one_line(&newest.status)
            ),
        )
        .help("deploy a revision that works first"),
        [first, ..] => {
            let all: Vec<String> = deployed.iter().map(ToString::to_string).collect();
            let why = format!(
                "several revisions of {name} are recorded as deployed: {}",
                all.join(", ")
            );
            Finding::error("several-deployed", why).help(format!(
                "Helm was interrupted; `helm rollback {name} {first}` records the others as superseded"
            ))
        }
    }
}

/// The newest revision failed, and an earlier one is deployed.
pub fn newest_failed(helm: &Helm, newest: &Record, deployed: u64) -> Finding {
    let (name, version) = (&helm.name, newest.version);
    Finding::warning(
        "newest-failed",
        format!(
            "revision {version} of {name} failed; Helm has revision {deployed} as deployed, and parts of {version} may run"
        ),
    )
    .help(format!("`helm rollback {name} {deployed}` ends it: prove that with --to-release {deployed}"))
}

pub fn no_previous(helm: &Helm, named: Option<&str>, none: NoPrevious) -> Finding {
    let asked = named.unwrap_or_default();
    match none {
        NoPrevious::NotThere(names) => Finding::error(
            "no-such-release",
            format!(
                "{} has no revision {asked}; it has {}",
                release_of(helm),
                names.join(", ")
            ),
        )
        .help("name one of these; Helm keeps the newest 10 if it is not told otherwise (--history-max)"),
        none => Words {
            platform: "Helm",
            of: release_of(helm),
            release: "revision",
            artifact: "manifest",
            kept: "manifest of",
            list: "`helm history`",
            like: "3",
            all_the_same: "there is nothing to go back to: deploy another version once",
        }
        .no_previous(named, none),
    }
}

pub fn may_not(helm: &Helm, missing: &[String]) -> Finding {
    let why = format!("{} may not {}", helm.cluster.credentials, missing.join("; nor "));
    Finding::error("permission-denied", why)
        .help("grant these rights to whoever rolls back, or rehearse with their credentials")
}

/// `of` is what has the object.
pub fn not_served(object: &Object, of: &str) -> Finding {
    let what = format!("{} {}", one_line(&object.api_version()), one_line(&object.kind));
    Finding::error(
        "not-served",
        format!(
            "the cluster no longer serves {what}, which {of} has ({}), and Helm stops at it",
            one_line(&object.name)
        ),
    )
    .help(
        "go back to a revision whose objects the cluster knows, with --to-release; `helm mapkubeapis` rewrites what the \
         newest revision names",
    )
}

/// What it is in, or what defines it, is made by the rollback itself.
pub fn made_first(object: &Object) -> NotChecked {
    let of = format!("{} {}", one_line(&object.kind), one_line(&object.name));
    NotChecked::with_help(
        format!("whether the cluster accepts {of} cannot be asked: the rollback makes its namespace or its kind first"),
        "make these outside of the release, so that they are there before",
    )
}

/// The cluster would not accept an object. An error if it does not say so.
pub fn not_accepted(object: &Object, namespace: &str, error: &ApiError) -> Result<Finding, NotChecked> {
    let Some(status) = Status::of(error) else {
        return Err(error.into());
    };
    let says = status.message();
    let of = format!("{} {}", one_line(&object.kind), one_line(&object.name));
    // A running pod has volumes that a chart does not list, and only a patch like Helm's keeps them.
    if object.is_pod() && error.status == Some(422) {
        return Err(NotChecked::with_help(
            format!("whether the cluster accepts the changed {of} cannot be asked: {says}"),
            "compare it yourself with `helm diff rollback`, or run the pod by a Deployment",
        ));
    }
    let (code, why, help) = match error.status {
        Some(422) => (
            "invalid-release",
            format!("{of} is no longer valid for this cluster: {says}"),
            "go back to another revision with --to-release, or go forward with a fix",
        ),
        Some(404) if says.contains("namespaces") => (
            "no-namespace",
            format!("{of} needs the namespace {namespace}, which is not there any more"),
            "create the namespace first",
        ),
        Some(403) if says.contains("is being terminated") => (
            "no-namespace",
            format!("{of} needs the namespace {namespace}, which is being deleted"),
            "create the namespace again when it is gone",
        ),
        Some(409) if says.contains("conflict") => (
            "conflict",
            format!("{of} has fields that another program set, so Helm would stop: {says}"),
            "let only one program set them, or add --force-conflicts to the rollback",
        ),
        // Whether the credentials suffice was asked before.
        Some(403) => (
            "not-admitted",
            format!("a rule or quota of the cluster refuses {of}: {says}"),
            "change the rule or the quota, or go back to another revision with --to-release",
        ),
        Some(400) if !says.contains("does not support dry run") => (
            "not-admitted",
            format!("the cluster refuses {of}: {says}"),
            "if this names an admission webhook, ask those who run it",
        ),
        _ => return Err(error.into()),
    };
    Ok(Finding::error(code, why).help(help))
}

pub fn not_covered(target: Option<&Release>) -> Vec<String> {
    let mut lines = vec![
        "whether that revision works: it was not run".to_owned(),
        "volumes and their content".to_owned(),
        "custom resource definitions that the chart has in crds/: Helm does not change them".to_owned(),
        "objects that were changed by hand, or that another program makes".to_owned(),
        "images that custom resources name".to_owned(),
    ];
    for hook in target.into_iter().flat_map(Release::rollback_hooks) {
        let (kind, name) = (one_line(&hook.kind), one_line(&hook.name));
        lines.push(format!(
            "the hook {kind} {name}: it would run ({})",
            one_line(&hook.events.join(", "))
        ));
    }
    lines
}
