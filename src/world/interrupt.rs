//! Being asked to stop.
//!
//! As PID 1 of a container a process without handlers ignores SIGINT and SIGTERM and outlives its job, so both are
//! handled from the first moment on.

use std::time::Duration;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells whether, and by which signal, the process was asked to stop.
#[derive(Clone, Debug)]
pub struct Interrupt(watch::Receiver<Option<&'static str>>);

impl Interrupt {
    /// Starts listening for SIGINT, SIGTERM and SIGHUP. Must be called inside the runtime.
    pub fn listen() -> anyhow::Result<Self> {
        let open = |kind: SignalKind, name: &'static str| -> anyhow::Result<(Signal, &'static str)> {
            let signal = signal(kind).with_context(|| format!("cannot listen for {name}"))?;
            Ok((signal, name))
        };
        let (sender, receiver) = watch::channel(None);
        for (mut signal, name) in [
            open(SignalKind::interrupt(), "SIGINT")?,
            open(SignalKind::terminate(), "SIGTERM")?,
            open(SignalKind::hangup(), "SIGHUP")?,
        ] {
            let sender = sender.clone();
            tokio::spawn(async move {
                while signal.recv().await.is_some() {
                    // The first signal is the one that is reported.
                    sender.send_if_modified(|received| {
                        let first = received.is_none();
                        received.get_or_insert(name);
                        first
                    });
                }
            });
        }
        Ok(Self(receiver))
    }

    /// The same signal, heard only so long after it came: for what is worth finishing.
    #[must_use]
    pub fn delayed(&self, by: Duration) -> Self {
        let (sender, receiver) = watch::channel(None);
        let original = self.clone();
        tokio::spawn(async move {
            let name = original.wait().await;
            tokio::time::sleep(by).await;
            let _ = sender.send(Some(name));
            // Kept, so that the receivers do not take it for one that never comes.
            sender.closed().await;
        });
        Self(receiver)
    }

    /// One that never comes.
    pub fn never() -> Self {
        Self(watch::channel(None).1)
    }

    /// One that has come already.
    #[cfg(test)]
    pub fn by(signal: &'static str) -> Self {
        Self(watch::channel(Some(signal)).1)
    }

    /// One that comes when it is sent.
    #[cfg(test)]
    pub fn by_hand() -> (watch::Sender<Option<&'static str>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    pub fn received(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Waits for the first signal and names it.
    pub async fn wait(&self) -> &'static str {
        let mut receiver = self.0.clone();
        let signal = match receiver.wait_for(Option::is_some).await {
            Ok(signal) => *signal,
            Err(_) => None,
        };
        match signal {
            Some(name) => name,
            // Nobody listens any more, so no signal can come.
            None => std::future::pending().await,
        }
    }
}
