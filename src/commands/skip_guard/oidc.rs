//! Whether this job may get an OpenID Connect token, with which it logs in to a cloud without a secret.
//!
//! The runner sets both variables in steps of a job with `permissions: id-token: write`, container actions included
//! (actions/runner, `ContainerActionHandler`). A pull request from a fork cannot be given it (docs.github.com,
//! "Permissions for the GITHUB_TOKEN").

use super::answer::{Answer, cannot, should};
use super::run_context::event_help;
use super::situation::{FORK, fork_behind};
use crate::engine::{NotChecked, Observation};
use crate::world::World;

const VARIABLES: [&str; 2] = ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"];

pub fn token(world: &World) -> Result<Answer, NotChecked> {
    if VARIABLES.iter().all(|name| world.env.get(name).is_some()) {
        return Ok(Answer::Met(Observation::nothing_wrong()));
    }
    if !world.runner.active {
        return Ok(Answer::DoesNotApply(
            "not in a workflow run: no token can be issued".to_owned(),
        ));
    }
    match fork(world) {
        Ok(Some(fork)) => Ok(cannot(format!(
            "GitHub issues no OpenID Connect token to a pull request from {}",
            world.secrets.shorten(fork.as_str(), FORK)
        ))),
        Ok(None) => Ok(should(
            "the job may not get an OpenID Connect token",
            "Add `id-token: write` to `permissions:` of the job; permissions not listed there are not granted.",
        )),
        Err(why) => Err(NotChecked::with_help(
            format!("there is no OpenID Connect token, and it is unknown whether this run should have it: {why}"),
            event_help(world),
        )),
    }
}

fn fork(world: &World) -> Result<Option<String>, String> {
    let name = world
        .runner
        .event_name
        .as_deref()
        .ok_or("GITHUB_EVENT_NAME is not set")?;
    // The base repository's own permissions hold there, whoever caused the event.
    if !name.starts_with("pull_request") || name == "pull_request_target" {
        return Ok(None);
    }
    let event = world.runner.event();
    fork_behind(
        name,
        event.map_err(|error| format!("the event cannot be read: {error}"))?,
    )
}
