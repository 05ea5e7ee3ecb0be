//! Where on this machine a server is to answer, and whether something listens there already.

use std::net::{IpAddr, SocketAddr};

use crate::engine::NotChecked;
use crate::world::dns::Dns;
use crate::world::{panics, ports};

/// The addresses of a host on this machine.
pub async fn addresses(host: &str) -> Result<Vec<IpAddr>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse() {
        Ok(ip) => Ok(vec![ip]),
        Err(_) => Dns::default().look_up(bare).await.map_err(|error| error.to_string()),
    }
}

/// Whoever listens already where a server is to answer: then a probe would be answered by somebody else.
pub async fn taken(host: &str, port: u16) -> Result<Option<SocketAddr>, NotChecked> {
    let addresses = addresses(host)
        .await
        .map_err(|error| NotChecked::with_help(error, "a started server is probed on this machine: localhost"))?;
    tokio::task::spawn_blocking(move || ports::taken(&addresses, port))
        .await
        .map_err(|error| {
            NotChecked::errored(format!(
                "cannot tell whether {host}:{port} is free: {}",
                panics::no_result(error)
            ))
        })
}
