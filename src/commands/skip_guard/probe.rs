//! Looking one prerequisite up.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::Requirement;
use crate::engine::{Blind, Observed};
use crate::model::Reason;
use crate::world::http::{Http, Request, Settings};
use crate::world::{World, files};

pub const STAGE: &str = "guard";
/// The last resort; the one slow kind, `url`, has limits of its own below it.
pub const DEADLINE: Duration = Duration::from_secs(30);
const URL_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const URL_TIMEOUT: Duration = Duration::from_secs(10);

/// What looking a prerequisite up says. Not being able to look is an error of its own.
pub enum Answer {
    Met(Observed),
    Missing {
        message: String,
        help: String,
    },
    /// The question makes no sense on this machine.
    DoesNotApply(String),
}

/// One client for all URLs, made only if there is one.
#[derive(Default)]
pub struct LazyHttp(OnceCell<Http>);

pub fn title(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Env(name) => format!("{name} is set"),
        Requirement::File(path) => format!("The file {} exists", path.display()),
        Requirement::Command(name) => format!("The command {name} can be run"),
        Requirement::Event(events) => format!("The event is {}", events.join(" or ")),
        Requirement::Ref(_) => format!("The ref matches {}", requirement.to_string().trim_start_matches("ref:")),
        Requirement::NotFork => "The run does not come from a fork".to_owned(),
        Requirement::Url(url) => format!("{url} answers"),
    }
}

pub async fn look(requirement: &Requirement, world: &World, http: &LazyHttp) -> Result<Answer, Blind> {
    match requirement {
        Requirement::Env(name) => Ok(env(name, world)),
        Requirement::File(path) => file(path, world),
        Requirement::Command(name) => command(name, world),
        Requirement::Event(events) => event(events, world),
        Requirement::Ref(pattern) => match (&world.runner.git_ref, world.runner.active) {
            (Some(full), _) if pattern.matches(full) => Ok(met("ref", full)),
            (Some(full), _) => Ok(Answer::Missing {
                message: format!("the ref is {full}"),
                help: "nothing to do, if only other refs are deployed".to_owned(),
            }),
            (None, true) => Err(Blind::with_help(
                "GITHUB_REF is not set",
                "run it in a job of a workflow, or leave `ref` out",
            )),
            (None, false) => Ok(Answer::DoesNotApply(
                "not in a workflow run, so there is no ref".to_owned(),
            )),
        },
        Requirement::NotFork => not_fork(world),
        Requirement::Url(url) => {
            let client = http
                .0
                .get_or_try_init(|| async {
                    Http::new(
                        &world.env,
                        &Settings {
                            connect_timeout: URL_CONNECT_TIMEOUT,
                            follow_redirects: false,
                        },
                    )
                })
                .await?;
            let request = Request {
                url,
                head: false,
                timeout: URL_TIMEOUT,
                body_limit: 1,
            };
            match client.send(request).await {
                Ok(answer) => Ok(met("status", &answer.status.to_string())),
                Err(failure) => Ok(Answer::Missing {
                    message: format!("{url} does not answer ({}: {})", failure.reason, failure.detail),
                    help: match failure.reason {
                        Reason::Dns => "check the host name".to_owned(),
                        _ => "check that it is up and can be reached from here".to_owned(),
                    },
                }),
            }
        }
    }
}

fn met(name: &str, value: &str) -> Answer {
    Answer::Met(Observed::nothing_wrong().fact(name, value))
}

fn env(name: &str, world: &World) -> Answer {
    // A value of blanks only is what a secret pasted wrongly looks like.
    let set = world
        .env
        .raw(name)
        .is_some_and(|value| !value.as_encoded_bytes().trim_ascii().is_empty());
    if set {
        Answer::Met(Observed::nothing_wrong())
    } else {
        Answer::Missing {
            message: format!("{name} is not set or is empty"),
            help: format!(
                "create it and map it into the step: `env: {name}: ${{{{ secrets.{name} }}}}` (or `vars.{name}`); \
                 pull requests from forks and Dependabot get no secrets"
            ),
        }
    }
}

