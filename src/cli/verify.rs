//! Options of `verify`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::error::UsageError;
use crate::commands::verify::Plan;

#[derive(Clone, Debug, Default, Args)]
pub struct VerifyOptions {
    /// The sealed evidence directory, or the zip.
    #[arg(value_name = "DIR or ZIP")]
    pub bundle: Option<PathBuf>,
}

impl VerifyOptions {
    pub fn plan(self, workspace: &Path) -> Result<Plan, UsageError> {
        let target = self.bundle.ok_or_else(|| {
            UsageError::new("verify was not told what to verify")
                .help("name the sealed directory or the zip: stageproof verify artifacts/staging/2026-01-31.zip")
        })?;
        Ok(Plan {
            target: workspace.join(target),
        })
    }
}
