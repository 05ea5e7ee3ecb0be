//! What the GitHub Actions runner says about this run.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;
use serde_json::Value;

use super::Env;
use super::files::{self, Links};
use crate::model::Subject;

/// GitHub's documented maximum of an event payload is 25 MB.
const LARGEST_EVENT: u64 = 25_000_000;

/// The runner's variables, read once.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    /// True in a step of a workflow.
    pub active: bool,
    pub output: Option<PathBuf>,
    pub summary: Option<PathBuf>,
    /// Where folders are written that later steps have in their PATH.
    pub path: Option<PathBuf>,
    pub event_path: Option<PathBuf>,
    pub event_name: Option<String>,
    pub git_ref: Option<String>,
    pub repository: Option<String>,
    pub actor: Option<String>,
    env: Vec<(&'static str, String)>,
    event: OnceLock<Result<Value, String>>,
}

const COPIED: [&str; 8] = [
    "GITHUB_SHA",
    "GITHUB_WORKFLOW",
    "GITHUB_JOB",
    "GITHUB_RUN_ID",
    "GITHUB_RUN_ATTEMPT",
    "RUNNER_NAME",
    "RUNNER_OS",
    "RUNNER_ARCH",
];

/// Files in which a step speaks to the runner: outputs, the environment and PATH of later steps, the job summary.
const COMMAND_FILES: [&str; 5] = [
    "GITHUB_OUTPUT",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
];

/// Credentials of a step for GitHub's services: artifacts, caches and identity tokens.
pub(super) const CREDENTIALS: [&str; 3] = [
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
];

/// Keeps what is started only to be probed, to repair or to look from speaking for this step. What it writes to the
/// runner's files is discarded: without the variables, `>> "$GITHUB_OUTPUT"` would fail. Not for a command that
/// `heartbeat` wraps: that is the step.
pub fn speechless(command: &mut tokio::process::Command, env: &Env) {
    for name in COMMAND_FILES.iter().filter(|name| env.raw(name).is_some()) {
        command.env(name, "/dev/null");
    }
    for name in CREDENTIALS {
        command.env_remove(name);
    }
}

impl Runner {
    pub fn from_env(env: &Env) -> Self {
        let text = |name: &str| env.get(name).map(str::to_owned);
        let path = |name: &str| env.raw(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        Self {
            active: env.get("GITHUB_ACTIONS") == Some("true"),
            output: path("GITHUB_OUTPUT"),
            summary: path("GITHUB_STEP_SUMMARY"),
            path: path("GITHUB_PATH"),
            event_path: path("GITHUB_EVENT_PATH"),
            event_name: text("GITHUB_EVENT_NAME"),
            git_ref: text("GITHUB_REF"),
            repository: text("GITHUB_REPOSITORY"),
            actor: text("GITHUB_ACTOR"),
            env: COPIED.iter().filter_map(|name| Some((*name, text(name)?))).collect(),
            event: OnceLock::new(),
        }
    }

    fn copied(&self, name: &str) -> Option<String> {
        self.env
            .iter()
            .find(|(copied, _)| *copied == name)
            .map(|(_, value)| value.clone())
    }

    /// The number in the run's address.
    pub fn run_id(&self) -> Option<u64> {
        self.copied("GITHUB_RUN_ID")?.parse().ok()
    }

    /// Which attempt of the run this is; the first is 1.
    pub fn run_attempt(&self) -> Option<u64> {
        self.copied("GITHUB_RUN_ATTEMPT")?.parse().ok()
    }

    /// The job's key in the workflow, which is its name too unless it has another.
    pub fn job(&self) -> Option<String> {
        self.copied("GITHUB_JOB")
    }

    /// The commit, by its hash.
    pub fn sha(&self) -> Option<String> {
        self.copied("GITHUB_SHA")
    }

    pub fn subject(&self, environment: &str) -> Subject {
        let machine: Vec<String> = ["RUNNER_NAME", "RUNNER_OS", "RUNNER_ARCH"]
            .iter()
            .filter_map(|name| self.copied(name))
            .collect();
        Subject {
            environment: environment.to_owned(),
            repository: self.repository.clone(),
            sha: self.copied("GITHUB_SHA"),
            git_ref: self.git_ref.clone(),
            workflow: self.copied("GITHUB_WORKFLOW"),
            job: self.copied("GITHUB_JOB"),
            run_id: self.copied("GITHUB_RUN_ID"),
            run_attempt: self.copied("GITHUB_RUN_ATTEMPT"),
            event: self.event_name.clone(),
            actor: self.actor.clone(),
            runner: (!machine.is_empty()).then(|| machine.join(" ")),
        }
    }

    /// Puts a folder in front of the PATH of all later steps of the job. It is taken as it is written, so it must be the
    /// host's name of the folder (actions/runner, `FileCommandManager`).
    pub fn add_to_path(&self, folder: &str) -> anyhow::Result<()> {
        anyhow::ensure!(
            !folder.contains(['\n', '\r']),
            "a folder name with a line break cannot be added to GITHUB_PATH"
        );
        let path = self.path.as_deref().context("GITHUB_PATH is not set")?;
        files::append_lines(path, &format!("{folder}\n")).context("cannot extend the PATH of later steps (GITHUB_PATH)")
    }

    /// The payload of the event that started the run. Many checks ask for it, so it is read once.
    pub fn event(&self) -> Result<&Value, &str> {
        let read = || self.read_event().map_err(|error| format!("{error:#}"));
        self.event.get_or_init(read).as_ref().map_err(String::as_str)
    }

    fn read_event(&self) -> anyhow::Result<Value> {
        let path: &Path = self.event_path.as_deref().context("GITHUB_EVENT_PATH is not set")?;
        let text = files::read_text(path, LARGEST_EVENT, Links::Follow)?;
        serde_json::from_str(&text).with_context(|| format!("the event payload {} is not JSON", path.display()))
    }
}
