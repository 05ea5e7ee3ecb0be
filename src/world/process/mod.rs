//! Runs somebody's program under a deadline, keeps a bounded part of what it says, and leaves nothing of it behind.

mod capture;
pub(super) mod ending;
pub(super) mod family;
pub(super) mod signal;
mod start;
pub(super) mod table;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::process::Child;
use tokio::time::{Instant, sleep_until};

use super::runner::speechless;
use super::secrets::{Part, Redactor};
use super::{Env, Interrupt};
use crate::model::Finding;
pub use capture::Captured;
pub use ending::Ending;
use family::{Family, Leaving};
pub use signal::number as signal_number;
pub use start::{StartError, find, is_assignment, is_operator, needs_a_shell};

/// After the program has ended, how long what it left behind may still hold its output open.
const LINGER: Duration = Duration::from_secs(1);

/// Processes that are named at once, and bytes of each command.
const NAMED: usize = 3;
const NAMED_BYTES: usize = 200;

/// What to run. The environment is inherited, except for what lets a step speak to the runner; there is nothing on
/// standard input.
#[derive(Clone, Debug)]
pub struct Command {
    /// A name to look up in PATH, or a path (relative to `folder`).
    pub program: String,
    pub args: Vec<String>,
    pub folder: PathBuf,
    pub env: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub deadline: Duration,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
    /// Bytes of output kept from its beginning, and as many from its end.
    pub keep: usize,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// By itself, or by a signal of somebody else.
    Itself(Ending),
    /// We ended it, because its time was over.
    Deadline,
    /// We ended it, because we were asked to stop by this signal.
    Interrupted(&'static str),
}

#[derive(Debug)]
pub struct Ran {
    pub ended: RunEnd,
    /// Standard output and standard error, in the order they were written.
    pub output: Captured,
    pub took: Duration,
    /// Processes it started that were still there after it had ended by itself, and were told to end.
    pub left_behind: Vec<Left>,
    /// Processes that not even SIGKILL ended, or that we may not end.
    pub survivors: Vec<Left>,
}

/// A process that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    pub pid: i32,
    /// Its command line, secrets and all.
    pub command: String,
}

impl Left {
    /// Some processes in words, without secrets.
    pub fn named(left: &[Self], secrets: &Redactor) -> String {
        let mut named: Vec<String> = left
            .iter()
            .take(NAMED)
            .map(|process| {
                let command = secrets.shorten(Part::beginning(process.command.as_bytes()), NAMED_BYTES);
                format!("process {} (`{command}`)", process.pid)
            })
            .collect();
        if left.len() > NAMED {
            named.push(format!("and {} more", left.len() - NAMED));
        }
        named.join(", ")
    }

    /// What is said of those that could not be ended, if there are any. `whose` started them: "its fix".
    pub fn survived(left: &[Self], whose: &str, secrets: &Redactor) -> Option<Finding> {
        let finding = |left| {
            let message = format!("processes that {whose} started could not be ended and keep running: {left}");
            Finding::warning("survivors", message)
                .help("end them yourself: stageproof may not end processes of another user")
        };
        (!left.is_empty()).then(|| finding(Self::named(left, secrets)))
    }
}

/// Runs `command` to its end, its deadline or the interrupt, whichever is first. Dropping the future kills at once
/// what was started.
///
/// On Linux everything that descends from the program is found and ended, whatever it does to its session or environment;
/// processes of another user that may not be ended are reported. Elsewhere the process group is ended.
pub async fn run(command: &Command, limits: Limits, env: &Env, interrupt: &Interrupt) -> Result<Ran, StartError> {
    if let Some(signal) = interrupt.received() {
        return Err(StartError::Interrupted(signal));
    }
    let path = find(&command.program, &command.folder, env)?;
    // One pipe for both streams keeps their order.
    let (reader, writer) = io::pipe().context("no pipe can be made")?;
    let stderr = writer.try_clone().context("no pipe can be made")?;
    let mut process = tokio::process::Command::new(&path);
    process
        .args(&command.args)
        .current_dir(&command.folder)
        .env_clear()
        .envs(env.all())
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(stderr)
        .kill_on_drop(true);
    speechless(&mut process, env);
    let started = Instant::now();
    let (child, family) = Family::start(&mut process).map_err(|error| StartError::of(&path, &command.folder, error))?;
    // It holds the writing ends, and the pipe never ends while we hold one too.
    drop(process);
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).context("the pipe cannot be read")?;
    let mut running = Running {
        family,
        child,
        pipe: Some(reader),
        status: None,
        output: Captured::new(limits.keep),
    };
    let stopped = running.until_stopped(started + limits.deadline, interrupt).await;
    // Ended by itself means: the program is gone and its output closed. Even then a daemon may be left.
    let left_behind = match stopped {
        None => running.family.left(),
        Some(_) => Vec::new(),
    };
    family::end(&mut running, limits.grace).await;
    let survivors = running.family.left();
    running.family.disarm();
    Ok(Ran {
        ended: match (stopped, running.status) {
            (Some(stopped), _) => stopped,
            (None, Some(status)) => ended(status),
            (None, None) => {
                return Err(anyhow::anyhow!("the exit status of {} is unknown", path.display()).into());
            }
        },
        output: running.output,
        took: started.elapsed(),
        left_behind,
        survivors,
    })
}

fn ended(status: ExitStatus) -> RunEnd {
    let killed = || Ending::Signal(status.signal().unwrap_or_default());
    RunEnd::Itself(status.code().map_or_else(killed, Ending::Code))
}

struct Running {
    child: Child,
    family: Family,
    /// Gone when the last writer closed it.
    pipe: Option<pipe::Receiver>,
    status: Option<ExitStatus>,
    output: Captured,
}

impl Running {
    /// Until it ended by itself (`None`), or has to be ended for a reason.
    async fn until_stopped(&mut self, deadline: Instant, interrupt: &Interrupt) -> Option<RunEnd> {
        let mut limit = deadline;
        loop {
            let was_running = self.status.is_none();
            tokio::select! {
                () = self.step() => {}
                signal = interrupt.wait() => return Some(RunEnd::Interrupted(signal)),
                () = sleep_until(limit) => return was_running.then_some(RunEnd::Deadline),
            }
            match (self.status, &self.pipe) {
                (Some(_), None) => return None,
                (Some(_), Some(_)) if was_running => limit = deadline.min(Instant::now() + LINGER),
                _ => {}
            }
        }
    }

    /// The next thing that happens: some output, the end of the output, the end of the program.
    async fn step(&mut self) {
        let mut buffer = [0u8; 16 * 1024];
        let reading = async {
            match &mut self.pipe {
                Some(pipe) => pipe.read(&mut buffer).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = reading => match read {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(n) => self.output.add(&buffer[..n]),
            },
            status = self.child.wait(), if self.status.is_none() => {
                self.family.leader_is_gone();
                // Only a child that somebody else waited for has no status.
                self.status = Some(status.unwrap_or_else(|_| ExitStatus::from_raw(-1)));
            }
        }
    }
}

impl Leaving for Running {
    fn family(&mut self) -> &mut Family {
        &mut self.family
    }

    fn is_anything_left(&mut self) -> bool {
        self.status.is_none() || self.family.is_anybody_left()
    }

    /// Output is read on, so that nobody blocks on a full pipe while leaving.
    async fn wait_until(&mut self, time: Instant) {
        while Instant::now() < time {
            tokio::select! {
                () = self.step() => {}
                () = sleep_until(time) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
