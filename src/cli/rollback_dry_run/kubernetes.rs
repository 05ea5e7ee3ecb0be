//! Options of the platform `kubernetes`.

use super::RollbackDryRunOptions;
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::KubernetesPlan;
use crate::commands::rollback_dry_run::kubernetes::is_name;
use crate::world::kubernetes::Asked;

impl RollbackDryRunOptions {
    pub(super) fn kubernetes(&self) -> Result<KubernetesPlan, UsageError> {
        let workload = self.workload.as_ref().ok_or_else(|| {
            UsageError::new("the platform `kubernetes` needs the workload")
                .help("give --workload deployment/NAME, or `rollback-dry-run.workload` in the configuration")
        })?;
        Ok(KubernetesPlan {
            named: workload.trim().parse().map_err(|error| {
                UsageError::new(format!("--workload: {error}"))
                    .help("write it like deployment/shop, statefulset/db or daemonset/agent")
            })?,
            to: self.revision("kubectl rollout history")?,
            on: self.image_on()?,
            rollback_command: self.own_command(&[])?,
            asked: self.cluster_asked()?,
            auth_env: self.registry_auth_env.clone(),
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
