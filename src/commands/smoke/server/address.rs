//! Where on this machine a server is to answer, and whether somebody else does.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use crate::engine::Blind;
use crate::model::Finding;
use crate::model::text::one_line;
use crate::world::dns::Dns;
use crate::world::{panics, ports, sockets};

/// They listen on this machine for a server in a container, and are started by the container engine, not by its client.
const FORWARDERS: [&str; 5] = ["docker-proxy", "rootlessport", "slirp4netns", "pasta", "pasta.avx2"];

/// The addresses of a host on this machine.
pub async fn addresses(host: &str) -> Result<Vec<IpAddr>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(ip) => Ok(vec![ip]),
        Err(_) => Dns::default().look_up(bare).await.map_err(|error| error.to_string()),
    }
}

/// Whoever listens already where a server is to answer: then a probe would be answered by somebody else.
pub async fn taken(host: &str, port: u16) -> Result<Option<SocketAddr>, Blind> {
    let addresses = addresses(host)
        .await
        .map_err(|error| Blind::with_help(error, "a started server is probed on this machine: localhost"))?;
    tokio::task::spawn_blocking(move || ports::taken(&addresses, port))
        .await
        .map_err(|error| {
            Blind::errored(format!(
                "whether {host}:{port} is free was not found out: {}",
                panics::no_result(error)
            ))
        })
}

/// Somebody else who answers on one of the ports instead of the servers, if that can be told. `members` are the process
/// ids of everything that was started.
pub async fn stranger(ports: BTreeSet<u16>, members: Vec<u32>) -> Result<Option<Finding>, Blind> {
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
    let found = tokio::task::spawn_blocking(look)
        .await
        .map_err(|error| Blind::errored(format!("who listens was not found out: {}", panics::no_result(error))))?;
    Ok(found.map(|(port, other)| {
        Finding::error(
            "answered-by-another",
            format!(
                "port {port} is answered by `{}` (process {}), which no start command started",
                one_line(&other.name),
                other.pid
            ),
        )
        .help("stop what is left from before, and see that the started server takes this port")
    }))
}
