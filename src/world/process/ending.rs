//! How processes end, and waiting for it.

use std::fmt;

use rustix::process::{Pid, WaitOptions, WaitStatus};

use super::signal;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(i32),
    Signal(i32),
}

impl Ending {
    /// Nothing if it has only stopped.
    fn of(status: WaitStatus) -> Option<Self> {
        let code = status.exit_status().map(Self::Code);
        code.or_else(|| status.terminating_signal().map(Self::Signal))
    }

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
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match signal::name(*number) {
                Some(name) => write!(f, "was killed by {name} (signal {number})"),
                None => write!(f, "was killed by signal {number}"),
            },
        }
    }
}

/// Waits for children, also those that became ours because their parents died before them, until there are none. Without
/// that the dead would fill the process table, as nobody else waits for them when we are process 1, or a subreaper.
pub fn reap(mut ended: impl FnMut(Pid, Ending)) {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => {
                if let Some(ending) = Ending::of(status) {
                    ended(pid, ending);
                }
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // Without children none can come.
            Err(_) => return,
        }
    }
}
