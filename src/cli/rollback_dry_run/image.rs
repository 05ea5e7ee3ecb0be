//! Options of the platform `image`.

use super::RollbackDryRunOptions;
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::{Deployments, ImagePlan, NamedImage};

impl RollbackDryRunOptions {
    pub(super) fn image(&self, deployments: Deployments) -> Result<ImagePlan, UsageError> {
        let image = self.image.as_deref().ok_or_else(|| {
            UsageError::new("the platform `image` needs the image to go back to")
                .help("give --image NAME@sha256:…, the input `image`, or `rollback-dry-run.image` in the configuration")
        })?;
        let parsed = |flag: &str, text: &str| {
            text.trim().parse::<NamedImage>().map_err(|error| {
                UsageError::new(format!("{flag}: {error}"))
                    .help("write it like ghcr.io/acme/shop:v1.4.1 or ghcr.io/acme/shop@sha256:…")
            })
        };
        Ok(ImagePlan {
            image: parsed("--image", image)?,
            current: (self.current_image.as_deref())
                .map(|text| parsed("--current-image", text))
                .transpose()?,
            on: self.image_on()?.unwrap_or_default(),
            deployments,
            auth_env: self.registry_auth_env.clone(),
            rollback_command: self.own_command(&ImagePlan::PLACEHOLDERS)?,
        })
    }
}
