//! Starts a server so that nothing of it can be left behind, even if stageproof itself is killed.
//!
//! The server does not run as our child but under a helper process: this same binary as `stageproof supervise`. The
//! helper holds the reading end of a pipe. When that closes, because we asked it to stop or because we are gone, it
//! ends the server: SIGTERM to the whole tree, SIGKILL after the grace. On Linux the helper is the subreaper of the
//! tree, so descendants that changed their process group or lost their parent are found as well; elsewhere only the
//! server's process group is. If it is the helper that is killed, the tree becomes ours, and we end it ourselves.

mod ending;
mod helper;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::process::Ending;
use super::process::family::{self, Family, Kin};
use super::process::{Left, StartError, find};
use super::runner::speechless;
use super::{Env, Interrupt, files};
use crate::model::TimeSpan;
pub use ending::in_words;
pub use helper::supervise;

/// What a helper process may take beyond the server's grace before it is killed itself.
const HELPER_SLACK: Duration = Duration::from_secs(2);
/// How long the helper process may take to say that it started the server.
const HELPER_START: Duration = Duration::from_secs(10);
/// The longest grace once we were asked to stop ourselves. A runner kills 10 s after SIGINT, and the report is written
/// after the server has ended.
const INTERRUPTED_GRACE: Duration = Duration::from_secs(4);

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    #[error(transparent)]
    Program(#[from] StartError),
    /// The helper's words for the same.
    #[error("{0}")]
    Refused(String),
    #[error("interrupted by {0} before the server was started")]
    Interrupted(&'static str),
    /// Ours, and not the program's.
    #[error("{0:#}")]
    Own(#[from] anyhow::Error),
}

/// What to start.
pub struct Order<'a> {
    /// Words, no shell.
    pub command: &'a [String],
    pub folder: &'a Path,
    /// Where the output goes. What was there is overwritten.
    pub log: &'a Path,
    /// Between SIGTERM and SIGKILL.
    pub grace: Duration,
}

/// A server that was started.
pub struct Server {
    helper: Child,
    family: Family,
    ending: watch::Receiver<Option<Option<Ending>>>,
    /// The server's process id.
    pub pid: u32,
    grace: Duration,
}

impl Server {
    pub async fn start(order: &Order<'_>, env: &Env, interrupt: &Interrupt) -> Result<Self, Failed> {
        let (program, args) = order.command.split_first().context("there is no command to start")?;
        let program = find(program, order.folder, env)?;
        let log = open_log(order.log)?;
        let myself = std::env::current_exe().context("stageproof cannot find its own binary")?;
        let mut helper = Command::new(&myself);
        helper
            .arg("supervise")
            .arg(format!("--grace={}", TimeSpan(order.grace)))
            .arg("--")
            .arg(program)
            .args(args)
            .current_dir(order.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        // What was unpacked is in it, and what it was packed in is not.
        helper.env_clear().envs(env.all());
        speechless(&mut helper, env);
        // In a group of its own: a terminal's Ctrl-C is for us to handle. From here on whoever drops it kills it.
        let (mut helper, mut family) =
            Family::start(&mut helper).with_context(|| format!("cannot run {}", myself.display()))?;
        let stdout = helper.stdout.take().context("the helper process has no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let pid = greeting(&mut lines, HELPER_START, interrupt).await?;
        family.add(pid);
        let (sender, ending) = watch::channel(None);
        tokio::spawn(async move {
            let ending = match lines.next_line().await {
                Ok(Some(line)) => ending::from_line(&line),
                Ok(None) | Err(_) => None,
            };
            let _ = sender.send(Some(ending));
            // Kept open, so that the helper never writes into a closed pipe.
            while let Ok(Some(_)) = lines.next_line().await {}
        });
        Ok(Self {
            helper,
            family,
            ending,
            pid,
            grace: order.grace,
        })
    }

    /// How it ended, if it did.
    pub fn ending(&self) -> Option<Option<Ending>> {
        *self.ending.borrow()
    }

    /// A view on the server that can be given away.
    pub fn watch(&self) -> Watch {
        Watch {
            ending: self.ending.clone(),
            kin: self.family.kin(),
        }
    }

    /// Ends it, if it still runs, and everything it started. An interrupt shortens the grace. Answers with those that
    /// could not be ended.
    pub async fn stop(mut self, interrupt: &Interrupt) -> Vec<Left> {
        tokio::select! {
            () = self.stop_gently() => {}
            () = hurry(interrupt) => {}
        }
        // Most often both are gone by now, and there is nothing to do.
        let _ = self.helper.kill().await;
        self.family.leader_is_gone();
        family::end(&mut self.family, Duration::ZERO).await;
        self.family.disarm();
        self.family.left()
    }

    async fn stop_gently(&mut self) {
        drop(self.helper.stdin.take());
        let limit = self.grace + HELPER_SLACK;
        if tokio::time::timeout(limit, self.helper.wait()).await.is_ok() {
            // A helper that ended in order left nobody.
            self.family.leader_is_gone();
            family::end(&mut self.family, self.grace).await;
        }
    }
}

async fn hurry(interrupt: &Interrupt) {
    interrupt.wait().await;
    tokio::time::sleep(INTERRUPTED_GRACE).await;
}

/// The helper's first line: the server's process id, or why there is none.
async fn greeting<R: AsyncBufRead + Unpin>(
    lines: &mut Lines<R>,
    limit: Duration,
    interrupt: &Interrupt,
) -> Result<u32, Failed> {
    let line = tokio::select! {
        line = lines.next_line() => line.context("cannot read from the helper process")?,
        signal = interrupt.wait() => return Err(Failed::Interrupted(signal)),
        () = tokio::time::sleep(limit) => {
            let limit = TimeSpan(limit);
            return Err(anyhow::anyhow!("the helper process did not start the server within {limit}").into());
        }
    };
    let line = line.context("the helper process ended without output")?;
    match line.split_once(' ') {
        Some(("started", pid)) => Ok(pid.parse().context("the helper process gave no process id")?),
        Some(("refused", why)) => Err(Failed::Refused(why.to_owned())),
        _ => Err(anyhow::anyhow!("the helper process said `{line}`").into()),
    }
}

/// Tells when a server ends, and who is of it.
#[derive(Clone)]
pub struct Watch {
    ending: watch::Receiver<Option<Option<Ending>>>,
    kin: Kin,
}

impl Watch {
    pub async fn ended(&self) -> Option<Ending> {
        let mut receiver = self.ending.clone();
        let ended = receiver.wait_for(Option::is_some).await;
        ended.ok().and_then(|ending| ending.flatten())
    }

    /// The process ids of the server and of everything it started; at little cost without what is just being started.
    pub fn members(&self, whole: bool) -> Vec<i32> {
        self.kin.members(whole)
    }
}

/// Empty, whatever stood in it.
fn open_log(path: &Path) -> anyhow::Result<File> {
    let file = files::append(path).context("the server's log cannot be kept")?;
    file.set_len(0)
        .with_context(|| format!("cannot empty the server's log {}", path.display()))?;
    Ok(file)
}
