//! Options of the platform `ecs`.

use super::{RollbackDryRunOptions, named, plain_name};
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::EcsPlan;

impl RollbackDryRunOptions {
    pub(super) fn ecs(&self) -> Result<EcsPlan, UsageError> {
        let cluster = named("ecs", "--cluster", "cluster", &self.cluster)?;
        let service = named("ecs", "--service", "service", &self.service)?;
        if let Some(odd) = self.to_release.as_deref().filter(|name| !is_task_definition(name)) {
            return Err(
                UsageError::new(format!("--to-release `{odd}` is not a revision of a task definition"))
                    .help("write it as FAMILY:REVISION, like shop:7"),
            );
        }
        Ok(EcsPlan {
            region: plain_name("--region", &self.region)?,
            cluster,
            service,
            to: self.to_release.clone(),
            on: self.image_on()?,
            auth_env: self.registry_auth_env.clone(),
            rollback_command: self.own_command(&EcsPlan::PLACEHOLDERS)?,
        })
    }
}

/// `shop:7`.
fn is_task_definition(name: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    name.split_once(':').is_some_and(|(family, revision)| {
        let number: Option<u64> = revision.parse().ok();
        !family.is_empty()
            && !family.starts_with('-')
            && family.bytes().all(is_plain)
            && number.is_some_and(|number| number > 0)
    })
}
