//! Whether the started server is what answers on its address.
//!
//! A listening socket is ours if a process that descends from a start command holds it. Other holders do not matter; a
//! socket that none of ours holds belongs to another process.

use std::net::IpAddr;
use std::time::Duration;

use super::Watched;
use super::address::addresses;
use crate::engine::NotChecked;
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
    /// A process that was gone before it could be identified.
    Changing,
    /// Maybe ours, and why that is unknown.
    Unknown(Finding),
    /// Another process, even if only beside ours.
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
    pub async fn of(watched: &Watched, host: &str, port: u16, resolve: &[Resolve]) -> Result<Option<Self>, NotChecked> {
        if watched.0.is_empty() {
            return Ok(None);
        }
        let given = resolve.iter().find(|resolve| resolve.covers(host, Some(port)));
        let addresses = match given {
            Some(given) => given.addresses.clone(),
            None => addresses(host).await.map_err(NotChecked::errored)?,
        };
        if let Some(elsewhere) = addresses.iter().find(|ip| !ip.to_canonical().is_loopback()) {
            return Err(NotChecked::with_help(
                format!("{host} is {elsewhere}, which is not a loopback address of this machine"),
                "a started server is probed on this machine: drop --resolve or --start",
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

    /// Who listens there, once that no longer changes.
    pub async fn settled(&self) -> Owner {
        for _ in 0..SETTLING {
            match self.owner().await {
                Owner::Changing => tokio::time::sleep(SETTLE).await,
                owner => return owner,
            }
        }
        self.unknown("the listening processes keep changing")
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
                    return self.unknown(&format!("{who} listens on {address} for a container of unknown origin"));
                }
                who
            }
            None if asks_an_engine || held.is_partial => {
                return self.unknown(&format!(
                    "the process of user {uid} that listens on {address} cannot be inspected"
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
                "stop leftover processes, and make the started server listen on this port; for a container, use \
                 `docker run` in the foreground as the start command",
            ),
        )
    }

    fn unknown(&self, why: &str) -> Owner {
        Owner::Unknown(
            Finding::warning(
                "owner-unknown",
                format!(
                    "cannot tell whether the started server answers on port {}: {why}",
                    self.port
                ),
            )
            .help("to prove it, start the server itself, as the user of this step and without a container"),
        )
    }

    /// What it means that something answered although no process listens.
    pub fn gone(&self) -> Finding {
        Finding::error(
            "no-listener",
            format!(
                "something answered on port {}, but no process of the start command listens there",
                self.port
            ),
        )
        .help("check the server's log for why it stopped listening, and whether something else answered instead")
    }
}
