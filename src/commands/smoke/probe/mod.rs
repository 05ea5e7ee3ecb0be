//! One URL: asked until it is right, and then, if wanted, watched whether it stays right.

mod attempt;
mod findings;
mod run;
mod until_healthy;
mod watch;

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::control::Control;
use super::expect::{Expected, LatencyLimit};
use super::server::{Home, Watched};
use super::window::{Goal, Limits};
use crate::engine::NotChecked;
use crate::model::StatusSet;
use crate::world::World;
use crate::world::http::{Header, Http, Method, Settings};

/// What an attempt may take besides its own time, as the control is asked as well.
const ASIDE: Duration = Duration::from_secs(5);
/// The engine's deadline is the last resort; the probe ends by its own limits before.
const SLACK: Duration = Duration::from_secs(30);

/// What is asked, how, and what is expected.
#[derive(Clone)]
pub struct Probe {
    pub name: Option<String>,
    /// The part of the flow it belongs to.
    pub stage: String,
    pub url: Url,
    pub method: Method,
    pub headers: Vec<Header>,
    pub body: Option<Bytes>,
    pub settings: Settings,
    pub expected: Expected,
    pub slow: LatencyLimits,
    /// The certificate must be valid for at least this many days more.
    pub min_certificate_days: Option<u32>,
    /// Statuses that are asked again until then although waiting rarely changes them.
    pub retry_on_status: Option<StatusSet>,
    /// In which it must become right.
    pub within: Duration,
    pub interval: Duration,
    pub timeout: Duration,
    pub window: Option<(Goal, Limits)>,
    pub control: Option<Url>,
}

/// When good responses come too late.
#[derive(Clone, Debug, Default)]
pub struct LatencyLimits {
    pub warn: Vec<LatencyLimit>,
    pub fail: Vec<LatencyLimit>,
}

/// What a probe looks with.
pub struct Context<'a> {
    pub http: &'a Http,
    pub control: Option<&'a Control>,
    /// Where a started server is to answer itself.
    pub home: Option<&'a Home>,
    pub watched: &'a Watched,
    pub world: &'a World,
}

impl Probe {
    /// Stable from run to run, as waivers name it.
    pub fn id(&self) -> String {
        match &self.name {
            Some(name) => format!("smoke:{name}"),
            None => format!("smoke:{}", self.url),
        }
    }

    pub fn title(&self) -> String {
        let name = self.name.as_ref().map(|name| format!("{name}: ")).unwrap_or_default();
        let then = match self.window {
            Some((goal, _)) => format!(", {goal}"),
            None => String::new(),
        };
        format!("{name}{} answers {}{then}", self.asked(), self.expected.statuses)
    }

    /// Where a started server is to answer itself. `None` if none was started.
    pub async fn home(&self, watched: &Watched) -> Result<Option<Home>, NotChecked> {
        match (self.url.host_str(), self.url.port_or_known_default()) {
            (Some(host), Some(port)) => Home::of(watched, host, port, &self.settings.resolve).await,
            _ => Ok(None),
        }
    }

    fn asked(&self) -> String {
        format!("{} {}", self.method, self.url)
    }

    /// By when it has ended by its own limits.
    pub fn deadline(&self) -> Duration {
        let window = self.window.map_or(Duration::ZERO, |(goal, limits)| {
            let last = u32::try_from(limits.failures.saturating_add(limits.transport_errors)).unwrap_or(u32::MAX);
            let lasts = match goal {
                Goal::Steady(_) => limits.deadline,
                Goal::Watch(span) => span,
            };
            let pause = self.interval.max(limits.longest_gap);
            lasts.saturating_add((pause + self.timeout + ASIDE).saturating_mul(last))
        });
        self.within.saturating_add(window).saturating_add(SLACK)
    }
}
