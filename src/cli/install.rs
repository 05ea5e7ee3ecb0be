//! Options of `install`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::install::Plan;

#[derive(Clone, Debug, Default, Args)]
pub struct InstallOptions {
    /// The folder to install to [default: one in the runner's temporary folder].
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
}

impl InstallOptions {
    pub fn plan(self) -> Plan {
        Plan { to: self.to }
    }
}
