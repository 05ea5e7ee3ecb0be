//! Prerequisites of the run: its event, its ref, where it comes from.

use super::answer::{Answer, cannot, met};
use super::ref_pattern::Pattern;
use super::situation::{FORK, fork_behind};
use crate::engine::{NotChecked, Observation};
use crate::world::World;

pub fn event(events: &[String], world: &World) -> Result<Answer, NotChecked> {
    match (&world.runner.event_name, world.runner.active) {
        (Some(name), _) if events.iter().any(|event| event == name) => Ok(met("event", name)),
        (Some(name), _) => Ok(cannot(format!(
            "the event is {name}, and only {} deploys",
            events.join(" or ")
        ))),
        (None, true) => Err(NotChecked::with_help(
            "GITHUB_EVENT_NAME is not set",
            "run it in a job of a workflow, or leave `event` out",
        )),
        (None, false) => Ok(Answer::DoesNotApply(
            "not in a workflow run: there is no event".to_owned(),
        )),
    }
}

pub fn git_ref(pattern: &Pattern, world: &World) -> Result<Answer, NotChecked> {
    match (&world.runner.git_ref, world.runner.active) {
        (Some(full), _) if pattern.matches(full) => Ok(met("ref", full)),
        (Some(full), _) => Ok(cannot(match pattern.for_tag(full) {
            Some(tag) => format!("the ref is {full}, and {pattern} is a branch (write tags as ref:{tag})"),
            None => format!("the ref is {full}, and only {pattern} is deployed"),
        })),
        (None, true) => Err(NotChecked::with_help(
            "GITHUB_REF is not set",
            "run it in a job of a workflow, or leave `ref` out",
        )),
        (None, false) => Ok(Answer::DoesNotApply(
            "not in a workflow run: there is no ref".to_owned(),
        )),
    }
}

/// What to do when the event does not tell where a run comes from. act has none unless it is given one.
pub fn event_help(world: &World) -> &'static str {
    match world.env.get("ACT") {
        Some(_) => {
            "pass act the event's payload, such as `{\"repository\": {\"fork\": false}}` for a push, with \
             `act --eventpath FILE`"
        }
        None => "run it in a workflow job, with the path of the event's payload in GITHUB_EVENT_PATH",
    }
}

/// Neither a change from another repository nor a run inside a repository that is itself a fork.
pub fn not_fork(world: &World) -> Result<Answer, NotChecked> {
    if world.runner.event_path.is_none() && !world.runner.active {
        return Ok(Answer::DoesNotApply(
            "not in a workflow run: there is no fork".to_owned(),
        ));
    }
    let cannot_tell =
        |why: String| NotChecked::with_help(why, format!("{}, or leave `not-fork` out", event_help(world)));
    let name = world
        .runner
        .event_name
        .as_deref()
        .ok_or_else(|| cannot_tell("GITHUB_EVENT_NAME is not set".to_owned()))?;
    let event = world
        .runner
        .event()
        .map_err(|error| cannot_tell(format!("the event cannot be read: {error}")))?;
    match fork_behind(name, event) {
        Ok(None) => Ok(Answer::Met(Observation::nothing_wrong())),
        Ok(Some(fork)) => {
            let fork = world.secrets.shorten(fork.as_str(), FORK);
            Ok(cannot(format!("the run comes from {fork}")))
        }
        Err(why) => Err(cannot_tell(why)),
    }
}
