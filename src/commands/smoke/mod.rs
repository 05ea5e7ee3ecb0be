//! Does what was deployed answer?

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;
use url::Url;

use crate::model::{Outcome, StatusSet};
use crate::world::World;

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

pub async fn run(_plan: &Plan, _world: &World) -> Outcome {
    Outcome::default()
}
