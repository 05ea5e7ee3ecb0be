//! Options of `install`.

use std::path::PathBuf;

use super::error::UsageError;
use super::{Given, Options};
use clap::Args;

use crate::commands::Subcommand;
use crate::commands::install::Plan;

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Examples:\n  stageproof install --to ~/bin\n  stageproof install --to tools --quiet")]
pub struct InstallOptions {
    /// Folder to install to [default: one in the runner's temporary folder].
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

impl Options for InstallOptions {
    fn into_plan(self: Box<Self>, _: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        Ok(Box::new(Plan { to: self.to }))
    }
}
