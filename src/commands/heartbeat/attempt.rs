//! What an attempt works with, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use super::Plan;
use super::events::EventLog;
use crate::model::exit;
use crate::world::process::Ending;
use crate::world::wrap::{Log, Reading, Reaper, Signals, Told};

/// The exit code of a command that SIGKILL ended, or of a shell that had such a child.
pub const KILLED: u8 = 137;

/// Which limit ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Time,
    Stall,
}

/// What became of an attempt.
#[derive(Debug, Default)]
pub struct Attempt {
    pub pid: u32,
    /// `None` if not even SIGKILL ended it.
    pub ending: Option<Ending>,
    pub limit: Option<Limit>,
    /// We sent SIGKILL.
    pub killed: bool,
    /// The signals that asked us to end, in their order.
    pub told: Vec<Told>,
    /// From and to, since the attempt began.
    pub stalls: Vec<(Duration, Duration)>,
    /// Output was not read to its end, as somebody still held it open, or our own reader did not take it.
    pub cut: bool,
    /// Who was left when it had ended by itself, in words.
    pub left_behind: Vec<String>,
    /// Who was left when not even SIGKILL ended everybody, in words.
    pub survivors: Vec<String>,
    pub reading: Reading,
    pub cpu: Option<Duration>,
    pub peak_kib: Option<u64>,
    pub took: Duration,
    /// Processes of our control group that the kernel's OOM killer ended meanwhile. `None` where it does not tell.
    pub out_of_memory: Option<u64>,
    /// Why output did not reach our own.
    pub failure: Option<String>,
}

/// What an attempt works with.
pub struct Context<'a> {
    pub plan: &'a Plan,
    /// The command as it is started.
    pub command: &'a [std::ffi::OsString],
    /// The same in words, without secrets.
    pub shown: &'a str,
    pub teller: EventLog<'a>,
    pub output: Arc<Log>,
    pub reaper: Reaper,
    pub signals: Signals,
}

impl Attempt {
    /// What it means as an exit code: 124 if a limit ended it, as with `timeout(1)`.
    pub fn exit_code(&self) -> u8 {
        match (self.limit, self.ending) {
            (Some(_), _) => exit::LIMIT,
            (None, Some(ending)) => ending.exit_code(),
            // It was told to end, and did not.
            (None, None) => KILLED,
        }
    }
}
