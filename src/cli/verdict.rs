//! Options of `verdict`.

use std::path::PathBuf;

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::artifacts::{ArtifactOptions, of_run};
use super::common::Setting;
use super::error::UsageError;
use super::{Given, Options};
use super::{Or as _, mergeable};
use crate::commands::Subcommand;
use crate::commands::artifacts::Wanted;
use crate::commands::verdict::{Expect, Fold, Origin, Plan};
use crate::model::waiver::Waiver;
use crate::model::{TimeSpan, report};
use crate::world::{World, reports};

/// In the evidence directory, unless --status-file names another place.
pub const STATUS_FILE: &str = "verdict.md";
const MAX_AGE: TimeSpan = TimeSpan::from_secs(24 * 60 * 60);

mergeable! {
#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(
    after_help = "Examples:\n  stageproof verdict --require smoke --require skip-guard --status-file verdict.md\n  stageproof verdict --read verdict.md"
)]
pub struct VerdictOptions {
    /// Folders with evidence, such as one per job [default: the evidence directory].
    #[arg(action = clap::ArgAction::Append, value_name = "DIR")]
    pub folders: Vec<PathBuf>,
    #[command(flatten)]
    #[serde(skip)]
    pub artifacts: ArtifactOptions,
    /// Report to require, by its file name without .json (smoke, smoke-blue); repeatable.
    #[arg(long, value_name = "NAME")]
    pub require: Vec<String>,
    /// Number of reports to require, for a matrix that writes one per leg: N of each required name (or in total, if no
    /// name is required), or NAME=N of one name; repeatable.
    #[arg(long, value_name = "[NAME=]N")]
    pub expect: Vec<String>,
    /// Maximum age of a report, or of the verdict that --read reads [default: 1d].
    #[arg(long, value_name = "TIME")]
    pub max_age: Option<TimeSpan>,
    /// Accept reports of earlier attempts of this run: "Re-run failed jobs" does not repeat jobs that succeeded.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub any_attempt: Option<bool>,
    /// Ignore waivers, including those already applied in a report.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
    /// Write the verdict to this file, as Markdown with front matter [default: verdict.md in the evidence directory].
    #[arg(long, value_name = "FILE.md")]
    pub status_file: Option<PathBuf>,
    /// Only read this status file: pass if it says SUCCESS for this run and is recent, fail otherwise.
    #[arg(long, value_name = "FILE.md", conflicts_with_all = ["folders", "artifact", "require", "expect", "status_file"])]
    #[serde(skip)]
    pub read: Option<PathBuf>,
}
}

impl Options for VerdictOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let names_status_file = self.status_file.is_some();
        let options = self.or(given.config.verdict.take().unwrap_or_default());
        let strict = given.waivers_off || options.strict();
        let waivers = given.waivers(strict);
        let artifacts = options.artifacts.wanted(given)?;
        let mut plan = options.plan(&given.setting, waivers, strict, given.world)?;
        if let Some(wanted) = artifacts {
            of_run(&wanted, &mut plan);
            if let Plan::Fold(fold) = &mut plan {
                if names_status_file && fold.status_file.is_none() {
                    let message = "--status-file is about this run, and --run names another one";
                    return Err(UsageError::new(message)
                        .help("leave out --status-file; the exit code and the report say what the verdict is"));
                }
                fold.artifacts = Some(Wanted::OfRun(wanted));
            }
        }
        Ok(Box::new(plan))
    }
}

impl VerdictOptions {
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
        let origin = Origin {
            subject: setting.subject.clone(),
            max_age: self.max_age.unwrap_or(MAX_AGE).0,
            any_attempt: self.any_attempt.unwrap_or(false),
        };
        if let Some(file) = self.read {
            return Ok(Plan::Read {
                file: world.workspace.join(file),
                origin: Box::new(origin),
            });
        }
        for name in &self.require {
            if !is_report_name(name) {
                return Err(
                    UsageError::new(format!("--require `{name}` is not the name of a report"))
                        .help("write it as the file is called, without .json: smoke, or smoke-LABEL"),
                );
            }
        }
        let own_report = report::path(&setting.evidence_dir, "verdict", setting.label.as_deref());
        let folders = match self.folders.is_empty() {
            true if self.artifacts.artifact.is_empty() => evidence(setting),
            _ => self.folders.iter().map(|folder| world.workspace.join(folder)).collect(),
        };
        Ok(Plan::Fold(Box::new(Fold {
            folders,
            artifacts: None,
            expect: self.expect.iter().map(|text| expect(text)).collect::<Result<_, _>>()?,
            require: self.require,
            origin,
            waivers,
            strict,
            own_report,
            status_file: match self.status_file {
                Some(file) => Some(world.workspace.join(file)),
                None => Some(setting.evidence_dir.join(STATUS_FILE)),
            },
            workspace: world.workspace.clone(),
        })))
    }
}

/// All evidence of this run: what was sealed meanwhile does not stop being of it. Outside of a run nothing tells whose it
/// is: what was sealed last, until there are new reports.
fn evidence(setting: &Setting) -> Vec<PathBuf> {
    let of_run = |folder: &&PathBuf| reports::of_run(folder, &setting.subject);
    let mut folders: Vec<PathBuf> = setting.sealed.iter().filter(of_run).cloned().collect();
    // An earlier verdict about what is sealed is no new report.
    let is_new = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        !name.is_some_and(|name| name.starts_with("verdict"))
    };
    let current = &setting.evidence_dir;
    match setting.sealed.last() {
        Some(last) if !reports::names(current).iter().any(is_new) => {
            if folders.is_empty() {
                folders.push(last.clone());
            }
        }
        _ => folders.push(current.clone()),
    }
    folders
}

fn is_report_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    !name.is_empty() && name.bytes().all(plain)
}

/// `3`, or `smoke=3`.
fn expect(text: &str) -> Result<Expect, UsageError> {
    let (name, count) = match text.split_once('=') {
        Some((name, count)) => (Some(name), count),
        None => (None, text),
    };
    let name_is_right = name.is_none_or(is_report_name);
    match count.parse() {
        Ok(count) if name_is_right => Ok(Expect {
            name: name.map(str::to_owned),
            count,
        }),
        _ => Err(UsageError::new(format!("--expect `{text}` is not a number of reports"))
            .help("give a number of at least 1, such as 3, or NAME=N, such as smoke=3")),
    }
}
