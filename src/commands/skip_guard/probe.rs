//! Looking one prerequisite up: which file knows which kind.

use super::answer::Answer;
use super::github::{self, LazyGitHub};
use super::machine;
use super::network::{self, LazyHttp};
use super::oidc;
use super::requirement::{FreezeIn, Requirement};
use super::run_context;
use crate::engine::NotChecked;
use crate::world::{World, panics};

/// The claim that is looked up, as a sentence.
pub fn title(requirement: &Requirement) -> String {
    match requirement {
        Requirement::Env(name) | Requirement::Var(name) => format!("{name} is set"),
        Requirement::Group(names) => format!("{} are set, all or none", names.join(", ")),
        Requirement::File(path) => format!("The file {} exists", path.display()),
        Requirement::Command(name) => format!("The command {name} can be run"),
        Requirement::Event(events) => format!("The event is {}", events.join(" or ")),
        Requirement::Ref(_) => format!("The ref matches {}", requirement.to_string().trim_start_matches("ref:")),
        Requirement::NotFork => "The run does not come from a fork".to_owned(),
        Requirement::Url(url) => format!("{url} answers"),
        Requirement::Tcp { host, port } => format!("{host} accepts connections on port {port}"),
        Requirement::NotFrozen(FreezeIn::File(path)) => format!("No freeze is written in {}", path.display()),
        Requirement::NotFrozen(FreezeIn::Env(name)) => format!("No freeze is written in {name}"),
        Requirement::Oidc => "The job may get an OpenID Connect token".to_owned(),
        Requirement::GitHub(ask) => ask.title(),
    }
}

/// What is made once for all prerequisites, and only if one needs it.
pub struct Clients {
    pub http: LazyHttp,
    pub github: LazyGitHub,
}

pub async fn look(requirement: &Requirement, world: &World, clients: &Clients) -> Result<Answer, NotChecked> {
    match requirement {
        Requirement::Url(url) => network::url(url, world, &clients.http).await,
        Requirement::GitHub(ask) => github::look(ask, world, &clients.github).await,
        Requirement::Tcp { host, port } => network::tcp(host, *port).await,
        local => {
            let (local, world) = (local.clone(), world.clone());
            // A hung mount would otherwise block the thread that notices deadlines and signals.
            tokio::task::spawn_blocking(move || look_here(&local, &world))
                .await
                .map_err(|error| NotChecked::errored(panics::no_result(error)))?
        }
    }
}

fn look_here(requirement: &Requirement, world: &World) -> Result<Answer, NotChecked> {
    match requirement {
        Requirement::Env(name) => machine::secret(name, world),
        Requirement::Var(name) => Ok(machine::variable(name, world)),
        Requirement::Group(names) => machine::group(names, world),
        Requirement::File(path) => machine::file(path, world),
        Requirement::Command(name) => machine::command(name, world),
        Requirement::NotFrozen(place) => machine::not_frozen(place, world),
        Requirement::Event(events) => run_context::event(events, world),
        Requirement::Ref(pattern) => run_context::git_ref(pattern, world),
        Requirement::NotFork => run_context::not_fork(world),
        Requirement::Oidc => oidc::token(world),
        Requirement::Url(_) | Requirement::Tcp { .. } | Requirement::GitHub(_) => {
            Err(NotChecked::errored("it is on the network"))
        }
    }
}
