//! The options every subcommand has.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::mergeable;
use crate::model::{Subject, Verbosity, report};
use crate::world::{World, files, paths, reports};

/// File names are 255 bytes long at most, and more than the label is in them.
const LONGEST_LABEL: usize = 100;
/// All evidence, unless another folder is named.
pub const EVIDENCE_HOME: &str = "artifacts";
const DEFAULT_EVIDENCE_DIR: &str = "artifacts/{environment}/{date}";

/// How the result is shown on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Text for people.
    Console,
    /// The report as JSON.
    Json,
}

/// When colors are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Color {
    /// On a terminal and in GitHub's log; NO_COLOR, FORCE_COLOR, CLICOLOR and CLICOLOR_FORCE change that.
    Auto,
    Always,
    Never,
}

mergeable! {
#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(next_help_heading = "Common options")]
pub struct CommonOptions {
    /// Configuration file [default: .github/stageproof.yml in the workspace, if it exists].
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// Environment that was deployed to [default: staging].
    #[arg(long, global = true, value_name = "NAME")]
    pub environment: Option<String>,
    /// Directory for reports, logs and the sealed evidence [default: artifacts/{environment}/{date}]. Once it is
    /// sealed, the next report goes to DIR-2, and so on. Placeholders: {environment}, {date} (UTC), {run-id},
    /// {run-attempt}, {job}, {sha}.
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::AnyPath)]
    pub evidence_dir: Option<String>,
    /// Environment variable that holds further variables, as NAME=VALUE lines or as NAME<<END, lines and END. It must be
    /// set, and may be empty. Their values are secrets, and skip-guard requires each of them.
    // A step names the variable that it maps; a configuration is shared by steps that do not map it.
    #[arg(long, global = true, value_name = "NAME")]
    #[serde(skip)]
    pub env_from: Option<String>,
    /// Name that distinguishes two uses of a subcommand in one run; becomes part of the report's name [default: none, or
    /// 2, 3 and so on if the run already has such a report].
    #[arg(long, global = true, value_name = "TEXT")]
    #[serde(skip)]
    pub label: Option<String>,
    /// Format of the result on standard output [default: console].
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    #[serde(skip)]
    pub format: Option<Format>,
    /// When to use colors [default: auto].
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    #[serde(skip)]
    pub color: Option<Color>,
    /// Show only checks that did not pass, and the verdict.
    #[arg(short, long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    #[serde(skip)]
    pub quiet: Option<bool>,
    /// Also show the details of each check, and each step while it runs.
    #[arg(short, long, global = true, value_name = "BOOL", num_args = 0..=1, require_equals = true,
          default_missing_value = "true")]
    #[serde(skip)]
    pub verbose: Option<bool>,
}
}

/// The common options with their defaults filled in.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Where this run writes: never into what is sealed.
    pub evidence_dir: PathBuf,
    /// Whether a flag, an input or the configuration named it.
    pub is_named: bool,
    /// What was sealed in its place before, the last one last.
    pub sealed: Vec<PathBuf>,
    pub label: Option<String>,
    /// The variable that holds more variables, as it was typed.
    pub env_from: Option<String>,
    pub format: Format,
    /// `None` is auto.
    pub color: Option<bool>,
    pub verbosity: Verbosity,
    pub subject: Subject,
}

