//! Options of `rollback-dry-run`.

use std::path::Path;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::merge;
use super::smoke::{regex, words};
use crate::commands::rollback_dry_run::{Plan, Platform};
use crate::model::TimeSpan;

const CHECK_TIMEOUT: TimeSpan = TimeSpan::from_secs(60);
const GIT_ROLLBACK: &str = "git checkout --detach {sha}";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformName {
    /// The previous good release is a commit of the repository.
    Git,
    /// Your own read-only command proves it.
    Command,
}

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct RollbackDryRunOptions {
    /// What would be rolled back [default: git, or command if --check is given].
    #[arg(long, value_enum)]
    pub platform: Option<PlatformName>,
    /// git: the release to go back to: a tag, branch or commit [default: the newest tag that matches --tags].
    #[arg(long = "ref", value_name = "REF")]
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// git: which tags mark releases [default: *].
    #[arg(long, value_name = "GLOB")]
    pub tags: Option<String>,
    /// The command that would roll back, to print it exactly; {ref} and {sha} are filled in
    /// [default for git: git checkout --detach {sha}].
    #[arg(long, value_name = "TEMPLATE")]
    pub rollback_command: Option<String>,
    /// command: your own read-only check, split into words as a shell would, but without a shell. It runs with
    /// STAGEPROOF_DRY_RUN=1.
    #[arg(long, value_name = "COMMAND")]
    pub check: Option<String>,
    /// command: the exit code that means yes [default: 0].
    #[arg(long, value_name = "CODE")]
    pub expect_exit: Option<i32>,
    /// command: a regular expression its output must match.
    #[arg(long, value_name = "REGEX")]
    pub expect_output: Option<String>,
    /// command: how long it may take [default: 60s].
    #[arg(long, value_name = "TIME")]
    pub check_timeout: Option<TimeSpan>,
}

impl RollbackDryRunOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                platform,
                reference,
                tags,
                rollback_command,
                check,
                expect_exit,
                expect_output,
                check_timeout,
            }
        )
    }

    pub fn is_configured(&self) -> bool {
        self.platform.is_some() || self.check.is_some() || self.reference.is_some() || self.tags.is_some()
    }

    pub fn plan(self, workspace: &Path) -> Result<Plan, UsageError> {
        let platform = match (self.platform, &self.check) {
            (Some(platform), _) => platform,
            (None, Some(_)) => PlatformName::Command,
            (None, None) => PlatformName::Git,
        };
        let platform = match platform {
            PlatformName::Git => {
                if self.check.is_some() {
                    return Err(UsageError::new(
                        "--check belongs to the platform `command`, and the platform is `git`",
                    )
                    .help("drop --check, or set --platform command"));
                }
                Platform::Git {
                    reference: self.reference,
                    tags: self.tags.unwrap_or_else(|| "*".to_owned()),
                    rollback_command: self.rollback_command.unwrap_or_else(|| GIT_ROLLBACK.to_owned()),
                }
            }
            PlatformName::Command => {
                let check = self.check.ok_or_else(|| {
                    UsageError::new("the platform `command` needs a command that proves the rollback").help(
                        "give --check COMMAND, the input `check`, or `rollback-dry-run.check` in the configuration",
                    )
                })?;
                Platform::Command {
                    check: words("--check", &check)?,
                    expect_exit: self.expect_exit.unwrap_or(0),
                    expect_output: self
                        .expect_output
                        .map(|text| regex("--expect-output", &text))
                        .transpose()?,
                    timeout: self.check_timeout.unwrap_or(CHECK_TIMEOUT).0,
                    rollback_command: self.rollback_command,
                }
            }
        };
        Ok(Plan {
            workspace: workspace.to_owned(),
            platform,
        })
    }
}
