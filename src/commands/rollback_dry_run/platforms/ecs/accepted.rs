//! Whether a service can still be updated to a task definition.

use std::sync::Arc;

use futures_util::future::join;
use tokio::time::Instant;

use super::Running;
use super::api::{TaskDefinition, short};
use super::previous::Previous;
use crate::commands::rollback_dry_run::claims::{LIMIT, Seen};
use crate::engine::Observation;
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::aws::AwsError;

/// Looks the task definition up, with the one that runs: if ECS does not show that either, it is the question that is wrong.
pub async fn accepted(running: Arc<Running>, previous: Arc<Previous>) -> Seen<TaskDefinition> {
    let Running { ecs, .. } = &*running;
    let name = &previous.name;
    let until = Instant::now() + LIMIT;
    let before = ecs.sent();
    let target = ecs.task_definition(name, until);
    let (target, control) = join(target, ecs.task_definition(short(&running.task_definition), until)).await;
    let other =
        "name another task definition with --to-release; or register this one again, which makes a new revision";
    // ECS describes a deregistered one only while something refers to it.
    let gone = |error: &AwsError| error.is("ClientException");
    let (found, wrong) = match (target, control) {
        (Ok(found), _) if found.status == "ACTIVE" => (Some(found), None),
        (Ok(found), _) => {
            let status = one_line(&found.status);
            let inactive = format!(
                "the task definition {name} is {status}: it was deregistered, and a service cannot be updated to it"
            );
            (
                None,
                Some(Finding::error("task-definition-inactive", inactive).help(other)),
            )
        }
        (Err(error), Ok(_)) if gone(&error) => {
            let absent = format!("Amazon ECS has no task definition {name}: it was deregistered, or never existed");
            (None, Some(Finding::error("no-task-definition", absent).help(other)))
        }
        (Err(error), _) => return Err(error.into()),
    };
    let observed = Observation {
        findings: wrong.into_iter().collect(),
        ..Observation::nothing_wrong()
    };
    let observed = observed.fact("task definition", one_line(name));
    Ok((found, observed.fact("requests", (ecs.sent() - before).to_string())))
}
