//! Runs somebody's command in our place: its output goes where ours would, what it is told reaches it, and when it has to
//! end, everything it started ends.

mod live;
mod log;
pub mod memory;
pub mod pty;
mod reaper;
mod signals;
mod stream;
mod tree;

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::process::Pid;

use super::Env;
use super::process::table::children;
use super::process::{StartError, find};
pub use live::Live;
pub use log::Log;
pub use reaper::Reaper;
pub use signals::{Heard, Signals, Told};
pub use stream::{Reading, Streams};
pub use tree::{Process, Tree, Usage};

use pty::Terminal;

/// What to run.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// A program to look up in PATH, or a path, and its arguments.
    pub command: &'a [OsString],
    /// On a terminal of its own.
    pub pty: bool,
    pub folder: &'a Path,
}

/// A command that was started. Dropped before it was released, it is killed with everything it started.
pub struct Wrapped {
    pub pid: u32,
    pub started: Instant,
    pub tree: Tree,
    pub streams: Streams,
    /// What the reaper is asked for.
    pub child: Pid,
    terminal: Option<Terminal>,
}

impl Wrapped {
    /// Starts it with this environment. Its standard input is ours, unless that is a terminal. On a terminal a program in
    /// a process group of its own could not read anyway; with a terminal of its own (`pty`) it can.
    pub fn start(
        order: &Order<'_>,
        env: &Env,
        live: &Live,
        log: &Arc<Log>,
        reaper: &Reaper,
    ) -> Result<Self, StartError> {
        let (program, args) = order.command.split_first().context("there is no command")?;
        let path = find(&program.to_string_lossy(), order.folder, env)?;
        let strangers = children().unwrap_or_default();
        let used_before = tree::used_by_children();
        let (mut command, terminal, streams) = if order.pty {
            let (terminal, theirs) = Terminal::open(env)?;
            let mut command = pty::helper(&path, program, args)?;
            let side = || theirs.try_clone().context("the command's terminal cannot be opened");
            command.stdin(side()?).stdout(side()?).stderr(side()?);
            let output = (terminal.output()?, live.stdout()?);
            (command, Some(terminal), vec![output])
        } else {
            let (stdout, from_stdout) = stream::pipe()?;
            let (stderr, from_stderr) = stream::pipe()?;
            #[expect(clippy::disallowed_methods, reason = "this is where the command is started")]
            let mut command = Command::new(&path);
            command.arg0(program).args(args).process_group(0);
            command.stdin(stdin()).stdout(stdout).stderr(stderr);
            let output = vec![(from_stdout, live.stdout()?), (from_stderr, live.stderr()?)];
            (command, None, output)
        };
        let started = Instant::now();
        let child = command
            .env_clear()
            .envs(env.all())
            .spawn()
            .map_err(|error| StartError::of(&path, order.folder, error))?;
        // It holds the command's ends of the pipes, which never end while we hold them too.
        drop(command);
        reaper.expect();
        let number = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let leader = number.context("the command has no process id")?;
        let tree = Tree::new(leader, strangers, used_before);
        let streams = Streams::start(streams, log)?;
        let mut wrapped = Self {
            pid: child.id(),
            started,
            tree,
            streams,
            child: leader,
            terminal,
        };
        if let Some(terminal) = &mut wrapped.terminal {
            terminal.pass_input_on()?;
        }
        Ok(wrapped)
    }

    /// The reaper has told that it ended.
    pub fn has_ended(&mut self) {
        self.tree.leader_is_gone();
        self.streams.command_ended();
    }

    /// Our terminal has another size.
    pub fn resize(&self, env: &Env) {
        if let Some(terminal) = &self.terminal {
            terminal.resize(env);
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }
}

fn stdin() -> Stdio {
    if rustix::termios::isatty(io::stdin()) {
        Stdio::null()
    } else {
        Stdio::inherit()
    }
}
