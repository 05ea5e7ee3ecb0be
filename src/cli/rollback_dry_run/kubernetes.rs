//! Options of the platform `kubernetes`.

use super::{RollbackDryRunOptions, rollback_command};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::KubernetesPlan;
use crate::commands::rollback_dry_run::kubernetes::is_name;
use crate::world::kubernetes::Asked;

impl RollbackDryRunOptions {
    pub(super) fn kubernetes(self) -> Result<KubernetesPlan, UsageError> {
        let workload = self.workload.as_ref().ok_or_else(|| {
            UsageError::new("the platform `kubernetes` needs the workload")
                .help("give --workload deployment/NAME, or `rollback-dry-run.workload` in the configuration")
        })?;
        let revision = |text: &String| {
            let number: Option<u64> = text.trim().parse().ok().filter(|number| *number > 0);
            number.ok_or_else(|| {
                UsageError::new(format!("--to-release `{text}` is not a revision"))
                    .help("write its number, as `kubectl rollout history` shows it")
            })
        };
        Ok(KubernetesPlan {
            named: workload.trim().parse().map_err(|error| {
                UsageError::new(format!("--workload: {error}"))
                    .help("write it like deployment/shop, statefulset/db or daemonset/agent")
            })?,
            to: self.to_release.as_ref().map(revision).transpose()?,
            on: (self.image_platform.as_deref())
                .map(|on| {
                    on.parse()
                        .map_err(|error| UsageError::new(format!("--image-platform: {error}")))
                })
                .transpose()?,
            rollback_command: (self.rollback_command.as_deref())
                .map(|text| rollback_command(text, &[]))
                .transpose()?,
            asked: self.cluster_asked()?,
            auth_env: self.registry_auth_env,
        })
    }

    /// Which cluster and namespace.
    pub(super) fn cluster_asked(&self) -> Result<Asked, UsageError> {
        if let Some(odd) = self.namespace.as_ref().filter(|name| !is_name(name)) {
            return Err(
                UsageError::new(format!("--namespace `{odd}` is not the name of a namespace"))
                    .help("it has lower-case letters, digits and hyphens"),
            );
        }
        Ok(Asked {
            context: self.kube_context.clone(),
            namespace: self.namespace.clone(),
            token_env: self.platform_token_env.clone(),
        })
    }
}
