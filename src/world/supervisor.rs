//! Starts a server so that nothing of it can be left behind, even if stageproof itself is killed.
//!
//! The server does not run as our child but under a helper process: this same binary as `stageproof supervise`. The
//! helper holds the reading end of a pipe. When that closes, because we asked it to stop or because we are gone, it
//! ends the server: SIGTERM to the whole tree, SIGKILL after the grace. On Linux the helper is the subreaper of the
//! tree, so descendants that changed their process group or lost their parent are found as well; elsewhere only the
//! server's process group is.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, WaitOptions};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::Interrupt;
use crate::model::TimeSpan;

/// What a helper process may take beyond the server's grace before it is killed itself.
const HELPER_SLACK: Duration = Duration::from_secs(2);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(i32),
    Signal(i32),
    /// The helper process died and took the answer with it.
    Unknown,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "was killed by signal {number} ({name})"),
                None => write!(f, "was killed by signal {number}"),
            },
            Self::Unknown => f.write_str("ended in a way that nobody saw"),
        }
    }
}

/// The signals a server usually dies of.
fn signal_name(number: i32) -> Option<&'static str> {
    const NAMES: [(Signal, &str); 9] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::KILL, "SIGKILL: out of memory?"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ];
    NAMES
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map(|(_, name)| *name)
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    message: String,
    /// The program is not there, rather than broken.
    pub not_found: bool,
}

/// A server that was started.
pub struct Server {
    helper: Child,
    ending: watch::Receiver<Option<Ending>>,
    /// The server's process id.
    pub pid: u32,
    grace: Duration,
}

impl Server {
    /// Starts `command` (words, no shell) in `folder`, with its output going to `log`.
    pub async fn start(command: &[String], folder: &Path, log: &Path, grace: Duration) -> Result<Self, StartError> {
        let wrong = |error: anyhow::Error| StartError {
            message: format!("{error:#}"),
            not_found: false,
        };
        let mut helper = spawn_helper(command, folder, log, grace).map_err(wrong)?;
        let stdout = helper
            .stdout
            .take()
            .context("the helper process has no output")
            .map_err(wrong)?;
        let mut lines = BufReader::new(stdout).lines();
        let first = lines
            .next_line()
            .await
            .context("the helper process cannot be heard")
            .map_err(wrong)?
            .unwrap_or_default();
        let pid = match first.split_once(' ') {
            Some(("started", pid)) => pid.parse().unwrap_or_default(),
            Some(("not-found", message)) => {
                return Err(StartError {
                    message: message.to_owned(),
                    not_found: true,
                });
            }
            _ => return Err(wrong(anyhow::anyhow!("{}", first.trim_start_matches("refused ")))),
        };
        let (sender, ending) = watch::channel(None);
        tokio::spawn(async move {
            let ending = match lines.next_line().await {
                Ok(Some(line)) => parse_ending(&line),
                Ok(None) | Err(_) => Ending::Unknown,
            };
            let _ = sender.send(Some(ending));
            // Kept open, so that the helper never writes into a closed pipe.
            while let Ok(Some(_)) = lines.next_line().await {}
        });
        Ok(Self {
            helper,
            ending,
            pid,
            grace,
        })
    }

    /// How it ended, if it did.
    pub fn ending(&self) -> Option<Ending> {
        *self.ending.borrow()
    }

    /// A view on the server that can be given away.
    pub fn watch(&self) -> Watch {
        Watch(self.ending.clone())
    }

    /// Ends it, if it still runs, and everything it started.
    pub async fn stop(mut self) {
        drop(self.helper.stdin.take());
        let limit = self.grace + HELPER_SLACK;
        if tokio::time::timeout(limit, self.helper.wait()).await.is_err() {
            let _ = self.helper.kill().await;
        }
    }
}

/// Tells when a server ends.
#[derive(Clone)]
pub struct Watch(watch::Receiver<Option<Ending>>);

