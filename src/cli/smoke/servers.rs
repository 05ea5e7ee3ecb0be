//! Servers to start.

use super::SmokeOptions;
use super::options::ServerOptions;
use crate::cli::common::Setting;
use crate::cli::error::UsageError;
use crate::cli::values::{positive, words};
use crate::commands::smoke::{Ready, Start};
use crate::model::TimeSpan;
use crate::world::World;

/// Below the 7.5 s between a runner's SIGINT and SIGTERM, so that a cancelled step still ends in order.
const STOP_GRACE: TimeSpan = TimeSpan::from_secs(4);
const READY_WITHIN: TimeSpan = TimeSpan::from_secs(60);

pub fn plan(options: &SmokeOptions, setting: &Setting, world: &World) -> Result<Vec<Start>, UsageError> {
    let make = |server: Server<'_>| {
        Ok::<_, UsageError>(Start {
            name: server.name.map(str::to_owned),
            command: words(server.flag, server.command)?,
            log: setting
                .evidence_dir
                .join("logs")
                .join(log_name(setting.label.as_deref(), server.name)),
            grace: server.stop_grace.or(options.stop_grace).unwrap_or(STOP_GRACE).0,
            folder: world.workspace.clone(),
            ready: server.ready.cloned(),
            ready_within: positive(
                "--ready-within",
                server.ready_within.or(options.ready_within),
                READY_WITHIN,
            )?,
        })
    };
    match (&options.start, options.servers.as_slice()) {
        (Some(command), []) => Ok(vec![make(Server {
            name: None,
            flag: "--start",
            command,
            ready: options.ready.as_ref(),
            ready_within: None,
            stop_grace: None,
        })?]),
        (Some(_), _) => {
            Err(UsageError::new("smoke has both `start` and `servers`").help("move `start` to the end of `servers`"))
        }
        (None, []) if options.ready.is_some() => {
            Err(UsageError::new("--ready needs --start").help("give --start, or drop --ready"))
        }
        (None, servers) => {
            names(servers)?;
            let made = servers.iter().map(|server| {
                make(Server {
                    name: Some(&server.name),
                    flag: "`servers[].start`",
                    command: &server.start,
                    ready: server.ready.as_ref(),
                    ready_within: server.ready_within,
                    stop_grace: server.stop_grace,
                })
            });
            made.collect()
        }
    }
}

struct Server<'a> {
    name: Option<&'a str>,
    flag: &'a str,
    command: &'a str,
    ready: Option<&'a Ready>,
    ready_within: Option<TimeSpan>,
    stop_grace: Option<TimeSpan>,
}

/// Each name is a file's name, and one server's only.
fn names(servers: &[ServerOptions]) -> Result<(), UsageError> {
    for (index, server) in servers.iter().enumerate() {
        let name = &server.name;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 60 || !name.bytes().all(plain) || name.starts_with('.') {
            return Err(UsageError::new(format!(
                "the server's name `{name}` becomes part of a file name: use only letters, digits, `.`, `_` and `-`"
            )));
        }
        if servers[..index].iter().any(|other| other.name == *name) {
            return Err(UsageError::new(format!("two servers are called `{name}`")).help("give each its own name"));
        }
    }
    Ok(())
}

/// Each label has logs of its own, as it has a report: a second smoke of a job must not empty the first one's. A name
/// follows a dot and a label a hyphen, so that the two are told apart.
fn log_name(label: Option<&str>, server: Option<&str>) -> String {
    let name = server.map(|name| format!(".{name}")).unwrap_or_default();
    let label = label.map(|label| format!("-{label}")).unwrap_or_default();
    format!("server{name}{label}.log")
}
