//! The server that smoke starts itself.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use url::Url;

use super::{STAGE, Start};
use crate::engine::Blind;
use crate::model::text::{cut, one_line};
use crate::model::{Check, Class, Ended, Fact, Finding, Reason};
use crate::world::dns::Dns;
use crate::world::process::StartError;
use crate::world::supervisor::{Ending, Failed, Order, Server};
use crate::world::{World, files, ports, sockets};

const LINES_SHOWN: usize = 15;
/// How long a server must outlive its last answer.
const SETTLE: Duration = Duration::from_millis(250);
/// They listen on this machine for a server in a container, and are started by the container engine, not by its client.
const FORWARDERS: [&str; 5] = ["docker-proxy", "rootlessport", "slirp4netns", "pasta", "pasta.avx2"];

/// Why there is no server: found wanting, or not found out.
pub enum NotStarted {
    Wrong(Finding),
    Blind(Blind),
}

/// How it went with a server that was started.
pub struct Ran {
    pub pid: u32,
    pub ending: Option<Ending>,
    pub stranger: Option<Finding>,
}

/// Whether it ended, or does so right after it answered: a server that dies of its first request still answers it.
pub async fn settled(server: &Server, probed: bool) -> Option<Ending> {
    if probed {
        let _ = tokio::time::timeout(SETTLE, server.watch().ended()).await;
    }
    server.ending()
}

/// Somebody else who answers on a port instead of the server, if that can be told.
pub async fn stranger(server: &Server, targets: &[Url], probed: bool) -> Option<Finding> {
    if !probed {
        return None;
    }
    let ports: BTreeSet<u16> = targets.iter().filter_map(Url::port_or_known_default).collect();
    let members = server.members();
    let look = move || {
        ports.into_iter().find_map(|port| {
            let listeners = sockets::listeners(port)?;
            let own = |listener: &sockets::Listener| {
                members.contains(&listener.pid) || FORWARDERS.contains(&listener.name.as_str())
            };
            let other = listeners.first()?;
            (!listeners.iter().any(own)).then(|| (port, other.clone()))
        })
    };
    let (port, other) = tokio::task::spawn_blocking(look).await.ok().flatten()?;
    Some(
        Finding::error(
            "answered-by-another",
            format!(
                "port {port} is answered by `{}` (process {}), which the start command did not start",
                one_line(&other.name),
                other.pid
            ),
        )
        .help("stop what is left from before, and see that the started server takes this port"),
    )
}

/// Takes the values of secrets out of the log, which becomes evidence. A log that cannot be cleaned is an error.
pub fn clean_log(start: &Start, world: &World) -> Option<Check> {
    let error = world.secrets.redact_file(&start.log).err()?;
    Some(Check::new(
        STAGE,
        format!("{STAGE}:server-log"),
        "The server's log holds no secrets",
        Ended::Errored {
            cause: format!("{error:#}"),
            help: Some("do not publish the evidence before somebody has looked at the log".to_owned()),
        },
        Duration::ZERO,
    ))
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
pub fn check(start: &Start, ended: Result<Ran, NotStarted>, took: Duration, world: &World) -> Check {
    let mut facts = vec![Fact::new("command", start.command.join(" "))];
    let ended = match ended {
        Err(NotStarted::Wrong(finding)) => Ended::Looked(vec![finding]),
        Err(NotStarted::Blind(Blind::Skipped { reason })) => Ended::Skipped { reason },
        Err(NotStarted::Blind(Blind::Errored { cause, help })) => Ended::Errored { cause, help },
        Ok(Ran { pid, ending, stranger }) => {
            let log = start.log.strip_prefix(&world.workspace).unwrap_or(&start.log);
            facts.push(Fact::new("process", pid.to_string()));
            facts.push(Fact::new("log", log.display().to_string()));
            Ended::Looked(ending.map(|how| gone(start, how)).into_iter().chain(stranger).collect())
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
