//! What runs: one task definition, if nothing is under way.

use super::api::{Rollout, Service, short};
use crate::engine::Observation;
use crate::model::Finding;
use crate::model::text::one_line;

/// The ARN of the task definition that runs, and what is wrong or odd.
pub fn current(name: &str, service: &Service) -> (Option<String>, Observation) {
    let mut observed = Observation::nothing_wrong();
    if let Some(wrong) = not_steady(name, service) {
        return (None, observed.with(wrong));
    }
    let Some(rollout) = service.deployments.first() else {
        return (None, observed);
    };
    observed = observed
        .fact("current", one_line(short(&rollout.task_definition)))
        .fact(
            "tasks",
            format!("{} of {}", rollout.running_count, rollout.desired_count),
        );
    if service.desired_count == 0 {
        observed = observed.with(
            Finding::warning("no-tasks", format!("the service {name} is scaled to 0 tasks"))
                .help("a rollback starts none, either: nobody sees whether the release works"),
        );
    }
    (Some(rollout.task_definition.clone()), observed)
}

fn not_steady(name: &str, service: &Service) -> Option<Finding> {
    if service.status != "ACTIVE" {
        let status = one_line(&service.status);
        let message = format!("the service {name} is {status}, not ACTIVE: it was deleted");
        return Some(Finding::error("service-inactive", message).help("create the service again, then deploy"));
    }
    let (who, instead) = match service.deployment_controller.kind.as_str() {
        "CODE_DEPLOY" => (
            "CodeDeploy deploys",
            "stop the deployment in CodeDeploy, or deploy the revision before; prove that with --platform command",
        ),
        "EXTERNAL" => (
            "an external controller deploys",
            "roll back with that controller; prove it with --platform command",
        ),
        _ => return unclear(name, service),
    };
    let message = format!("{who} the service {name}, so `aws ecs update-service` cannot change its task definition");
    Some(Finding::error("other-controller", message).help(instead))
}

fn unclear(name: &str, service: &Service) -> Option<Finding> {
    let wait = "wait until it has ended, then rehearse the rollback";
    let (code, message, help) = match service.deployments.as_slice() {
        [] => (
            "no-release",
            format!("the service {name} has no deployment"),
            "deploy it first: what does not run cannot be rolled back",
        ),
        [one] if one.rollout_state.as_deref() == Some("FAILED") => (
            "rollout-failed",
            format!(
                "the rollout of {} to {name} has failed, and ECS starts no more tasks of it",
                one_line(short(&one.task_definition))
            ),
            "roll back now, to the release that ran before; a rehearsal needs a rollout that has ended well",
        ),
        [one] if is_steady(one) && service.current_service_revisions.len() < 2 => return None,
        [one] if is_steady(one) => (
            "several-current",
            format!(
                "the service {name} has tasks of {} service revisions",
                service.current_service_revisions.len()
            ),
            wait,
        ),
        [one] => (
            "rollout-in-progress",
            format!(
                "{} is being deployed to {name}: {} of {} tasks run",
                one_line(short(&one.task_definition)),
                one.running_count,
                one.desired_count
            ),
            wait,
        ),
        several
            if several
                .iter()
                .any(|one| one.rollout_state.as_deref() == Some("IN_PROGRESS")) =>
        {
            (
                "rollout-in-progress",
                format!("a rollout to {name} is in progress: {}", told(several)),
                wait,
            )
        }
        several => (
            "several-current",
            format!("the service {name} has several deployments: {}", told(several)),
            "wait until ECS has stopped the tasks of the older ones; `aws ecs describe-services` shows them",
        ),
    };
    Some(Finding::error(code, message).help(help))
}

fn is_steady(one: &Rollout) -> bool {
    match one.rollout_state.as_deref() {
        Some(state) => one.status == "PRIMARY" && state == "COMPLETED",
        None => one.status == "PRIMARY" && one.pending_count == 0 && one.running_count == one.desired_count,
    }
}

fn told(rollouts: &[Rollout]) -> String {
    let each = rollouts.iter().map(|one| {
        let state = one.rollout_state.as_deref().unwrap_or("unknown state");
        let task_definition = short(&one.task_definition);
        one_line(&format!("{task_definition} ({}, {state})", one.status))
    });
    each.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(json: &str) -> Vec<String> {
        let service: Service = serde_json::from_str(json).unwrap();
        let (_, observed) = current("shop", &service);
        observed
            .findings
            .into_iter()
            .map(|finding| finding.code.into_owned())
            .collect()
    }

    #[test]
    fn behind_a_classic_load_balancer_the_tasks_tell_the_state() {
        for (tasks, code) in [
            (r#""runningCount":2,"pendingCount":0"#, &[][..]),
            (r#""runningCount":1,"pendingCount":1"#, &["rollout-in-progress"]),
        ] {
            let json = format!(
                r#"{{"status":"ACTIVE","desiredCount":2,"deployments":[
                    {{"status":"PRIMARY","taskDefinition":"shop:7","desiredCount":2,{tasks}}}]}}"#
            );
            assert_eq!(codes(&json), code);
        }
    }
}