impl CommonOptions {
    pub fn resolve(self, world: &World) -> Result<Setting, UsageError> {
        let environment = self.environment.unwrap_or_else(|| "staging".to_owned());
        if environment.trim().is_empty() {
            return Err(UsageError::new("--environment must not be empty"));
        }
        if let Some(label) = &self.label
            && (label.is_empty() || path_part(label) != *label)
        {
            return Err(UsageError::new(format!(
                "--label `{label}` becomes part of a file name: use only letters, digits, `.`, `_` and `-`"
            )));
        }
        if let Some(label) = self.label.as_ref().filter(|label| label.len() > LONGEST_LABEL) {
            let length = label.len();
            return Err(UsageError::new(format!(
                "--label is {length} characters long and becomes part of a file name; use at most {LONGEST_LABEL}"
            )));
        }
        let verbosity = match (self.quiet, self.verbose) {
            (Some(true), Some(true)) => {
                return Err(
                    UsageError::new("--quiet and --verbose cannot be used together").help("leave one of them out")
                );
            }
            (Some(true), _) => Verbosity::Quiet,
            (_, Some(true)) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        let subject = world.runner.subject(&environment);
        let template = self.evidence_dir.as_deref().unwrap_or(DEFAULT_EVIDENCE_DIR);
        let on = |date: String| Ok::<_, UsageError>(world.workspace.join(fill(template, &subject, &date)?));
        let (today, yesterday) = (on(world.clock.date())?, on(world.clock.yesterday())?);
        // A run that began before midnight goes on in the folder it began in, or its evidence would be torn in two.
        let unsealed = |folder: &Path| {
            refuse_more_than_evidence(folder, world)?;
            files::unsealed(folder)
                .map_err(|error| UsageError::new(error.to_string()).help("name another folder with --evidence-dir"))
        };
        let is_in = |(current, sealed): &(PathBuf, Vec<PathBuf>)| {
            let mut folders = sealed.iter().chain([current]);
            folders.any(|folder| reports::of_run(folder, &subject))
        };
        let (today, yesterday) = (unsealed(&today)?, unsealed(&yesterday)?);
        let began_yesterday = is_in(&yesterday) && !is_in(&today);
        let (evidence_dir, sealed) = if began_yesterday { yesterday } else { today };
        refuse_more_than_evidence(&evidence_dir, world)?;
        Ok(Setting {
            evidence_dir,
            is_named: self.evidence_dir.is_some(),
            sealed,
            label: self.label,
            env_from: self.env_from,
            format: self.format.unwrap_or(Format::Console),
            color: match self.color.unwrap_or(Color::Auto) {
                Color::Auto => None,
                Color::Always => Some(true),
                Color::Never => Some(false),
            },
            verbosity,
            subject,
        })
    }
}

impl Setting {
    /// The newest evidence there is.
    pub fn newest(&self) -> PathBuf {
        let sealed = self.sealed.last().filter(|_| !files::exists(&self.evidence_dir));
        sealed.unwrap_or(&self.evidence_dir).clone()
    }

