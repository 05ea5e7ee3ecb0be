//! Whether a port of this machine is free.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A listener on this machine accepts at once.
const CONNECT: Duration = Duration::from_millis(500);

/// The address on which something already listens, if any does.
pub fn taken(addresses: &[IpAddr], port: u16) -> Option<SocketAddr> {
    addresses.iter().map(|ip| SocketAddr::new(*ip, port)).find(|address| {
        TcpStream::connect_timeout(address, CONNECT).is_ok()
            || matches!(TcpListener::bind(address), Err(error) if error.kind() == io::ErrorKind::AddrInUse)
    })
}

/// Connects and hangs up, or says why that did not work.
pub async fn connect(address: SocketAddr, limit: Duration) -> Result<(), String> {
    match tokio::time::timeout(limit, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(match error.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
            _ => error.to_string(),
        }),
        Err(_) => Err(format!("no connection within {}", crate::model::TimeSpan(limit))),
    }
}
