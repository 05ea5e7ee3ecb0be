//! Options of `install`.

use std::path::PathBuf;

use clap::Args;

use crate::commands::install::Plan;

#[derive(Clone, Debug, Default, Args)]
pub struct InstallOptions {
    /// The folder to install to [default: one in the runner's temporary folder].
    #[arg(long, value_name = "DIR")]
    pub to: Option<PathBuf>,
    /// The runner's temporary folder as its machine names it. The action gives it.
    #[arg(long, value_name = "DIR")]
    pub host_temp: Option<String>,
    /// The workspace as the runner's machine names it. The action gives it.
    #[arg(long, value_name = "DIR")]
    pub host_workspace: Option<String>,
}

impl InstallOptions {
    pub fn plan(self) -> Plan {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        Plan {
            to: self.to,
            host_temp: given(self.host_temp),
            host_workspace: given(self.host_workspace),
        }
    }
}
