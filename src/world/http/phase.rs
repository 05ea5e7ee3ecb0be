//! How far a request got. When its time is over, that tells a silent name server from a silent host, and both from a
//! server that took the request and does not answer.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tower_service::Service;

use crate::world::dns::Dns;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Resolving,
    /// The TLS handshake is part of it.
    Connecting,
    Answering,
}

tokio::task_local! {
    /// The request that the running task makes. One client serves many at once, and it does not say for whom it
    /// connects; but it connects inside the task that asked.
    static CURRENT: Progress;
}

#[derive(Clone, Default)]
pub struct Progress(Arc<AtomicU8>);

impl Progress {
    /// Runs a request that is followed by this.
    pub async fn follow<F: Future>(&self, request: F) -> F::Output {
        CURRENT.scope(self.clone(), request).await
    }

    pub fn phase(&self) -> Phase {
        match self.0.load(Ordering::Relaxed) {
            1 => Phase::Resolving,
            2 => Phase::Answering,
            _ => Phase::Connecting,
        }
    }
}

fn enter(phase: Phase) {
    let number = match phase {
        Phase::Connecting => 0,
        Phase::Resolving => 1,
        Phase::Answering => 2,
    };
    // Outside a followed request nobody asks.
    let _ = CURRENT.try_with(|progress| progress.0.store(number, Ordering::Relaxed));
}

/// The client's resolver.
pub struct Looking(pub Dns);

impl Resolve for Looking {
    fn resolve(&self, name: Name) -> Resolving {
        let dns = self.0.clone();
        Box::pin(async move {
            enter(Phase::Resolving);
            let addresses = dns.look_up(name.as_str()).await?;
            enter(Phase::Connecting);
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
        enter(Phase::Connecting);
        let connecting = self.0.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            enter(Phase::Answering);
            Ok(connection)
        })
    }
}