    /// The label with which a report replaces no other one of the same run: `LABEL`, or `LABEL-2` and so on.
    pub fn free_label(&self, command: &str) -> Option<String> {
        let numbered = |number: u64| match (&self.label, number) {
            (label, 1) => label.clone(),
            (None, number) => Some(number.to_string()),
            (Some(label), number) => Some(format!("{label}-{number}")),
        };
        let is_free = |label: &Option<String>| {
            !reports::is_of_run(
                &report::path(&self.evidence_dir, command, label.as_deref()),
                &self.subject,
            )
        };
        (1..).map(numbered).find(is_free).flatten()
    }
}

/// Everything in the evidence directory is sealed, and odd names in it are changed, so it must not hold the sources, nor
/// git's data, in which a checkout keeps its token.
fn refuse_more_than_evidence(evidence_dir: &Path, world: &World) -> Result<(), UsageError> {
    let what = if paths::contains(evidence_dir, &world.workspace) {
        "is or holds the workspace"
    } else if paths::contains(evidence_dir, &world.folder) {
        "is or holds the current folder"
    } else if matches!(paths::kind(&evidence_dir.join(".git")), Ok(Some(_))) {
        "holds a .git"
    } else if paths::is_in_git(evidence_dir) {
        "is inside a .git"
    } else {
        return Ok(());
    };
    Err(UsageError::new(format!(
        "--evidence-dir `{}` {what}, but everything in the evidence directory is sealed",
        evidence_dir.display()
    ))
    .help("name a folder for evidence only, such as artifacts/staging"))
}

/// In the action's container, files outside of the runner's folders are lost when the container ends.
pub fn refuse_what_is_not_kept(what: &str, path: &Path, world: &World) -> Result<(), UsageError> {
    let why = match world.host.keeps(path) {
        Ok(true) => return Ok(()),
        Ok(false) => {
            "is not in a folder of the runner that is mounted into this container, so it would be lost with the \
             container"
                .to_owned()
        }
        Err(error) => format!("may be lost with this container, whose mounts cannot be read: {error}"),
    };
    Err(UsageError::new(format!("{what} `{}` {why}", path.display())).help(
        "name a path in the workspace, or in RUNNER_TEMP with runner 2.331 or newer; no other host folder is mounted",
    ))
}

/// Fills the placeholders of a path. Each becomes a part of it, and nothing else.
pub fn filled(flag: &str, template: &str, subject: &Subject, date: &str) -> Result<String, UsageError> {
    let unknown = |name: &str| {
        UsageError::new(format!("{flag} `{template}`: unknown placeholder {{{name}}}"))
            .help("the placeholders are {environment}, {date}, {run-id}, {run-attempt}, {job} and {sha}")
    };
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (name, after) = after.split_once('}').ok_or_else(|| unknown(after))?;
        let value = match name {
            "environment" => Some(subject.environment.clone()),
            "date" => Some(date.to_owned()),
            "run-id" => subject.run_id.clone(),
            "run-attempt" => subject.run_attempt.clone(),
            "job" => subject.job.clone(),
            "sha" => subject.sha.clone(),
            _ => return Err(unknown(name)),
        };
        // Outside a run these are unknown; one word for all of them keeps the path usable on a laptop.
        out.push_str(&path_part(&value.unwrap_or_else(|| "local".to_owned())));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The evidence directory.
fn fill(template: &str, subject: &Subject, date: &str) -> Result<PathBuf, UsageError> {
    let out = filled("--evidence-dir", template, subject, date)?;
    if out.trim().is_empty() {
        return Err(UsageError::new("--evidence-dir must not be empty"));
    }
    let path = Path::new(&out);
    if path.file_name().is_none() || out.contains('\0') {
        return Err(
            UsageError::new(format!("--evidence-dir `{out}` does not name a folder"))
                .help("name a folder for evidence only, such as artifacts/staging"),
        );
    }
    Ok(path.to_owned())
}

/// A value as one part of a path: what would be a separator, a parent or a surprise becomes `-`.
pub fn path_part(value: &str) -> String {
    let part: String = value
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .collect();
    match part.as_str() {
        "" | "." | ".." => "-".to_owned(),
        _ => part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn subject() -> Subject {
        Subject {
            environment: "staging".into(),
            run_id: Some("42".into()),
            ..Subject::default()
        }
    }

    #[test]
    fn placeholders_are_filled() {
        let path = fill("a/{environment}/{date}/{run-id}-{job}", &subject(), "2026-01-31").unwrap();
        assert_eq!(path, Path::new("a/staging/2026-01-31/42-local"));
    }

    #[test]
    fn an_unknown_placeholder_names_the_known_ones() {
        let error = fill("a/{today}", &subject(), "d").unwrap_err().to_string();
        assert!(error.contains("{today}") && error.contains("{date}"), "{error}");
        assert!(fill("a/{date", &subject(), "d").is_err());
        for template in ["", " ", "..", "/", "a/.."] {
            assert!(fill(template, &subject(), "d").is_err(), "{template:?}");
        }
    }

    proptest! {
        #[test]
        fn an_environment_cannot_leave_the_folder(name in "\\PC{1,30}") {
            let subject = Subject { environment: name, ..Subject::default() };
            let path = fill("artifacts/{environment}/x", &subject, "d").unwrap();
            prop_assert_eq!(path.components().count(), 3);
            prop_assert!(path.components().all(|c| matches!(c, std::path::Component::Normal(_))));
        }
    }
}
