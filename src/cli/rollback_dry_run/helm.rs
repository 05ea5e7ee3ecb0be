//! Options of the platform `helm`.

use super::{RollbackDryRunOptions, named};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::{HelmPlan, Placeholder, kubernetes};

/// Helm's own limit.
const LONGEST_NAME: usize = 53;

impl RollbackDryRunOptions {
    pub(super) fn helm(&self) -> Result<HelmPlan, UsageError> {
        let name = named("helm", "--helm-release", "release", &self.helm_release)?;
        if !kubernetes::is_name(&name) || name.len() > LONGEST_NAME {
            return Err(
                UsageError::new(format!("--helm-release `{name}` is not the name of a release"))
                    .help("it has lower-case letters, digits, hyphens and dots, 53 at most"),
            );
        }
        Ok(HelmPlan {
            name,
            to: self.revision("helm history")?,
            on: self.image_on()?,
            rollback_command: self.own_command(&[Placeholder::Release])?,
            asked: self.cluster_asked()?,
            auth_env: self.registry_auth_env.clone(),
        })
    }
}
