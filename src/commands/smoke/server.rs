//! The server that smoke starts itself.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::{STAGE, Start};
use crate::engine::Blind;
use crate::model::text::cut;
use crate::model::{Check, Class, Ended, Fact, Finding, Reason};
use crate::world::dns::Dns;
use crate::world::process::StartError;
use crate::world::supervisor::{Ending, Failed, Order, Server};
use crate::world::{World, files, ports};

const LINES_SHOWN: usize = 15;

/// Why there is no server: found wanting, or not found out.
pub enum NotStarted {
    Wrong(Finding),
    Blind(Blind),
}

/// Starts the server, unless something already listens where it is to answer: then a probe would be answered by
/// somebody else.
pub async fn start(start: &Start, targets: &[Url], world: &World) -> Result<Server, NotStarted> {
    for url in targets {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            continue;
        };
        let addresses = addresses(host).await.map_err(NotStarted::Blind)?;
        let taken = tokio::task::spawn_blocking(move || ports::taken(&addresses, port))
            .await
            .map_err(|error| {
                NotStarted::Blind(Blind::errored(format!(
                    "whether {url} is free was not found out: {error}"
                )))
            })?;
        if let Some(address) = taken {
            return Err(NotStarted::Wrong(
                // No reason: those are for what was probed, and nothing was.
                Finding::error("port-taken", format!("something already listens on {address}")).help(format!(
                    "stop what is left from before (`ss -ltnp 'sport = :{port}'` names it), or use another port"
                )),
            ));
        }
    }
    world
        .progress
        .say(&format!("starting the server: {}", cut(&start.command.join(" "), 200)));
    let order = Order {
        command: &start.command,
        folder: &start.workspace,
        log: &start.log,
        grace: start.grace,
    };
    Server::start(&order, &world.env, &world.interrupt)
        .await
        .map_err(not_started)
}

fn not_started(failed: Failed) -> NotStarted {
    let help = match &failed {
        Failed::Interrupted(_) | Failed::Own(_) | Failed::Program(StartError::System(_)) => {
            return NotStarted::Blind(Blind::errored(failed.to_string()));
        }
        Failed::Program(StartError::NotInPath(_) | StartError::NoFile(_)) => {
            "check the command's name and that the build before this step made it; the container action sees only what \
             is in its own image and the workspace"
        }
        Failed::Program(_) | Failed::Refused(_) => "check that the command is a program that may be executed here",
    };
    NotStarted::Wrong(Finding::error("not-started", failed.to_string()).help(help))
}

async fn addresses(host: &str) -> Result<Vec<IpAddr>, Blind> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(ip) => Ok(vec![ip]),
        Err(_) => Dns::default().look_up(bare).await.map_err(|error| {
            Blind::with_help(
                error.to_string(),
                "a started server is probed on this machine: localhost",
            )
        }),
    }
}

/// The claim that the server ran from the first probe to the last.
pub fn check(start: &Start, ended: Result<(u32, Option<Ending>), NotStarted>, took: Duration, world: &World) -> Check {
    let mut facts = vec![Fact::new("command", start.command.join(" "))];
    let ended = match ended {
        Err(NotStarted::Wrong(finding)) => Ended::Looked(vec![finding]),
        Err(NotStarted::Blind(Blind::Skipped { reason })) => Ended::Skipped { reason },
        Err(NotStarted::Blind(Blind::Errored { cause, help })) => Ended::Errored { cause, help },
        Ok((pid, ending)) => {
            let log = start.log.strip_prefix(&world.workspace).unwrap_or(&start.log);
            facts.push(Fact::new("process", pid.to_string()));
            facts.push(Fact::new("log", log.display().to_string()));
            Ended::Looked(ending.map(|how| gone(start, how)).into_iter().collect())
        }
    };
    Check {
        id: format!("{STAGE}:server"),
        stage: STAGE.to_owned(),
        title: "The server starts and keeps running".to_owned(),
        ended,
        facts,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn gone(start: &Start, how: Ending) -> Finding {
    let help = match how {
        Ending::Code(0) => "the command must stay in the foreground as long as the server runs",
        _ => "mend what its last lines complain about",
    };
    Finding::error("process-exit", format!("the server {how} while it was probed"))
        .because(Class::App, Reason::ProcessExit)
        .help(help)
        .excerpt(last_lines(&start.log).unwrap_or_default())
}

/// The last lines of the server's log, if it wrote any.
pub fn last_lines(log: &Path) -> Option<String> {
    files::tail(log, LINES_SHOWN)
        .ok()
        .filter(|lines| !lines.trim().is_empty())
}
