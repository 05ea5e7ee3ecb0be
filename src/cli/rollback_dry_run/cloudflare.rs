//! Options of the platform `cloudflare`.

use super::{RollbackDryRunOptions, named, plain_name, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::CloudflarePlan;

impl RollbackDryRunOptions {
    pub(super) fn cloudflare(&self) -> Result<CloudflarePlan, UsageError> {
        let token_env = self.platform_token_env().unwrap_or_default();
        let worker = named("cloudflare", "--worker", "Worker", &self.worker)?;
        let account = plain_name("--account", &self.account)?;
        let command = (self.rollback_command.clone()).unwrap_or_else(|| CloudflarePlan::default_command(&worker));
        Ok(CloudflarePlan {
            rollback_command: rollback_command(&command, &CloudflarePlan::PLACEHOLDERS)?,
            worker,
            account,
            token_env,
            to: self.to_release.clone(),
        })
    }
}
