//! Which deployment of a service is the way back.
//!
//! What a rollback can choose is a task definition, so deployments are told apart by that. One with the same task definition
//! and other images, because a tag had moved, is no way back: the tag would lead to today's image.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::time::Instant;

use super::api::{Deployment, Revision, short};
use super::{EcsPlan, Running};
use crate::commands::rollback_dry_run::{History, LIMIT, NoPrevious, Release, Seen, Words};
use crate::engine::Observation;
use crate::model::Finding;
use crate::model::text::one_line;

/// Deployments whose revisions are looked up at once.
const AT_ONCE: usize = 100;
/// ECS Developer Guide, "View service history using Amazon ECS service deployments".
const KEPT: &str =
    "Amazon ECS keeps deployments for 90 days; `--to-release FAMILY:REVISION` names an older task definition";

/// The way back.
pub struct Previous {
    /// `shop:6`.
    pub name: String,
    /// What the service was then, and is now, as far as ECS has kept it.
    pub then: Option<Revision>,
    pub now: Option<Revision>,
}

/// The newest successful deployment before the current one with another task definition, or what was asked for.
pub async fn find(plan: EcsPlan, running: Arc<Running>, now: Timestamp) -> Seen<Previous> {
    let before = running.ecs.sent();
    let deployments = match &running.deployments {
        Ok(deployments) => deployments,
        Err(error) => return Err(error.unknown.clone().into()),
    };
    let current = short(&running.task_definition).to_owned();
    let named = plan.to.as_deref();
    let until = Instant::now() + LIMIT;
    let mut revisions = BTreeMap::new();
    let mut history = History {
        current: current.clone(),
        releases: Vec::new(),
    };
    if deployments.is_empty()
        && let Some(arn) = &running.revision
    {
        revisions = running.ecs.revisions(&[arn], until).await?;
    }
    for some in deployments.chunks(AT_ONCE) {
        let arns: Vec<&str> = some
            .iter()
            .map(Deployment::revision)
            .chain(running.revision.as_deref())
            .filter(|arn| !arn.is_empty() && !revisions.contains_key(*arn))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        revisions.extend(running.ecs.revisions(&arns, until).await?);
        history
            .releases
            .extend(some.iter().map(|deployment| release(deployment, &revisions)));
        if history.previous(named).is_ok() {
            break;
        }
    }
    let judged = match (named, history.previous(named)) {
        (Some(named), Err(NoPrevious::NotThere(_))) if named != current => Ok(unrecorded(named)),
        (_, Err(none @ (NoPrevious::First | NoPrevious::CurrentUnknown))) => Err(forgotten(&plan, &current, &none)),
        _ => Ok(history.judge(&words(&plan), named, now)),
    };
    let (release, observed) = judged.unwrap_or_else(|finding| (None, Observation::found(finding)));
    let of = |name: &str| {
        let deployed = |deployment: &&Deployment| {
            let revision = revisions.get(deployment.revision());
            is_good(deployment) && revision.is_some_and(|revision| short(&revision.task_definition) == name)
        };
        let newest = deployments.iter().find(deployed)?;
        revisions.get(newest.revision()).cloned()
    };
    let is_current = running.revision.as_ref().and_then(|arn| revisions.get(arn).cloned());
    let previous = release.map(|release| Previous {
        then: of(&release.name),
        now: is_current.or_else(|| of(&current)),
        name: release.name,
    });
    let requests = (running.ecs.sent() - before).to_string();
    Ok((previous, observed.fact("requests", requests)))
}

fn is_good(deployment: &Deployment) -> bool {
    deployment.status == "SUCCESSFUL"
}

fn release(deployment: &Deployment, revisions: &BTreeMap<String, Revision>) -> Release {
    let revision = revisions.get(deployment.revision());
    let task_definition = revision.map(|revision| short(&revision.task_definition).to_owned());
    let state = match task_definition {
        Some(_) => deployment.status.clone(),
        None => format!("{}, and ECS does not tell its task definition", deployment.status),
    };
    Release {
        good: is_good(deployment) && task_definition.is_some(),
        name: task_definition.clone().unwrap_or_else(|| "one".to_owned()),
        artifact: task_definition,
        state,
        at: deployment.at(),
    }
}

/// One that no deployment has, as far as ECS remembers.
fn unrecorded(named: &str) -> (Option<Release>, Observation) {
    let release = Release {
        name: named.to_owned(),
        artifact: Some(named.to_owned()),
        state: "unrecorded".to_owned(),
        good: true,
        at: String::new(),
    };
    let message = format!("no deployment of the last 90 days used {named}, so nothing tells whether it worked");
    let finding = Finding::warning("unrecorded-release", message).help("check in your own records that it did");
    (
        Some(release),
        Observation::found(finding).fact("release", one_line(named)),
    )
}

/// What came before the current deployment is not known.
fn forgotten(plan: &EcsPlan, current: &str, none: &NoPrevious) -> Finding {
    let service = &plan.service;
    let current = one_line(current);
    match none {
        NoPrevious::First => Finding::error(
            "no-previous-release",
            format!("Amazon ECS has no deployment of {service} before the one of {current}"),
        ),
        _ => Finding::error(
            "current-unknown",
            format!("Amazon ECS has no deployment of {service} with {current}, which runs now"),
        ),
    }
    .help(KEPT)
}

fn words(plan: &EcsPlan) -> Words {
    Words {
        platform: "Amazon ECS",
        of: plan.service.clone(),
        release: "deployment",
        artifact: "task definition",
        kept: "task definition",
        list: "`aws ecs list-task-definitions`",
        like: "shop:7",
        all_the_same: "a forced deployment only pulls the images of the same tags again; deploy a new revision of the task \
                       definition for each release, with images by their digest",
    }
}
