//! Options of `scan`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::error::UsageError;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::scan::{Plan, RuleFile};
use crate::model::scan::Personal;
use crate::world::World;

/// A kind of personal data, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Email,
    /// Public IPv4 and IPv6 addresses.
    Ip,
    /// Numbers of payment cards with a valid check digit.
    Card,
    /// Bank account numbers with valid check digits.
    Iban,
    /// Phone numbers with a country code.
    Phone,
}

impl From<Kind> for Personal {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Ip => Self::Ip,
            Kind::Card => Self::Card,
            Kind::Iban => Self::Iban,
            Kind::Phone => Self::Phone,
        }
    }
}

#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  stageproof scan build.log artifacts\n  stageproof scan . --pii email,card --sarif secrets.sarif"
)]
pub struct ScanOptions {
    /// Files and folders to scan [default: the current folder].
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Rule file in gitleaks' TOML format, instead of the built-in rules. A file with `useDefault = true` extends them.
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    /// Also look for personal data of these kinds, separated by commas.
    #[arg(long, value_name = "KIND", value_delimiter = ',')]
    pub pii: Vec<Kind>,
    /// Also write the findings to this file as SARIF 2.1.0, for code scanning.
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
}

impl Options for ScanOptions {
    fn name(&self) -> &'static str {
        "scan"
    }

    fn reads_config(&self) -> bool {
        false
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let World { workspace, folder, .. } = given.world;
        let mut paths: Vec<PathBuf> = self.paths.into_iter().map(|path| workspace.join(path)).collect();
        if paths.is_empty() {
            paths.push(folder.clone());
        }
        let mut personal: Vec<Personal> = self.pii.into_iter().map(Personal::from).collect();
        personal.sort_unstable();
        personal.dedup();
        Ok(Box::new(Plan {
            paths,
            rules: self.rules.map(|file| RuleFile(workspace.join(file))),
            personal,
            sarif: self.sarif.map(|file| workspace.join(file)),
        }))
    }
}
