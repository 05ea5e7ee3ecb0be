//! Whether the bundle becomes an artifact of the run.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

use super::EvidenceBundleOptions;
use crate::cli::error::UsageError;
use crate::cli::inputs;
use crate::commands::evidence_bundle::{Upload, Whether};
use crate::world::{Env, artifacts};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UploadWhen {
    /// Keep the zip on this machine.
    Never,
    /// Upload it where the runner allows that.
    Auto,
    /// Upload it, and fail where that is impossible.
    Required,
}

impl EvidenceBundleOptions {
    pub(super) fn upload(&self, env: &Env) -> Result<Option<Upload>, UsageError> {
        let whether = match self.upload {
            None | Some(UploadWhen::Never) => {
                let given = [
                    ("--artifact-name", self.artifact_name.is_some()),
                    ("--retention-days", self.retention_days.is_some()),
                ];
                return match given.iter().find(|(_, given)| *given) {
                    Some((name, _)) => Err(UsageError::new(format!("{name} has no effect without --upload"))
                        .help("add --upload required, or leave it out")),
                    None => Ok(None),
                };
            }
            Some(UploadWhen::Auto) => Whether::IfOffered,
            Some(UploadWhen::Required) => Whether::Required,
        };
        if let Some(name) = &self.artifact_name {
            if name.is_empty() {
                return Err(UsageError::new("--artifact-name is empty").help("leave it out, or name the artifact"));
            }
            if let Some(odd) = artifacts::not_in_a_name(name) {
                return Err(UsageError::new(format!(
                    "--artifact-name has the character {odd:?}, which no artifact's name may have"
                ))
                .help("use letters, digits, `.`, `_` and `-`"));
            }
        }
        Ok(Some(Upload {
            whether,
            name: self.artifact_name.clone(),
            matrix: inputs::matrix(env),
            days: self.retention_days,
        }))
    }
}
