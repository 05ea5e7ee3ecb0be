//! Options of the platform `command`.

use std::path::PathBuf;

use super::RollbackDryRunOptions;
use crate::cli::error::UsageError;
use crate::cli::values::{regex, words};
use crate::commands::rollback_dry_run::CommandPlan;
use crate::model::TimeSpan;

const CHECK_TIMEOUT: TimeSpan = TimeSpan::from_secs(60);

impl RollbackDryRunOptions {
    pub(super) fn command(&self, folder: PathBuf) -> Result<CommandPlan, UsageError> {
        let check = self.check.as_deref().ok_or_else(|| {
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
        Ok(CommandPlan {
            check: words("--check", check)?,
            folder,
            expect_exit,
            expect_output: (self.expect_output.as_deref())
                .map(|text| regex("--expect-output", text))
                .transpose()?,
            timeout,
            rollback_command: self.own_command(&[])?,
        })
    }
}
