//! Does what was deployed answer? Probes URLs, or servers that are started for it.
//!
//! Two phases with different rules: until the first good response a probe is patient, as nearly everything may heal while
//! a deploy settles; after it, a window may watch whether the answer stays right, and there a failure is a failure.

mod blips;
mod control;
pub mod expect;
mod other_family;
mod probe;
mod sample;
mod server;
mod timing;
mod window;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use url::{Host, Url};

use crate::commands::{Keep, Running, Subcommand, Trial};
use crate::engine::{self, NotChecked};
use crate::model::waiver::{self, Waiver};
use crate::model::{Check, Ended, Finding, Outcome, TimeSpan};
use crate::world::http::{Http, Settings, is_loopback};
use crate::world::{World, ports};
use control::Control;
use probe::Context;
pub use probe::{LatencyLimits, Probe};
use server::{Home, Servers, Watched};
pub use server::{Ready, Start};
pub use window::{Goal, Limits};

/// The part of the flow that probes belong to when they do not say another.
pub const STAGE: &str = "smoke";
/// For the connection to a control, which has to be something that answers at once.
const CONTROL_CONNECT: Duration = Duration::from_secs(2);

/// On this machine, a listener accepts at once.
const STILL_THERE: Duration = Duration::from_millis(300);

#[derive(Clone)]
pub struct Plan {
    pub probes: Vec<Probe>,
    /// Started in this order, before the probes.
    pub servers: Vec<Start>,
    /// How many probes run at the same time.
    pub at_once: usize,
    /// In which all probes must have ended.
    pub all_within: Option<Duration>,
    /// Failures that do not count, for now.
    pub waivers: Vec<Waiver>,
}

impl Subcommand for Plan {
    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

/// The last server is the application; those before it are what it needs.
impl Trial for Plan {
    fn of<'a>(&'a self, command: Vec<String>, folder: PathBuf, world: &'a World) -> Running<'a> {
        let mut plan = self.clone();
        if let Some(application) = plan.servers.last_mut() {
            application.command = command;
            application.folder = folder;
        }
        Box::pin(async move { run(&plan, world).await })
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let mut checks = if plan.servers.is_empty() {
        probe_all(plan, world, &Watched::default()).await
    } else {
        with_servers(plan, world).await
    };
    waiver::apply(&plan.waivers, &world.clock.date(), &mut checks);
    Outcome {
        checks,
        ..Outcome::default()
    }
}

async fn with_servers(plan: &Plan, world: &World) -> Vec<Check> {
    let targets: Vec<Url> = plan.probes.iter().map(|probe| probe.url.clone()).collect();
    let servers = Servers::start(&plan.servers, &targets, world).await;
    if !servers.are_up() {
        let mut checks = servers.stop(Vec::new(), world).await;
        checks.extend(plan.probes.iter().map(|probe| {
            let reason = "the server was not started";
            Check::skipped(&probe.stage, probe.id(), probe.title(), reason)
        }));
        return checks;
    }
    let mut probes = probe_all(plan, world, &servers.watched()).await;
    let mut right = Vec::new();
    for (probe, check) in plan.probes.iter().zip(&mut probes) {
        // What is wrong is told where it was seen.
        let is_right = check.latency.is_some() && !check.findings().iter().any(Finding::fails);
        if is_right {
            match probe.home(&servers.watched()).await {
                Ok(home) => right.extend(home),
                Err(blind) => check.ended = blind.into(),
            }
        }
    }
    let mut checks = servers.stop(right, world).await;
    if let (Some(left), Some(Ended::Looked(findings))) = (
        left_running(&targets).await,
        checks.first_mut().map(|check| &mut check.ended),
    ) {
        findings.push(left);
    }
    checks.extend(probes);
    checks
}

/// What still listens after the end, such as a container that does not heed what ends `docker run`.
async fn left_running(targets: &[Url]) -> Option<Finding> {
    for target in targets.iter().filter(|url| is_loopback(url)) {
        let (host, port) = (target.host()?, target.port_or_known_default()?);
        let ip = match host {
            Host::Ipv4(ip) => ip.into(),
            Host::Ipv6(ip) => ip.into(),
            Host::Domain(_) => Ipv4Addr::LOCALHOST.into(),
        };
        if ports::connect(SocketAddr::new(ip, port), STILL_THERE).await.is_ok() {
            let message = format!("something still listens on port {port} after the server was stopped");
            let help = "with docker, start it by `docker run --rm --init`, so that it ends with the command";
            return Some(Finding::warning("left-running", message).help(help));
        }
    }
    None
}

async fn probe_all(plan: &Plan, world: &World, watched: &Watched) -> Vec<Check> {
    let mut clients = Clients::default();
    let until = plan
        .all_within
        .and_then(|limit| Some((Instant::now().checked_add(limit)?, limit)));
    let tasks = plan
        .probes
        .iter()
        .map(|probe| {
            let http = clients.with(&probe.settings, world);
            let control = probe.control.as_ref().map(|url| {
                let settings = Settings {
                    connect_timeout: CONTROL_CONNECT,
                    ..Settings::default()
                };
                Ok::<_, String>(Control {
                    http: clients.with(&settings, world)?,
                    url: url.clone(),
                })
            });
            let (probe, watched, world) = (probe.clone(), watched.clone(), world.clone());
            let (id, title, deadline) = (probe.id(), probe.title(), probe.deadline());
            engine::Task::new(probe.stage.clone(), id, title, deadline, async move {
                let http = http.map_err(no_client)?;
                let control = control.transpose().map_err(no_client)?;
                let home: Option<Home> = probe.home(&watched).await?;
                let context = Context {
                    http: &http,
                    home: home.as_ref(),
                    control: control.as_ref(),
                    watched: &watched,
                    world: &world,
                };
                let Some((until, limit)) = until else {
                    return probe.look(&context).await;
                };
                if Instant::now() >= until {
                    return Err(out_of_time("not started within", limit));
                }
                tokio::time::timeout_at(until.into(), probe.look(&context))
                    .await
                    .unwrap_or_else(|_| Err(out_of_time("timed out after", limit)))
            })
        })
        .collect();
    engine::run(tasks, plan.at_once, &world.interrupt).await
}

fn no_client(cause: String) -> NotChecked {
    NotChecked::with_help(
        cause,
        "check --ca-file, --client-cert, --client-key and SSL_CERT_FILE: each must be a PEM file; on the command line \
         its path is relative to the current folder, in the configuration to the workspace",
    )
}

fn out_of_time(what: &str, limit: Duration) -> NotChecked {
    NotChecked::with_help(
        format!("{what} {}, the limit for all probes (--all-within)", TimeSpan(limit)),
        "raise --all-within or --parallel, or lower --within",
    )
}

/// Probes with equal settings share a client. Not being able to make one is shown at each probe, as each then could
/// not look.
#[derive(Default)]
struct Clients(HashMap<Settings, Result<Http, String>>);

impl Clients {
    fn with(&mut self, settings: &Settings, world: &World) -> Result<Http, String> {
        if let Some(known) = self.0.get(settings) {
            return known.clone();
        }
        let made = Http::new(&world.env, settings).map_err(|error| format!("{error:#}"));
        self.0.insert(settings.clone(), made.clone());
        made
    }
}
