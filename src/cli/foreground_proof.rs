//! Options of `foreground-proof`.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::path_part;
use super::error::UsageError;
use super::values::positive;
use super::{Given, Options};
use super::{Or as _, mergeable};
use crate::commands::Subcommand;
use crate::commands::foreground_proof::Plan;
use crate::model::TimeSpan;
use crate::world::World;

/// Four heartbeats at their usual distance.
const MAX_GAP: TimeSpan = TimeSpan::from_secs(60);
const MAX_AGE: TimeSpan = TimeSpan::from_secs(24 * 60 * 60);

mergeable! {
#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(
    after_help = "Examples:\n  stageproof foreground-proof --log artifacts/heartbeat.log --require deploy\n  stageproof foreground-proof --log artifacts/heartbeat.log --max-age 1h --max-gap 5m"
)]
pub struct ForegroundProofOptions {
    /// Log written by `stageproof heartbeat`, in the workspace.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Label of a wrapped command that the log must prove; repeatable [default: the value of --label, or else all labels
    /// in the log].
    #[arg(long, value_name = "LABEL")]
    pub require: Vec<String>,
    /// Longest gap between two records of a wrapped command, including waits between attempts [default: 60s].
    #[arg(long, value_name = "TIME")]
    pub max_gap: Option<TimeSpan>,
    /// Maximum age of the last record of each wrapped command [default: 1d].
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<TimeSpan>,
    /// Require the log to be committed unchanged, with its last change in BASE..HEAD (BASE is a branch, tag or commit).
    /// In a pull request it must also be new compared with the base branch.
    #[arg(long, value_name = "BASE")]
    pub committed_since: Option<String>,
    /// Require the pull request's text to show the path of the log or its SHA-256.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub in_pr_body: Option<bool>,
}
}

impl Options for ForegroundProofOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let options = self.or(given.config.foreground_proof.take().unwrap_or_default());
        Ok(Box::new(options.plan(given.setting.label.as_deref(), given.world)?))
    }
}

impl ForegroundProofOptions {
    pub fn plan(mut self, label: Option<&str>, world: &World) -> Result<Plan, UsageError> {
        if self.require.is_empty() {
            // As `heartbeat --label` had it. Taken for the report's name alone, it would prove less than it says.
            self.require.extend(label.map(str::to_owned));
        }
        let Some(log) = self.log.filter(|log| !log.as_os_str().is_empty()) else {
            return Err(UsageError::new("no log was given").help(
                "give the log that `stageproof heartbeat` wrote: --log artifacts/staging/2026-01-31/logs/heartbeat.log",
            ));
        };
        for label in &self.require {
            if label.is_empty() || path_part(label) != *label {
                return Err(UsageError::new(format!("--require `{label}` is not a label"))
                    .help("write it as in `stageproof heartbeat --label`: letters, digits, `.`, `_` and `-`"));
            }
        }
        if self
            .committed_since
            .as_deref()
            .is_some_and(|base| base.trim().is_empty())
        {
            return Err(UsageError::new("--committed-since is empty").help(
                "use ${{ github.event.pull_request.base.sha }} in a run of a pull request; other events have no base",
            ));
        }
        Ok(Plan {
            log: world.workspace.join(log),
            labels: self.require,
            max_gap: positive("--max-gap", self.max_gap, MAX_GAP)?,
            max_age: positive("--max-age", self.max_age, MAX_AGE)?,
            committed_since: self.committed_since,
            in_pr_body: self.in_pr_body.unwrap_or(false),
        })
    }
}
