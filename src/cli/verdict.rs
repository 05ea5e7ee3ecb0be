//! Options of `verdict`.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Setting;
use super::error::UsageError;
use super::{Or as _, merge};
use crate::commands::verdict::{Fold, Plan};
use crate::model::TimeSpan;
use crate::model::waiver::Waiver;
use crate::world::World;

const MAX_AGE: TimeSpan = TimeSpan::from_secs(24 * 60 * 60);

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VerdictOptions {
    /// Folders with evidence [default: the evidence directory]. The reports of several jobs lie in several folders.
    #[arg(action = clap::ArgAction::Append, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    /// A report that must be there, by its file's name without .json (smoke, smoke-blue); repeatable.
    #[arg(long, value_name = "NAME")]
    pub require: Vec<String>,
    /// How old a report may be [default: 1d].
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<TimeSpan>,
    /// Waivers do not hold, not even those a report has applied.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
    /// Where the verdict goes as Markdown with front matter [default: verdict.md in the evidence directory].
    #[arg(long, value_name = "FILE.md")]
    pub status_file: Option<PathBuf>,
    /// Only reads such a file: passes if it says SUCCESS, fails in every other case.
    #[arg(long, value_name = "FILE.md", conflicts_with_all = ["folders", "require", "max_age", "status_file"])]
    #[serde(skip)]
    pub read: Option<PathBuf>,
}

impl VerdictOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                folders,
                require,
                max_age,
                strict,
                status_file,
                read,
            }
        )
    }

    pub fn strict(&self) -> bool {
        self.strict.unwrap_or(false)
    }

    pub fn plan(
        self,
        setting: &Setting,
        waivers: Vec<Waiver>,
        strict: bool,
        world: &World,
    ) -> Result<Plan, UsageError> {
        if let Some(file) = self.read {
            return Ok(Plan::Read(world.workspace.join(file)));
        }
        for name in &self.require {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            if name.is_empty() || !name.bytes().all(plain) {
                return Err(
                    UsageError::new(format!("--require `{name}` is not the name of a report"))
                        .help("write it as the file is called, without .json: smoke, or smoke-LABEL"),
                );
            }
        }
        let folders = match self.folders.is_empty() {
            true => vec![setting.evidence_dir.clone()],
            false => self.folders.iter().map(|folder| world.workspace.join(folder)).collect(),
        };
        Ok(Plan::Fold(Box::new(Fold {
            folders,
            require: self.require,
            max_age: self.max_age.unwrap_or(MAX_AGE).0,
            waivers,
            strict,
            subject: setting.subject.clone(),
            status_file: match self.status_file {
                Some(file) => world.workspace.join(file),
                None => setting.evidence_dir.join("verdict.md"),
            },
            workspace: world.workspace.clone(),
        })))
    }
}
