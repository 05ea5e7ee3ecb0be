//! Options of `rollback-dry-run`.

use std::path::Path;

use clap::{Args, ValueEnum};
use globset::GlobBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::merge;
use super::values::{regex, words};
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::rollback_dry_run::{CommandPlan, GitPlan, Placeholder, Plan, Platform, Template};
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
#[command(
    after_help = "Examples:\n  stageproof rollback-dry-run --tags 'v*'\n  stageproof rollback-dry-run --check 'test -s releases/previous' --rollback-command './deploy.sh previous'"
)]
pub struct RollbackDryRunOptions {
    /// What would be rolled back [default: git, or command if --check is given].
    #[arg(long, value_enum)]
    pub platform: Option<PlatformName>,
    /// git: the release to go back to: a tag, branch or commit [default: the nearest tag in the
    /// history of HEAD that matches --tags].
    #[arg(long = "ref", value_name = "REF")]
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// git: which tags mark releases [default: *].
    #[arg(long, value_name = "GLOB")]
    pub tags: Option<String>,
    /// git: count pre-releases such as v2.0.0-rc.1 as releases.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub pre_releases: Option<bool>,
    /// Command that would roll back; printed, never run. {ref} (the full name, as refs/tags/v1, or the commit) and
    /// {sha} are filled in [default for git: git checkout --detach {sha}].
    #[arg(long, value_name = "TEMPLATE")]
    pub rollback_command: Option<String>,
    /// command: your own read-only check, split into words as a shell would, but without a shell. It runs with
    /// STAGEPROOF_DRY_RUN=1.
    #[arg(long, value_name = "COMMAND")]
    pub check: Option<String>,
    /// command: exit code of a check that passes [default: 0].
    #[arg(long, value_name = "CODE")]
    pub expect_exit: Option<i32>,
    /// command: regular expression its output must match.
    #[arg(long, value_name = "REGEX")]
    pub expect_output: Option<String>,
    /// command: time limit of the check [default: 60s].
    #[arg(long, value_name = "TIME")]
    pub check_timeout: Option<TimeSpan>,
}

impl Options for RollbackDryRunOptions {
    fn name(&self) -> &'static str {
        "rollback-dry-run"
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let world = given.world;
        // A command that was typed runs where it was typed, one of the configuration in the workspace.
        let folder = if self.check.is_some() {
            &world.folder
        } else {
            &world.workspace
        };
        let config = given.config.rollback_dry_run.take().unwrap_or_default();
        Ok(Box::new(self.or(config).plan(folder)?))
    }
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
                pre_releases,
                rollback_command,
                check,
                expect_exit,
                expect_output,
                check_timeout,
            }
        )
    }

    pub fn plan(self, folder: &Path) -> Result<Plan, UsageError> {
        let platform = match self.is_git() {
            true => Platform::Git(self.git()?),
            false => Platform::Command(self.command()?),
        };
        Ok(Plan {
            folder: folder.to_owned(),
            platform,
        })
    }

    pub fn is_git(&self) -> bool {
        match self.platform {
            Some(platform) => platform == PlatformName::Git,
            None => self.check.is_none(),
        }
    }

    fn git(self) -> Result<GitPlan, UsageError> {
        foreign("git", "command", |flag| match flag {
            "--check" => self.check.is_some(),
            "--expect-exit" => self.expect_exit.is_some(),
            "--expect-output" => self.expect_output.is_some(),
            "--check-timeout" => self.check_timeout.is_some(),
            _ => false,
        })?;
        if self
            .reference
            .as_deref()
            .is_some_and(|reference| reference.trim().is_empty())
        {
            return Err(UsageError::new("--ref must not be empty").help("leave it out to take the nearest earlier tag"));
        }
        let tags = self.tags.as_deref().unwrap_or("*");
        // As `git tag --list` reads patterns: `*` goes past slashes.
        let glob = GlobBuilder::new(tags)
            .literal_separator(false)
            .build()
            .map_err(|error| {
                UsageError::new(format!("--tags `{tags}` is not a pattern: {}", error.kind()))
                    .help("write it like v* or release/*")
            })?;
        let template = self.rollback_command.as_deref().unwrap_or(GIT_ROLLBACK);
        Ok(GitPlan {
            tags: glob.compile_matcher(),
            pre_releases: self.pre_releases.unwrap_or(false),
            reference: self.reference,
            rollback_command: rollback_command(template, &[Placeholder::Ref, Placeholder::Sha])?,
        })
    }

    fn command(self) -> Result<CommandPlan, UsageError> {
        foreign("command", "git", |flag| match flag {
            "--ref" => self.reference.is_some(),
            "--tags" => self.tags.is_some(),
            "--pre-releases" => self.pre_releases.is_some(),
            _ => false,
        })?;
        let check = self.check.ok_or_else(|| {
            UsageError::new("the platform `command` needs a command that proves the rollback")
                .help("give --check COMMAND, the input `check`, or `rollback-dry-run.check` in the configuration")
        })?;
        let expect_exit = self.expect_exit.unwrap_or(0);
        if !(0..=255).contains(&expect_exit) {
            return Err(UsageError::new(format!(
                "--expect-exit {expect_exit}: exit codes range from 0 to 255"
            )));
        }
        let timeout = self.check_timeout.unwrap_or(CHECK_TIMEOUT).0;
        if timeout.is_zero() {
            return Err(UsageError::new("--check-timeout must be longer than 0s"));
        }
        let rollback = self.rollback_command.as_deref();
        Ok(CommandPlan {
            check: words("--check", &check)?,
            expect_exit,
            expect_output: self
                .expect_output
                .map(|text| regex("--expect-output", &text))
                .transpose()?,
            timeout,
            rollback_command: rollback.map(|text| rollback_command(text, &[])).transpose()?,
        })
    }
}

/// Refuses the options of the other platform: one that has no effect would look as if it had.
fn foreign(platform: &str, other: &str, is_given: impl Fn(&str) -> bool) -> Result<(), UsageError> {
    const ALL: [&str; 7] = [
        "--check",
        "--expect-exit",
        "--expect-output",
        "--check-timeout",
        "--ref",
        "--tags",
        "--pre-releases",
    ];
    match ALL.into_iter().find(|flag| is_given(flag)) {
        None => Ok(()),
        Some(flag) => Err(UsageError::new(format!(
            "{flag} requires the platform `{other}`, but the platform is `{platform}`"
        ))
        .help(format!(
            "drop {flag}, or set --platform {other}; check the configuration file too"
        ))),
    }
}

fn rollback_command(text: &str, known: &[Placeholder]) -> Result<Template, UsageError> {
    Template::parse(text, known).map_err(|error| {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let help = if known.is_empty() {
            "the platform `command` has no placeholders; write the command as it is run".to_owned()
        } else {
            format!("the placeholders are {}", names.join(" and "))
        };
        UsageError::new(format!("--rollback-command `{text}`: {error}")).help(help)
    })
}
