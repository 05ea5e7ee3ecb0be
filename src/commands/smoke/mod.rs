//! Does what was deployed answer? Probes a URL, or a server that is started for it.

mod judge;
mod server;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use regex::Regex;
use url::Url;

use crate::engine::{self, Looked, Observed};
use crate::model::waiver::{self, Waiver};
use crate::model::{Check, Class, Fact, Finding, Outcome, Reason, Status, StatusSet, TimeSpan, text};
use crate::world::World;
use crate::world::http::{self, Http, Request, Settings};
use crate::world::supervisor::Watch;
use judge::{Expected, Sample, Samples};

const STAGE: &str = "smoke";
const AT_ONCE: usize = 16;
/// The engine's deadline is the last resort; the probe ends by its own limits before.
const SLACK: Duration = Duration::from_secs(10);
/// With less time than this there is no waiting and asking once more: the wait takes half of it.
const LAST_WAIT: Duration = Duration::from_millis(200);
/// An attempt with less time than this says nothing.
const LAST_ATTEMPT: Duration = Duration::from_millis(100);
/// How much of a body is searched for the expected text.
const BODY_SEARCHED: usize = 1 << 20;
/// How much of a body is read when only the status counts.
const BODY_READ: usize = 64 << 10;

pub struct Plan {
    pub targets: Vec<Url>,
    pub expect_status: StatusSet,
    pub expect_body: Option<Regex>,
    pub method: Method,
    pub follow_redirects: bool,
    pub within: Duration,
    pub interval: Duration,
    pub connect_timeout: Duration,
    pub timeout: Duration,
    pub start: Option<Start>,
    /// Failures that do not count, for now.
    pub waivers: Vec<Waiver>,
}

/// A server to start before the probes.
pub struct Start {
    /// The command, as words.
    pub command: Vec<String>,
    /// Where its output goes.
    pub log: PathBuf,
    /// How long it may take to end after SIGTERM.
    pub grace: Duration,
    pub workspace: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
}

impl Method {
    fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let mut checks = Vec::new();
    let Some(start) = &plan.start else {
        checks.extend(probe_all(plan, world, None).await);
        return outcome(plan, world, checks);
    };
    let began = Instant::now();
    match server::start(start, &plan.targets, world).await {
        Ok(server) => {
            let watched = Watched {
                watch: server.watch(),
                log: start.log.clone(),
            };
            let probes = probe_all(plan, world, Some(watched)).await;
            let probed = probes.iter().any(|check| check.status() == Status::Passed);
            // Looked at before it is stopped: afterwards it has ended in any case.
            let ran = server::Ran {
                pid: server.pid,
                ending: server::settled(&server, probed).await,
                stranger: server::stranger(&server, &plan.targets, probed).await,
            };
            world.progress.say("stopping the server");
            server.stop(&world.interrupt).await;
            checks.push(server::check(start, Ok(ran), began.elapsed(), world));
            checks.extend(probes);
            checks.extend(server::clean_log(start, world));
        }
        Err(ended) => {
            checks.push(server::check(start, Err(ended), began.elapsed(), world));
            let titles = plan.targets.iter().map(|url| (id(url), title(plan, url)));
            checks.extend(titles.map(|(id, title)| Check::skipped(STAGE, id, title, "the server was not started")));
        }
    }
    outcome(plan, world, checks)
}

fn outcome(plan: &Plan, world: &World, mut checks: Vec<Check>) -> Outcome {
    waiver::apply(&plan.waivers, &world.clock.date(), &mut checks);
    Outcome {
        checks,
        ..Outcome::default()
    }
}

fn id(url: &Url) -> String {
    format!("{STAGE}:{url}")
}

fn title(plan: &Plan, url: &Url) -> String {
    format!("{} {url} answers {}", plan.method.as_str(), plan.expect_status)
}

/// The server that must stay alive while it is probed.
#[derive(Clone)]
struct Watched {
    watch: Watch,
    log: PathBuf,
}

impl Watched {
    async fn ended(watched: Option<&Self>) -> String {
        match watched {
            Some(watched) => format!("the started server {}", watched.watch.ended().await),
            None => std::future::pending().await,
        }
    }
}

async fn probe_all(plan: &Plan, world: &World, watched: Option<Watched>) -> Vec<Check> {
    let settings = Settings {
        connect_timeout: plan.connect_timeout,
        follow_redirects: plan.follow_redirects,
        ..Settings::default()
    };
    // Not being able to make a client is shown at each probe, as each then could not look.
    let http = Http::new(&world.env, &settings).map_err(|error| format!("{error:#}"));
    let tasks = plan
        .targets
        .iter()
        .map(|url| {
            let probe = Probe {
                url: url.clone(),
                method: plan.method,
                expect_status: plan.expect_status.clone(),
                expect_body: plan.expect_body.clone(),
                follow_redirects: plan.follow_redirects,
                within: plan.within,
                interval: plan.interval,
                timeout: plan.timeout,
            };
            let (http, watched, world) = (http.clone(), watched.clone(), world.clone());
            engine::Task::new(STAGE, id(url), title(plan, url), plan.within + SLACK, async move {
                let http = http.map_err(engine::Blind::errored)?;
                probe.until_healthy(&http, watched.as_ref(), &world).await
            })
        })
        .collect();
    engine::run(tasks, AT_ONCE, &world.interrupt).await
}

