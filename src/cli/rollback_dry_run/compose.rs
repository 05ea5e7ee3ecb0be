//! Options of the platform `compose`.

use std::path::PathBuf;

use super::{Releases, RollbackDryRunOptions};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::compose::{At, From};
use crate::commands::rollback_dry_run::{ComposePlan, Deployments};

impl RollbackDryRunOptions {
    pub(super) fn compose(&self, deployments: Deployments) -> Result<ComposePlan, UsageError> {
        let at = match (self.reference.clone(), self.releases) {
            (Some(_), Some(Releases::Deployments)) => {
                return Err(
                    UsageError::new("--releases deployments finds the commit, and --ref names it")
                        .help("drop one of them"),
                );
            }
            (Some(reference), _) => Some(At::Reference(reference)),
            (None, Some(Releases::Deployments)) => Some(At::Deployment(deployments)),
            (None, _) => None,
        };
        let from = match (self.compose_file.clone(), self.state_file.clone(), at) {
            (Some(file), None, Some(at)) => From::Commit(PathBuf::from(file), at),
            (None, Some(file), None) => From::State(PathBuf::from(file)),
            (Some(_), None, None) => {
                return Err(
                    UsageError::new("--compose-file needs the commit of the previous release").help(
                        "name it with --ref, for example --ref ${{ github.event.before }}, or give --releases deployments",
                    ),
                );
            }
            _ => {
                return Err(UsageError::new(
                    "the platform `compose` needs --compose-file with --ref or --releases deployments, or --state-file alone",
                )
                .help("give one of the two, as flags or under `rollback-dry-run` in the configuration"));
            }
        };
        if self.to_release.is_some() && matches!(from, From::Commit(..)) {
            return Err(UsageError::new("--to-release requires --state-file").help("name the commit with --ref"));
        }
        Ok(ComposePlan {
            from,
            to: self.to_release.clone(),
            on: self.image_on()?.unwrap_or_default(),
            auth_env: self.registry_auth_env.clone(),
            rollback_command: self.own_command(&ComposePlan::PLACEHOLDERS)?,
        })
    }
}
