//! Waits for every child, also for those that became ours because their parents died before them. Without that the dead
//! would fill the process table, as nobody else waits for them when we are process 1, or a subreaper.

use std::fmt;
use std::sync::mpsc as blocking;
use std::thread;

use rustix::process::{Pid, WaitOptions};
use tokio::sync::mpsc;

use crate::world::process::family;
use crate::world::process::signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(i32),
    Signal(i32),
}

impl Ending {
    /// As a shell and `timeout(1)` say it: 128 and the number for a signal.
    pub fn exit_code(self) -> u8 {
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    /// The name of the signal that ended it.
    pub fn signal(self) -> Option<String> {
        match self {
            Self::Code(_) => None,
            Self::Signal(number) => {
                Some(signal::name(number).map_or_else(|| format!("signal {number}"), str::to_owned))
            }
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.signal()) {
            (Self::Signal(number), Some(name)) => write!(f, "was killed by {name} (signal {number})"),
            (Self::Code(code), _) | (Self::Signal(code), None) => write!(f, "ended with exit code {code}"),
        }
    }
}

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
                loop {
                    match rustix::process::wait(WaitOptions::empty()) {
                        Ok(Some((pid, status))) => {
                            let ending = match (status.exit_status(), status.terminating_signal()) {
                                (Some(code), _) => Ending::Code(code),
                                (None, Some(number)) => Ending::Signal(number),
                                (None, None) => continue,
                            };
                            let _ = tell.send((pid, ending));
                        }
                        Ok(None) | Err(rustix::io::Errno::INTR) => {}
                        Err(_) => break,
                    }
                }
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
