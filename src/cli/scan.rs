//! Options of `scan`.

use std::path::PathBuf;

use clap::Args;

use super::error::UsageError;
use super::search::{Unsearched, wanted, with_search};
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::scan::Plan;
use crate::world::World;

with_search! {
#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  stageproof scan build.log artifacts\n  stageproof scan . --pii email,card --sarif secrets.sarif"
)]
pub struct ScanOptions {
    /// Files and folders to scan [default: the current folder].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// What to do with files whose content cannot be searched [default: keep; fail for damaged and too large files].
    #[arg(long, value_name = "MODE")]
    pub unscannable: Option<Unsearched>,
    /// Also write the findings to this file as SARIF 2.1.0, for code scanning.
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
}
}

impl Options for ScanOptions {
    fn reads_config(&self) -> bool {
        false
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let World { workspace, folder, .. } = given.world;
        let mut paths: Vec<PathBuf> = self.paths.into_iter().map(|path| workspace.join(path)).collect();
        if paths.is_empty() {
            paths.push(folder.clone());
        }
        Ok(Box::new(Plan {
            paths,
            wanted: wanted(self.rules, self.pii, workspace),
            unscannable: self.unscannable.map(Into::into),
            sarif: self.sarif.map(|file| workspace.join(file)),
        }))
    }
}