fn file(path: &Path, world: &World) -> Result<Answer, Blind> {
    match files::is_there(&world.workspace.join(path)) {
        Ok(true) => Ok(Answer::Met(Observed::nothing_wrong())),
        Ok(false) => Ok(Answer::Missing {
            message: format!("the file {} does not exist", path.display()),
            help: "check the path, which is relative to the workspace, and that the checkout or build before this \
                   step made it"
                .to_owned(),
        }),
        Err(error) => Err(Blind::with_help(
            format!("{} cannot be looked at: {error}", path.display()),
            "check the permissions of the file and of the folders above it",
        )),
    }
}

fn command(name: &str, world: &World) -> Result<Answer, Blind> {
    let candidates: Vec<PathBuf> = if name.contains('/') {
        vec![world.workspace.join(name)]
    } else {
        let Some(path) = world.env.raw("PATH") else {
            return Err(Blind::with_help(
                "PATH is not set, so no command can be looked for",
                "name the command by its path, or run stageproof on the host instead of in the container",
            ));
        };
        std::env::split_paths(path).map(|folder| folder.join(name)).collect()
    };
    let found = candidates.iter().find(|path| files::is_executable(path));
    Ok(match found {
        Some(path) => met("path", &path.display().to_string()),
        None => Answer::Missing {
            message: format!("the command {name} is not installed"),
            help: "install it in a step before this one; the container action sees only what is in its own image"
                .to_owned(),
        },
    })
}

fn event(events: &[String], world: &World) -> Result<Answer, Blind> {
    match (&world.runner.event_name, world.runner.active) {
        (Some(name), _) if events.iter().any(|event| event == name) => Ok(met("event", name)),
        (Some(name), _) => Ok(Answer::Missing {
            message: format!("the event is {name}"),
            help: "nothing to do, if only other events deploy".to_owned(),
        }),
        (None, true) => Err(Blind::with_help(
            "GITHUB_EVENT_NAME is not set",
            "run it in a job of a workflow, or leave `event` out",
        )),
        (None, false) => Ok(Answer::DoesNotApply(
            "not in a workflow run, so there is no event".to_owned(),
        )),
    }
}

/// A pull request whose head lives in another repository, or a run inside a repository that is itself a fork.
fn not_fork(world: &World) -> Result<Answer, Blind> {
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
    let missing = |message: String| Answer::Missing {
        message,
        help: "nothing to do: forks have no access to what a deploy needs".to_owned(),
    };
    if let Some(pull) = event.get("pull_request").filter(|pull| pull.is_object()) {
        let repository = |side: &str| pull.pointer(&format!("/{side}/repo/full_name")).and_then(Value::as_str);
        return match (repository("head"), repository("base")) {
            (Some(head), Some(base)) if head.eq_ignore_ascii_case(base) => Ok(met("repository", head)),
            (Some(head), Some(_)) => Ok(missing(format!("the pull request comes from the fork {head}"))),
            // GitHub leaves the head repository out when the fork was deleted.
            (None, Some(_)) if pull.pointer("/head/repo").is_some_and(Value::is_null) => Ok(missing(
                "the pull request comes from a fork that was deleted".to_owned(),
            )),
            _ => Err(Blind::with_help(
                "the event does not say which repository the pull request comes from",
                "report it with the event's name; until then leave `not-fork` out",
            )),
        };
    }
    match event.pointer("/repository/fork").and_then(Value::as_bool) {
        Some(true) => Ok(missing(format!(
            "{} is a fork",
            world.runner.repository.as_deref().unwrap_or("this repository")
        ))),
        // Scheduled runs do not say; they are off in forks until somebody switches them on there.
        Some(false) | None => Ok(Answer::Met(Observed::nothing_wrong())),
    }
}
