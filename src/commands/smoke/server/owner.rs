//! Whether what answers where a server is to answer is that server.
//!
//! A socket that listens is ours if a process of those that the start commands started holds it. Who else holds it need
//! not be known: what none of ours holds is somebody else's.

use std::net::IpAddr;
use std::time::Duration;

use super::Watched;
use super::address::addresses;
use crate::engine::Blind;
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::http::Resolve;
use crate::world::panics;
use crate::world::sockets::{self, Held, Listener};

/// Who asks a container engine to run something. What it runs is not among the processes that were started.
const CLIENTS: [&str; 3] = ["docker", "docker-compose", "nerdctl"];
/// Who listens for containers, or is above those who do.
const ENGINES: [&str; 5] = [
    "dockerd",
    "docker-proxy",
    "containerd-shim",
    "rootlesskit",
    "containerd",
];

/// How often, and after which time, it is looked who listens while that changes.
const SETTLING: usize = 5;
const SETTLE: Duration = Duration::from_millis(20);

/// Who listens.
#[derive(Debug)]
pub enum Owner {
    Nobody,
    Ours,
    /// Somebody who was there, and was gone before it could be seen who that was.
    Changing,
    /// Maybe ours, and why that cannot be told.
    Unknown(Finding),
    /// Somebody else, if only beside ours.
    Another(Finding),
}

/// A place on this machine where a started server is to answer.
#[derive(Clone)]
pub struct Home {
    addresses: Vec<IpAddr>,
    port: u16,
    watched: Watched,
}

impl Home {
    /// `None` if nothing was started, so that nobody in particular is to answer.
    pub async fn of(watched: &Watched, host: &str, port: u16, resolve: &[Resolve]) -> Result<Option<Self>, Blind> {
        if watched.0.is_empty() {
            return Ok(None);
        }
        let given = resolve.iter().find(|resolve| resolve.covers(host, Some(port)));
        let addresses = match given {
            Some(given) => given.addresses.clone(),
            None => addresses(host).await.map_err(Blind::errored)?,
        };
        if let Some(elsewhere) = addresses.iter().find(|ip| !ip.to_canonical().is_loopback()) {
            return Err(Blind::with_help(
                format!("{host} is {elsewhere}, which is not a loopback address of this machine"),
                "a started server is probed on this machine: drop --resolve, or --start",
            ));
        }
        Ok(Some(Self {
            addresses,
            port,
            watched: watched.clone(),
        }))
    }

    /// Who listens there now.
    pub async fn owner(&self) -> Owner {
        let home = self.clone();
        let looked = tokio::task::spawn_blocking(move || home.look()).await;
        looked.unwrap_or_else(|error| self.unknown(&panics::no_result(error)))
    }

    /// Who listens there when nobody comes and goes.
    pub async fn settled(&self) -> Owner {
        for _ in 0..SETTLING {
            match self.owner().await {
                Owner::Changing => tokio::time::sleep(SETTLE).await,
                owner => return owner,
            }
        }
        self.unknown("who listens there changes all the time")
    }

    fn look(&self) -> Owner {
        let listeners = match sockets::listeners(self.port) {
            Ok(listeners) => listeners,
            Err(error) => return self.unknown(&error.to_string()),
        };
        let here = |listener: &Listener| {
            let ip = listener.address.ip();
            ip.is_unspecified() || self.addresses.iter().any(|address| address.to_canonical() == ip)
        };
        let listeners: Vec<Listener> = listeners.into_iter().filter(here).collect();
        if listeners.is_empty() {
            return Owner::Nobody;
        }
        let mut held = sockets::held(&self.watched.members(false));
        if !listeners.iter().all(|listener| held.inodes.contains(&listener.inode)) {
            held = sockets::held(&self.watched.members(true));
        }
        let owners = listeners.iter().map(|listener| match self.owner_of(listener, &held) {
            // What was just made or handed on is looked at once more.
            Owner::Another(_) | Owner::Unknown(_) if !self.is_still_there(listener) => Owner::Changing,
            Owner::Another(_) => self.owner_of(listener, &sockets::held(&self.watched.members(true))),
            owner => owner,
        });
        let rank = |owner: &Owner| match owner {
            Owner::Nobody => 0,
            Owner::Ours => 1,
            Owner::Changing => 2,
            Owner::Unknown(_) => 3,
            Owner::Another(_) => 4,
        };
        owners.max_by_key(rank).unwrap_or(Owner::Nobody)
    }

    fn is_still_there(&self, listener: &Listener) -> bool {
        sockets::listeners(self.port).is_ok_and(|listeners| listeners.contains(listener))
    }

    fn owner_of(&self, listener: &Listener, held: &Held) -> Owner {
        if held.inodes.contains(&listener.inode) {
            return Owner::Ours;
        }
        let (address, uid) = (listener.address, listener.uid);
        let asks_an_engine = held.names.iter().any(|name| CLIENTS.contains(&name.as_str()));
        let who = match sockets::holder(listener.inode) {
            Some(holder) => {
                let name = holder.names.first().map(String::as_str).unwrap_or_default();
                let who = format!("`{}` (process {}, user {uid})", one_line(name), holder.pid);
                if asks_an_engine && holder.names.iter().any(|name| ENGINES.contains(&name.as_str())) {
                    return self.unknown(&format!(
                        "{who} listens on {address} for a container, and whose container that is cannot be seen"
                    ));
                }
                who
            }
            None if asks_an_engine || held.is_partial => {
                return self.unknown(&format!(
                    "the process of user {uid} that listens on {address} may not be looked into"
                ));
            }
            None => format!("a process of user {uid}"),
        };
        Owner::Another(
            Finding::error(
                "answered-by-another",
                format!("{who} listens on {address}, which no start command started"),
            )
            .help(
                "stop what is left from before, and see that the started server takes this port; a container's port \
                 is seen with `docker run` in the foreground as the start command",
            ),
        )
    }

    fn unknown(&self, why: &str) -> Owner {
        Owner::Unknown(
            Finding::warning(
                "owner-unknown",
                format!(
                    "whether the started server is who answers on port {} is not known: {why}",
                    self.port
                ),
            )
            .help("start the server itself, as the user of this step and without a container, to have that proved"),
        )
    }

    /// What it means that something answered, and nobody listens.
    pub fn gone(&self) -> Finding {
        Finding::error(
            "no-listener",
            format!(
                "something answered on port {}, and no process of the start command listens there",
                self.port
            ),
        )
        .help("see in the server's log why it stopped listening, and whether something else answered instead of it")
    }
}
