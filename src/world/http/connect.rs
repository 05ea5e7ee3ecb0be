//! What the client makes its connections with, as far as it says how far it got.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use reqwest::dns::{Addrs, Name, Resolving};
use tower_service::Service;

use super::lookup::Lookup;
use super::phase;

/// The client's resolver.
#[derive(Clone)]
pub struct Looking(pub Lookup);

impl reqwest::dns::Resolve for Looking {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let addresses = match lookup.given(host, phase::port_of(host)) {
                Some(given) => given?,
                None => {
                    phase::look_up_begins();
                    let started = Instant::now();
                    let found = lookup.dns.look_up(host).await;
                    phase::look_up_took(started.elapsed());
                    found?
                }
            };
            phase::connection_begins();
            let addresses: Addrs = Box::new(addresses.into_iter().map(|ip| (ip, 0).into()));
            Ok(addresses)
        })
    }
}

/// Around what makes the client's connections; also those to where a redirect leads.
#[derive(Clone)]
pub struct Connecting<S>(pub S);

impl<S: Service<R>, R> Service<R> for Connecting<S>
where
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        phase::connection_begins();
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            phase::connected();
            Ok(connection)
        })
    }
}
