//! Options of the platform `cloud-run`.

use super::{RollbackDryRunOptions, named, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::CloudRunPlan;

impl RollbackDryRunOptions {
    pub(super) fn cloud_run(self) -> Result<CloudRunPlan, UsageError> {
        let token_env = self.platform_token_env().unwrap_or_default();
        let service = named("cloud-run", "--service", "service", self.service)?;
        let place = |flag, what, given: Option<String>| {
            given.map(|name| named("cloud-run", flag, what, Some(name))).transpose()
        };
        if let Some(odd) = self.to_release.as_deref().filter(|name| !is_revision(name)) {
            return Err(
                UsageError::new(format!("--to-release `{odd}` is not the name of a revision"))
                    .help("write it as `gcloud run revisions list` does, like shop-00012-abc"),
            );
        }
        Ok(CloudRunPlan {
            service,
            project: place("--project", "project", self.project)?,
            region: place("--region", "region", self.region)?,
            token_env,
            to: self.to_release,
            auth_env: self.registry_auth_env,
            rollback_command: (self.rollback_command.as_deref())
                .map(|text| rollback_command(text, &CloudRunPlan::PLACEHOLDERS))
                .transpose()?,
        })
    }
}

/// `shop-00012-abc`.
fn is_revision(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.bytes().all(is_plain)
}
