//! Options of the platform `fly`.

use super::{RollbackDryRunOptions, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::FlyPlan;

impl RollbackDryRunOptions {
    pub(super) fn fly(&self) -> Result<FlyPlan, UsageError> {
        let token_env = self.platform_token_env().unwrap_or_default();
        let app = self.app.clone().ok_or_else(|| {
            UsageError::new("the platform `fly` needs the name of the app")
                .help("give --app NAME, or `rollback-dry-run.app` in the configuration")
        })?;
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if app.is_empty() || !app.bytes().all(is_name) {
            return Err(UsageError::new(format!("--app `{app}` is not the name of an app"))
                .help("names of Fly.io have lower-case letters, digits and hyphens, as `app` in fly.toml"));
        }
        let command = (self.rollback_command.clone()).unwrap_or_else(|| FlyPlan::default_command(&app));
        Ok(FlyPlan {
            rollback_command: rollback_command(&command, &FlyPlan::PLACEHOLDERS)?,
            app,
            token_env,
            to: self.to_release.clone(),
        })
    }
}
