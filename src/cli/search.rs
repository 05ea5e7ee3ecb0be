//! What is looked for in files: the options that `scan` and `evidence-bundle` share.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::scan::{Personal, Unscannable};
use crate::world::scan::Wanted;

/// A kind of personal data, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
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

/// What to do with files that cannot be searched, where nothing is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Unsearched {
    /// A warning.
    Keep,
    /// A failure.
    Fail,
}

impl From<Unsearched> for Unscannable {
    fn from(unsearched: Unsearched) -> Self {
        match unsearched {
            Unsearched::Keep => Self::Keep,
            Unsearched::Fail => Self::Fail,
        }
    }
}

/// Adds the fields to a struct of options. serde's `flatten` would share them as well, and lose the place of an error in the
/// configuration.
macro_rules! with_search {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $crate::cli::mergeable! {
            $(#[$meta])*
            pub struct $name {
                $($(#[$field_meta])* pub $field: $type,)*
                /// Rule file in gitleaks' TOML format, instead of the built-in rules. A file with `useDefault = true`
                /// extends them.
                #[arg(long, value_name = "FILE")]
                pub rules: Option<PathBuf>,
                /// Also look for personal data of these kinds, separated by commas.
                #[arg(long, value_name = "KIND", value_delimiter = ',')]
                pub pii: Vec<crate::cli::search::Kind>,
            }
        }
    };
}
pub(super) use with_search;

pub fn wanted(rules: Option<PathBuf>, pii: Vec<Kind>, workspace: &Path) -> Wanted {
    let mut personal: Vec<Personal> = pii.into_iter().map(Personal::from).collect();
    personal.sort_unstable();
    personal.dedup();
    Wanted {
        file: rules.map(|file| workspace.join(file)),
        personal,
    }
}
