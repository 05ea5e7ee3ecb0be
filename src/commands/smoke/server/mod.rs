//! The servers that smoke starts itself, one after the other, and stops in the end.

mod address;
mod log;
mod owner;
mod ready;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::future;
use url::Url;

pub use owner::{Home, Owner};
pub use ready::Ready;

use super::STAGE;
use crate::engine::NotChecked;
use crate::model::{Check, Class, Ended, Fact, Finding, Reason, TimeSpan};
use crate::world::World;
use crate::world::process::{Ending, Left, StartError, needs_a_shell};
use crate::world::supervisor::{Failed, Order, Server, Watch, in_words};
use crate::world::workspace;

/// A server to start before the probes.
#[derive(Clone)]
pub struct Start {
    pub name: Option<String>,
    /// The command, as words.
    pub command: Vec<String>,
    /// Where its output goes.
    pub log: PathBuf,
    /// How long it may take to end after SIGTERM.
    pub grace: Duration,
    pub folder: PathBuf,
    /// What must be so before the next server starts, or the probes begin.
    pub ready: Option<Ready>,
    /// How long that may take.
    pub ready_within: Duration,
}

impl Start {
    fn called(&self) -> String {
        match &self.name {
            Some(name) => format!("the server {name}"),
            None => "the server".to_owned(),
        }
    }

    fn id(&self) -> String {
        match &self.name {
            Some(name) => format!("{STAGE}:server:{name}"),
            None => format!("{STAGE}:server"),
        }
    }

    fn log_id(&self) -> String {
        format!("{}-log", self.id())
    }

    /// What its checks may be called.
    pub fn ids(&self) -> [String; 2] {
        [self.id(), self.log_id()]
    }
}

/// Why there is no server: found wanting, or not found out.
enum NotStarted {
    Wrong(Finding),
    NotChecked(NotChecked),
}

impl From<NotChecked> for NotStarted {
    fn from(blind: NotChecked) -> Self {
        Self::NotChecked(blind)
    }
}

