//! What we are told to do while a command runs in our place.

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::world::process::signal;

/// A signal that asks to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told(Signal);

impl Told {
    pub const TERM: Self = Self(Signal::TERM);
    pub const KILL: Self = Self(Signal::KILL);

    pub fn name(self) -> &'static str {
        signal::name(self.0.as_raw()).unwrap_or("a signal")
    }

    pub fn signal(self) -> Signal {
        self.0
    }
}

/// Something that came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// We are asked to end.
    Told(Told),
    /// Our terminal has another size.
    Resized,
}

/// Every signal that comes, one after the other. [`crate::world::Interrupt`] knows only the first.
pub struct Signals(mpsc::UnboundedReceiver<Heard>);

impl Signals {
    /// `size` is to tell of the terminal's size, too.
    pub fn listen(size: bool) -> anyhow::Result<Self> {
        let (sender, heard) = mpsc::unbounded_channel();
        let asking = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
        let asking = asking.map(|kind| (kind, Heard::Told(Told(kind))));
        let size = size.then_some((Signal::WINCH, Heard::Resized));
        for (kind, what) in asking.into_iter().chain(size) {
            let mut stream = open(kind)?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    let _ = sender.send(what);
                }
            });
        }
        // A log that may not grow any further is an error we tell, and no reason to die of the signal for it.
        let _ = open(Signal::XFSZ)?;
        // Where it is ignored, as we may have inherited it, the system forgets how children ended.
        let _ = open(Signal::CHILD)?;
        Ok(Self(heard))
    }

    pub async fn next(&mut self) -> Heard {
        match self.0.recv().await {
            Some(heard) => heard,
            None => std::future::pending().await,
        }
    }
}

fn open(kind: Signal) -> anyhow::Result<tokio::signal::unix::Signal> {
    signal(SignalKind::from_raw(kind.as_raw())).with_context(|| format!("cannot listen for signal {}", kind.as_raw()))
}
