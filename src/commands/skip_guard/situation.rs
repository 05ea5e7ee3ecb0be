//! Why something is missing decides what a missing thing means.
//!
//! Secrets go neither to pull requests from forks nor to runs that Dependabot starts
//! (docs.github.com, "Using secrets in GitHub Actions" and "Dependabot on GitHub Actions"). There they *cannot* be; anywhere
//! else they *should* be. `pull_request_target` and `workflow_run` run with the base repository's secrets even for forks.

use serde_json::Value;

use crate::model::text::one_line;
use crate::world::Runner;

/// GitHub's own robot, as `GITHUB_ACTOR` names it.
const DEPENDABOT: &str = "dependabot[bot]";
/// Events that run in the context of the base repository, whoever caused them.
const TRUSTED_EVENTS: [&str; 2] = ["pull_request_target", "workflow_run"];

/// What of a fork is shown, in bytes. Longer names of repositories do not exist.
pub const FORK: usize = 160;

/// What a missing prerequisite means.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Situation {
    /// It cannot exist in this run: skip, nothing to do.
    CannotExist,
    /// It should exist and does not: skip with a warning, or fail where the configuration says so.
    ShouldExist,
    /// Some of what belongs together is there: always a failure.
    Partly,
}

/// Where the run comes from, as far as secrets are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It gets the repository's secrets.
    Own,
    /// It gets none, and this is who gets none ("pull requests from forks").
    WithoutSecrets(&'static str),
    /// Nobody can tell, and this is why.
    Unknown(String),
}

impl Origin {
    pub fn of(runner: &Runner) -> Self {
        let Some(event_name) = runner.event_name.as_deref() else {
            return if runner.active {
                Self::Unknown("GITHUB_EVENT_NAME is not set".to_owned())
            } else {
                Self::Own
            };
        };
        if TRUSTED_EVENTS.contains(&event_name) {
            return Self::Own;
        }
        if runner.actor.as_deref() == Some(DEPENDABOT) {
            return Self::WithoutSecrets("runs that Dependabot starts");
        }
        match runner.event() {
            Ok(event) => of_event(event_name, event),
            Err(error) => Self::Unknown(format!("the event cannot be read: {error}")),
        }
    }
}

fn of_event(event_name: &str, event: &Value) -> Origin {
    if event_name.starts_with("pull_request") {
        return match fork_behind(event_name, event) {
            Ok(Some(_)) => Origin::WithoutSecrets("pull requests from forks"),
            Ok(None) => Origin::Own,
            Err(why) => Origin::Unknown(why),
        };
    }
    // Where the payload does not say, the secret counts as one that should exist: the stricter of the two.
    match event.pointer("/repository/fork").and_then(Value::as_bool) {
        Some(true) => Origin::WithoutSecrets("runs in a fork of the repository"),
        Some(false) | None => Origin::Own,
    }
}

/// The fork whose code or wish is behind a run, if one is. `Err` says why that cannot be told.
///
/// `workflow_run` counts as well: it has the base repository's secrets, which makes a fork behind it more dangerous,
/// not less.
pub fn fork_behind(event_name: &str, event: &Value) -> Result<Option<String>, String> {
    if event_name.starts_with("pull_request") {
        return compare(event, "/pull_request/head/repo", "/pull_request/base/repo");
    }
    if event_name == "workflow_run" {
        return compare(event, "/workflow_run/head_repository", "/repository");
    }
    if event.pointer("/issue/pull_request").is_some_and(Value::is_object) {
        return Err("the event of a comment does not name the repository of the pull request".to_owned());
    }
    match event.pointer("/repository/fork") {
        Some(Value::Bool(true)) => Ok(Some("this repository, which is a fork".to_owned())),
        Some(Value::Bool(false)) => Ok(None),
        // Scheduled runs carry no repository. They are off in forks until somebody switches them on there.
        None if event_name == "schedule" => Ok(None),
        _ => Err("the event does not say whether this repository is a fork".to_owned()),
    }
}

fn compare(event: &Value, head: &str, base: &str) -> Result<Option<String>, String> {
    let name = |repository: &str| {
        event
            .pointer(&format!("{repository}/full_name"))
            .and_then(Value::as_str)
    };
    match (name(head), name(base)) {
        (Some(head), Some(base)) if head.eq_ignore_ascii_case(base) => Ok(None),
        (Some(head), Some(_)) => Ok(Some(format!("the fork {}", one_line(head)))),
        // GitHub leaves the head repository out when the fork was deleted.
        (None, Some(_)) if event.pointer(head).is_some_and(Value::is_null) => {
            Ok(Some("a fork that was deleted".to_owned()))
        }
        _ => Err("the event does not name the repository of the change".to_owned()),
    }
}
