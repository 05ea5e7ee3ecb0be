//! Prerequisites of the run: its event, its ref, where it comes from.

use super::probe::{Answer, cannot, met};
use super::ref_pattern::Pattern;
use super::situation::fork_of;
use crate::engine::{Blind, Observed};
use crate::world::World;

pub fn event(events: &[String], world: &World) -> Result<Answer, Blind> {
    match (&world.runner.event_name, world.runner.active) {
        (Some(name), _) if events.iter().any(|event| event == name) => Ok(met("event", name)),
        (Some(name), _) => Ok(cannot(format!(
            "the event is {name}, and only {} deploys",
            events.join(" or ")
        ))),
        (None, true) => Err(Blind::with_help(
            "GITHUB_EVENT_NAME is not set",
            "run it in a job of a workflow, or leave `event` out",
        )),
        (None, false) => Ok(Answer::DoesNotApply(
            "not in a workflow run, so there is no event".to_owned(),
        )),
    }
}

pub fn git_ref(pattern: &Pattern, world: &World) -> Result<Answer, Blind> {
    match (&world.runner.git_ref, world.runner.active) {
        (Some(full), _) if pattern.matches(full) => Ok(met("ref", full)),
        (Some(full), _) => Ok(cannot(format!("the ref is {full}, and only {pattern} is deployed"))),
        (None, true) => Err(Blind::with_help(
            "GITHUB_REF is not set",
            "run it in a job of a workflow, or leave `ref` out",
        )),
        (None, false) => Ok(Answer::DoesNotApply(
            "not in a workflow run, so there is no ref".to_owned(),
        )),
    }
}

/// A pull request whose head lives in another repository, or a run inside a repository that is itself a fork.
pub fn not_fork(world: &World) -> Result<Answer, Blind> {
    if world.runner.event_path.is_none() && !world.runner.active {
        return Ok(Answer::DoesNotApply(
            "not in a workflow run, so there is no fork".to_owned(),
        ));
    }
    let event = world.runner.event().map_err(|error| {
        Blind::with_help(
            format!("the event cannot be read: {error:#}"),
            "run it in a job of a workflow, or leave `not-fork` out",
        )
    })?;
    if event.get("pull_request").is_some_and(serde_json::Value::is_object) {
        return match fork_of(&event) {
            Ok(None) => Ok(Answer::Met(Observed::nothing_wrong())),
            Ok(Some(fork)) => Ok(cannot(format!("the pull request comes from {fork}"))),
            Err(why) => Err(Blind::with_help(
                why,
                "report it with the event's name; until then leave `not-fork` out",
            )),
        };
    }
    match event.pointer("/repository/fork").and_then(serde_json::Value::as_bool) {
        Some(true) => Ok(cannot(format!(
            "{} is a fork",
            world.runner.repository.as_deref().unwrap_or("this repository")
        ))),
        // Scheduled runs do not say; they are off in forks until somebody switches them on there.
        Some(false) | None => Ok(Answer::Met(Observed::nothing_wrong())),
    }
}
