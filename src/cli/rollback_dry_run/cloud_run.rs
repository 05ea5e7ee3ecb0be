//! Options of the platform `cloud-run`.

use super::{RollbackDryRunOptions, named, plain_name};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::CloudRunPlan;

impl RollbackDryRunOptions {
    pub(super) fn cloud_run(&self) -> Result<CloudRunPlan, UsageError> {
        let token_env = self.platform_token_env().unwrap_or_default();
        let service = named("cloud-run", "--service", "service", &self.service)?;
        if let Some(odd) = self.to_release.as_deref().filter(|name| !is_revision(name)) {
            return Err(
                UsageError::new(format!("--to-release `{odd}` is not the name of a revision"))
                    .help("write it as `gcloud run revisions list` does, like shop-00012-abc"),
            );
        }
        Ok(CloudRunPlan {
            service,
            project: plain_name("--project", &self.project)?,
            region: plain_name("--region", &self.region)?,
            token_env,
            to: self.to_release.clone(),
            auth_env: self.registry_auth_env.clone(),
            rollback_command: self.own_command(&CloudRunPlan::PLACEHOLDERS)?,
        })
    }
}

/// `shop-00012-abc`.
fn is_revision(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_plain)
}
