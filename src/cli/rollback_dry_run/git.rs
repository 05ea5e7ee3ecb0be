//! Options of the platform `git`.

use globset::GlobBuilder;

use super::{Releases, RollbackDryRunOptions, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::{Deployments, GitPlan, Placeholder};

const GIT_ROLLBACK: &str = "git checkout --detach {sha}";

impl RollbackDryRunOptions {
    pub(super) fn git(&self, deployments: Deployments) -> Result<GitPlan, UsageError> {
        if self.releases == Some(Releases::Deployments) && (self.reference.is_some() || self.tags.is_some()) {
            return Err(
                UsageError::new("--releases deployments finds the release, and --ref or --tags names it")
                    .help("drop one of them"),
            );
        }
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
            deployments: (self.releases == Some(Releases::Deployments)).then_some(deployments),
            reference: self.reference.clone(),
            rollback_command: rollback_command(template, &[Placeholder::Ref, Placeholder::Sha])?,
            keeps_checkout: self.rehearse.is_some(),
        })
    }
}
