//! Options of `check`.

mod config;
mod language;
mod needs;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use super::config::{DEFAULT, MISNAMED};
use super::error::UsageError;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::check::{Language, Plan};
pub use language::CommandLine;

#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  stageproof check\n  stageproof check .github/workflows/deploy-staging.yml --sarif stageproof.sarif"
)]
pub struct CheckOptions {
    /// Workflows, actions, configurations and folders of repositories to check [default: the repository of the current
    /// folder].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Also write the findings to this file as SARIF 2.1.0, for code scanning.
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
}

impl Options for CheckOptions {
    /// It judges the configuration instead.
    fn reads_config(&self) -> bool {
        false
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let world = given.world.clone();
        let workspace = &given.world.workspace;
        let language = move |top: &std::path::Path| Box::new(CommandLine::new(&world, top)) as Box<dyn Language>;
        Ok(Box::new(Plan {
            paths: self.paths.into_iter().map(|path| workspace.join(path)).collect(),
            config: given.config_file.take().unwrap_or_else(|| PathBuf::from(DEFAULT)),
            misnamed: &MISNAMED,
            language: Arc::new(language),
            sarif: self.sarif.map(|file| workspace.join(file)),
        }))
    }
}

#[cfg(test)]
mod tests;
