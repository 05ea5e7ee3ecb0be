//! Options of `evidence-bundle`.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Setting;
use super::error::UsageError;
use super::{Given, Options};
use super::{Or as _, merge};
use crate::commands::Subcommand;
use crate::commands::evidence_bundle::{Exclude, Pattern, PatternError, Plan};
use crate::world::{Clock, World, paths};

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(
    after_help = "Examples:\n  stageproof evidence-bundle\n  stageproof evidence-bundle 'test-results/**' --output evidence.zip"
)]
pub struct EvidenceBundleOptions {
    /// Files, folders or globs in the workspace to copy into files/. Everything in the evidence directory is always
    /// sealed.
    #[arg(action = clap::ArgAction::Append, value_name = "PATH or GLOB", value_hint = ValueHint::AnyPath)]
    pub files: Vec<String>,
    /// Glob of files to exclude from copying; repeatable. Folders that match are not searched.
    #[arg(long, value_name = "GLOB", value_hint = ValueHint::AnyPath)]
    pub exclude: Vec<String>,
    /// Path of the zip [default: the evidence directory's path with .zip].
    #[arg(long, value_name = "FILE.zip")]
    pub output: Option<PathBuf>,
    /// Environment variable with the Ed25519 private key, as PEM or its base64, that signs the statement beside the zip.
    #[arg(long, value_name = "NAME")]
    pub sign_key_env: Option<String>,
}

impl Options for EvidenceBundleOptions {
    fn name(&self) -> &'static str {
        "evidence-bundle"
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        given.setting.evidence_dir = given.setting.newest();
        let options = self.or(given.config.evidence_bundle.take().unwrap_or_default());
        given.secret_names.extend(options.sign_key_env.clone());
        Ok(Box::new(options.plan(&given.setting, given.world)?))
    }
}

impl EvidenceBundleOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                files,
                exclude,
                output,
                sign_key_env
            }
        )
    }

    pub fn plan(self, setting: &Setting, world: &World) -> Result<Plan, UsageError> {
        let output = match self.output {
            Some(path) => world.workspace.join(path),
            None => {
                let mut name = setting.evidence_dir.clone().into_os_string();
                name.push(".zip");
                PathBuf::from(name)
            }
        };
        if output.file_name().is_none() {
            return Err(UsageError::new(format!(
                "--output `{}` does not name a file",
                output.display()
            )));
        }
        if paths::contains(&setting.evidence_dir, &output) {
            return Err(UsageError::new(format!(
                "--output `{}` is inside the evidence directory, but the zip cannot contain itself",
                output.display()
            ))
            .help("put it beside the evidence directory"));
        }
        let patterns = self.files.iter().map(|text| Pattern::parse(text, &world.workspace));
        let files = patterns
            .collect::<Result<_, _>>()
            .map_err(|error| wrong("files", &error))?;
        let exclude = Exclude::parse(self.exclude.iter().map(String::as_str), &world.workspace)
            .map_err(|error| wrong("--exclude", &error))?;
        Ok(Plan {
            workspace: world.workspace.clone(),
            evidence_dir: setting.evidence_dir.clone(),
            files,
            exclude,
            output,
            subject: setting.subject.clone(),
            clock: clock(world)?,
            sign_key_env: self.sign_key_env,
        })
    }
}

/// The clock of the seal. `SOURCE_DATE_EPOCH`, which many build environments set, fixes this one only: waivers expire and
/// freezes hold by the real time.
fn clock(world: &World) -> Result<Clock, UsageError> {
    const NAME: &str = "SOURCE_DATE_EPOCH";
    let Some(text) = world.env.raw(NAME).filter(|text| !text.is_empty()) else {
        return Ok(world.clock);
    };
    let seconds = text.to_str().and_then(|text| text.parse().ok());
    seconds.and_then(Clock::fixed).ok_or_else(|| {
        UsageError::new(format!(
            "{NAME} `{}` is not a number of seconds since 1970-01-01",
            text.to_string_lossy()
        ))
        .help("unset it, or set it to what `git log -1 --format=%ct` prints")
    })
}

fn wrong(option: &str, error: &PatternError) -> UsageError {
    let help = match error {
        PatternError::Empty => "leave it out, or name a path or a glob",
        PatternError::Outside(_) => "copy it into the workspace in a step before this one, and name the copy",
        PatternError::Glob(..) => "write a bracket that is part of a name in brackets: `[[]`",
    };
    UsageError::new(format!("{option}: {error}")).help(help)
}
