//! The helper process: ends the server and everything it started when it is asked to, or when nobody could ask any more.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::ending::to_line;
use crate::world::Interrupt;
use crate::world::process::ending::{Ending, reap};
use crate::world::process::table::Table;
use crate::world::process::{StartError, family};

/// What the helper process hears.
enum Event {
    /// The other end of the pipe is gone, or we were asked to stop.
    Stop,
    /// A child ended; not only the server, as orphans of the tree become children too.
    Reaped(Pid, Ending),
    /// Nothing is left of the tree.
    AllGone,
}

/// The helper process: runs until the server and everything it started are gone.
pub async fn supervise(command: &[OsString], grace: Duration, interrupt: &Interrupt) -> anyhow::Result<()> {
    family::adopt_orphans();
    let server = match spawn_server(command) {
        Ok(pid) => pid,
        Err(error) => {
            tell(&format!("refused {error}"));
            return Ok(());
        }
    };
    tell(&format!("started {}", server.as_raw_pid()));
    let (sender, mut events) = mpsc::unbounded_channel();
    watch_pipe(sender.clone());
    watch_children(sender);
    let mut stopping: Option<Instant> = None;
    let mut told = false;
    loop {
        let event = match stopping {
            Some(deadline) => timeout_at(deadline, events.recv()).await.unwrap_or_else(|_| {
                signal_tree(server, Signal::KILL);
                // Looking again soon: what was just forking may have escaped the first round.
                stopping = Some(Instant::now() + Duration::from_millis(50));
                Some(Event::Stop)
            }),
            None => tokio::select! {
                event = events.recv() => event,
                _ = interrupt.wait() => Some(Event::Stop),
            },
        };
        match event {
            Some(Event::Reaped(pid, ending)) => {
                if pid == server && !told {
                    told = true;
                    tell(&to_line(Some(ending)));
                    // What it left behind is ended too, whether we were asked to stop or not.
                    if stopping.is_none() {
                        signal_tree(server, Signal::TERM);
                        stopping = Some(Instant::now() + grace);
                    }
                }
            }
            Some(Event::Stop) => {
                if stopping.is_none() {
                    signal_tree(server, Signal::TERM);
                    stopping = Some(Instant::now() + grace);
                }
            }
            Some(Event::AllGone) | None => return Ok(()),
        }
    }
}

/// The server's output goes where the helper's errors go: into the log.
#[expect(clippy::disallowed_methods, reason = "this is where a server is started")]
fn spawn_server(command: &[OsString]) -> Result<Pid, StartError> {
    let (program, args) = command.split_first().context("there is no command")?;
    let clone = || {
        io::stderr()
            .as_fd()
            .try_clone_to_owned()
            .context("the log cannot be handed on")
    };
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(clone()?)
        .stderr(clone()?)
        .process_group(0)
        .spawn()
        .map_err(|error| StartError::of(Path::new(program), Path::new("."), error))?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    Ok(pid.context("the server has no process id")?)
}

/// One line to whoever started the helper, which may be gone already.
fn tell(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn watch_pipe(events: mpsc::UnboundedSender<Event>) {
    std::thread::spawn(move || {
        let mut byte = [0u8];
        while matches!(io::stdin().read(&mut byte), Ok(n) if n > 0) {}
        let _ = events.send(Event::Stop);
    });
}

fn watch_children(events: mpsc::UnboundedSender<Event>) {
    std::thread::spawn(move || {
        reap(|pid, ending| drop(events.send(Event::Reaped(pid, ending))));
        let _ = events.send(Event::AllGone);
    });
}

/// Sends a signal to the server's group and to every descendant of this process.
fn signal_tree(server: Pid, signal: Signal) {
    let _ = rustix::process::kill_process_group(server, signal);
    for member in Table::read().below_us(|_, _| true) {
        // Those of the group have it already; once more does no harm, except that SIGTERM twice could.
        if signal == Signal::KILL || member.entry.group != server.as_raw_pid() {
            let _ = rustix::process::kill_process(member.pid, signal);
        }
    }
}