/// What was started, in order.
pub struct Servers<'a> {
    running: Vec<(&'a Start, Server, Instant)>,
    failed: Option<(&'a Start, NotStarted, Duration)>,
    never: Vec<&'a Start>,
}

impl<'a> Servers<'a> {
    /// Starts each when the one before is ready. `targets` is what will be probed.
    pub async fn start(starts: &'a [Start], targets: &[Url], world: &World) -> Self {
        let mut servers = Self {
            running: Vec::new(),
            failed: None,
            never: Vec::new(),
        };
        for start in starts {
            if servers.failed.is_some() {
                servers.never.push(start);
                continue;
            }
            let began = Instant::now();
            // Once the first runs, the targets' ports may be its own.
            let targets = if servers.running.is_empty() { targets } else { &[] };
            let failed = match launch(start, targets, world).await {
                Err(failed) => Some(failed),
                Ok(server) => {
                    servers.running.push((start, server, began));
                    let watched = servers.watched();
                    until_ready(start, &watched, world).await.err()
                }
            };
            servers.failed = failed.map(|failed| (start, failed, began.elapsed()));
        }
        servers
    }

    pub fn are_up(&self) -> bool {
        self.failed.is_none()
    }

    pub fn watched(&self) -> Watched {
        let one = |(start, server, _): &(&Start, Server, Instant)| Seen {
            called: start.called(),
            watch: server.watch(),
            log: start.log.clone(),
        };
        Watched(self.running.iter().map(one).collect())
    }

    /// Looks at them for the last time, stops them in the opposite order, and says how it went. `probed` is where
    /// something answered that was right.
    pub async fn stop(mut self, probed: Vec<Home>, world: &World) -> Vec<Check> {
        // A server that dies of its first request still answers it.
        let has_ended = !probed.is_empty() && self.watched().ends_soon().await.is_some();
        let mut not_ours = Vec::new();
        for home in &probed {
            match home.settled().await {
                Owner::Ours | Owner::Changing => {}
                Owner::Nobody if has_ended => {}
                Owner::Nobody => not_ours.push(home.gone()),
                Owner::Unknown(finding) | Owner::Another(finding) => not_ours.push(finding),
            }
        }
        not_ours.dedup();
        let mut checks = Vec::new();
        // Looked at before any is stopped: afterwards it has ended in any case.
        let ended: Vec<Option<Option<Ending>>> = self.running.iter().map(|(_, server, _)| server.ending()).collect();
        let mut failed = self.failed.take();
        for ((start, server, began), ending) in self.running.iter().zip(ended) {
            let mut facts = vec![
                Fact::new("process", server.pid.to_string()),
                Fact::new("log", workspace::shown(&start.log, &world.workspace)),
            ];
            if let Some(ready) = &start.ready {
                facts.push(Fact::new("ready", ready.to_string()));
            }
            let not_ready = failed.take_if(|(which, ..)| std::ptr::eq(*which, *start));
            let ended = match not_ready {
                Some((_, failed, _)) => failed.ended(),
                None => {
                    let gone = ending.map(|how| gone(start, how, world));
                    // Told once, with the first server.
                    Ended::Looked(gone.into_iter().chain(std::mem::take(&mut not_ours)).collect())
                }
            };
            checks.push(check(start, ended, facts, began.elapsed(), world));
        }
        if let Some((start, failed, took)) = failed {
            checks.push(check(start, failed.ended(), Vec::new(), took, world));
        }
        for start in &self.never {
            checks.push(Check::skipped(
                STAGE,
                start.id(),
                title(start),
                "the server before it did not start",
            ));
        }
        let _stopping = match self.running.len() {
            0 => None,
            1 => Some(world.progress.doing("stopping the server")),
            _ => Some(world.progress.doing("stopping the servers")),
        };
        for (at, (start, server, _)) in self.running.into_iter().enumerate().rev() {
            let left = server.stop(&world.interrupt).await;
            // Those that run have the first checks, in their order.
            if let Some(Ended::Looked(findings)) = checks.get_mut(at).map(|check: &mut Check| &mut check.ended) {
                findings.extend(Left::survived(&left, "it", &world.secrets));
            }
            checks.extend(log::clean(start, world));
        }
        checks
    }
}

/// The servers that must stay alive while they are probed. Without any, nothing ends.
#[derive(Clone, Default)]
pub struct Watched(Vec<Seen>);

/// How long to wait for an exit that has most likely happened already.
const SETTLE: Duration = Duration::from_millis(250);

#[derive(Clone)]
struct Seen {
    called: String,
    watch: Watch,
    log: PathBuf,
}

impl Watched {
    /// Which ended first, and how, in words.
    pub async fn ended(&self) -> String {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let endings = self
            .0
            .iter()
            .map(|seen| Box::pin(async { format!("{} {}", seen.called, in_words(seen.watch.ended().await)) }));
        future::select_all(endings).await.0
    }

    /// The same, if it comes so soon that it belongs to what was just seen.
    pub async fn ends_soon(&self) -> Option<String> {
        tokio::time::timeout(SETTLE, self.ended()).await.ok()
    }

    /// The process ids of all servers and of everything they started.
    fn members(&self, whole: bool) -> Vec<i32> {
        self.0.iter().flat_map(|seen| seen.watch.members(whole)).collect()
    }

    /// The last lines of each log, under its name.
    pub fn last_lines(&self, world: &World) -> Vec<String> {
        let told = self.0.iter().filter_map(|seen| {
            let name = seen.log.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Some(format!(
                "last lines of logs/{name}:\n{}",
                log::last_lines(&seen.log, world)?
            ))
        });
        told.collect()
    }
}

/// Starts one, unless something already listens where it is to answer.
async fn launch(start: &Start, targets: &[Url], world: &World) -> Result<Server, NotStarted> {
    let place = |url: &Url| Some((url.host_str()?.to_owned(), url.port_or_known_default()?));
    let places: BTreeSet<(String, u16)> = targets
        .iter()
        .filter_map(place)
        .chain(start.ready.iter().filter_map(Ready::place))
        .collect();
    for (host, port) in places {
        if let Some(address) = address::taken(&host, port).await? {
            return Err(NotStarted::Wrong(
                // No reason: those are for what was probed, and nothing was.
                Finding::error("port-taken", format!("something already listens on {address}")).help(format!(
                    "stop the leftover process (`ss -ltnp 'sport = :{port}'` names it), or use another port"
                )),
            ));
        }
    }
    let command = command_line(start, world);
    let command = world.secrets.shorten(command.as_str(), 200);
    world.progress.say(&format!("starting {}: {command}", start.called()));
    let order = Order {
        command: &start.command,
        folder: &start.folder,
        log: &start.log,
        grace: start.grace,
    };
    Server::start(&order, &world.env, &world.interrupt)
        .await
        .map_err(|failed| not_started(start, failed))
}

async fn until_ready(start: &Start, watched: &Watched, world: &World) -> Result<(), NotStarted> {
    let Some(ready) = &start.ready else {
        return Ok(());
    };
    let limit = start.ready_within;
    let until = Some(Instant::now() + limit);
    let waiting = world
        .progress
        .waiting(&format!("waiting until {} is ready ({ready})", start.called()), until);
    let seen: Mutex<String> = Mutex::default();
    let tell = |what: String| {
        waiting.now(&format!("last: {what}"), until);
        if let Ok(mut seen) = seen.lock() {
            *seen = what;
        }
    };
    let last = |seen: &Mutex<String>| match seen.lock() {
        Ok(seen) if !seen.is_empty() => format!(": {seen}"),
        _ => String::new(),
    };
    let finding = |message: String| {
        Finding::error("not-ready", message)
            .because(Class::App, Reason::Timeout)
            .excerpt(log::last_lines(&start.log, world).unwrap_or_default())
    };
    tokio::select! {
        biased;
        how = watched.ended() => Err(NotStarted::Wrong(
            Finding::error("process-exit", format!("{how} before {} was ready ({ready})", start.called()))
                .because(Class::App, Reason::ProcessExit)
                .help(advice(start, "fix the start command, or the error in its last log lines"))
                .excerpt(watched.last_lines(world).join("\n")),
        )),
        signal = world.interrupt.wait() => Err(NotChecked::errored(format!("interrupted by {signal} before it was \
        ready")).into()),
        waited = ready.wait(&start.log, &tell, world) => {
            waited.map_err(NotChecked::from)?;
            answers_itself(ready, watched).await
        }
        () = tokio::time::sleep(limit) => Err(NotStarted::Wrong(
            finding(format!("{} was not ready within {} ({ready}){}", start.called(), TimeSpan(limit), last(&seen)))
                .help("check its log for what it is waiting for; a slow start needs a larger --ready-within"),
        )),
    }
}

/// Whether it is the server itself that says it is ready.
async fn answers_itself(ready: &Ready, watched: &Watched) -> Result<(), NotStarted> {
    let Some((host, port)) = ready.place() else {
        return Ok(());
    };
    let Some(home) = Home::of(watched, &host, port, &[]).await? else {
        return Ok(());
    };
    match home.settled().await {
        Owner::Another(finding) => Err(NotStarted::Wrong(finding)),
        Owner::Nobody => Err(NotStarted::Wrong(home.gone())),
        // It is looked at again where it is probed.
        Owner::Ours | Owner::Changing | Owner::Unknown(_) => Ok(()),
    }
}

fn not_started(start: &Start, failed: Failed) -> NotStarted {
    let help = match &failed {
        Failed::Interrupted(_) | Failed::Own(_) | Failed::Program(StartError::System(_)) => {
            return NotStarted::NotChecked(NotChecked::errored(failed.to_string()));
        }
        Failed::Program(StartError::NotInPath(_) | StartError::NoFile(_)) => {
            "check the command's name, and that the build before this step created it; the container action sees only \
             its own image and the workspace"
        }
        Failed::Program(_) | Failed::Refused(_) => "check that the command is a program that can be executed here",
    };
    NotStarted::Wrong(Finding::error("not-started", failed.to_string()).help(advice(start, help)))
}

impl NotStarted {
    fn ended(self) -> Ended {
        match self {
            Self::Wrong(finding) => Ended::Looked(vec![finding]),
            Self::NotChecked(blind) => blind.into(),
        }
    }
}

fn title(start: &Start) -> String {
    match &start.name {
        Some(name) => format!("The server {name} starts and keeps running"),
        None => "The server starts and keeps running".to_owned(),
    }
}

/// The claim that a server ran from the first probe to the last.
fn check(start: &Start, ended: Ended, facts: Vec<Fact>, took: Duration, world: &World) -> Check {
    let mut check = Check::new(STAGE, start.id(), title(start), ended, took);
    check.facts.push(Fact::new("command", command_line(start, world)));
    check.facts.extend(facts);
    check
}

fn gone(start: &Start, how: Option<Ending>, world: &World) -> Finding {
    let lines = log::last_lines(&start.log, world).unwrap_or_default();
    let help = match how {
        Some(Ending::Code(0)) => "the command must stay in the foreground as long as the server runs",
        _ if lines.is_empty() => "the server wrote no log; fix the start command",
        _ => "fix the error in its last log lines",
    };
    Finding::error(
        "process-exit",
        format!("{} {} while it was probed", start.called(), in_words(how)),
    )
    .because(Class::App, Reason::ProcessExit)
    .help(advice(start, help))
    .excerpt(lines)
}

/// A command that was written for a shell fails in ways that do not say so.
fn advice(start: &Start, otherwise: &str) -> String {
    needs_a_shell(&start.command).unwrap_or_else(|| otherwise.to_owned())
}

fn command_line(start: &Start, world: &World) -> String {
    world.secrets.command_line(start.command.iter().map(String::as_str))
}
