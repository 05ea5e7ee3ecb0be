//! Tells the end of the command from the ends of what it started.

use std::sync::mpsc as blocking;
use std::thread;

use rustix::process::Pid;
use tokio::sync::mpsc;

use crate::world::process::ending::{Ending, reap};
use crate::world::process::family;

/// Tells which children ended. There must be one in a process, and nobody else may wait for children.
pub struct Reaper {
    ended: mpsc::UnboundedReceiver<(Pid, Ending)>,
    started: blocking::Sender<()>,
}

impl Reaper {
    /// From now on orphans below us are ours.
    pub fn start() -> Self {
        family::adopt_orphans();
        let (tell, ended) = mpsc::unbounded_channel();
        let (started, any) = blocking::channel::<()>();
        thread::spawn(move || {
            // Without a child there is nothing to wait for, and none comes unless we start one.
            while any.recv().is_ok() {
                reap(|pid, ending| {
                    let _ = tell.send((pid, ending));
                });
            }
        });
        Self { ended, started }
    }

    /// A child was started.
    pub fn expect(&self) {
        let _ = self.started.send(());
    }

    /// Waits for the end of one child.
    pub async fn ended(&mut self, child: Pid) -> Ending {
        while let Some((pid, ending)) = self.ended.recv().await {
            if pid == child {
                return ending;
            }
        }
        // The thread ends after us.
        std::future::pending().await
    }
}
