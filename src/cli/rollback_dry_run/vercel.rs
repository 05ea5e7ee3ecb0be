//! Options of the platform `vercel`.

use super::{RollbackDryRunOptions, named, plain_name, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::VercelPlan;

impl RollbackDryRunOptions {
    pub(super) fn vercel(&self) -> Result<VercelPlan, UsageError> {
        let token_env = self.platform_token_env().unwrap_or_default();
        let project = named("vercel", "--project", "project", &self.project)?;
        let team = plain_name("--team", &self.team)?;
        let command = (self.rollback_command.clone()).unwrap_or_else(|| VercelPlan::default_command(team.as_deref()));
        Ok(VercelPlan {
            rollback_command: rollback_command(&command, &VercelPlan::PLACEHOLDERS)?,
            project,
            team,
            token_env,
            to: self.to_release.clone(),
        })
    }
}
