//! Options of `evidence-bundle`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Setting;
use super::error::UsageError;
use super::{Given, Options};
use super::{Or as _, merge};
use crate::commands::Subcommand;
use crate::commands::evidence_bundle::{Exclude, Pattern, PatternError, Plan, Upload, Whether};
use crate::world::{Clock, World, artifacts, paths};

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
    /// Upload the zip as an artifact of the run: auto uploads it where the runner allows that, which is in actions and not in
    /// run steps; required fails elsewhere [default: never].
    #[arg(long, value_enum, value_name = "WHEN")]
    pub upload: Option<UploadWhen>,
    /// Name of the artifact [default: made of the zip's name, the job and the attempt, and different in each job].
    #[arg(long, value_name = "NAME")]
    pub artifact_name: Option<String>,
    /// Days after which GitHub deletes the artifact [default: the repository's setting].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,
}

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

impl Options for EvidenceBundleOptions {
    fn name(&self) -> &'static str {
        "evidence-bundle"
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        given.setting.evidence_dir = given.setting.newest();
        let options = self.or(given.config.evidence_bundle.take().unwrap_or_default());
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
                upload,
                artifact_name,
                retention_days,
            }
        )
    }

    pub fn plan(self, setting: &Setting, world: &World) -> Result<Plan, UsageError> {
        let upload = self.upload()?;
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
            upload,
            workspace: world.workspace.clone(),
            evidence_dir: setting.evidence_dir.clone(),
            files,
            exclude,
            output,
            subject: setting.subject.clone(),
            clock: clock(world)?,
        })
    }
}

impl EvidenceBundleOptions {
    fn upload(&self) -> Result<Option<Upload>, UsageError> {
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
            days: self.retention_days,
        }))
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
