//! What no command can have done, whatever a line says of it.

use super::{Event, Record};
use crate::model::exit;

/// Signals that have the same number wherever there are any.
const SIGNALS: [(&str, u8); 12] = [
    ("SIGHUP", 1),
    ("SIGINT", 2),
    ("SIGQUIT", 3),
    ("SIGILL", 4),
    ("SIGTRAP", 5),
    ("SIGABRT", 6),
    ("SIGFPE", 8),
    ("SIGKILL", 9),
    ("SIGSEGV", 11),
    ("SIGPIPE", 13),
    ("SIGALRM", 14),
    ("SIGTERM", 15),
];

impl Record {
    /// Why it cannot be true.
    pub(super) fn possible(&self) -> Result<(), String> {
        let is_running = match &self.event {
            Event::Start { .. } | Event::Beat(_) | Event::Stall { .. } | Event::Resumed => true,
            // What was not started did not end well.
            Event::End(end) => end.exit == 0,
            Event::Note { .. } => false,
        };
        if is_running && self.pid == 0 {
            return Err("`pid` is 0, which is not a process id".to_owned());
        }
        if self.attempt == 0 && !matches!(self.event, Event::Note { .. }) {
            return Err("`attempt` is 0, and the first is 1".to_owned());
        }
        match &self.event {
            Event::Beat(beat) if beat.beat == 0 => Err("`beat` is 0, and the first is 1".to_owned()),
            Event::End(end) => match &end.signal {
                Some(signal) if !agree(end.exit, signal) => Err(format!(
                    "exit code {} and the signal {signal} contradict each other",
                    end.exit
                )),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}

/// Whether a command that this signal ended may have this exit code: 128 and the signal's number, or that of a limit.
fn agree(exit: u8, signal: &str) -> bool {
    let known = SIGNALS.iter().find(|(name, _)| *name == signal);
    match known {
        _ if exit == exit::LIMIT => true,
        Some((_, number)) => exit == 128 + number,
        None => exit > 128,
    }
}
