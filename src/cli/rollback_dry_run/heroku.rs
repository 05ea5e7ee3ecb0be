//! Options of the platform `heroku`.

use super::{RollbackDryRunOptions, named, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::HerokuPlan;

impl RollbackDryRunOptions {
    pub(super) fn heroku(&self) -> Result<HerokuPlan, UsageError> {
        let token_env = self.platform_token_env().unwrap_or_default();
        let app = named("heroku", "--app", "app", &self.app)?;
        let command = (self.rollback_command.clone()).unwrap_or_else(|| HerokuPlan::default_command(&app));
        Ok(HerokuPlan {
            rollback_command: rollback_command(&command, &HerokuPlan::PLACEHOLDERS)?,
            app,
            token_env,
            to: self.to_release.clone(),
        })
    }
}