impl Watch {
    pub async fn ended(&self) -> Ending {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await {
            Ok(ending) => ending.unwrap_or(Ending::Unknown),
            Err(_) => Ending::Unknown,
        }
    }
}

fn spawn_helper(command: &[String], folder: &Path, log: &Path, grace: Duration) -> anyhow::Result<Child> {
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    File::create(log).with_context(|| format!("cannot write the server's log {}", log.display()))?;
    let myself = std::env::current_exe().context("stageproof cannot find its own binary")?;
    Command::new(&myself)
        .arg("supervise")
        .arg("--log")
        .arg(log)
        .arg(format!("--grace={}", TimeSpan(grace)))
        .arg("--")
        .args(command)
        .current_dir(folder)
        // A group of its own: a terminal's Ctrl-C is for us to handle.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", myself.display()))
}

fn parse_ending(line: &str) -> Ending {
    let mut words = line.split(' ');
    match (words.next(), words.next(), words.next().map(str::parse)) {
        (Some("ended"), Some("code"), Some(Ok(code))) => Ending::Code(code),
        (Some("ended"), Some("signal"), Some(Ok(number))) => Ending::Signal(number),
        _ => Ending::Unknown,
    }
}

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
pub async fn supervise(
    command: &[std::ffi::OsString],
    log: &Path,
    grace: Duration,
    interrupt: &Interrupt,
) -> anyhow::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Pid::from_raw(1)).context("cannot become a subreaper")?;
    let server = match spawn_server(command, log) {
        Ok(pid) => pid,
        Err(error) => {
            let name = command
                .first()
                .map(|c| c.to_string_lossy().into_owned())
                .unwrap_or_default();
            tell(&match error.kind() {
                io::ErrorKind::NotFound => format!("not-found `{name}` is not installed, or not at that place"),
                io::ErrorKind::PermissionDenied => format!("refused `{name}` may not be executed"),
                _ => format!("refused `{name}` cannot be started: {error}"),
            });
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
                    tell(&match ending {
                        Ending::Code(code) => format!("ended code {code}"),
                        Ending::Signal(number) => format!("ended signal {number}"),
                        Ending::Unknown => "ended".to_owned(),
                    });
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

fn spawn_server(command: &[std::ffi::OsString], log: &Path) -> io::Result<Pid> {
    let (program, args) = command
        .split_first()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let out = fs::OpenOptions::new().append(true).open(log)?;
    let child = std::process::Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .spawn()?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other("the server has no process id"))
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
        loop {
            match rustix::process::wait(WaitOptions::empty()) {
                Ok(Some((pid, status))) => {
                    let ending = match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => Ending::Code(code),
                        (None, Some(number)) => Ending::Signal(number),
                        (None, None) => Ending::Unknown,
                    };
                    let _ = events.send(Event::Reaped(pid, ending));
                }
                Ok(None) | Err(rustix::io::Errno::INTR) => {}
                // No children are left, and without children none can come.
                Err(_) => {
                    let _ = events.send(Event::AllGone);
                    return;
                }
            }
        }
    });
}

/// Sends a signal to the server's group and to every descendant of this process.
fn signal_tree(server: Pid, signal: Signal) {
    let _ = rustix::process::kill_process_group(server, signal);
    for pid in descendants() {
        // Those of the group have it already; once more does no harm, except that SIGTERM twice could.
        if signal == Signal::KILL || rustix::process::getpgid(Some(pid)).is_ok_and(|group| group != server) {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Every process below this one, from `/proc`. Empty where there is none.
fn descendants() -> Vec<Pid> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let Some(pid) = pid else { continue };
        let parent = fs::read_to_string(entry.path().join("stat"))
            .ok()
            // The second field is the program's name in parentheses and may hold anything; the last `)` ends it.
            .and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = Vec::new();
    let mut queue = vec![i32::try_from(std::process::id()).unwrap_or_default()];
    while let Some(pid) = queue.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            queue.push(child);
            found.extend(Pid::from_raw(child));
        }
    }
    found
}
