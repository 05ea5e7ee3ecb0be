//! Options of the platform `helm`.

use super::{RollbackDryRunOptions, named, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::{HelmPlan, Placeholder, kubernetes};

/// Helm's own limit.
const LONGEST_NAME: usize = 53;

impl RollbackDryRunOptions {
    pub(super) fn helm(self) -> Result<HelmPlan, UsageError> {
        let name = named("helm", "--helm-release", "release", self.helm_release.clone())?;
        if !kubernetes::is_name(&name) || name.len() > LONGEST_NAME {
            return Err(
                UsageError::new(format!("--helm-release `{name}` is not the name of a release"))
                    .help("it has lower-case letters, digits, hyphens and dots, 53 at most"),
            );
        }
        let revision = |text: &String| {
            let number: Option<u64> = text.trim().parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| {
                UsageError::new(format!("--to-release `{text}` is not a revision"))
                    .help("write its number, as `helm history` shows it")
            })
        };
        Ok(HelmPlan {
            name,
            to: self.to_release.as_ref().map(revision).transpose()?,
            on: (self.image_platform.as_deref())
                .map(|on| {
                    on.parse()
                        .map_err(|error| UsageError::new(format!("--image-platform: {error}")))
                })
                .transpose()?,
            rollback_command: (self.rollback_command.as_deref())
                .map(|text| rollback_command(text, &[Placeholder::Release]))
                .transpose()?,
            asked: self.cluster_asked()?,
            auth_env: self.registry_auth_env,
        })
    }
}
