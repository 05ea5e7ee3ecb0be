//! Work that blocks, with a time limit that it keeps by itself.

use std::time::{Duration, Instant};

use super::claims::Seen;
use crate::engine::NotChecked;
use crate::model::TimeSpan;
use crate::world::{Interrupt, World};

/// Runs blocking work that is asked to stop by an interrupt or after `limit`.
pub fn blocking<T: Send + 'static>(
    world: &World,
    limit: Duration,
    work: impl FnOnce(&dyn Fn() -> Option<String>) -> Seen<T> + Send + 'static,
) -> impl Future<Output = Seen<T>> + Send + 'static {
    let interrupt: Interrupt = world.interrupt.clone();
    async move {
        let until = Instant::now() + limit;
        let work = tokio::task::spawn_blocking(move || {
            work(&|| match interrupt.received() {
                Some(signal) => Some(format!("interrupted by {signal}")),
                None => (Instant::now() >= until).then(|| format!("timed out after {}", TimeSpan(limit))),
            })
        });
        match work.await {
            Ok(seen) => seen,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(NotChecked::errored(error.to_string())),
            },
        }
    }
}