/// One URL and what is expected of it.
struct Probe {
    url: Url,
    method: Method,
    expect_status: StatusSet,
    expect_body: Option<Regex>,
    follow_redirects: bool,
    within: Duration,
    interval: Duration,
    timeout: Duration,
}

impl Probe {
    /// Asks until the answer is right, the time is up, or the server that should answer is gone.
    async fn until_healthy(&self, http: &Http, watched: Option<&Watched>, world: &World) -> Looked {
        let deadline = Instant::now() + self.within;
        let mut samples = Samples::default();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // The wait may have taken longer than it should.
            if samples.count() > 0 && left < LAST_ATTEMPT {
                return Ok(self.unhealthy(samples, watched));
            }
            let sample = tokio::select! {
                biased;
                how = Watched::ended(watched) => {
                    samples.add(Sample::failed(Reason::ProcessExit, how));
                    return Ok(self.unhealthy(samples, watched));
                }
                sample = self.sample(http, left) => sample,
            };
            if samples.is_change(&sample) {
                world.progress.say(&format!(
                    "{} {}: {sample}{}",
                    self.method.as_str(),
                    self.url,
                    match &sample {
                        Sample::Good { .. } => String::new(),
                        Sample::Bad { .. } => format!("; {} left", TimeSpan(whole_seconds(left))),
                    }
                ));
            }
            let good = sample.is_good();
            samples.add(sample);
            if good {
                return Ok(Observed {
                    findings: Vec::new(),
                    facts: samples.facts(),
                });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left < LAST_WAIT {
                return Ok(self.unhealthy(samples, watched));
            }
            // When no interval and attempt are left, the rest is halved, so that the last attempt is near the end.
            let wait = if left > self.interval + LAST_ATTEMPT {
                self.interval
            } else {
                left / 2
            };
            tokio::select! {
                _ = Watched::ended(watched) => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn sample(&self, client: &Http, left: Duration) -> Sample {
        let timeout = self.timeout.min(left);
        let request = Request {
            url: &self.url,
            method: match self.method {
                Method::Get => &http::Method::GET,
                Method::Head => &http::Method::HEAD,
            },
            headers: &[],
            body: None,
            timeout,
            body_limit: if self.expect_body.is_some() {
                BODY_SEARCHED
            } else {
                BODY_READ
            },
        };
        match client.send(request).await {
            Ok(answer) => judge::answer(
                answer,
                &Expected {
                    url: &self.url,
                    statuses: &self.expect_status,
                    body: self.expect_body.as_ref(),
                    redirects_followed: self.follow_redirects,
                },
            ),
            Err(failure) if failure.out_of_time && timeout < self.timeout => {
                Sample::cut_short(failure.reason, failure.detail)
            }
            Err(failure) => Sample::failed(failure.reason, failure.detail),
        }
    }

    fn unhealthy(&self, samples: Samples, watched: Option<&Watched>) -> Observed {
        let Some((reason, detail, mut excerpt)) = samples.last_failure() else {
            return Observed::found(Finding::error("no-sample", "there was no time for a single attempt"));
        };
        if let Some((log, lines)) = watched.and_then(|w| Some((&w.log, server::last_lines(&w.log)?))) {
            let name = log.file_name().unwrap_or_default().to_string_lossy();
            excerpt = [excerpt, format!("last lines of logs/{name}:\n{lines}")]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("\n");
        }
        let message = format!(
            "{} {}: {detail} ({} in {})",
            self.method.as_str(),
            self.url,
            text::count(samples.count(), "attempt"),
            TimeSpan(whole_seconds(samples.lasted())),
        );
        // Without an independent sign that the platform is at fault, it is the deployed thing's.
        let finding = Finding::error("unhealthy", message)
            .because(Class::App, reason)
            .help(judge::next_step(reason))
            .excerpt(excerpt);
        let mut facts = samples.facts();
        facts.push(Fact::new("samples", samples.tally()));
        Observed {
            findings: vec![finding],
            facts,
        }
    }
}

/// Sub-second parts of waiting times are noise; of short ones they are everything.
fn whole_seconds(duration: Duration) -> Duration {
    if duration < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(0))
    } else {
        Duration::from_secs(duration.as_secs())
    }
}
