//! Options of `evidence-bundle`.

mod store;
mod upload;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum, ValueHint};
use schemars::JsonSchema;
use serde::Deserialize;

use super::Or as _;
use super::common::Setting;
use super::error::UsageError;
use super::inputs;
use super::search::{wanted, with_search};
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::evidence_bundle::{Exclude, Pattern, PatternError, Plan, Scrub};
use crate::model::evidence;
use crate::model::scan::{self, Rule, RuleSet};
use crate::world::aws;
use crate::world::secrets::{SHORTEST_NAMED, Secret};
use crate::world::{Clock, World, files, paths};
pub use store::check_endpoint;
pub use upload::UploadWhen;

/// Of the key for tags: RFC 2104, section 3, advises against a key that is shorter than the hash, and SHA-256 has 32 bytes.
const SHORTEST_KEY: usize = 32;
/// Whoever names the zip like this expects another format.
const OTHER_ARCHIVES: [&str; 8] = [".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar"];

/// What happens to secrets in the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Redact {
    /// They are replaced in what is sealed. The files in the workspace stay as they are.
    Mask,
    /// Nothing is sealed.
    Fail,
    /// They are not searched for.
    Off,
}

impl From<Redact> for evidence::Redact {
    fn from(redact: Redact) -> Self {
        match redact {
            Redact::Mask => Self::Mask,
            Redact::Fail => Self::Fail,
            Redact::Off => Self::Off,
        }
    }
}

/// What happens to files that cannot be searched, such as archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unscannable {
    /// They are sealed as they are, with a note, or a warning if they are damaged or too large.
    Keep,
    /// Their names, sizes and hashes are sealed in their place.
    Stub,
    /// Nothing is sealed.
    Fail,
}

impl From<Unscannable> for scan::Unscannable {
    fn from(unscannable: Unscannable) -> Self {
        match unscannable {
            Unscannable::Keep => Self::Keep,
            Unscannable::Stub => Self::Stub,
            Unscannable::Fail => Self::Fail,
        }
    }
}

with_search! {
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
    /// Also copy hidden files and folders, whose names begin with a dot. A path or glob that names one includes it anyway.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub hidden: Option<bool>,
    /// Most bytes to copy, such as 200MiB; the largest files are left out.
    #[arg(long, value_name = "SIZE")]
    pub max_size: Option<String>,
    /// Path or glob that must match a file in the evidence; repeatable. Relative to the workspace for copies, else to the
    /// evidence directory.
    #[arg(long, value_name = "PATH or GLOB")]
    pub requires: Vec<String>,
    /// Path of the zip [default: the evidence directory's path with .zip].
    #[arg(long, value_name = "FILE.zip")]
    pub output: Option<PathBuf>,
    /// Upload the zip as an artifact of the run: auto uploads it where the runner allows that, which is in actions and not in
    /// run steps; required fails elsewhere [default: never].
    #[arg(long, value_enum, value_name = "WHEN")]
    pub upload: Option<UploadWhen>,
    /// Name of the artifact [default: made of the zip's name, the job, the values of its matrix and the attempt].
    #[arg(long, value_name = "NAME")]
    pub artifact_name: Option<String>,
    /// Days after which GitHub deletes the artifact [default: the repository's setting].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub retention_days: Option<u32>,
    /// Also write the zip and its statements to an S3-compatible store: s3://BUCKET/KEY.zip, or s3://BUCKET/FOLDER, in which
    /// each bundle has a name of its own. Nothing is overwritten. Takes the placeholders of --evidence-dir.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Address of the store [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or Amazon S3].
    #[arg(long, value_name = "URL")]
    pub store_endpoint: Option<String>,
    /// Lock what is stored for so many days, as governance:DAYS or compliance:DAYS; the bucket needs object lock [default:
    /// what the bucket does by itself].
    #[arg(long, value_name = "MODE:DAYS")]
    pub store_lock: Option<String>,
    /// Environment variable with the Ed25519 private key, as PEM or its base64, that signs the statement beside the zip.
    #[arg(long, value_name = "NAME")]
    pub sign_key_env: Option<String>,
    /// What to do with secrets in the files [default: mask].
    #[arg(long, value_name = "MODE")]
    pub redact: Option<Redact>,
    /// Environment variable whose value is a secret; repeatable. Variables with names such as *TOKEN* or *PASSWORD* are
    /// always included.
    #[arg(long, value_name = "NAME")]
    pub mask_env: Vec<String>,
    /// Environment variable with the key for the tags of masked secrets, of at least 32 characters [default: a random key for
    /// each bundle].
    #[arg(long, value_name = "NAME")]
    pub redact_key_env: Option<String>,
    /// What to do with files whose content cannot be searched, such as archives [default: keep].
    #[arg(long, value_name = "MODE")]
    pub unscannable: Option<Unscannable>,
    /// Regular expression that must not match anything that is sealed; repeatable. Masked text does not count.
    #[arg(long, value_name = "REGEX")]
    pub forbid: Vec<String>,
    /// Also write the findings to this file as SARIF 2.1.0, for code scanning.
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub sarif: Option<PathBuf>,
}
}

impl Options for EvidenceBundleOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        given.setting.evidence_dir = given.setting.newest();
        let options = self.or(given.config.evidence_bundle.take().unwrap_or_default());
        given.secret_names.extend(options.secret_names());
        Ok(Box::new(options.plan(&given.setting, given.world)?))
    }
}

impl EvidenceBundleOptions {
    /// Variables that hold secrets.
    pub fn secret_names(&self) -> Vec<String> {
        let keys = self.redact_key_env.iter().chain(&self.sign_key_env);
        let of_the_store = self.store.iter().flat_map(|_| [aws::SECRET_KEY, aws::SESSION_TOKEN]);
        let own = self.mask_env.iter().chain(keys).cloned();
        own.chain(of_the_store.map(str::to_owned)).collect()
    }

    pub fn plan(self, setting: &Setting, world: &World) -> Result<Plan, UsageError> {
        let upload = self.upload(&world.env)?;
        let store = self.storing(setting, world)?;
        let output = match &self.output {
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
        let name = output
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_ascii_lowercase();
        if OTHER_ARCHIVES.iter().any(|ending| name.ends_with(ending)) {
            return Err(UsageError::new(format!(
                "--output `{}` is named like another archive, but the bundle is a zip",
                output.display()
            ))
            .help("name it .zip"));
        }
        if paths::contains(&setting.evidence_dir, &output) {
            return Err(UsageError::new(format!(
                "--output `{}` is inside the evidence directory, but the zip cannot contain itself",
                output.display()
            ))
            .help("put it beside the evidence directory"));
        }
        let sarif = self.sarif.as_ref().map(|file| world.workspace.join(file));
        if let Some(file) = sarif
            .as_ref()
            .filter(|file| paths::contains(&setting.evidence_dir, file))
        {
            return Err(UsageError::new(format!(
                "--sarif `{}` is inside the evidence directory, which must not change after it is sealed",
                file.display()
            ))
            .help("put it beside the evidence directory"));
        }
        let scrub = self.scrub(world)?;
        let patterns = |option: &str, texts: &[String]| {
            let each = texts.iter().map(|text| Pattern::parse(text, &world.workspace));
            each.collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong(option, &error))
        };
        let (files, requires) = (patterns("files", &self.files)?, patterns("--requires", &self.requires)?);
        if setting.is_named {
            outside(&files, &world.workspace, ("--evidence-dir", &setting.evidence_dir))?;
        }
        if self.output.is_some() {
            outside(&files, &world.workspace, ("--output", &output))?;
        }
        let exclude = Exclude::parse(self.exclude.iter().map(String::as_str), &world.workspace)
            .map_err(|error| wrong("--exclude", &error))?;
        Ok(Plan {
            upload,
            store,
            workspace: world.workspace.clone(),
            evidence_dir: setting.evidence_dir.clone(),
            files,
            exclude,
            hidden: self.hidden.unwrap_or(false),
            max_size: self.max_size.as_deref().map(size).transpose()?,
            requires,
            output,
            scrub,
            sarif,
            subject: setting.subject.clone(),
            matrix: inputs::matrix_sha256(&world.env),
            clock: clock(world)?,
            sign_key_env: self.sign_key_env,
        })
    }
}

impl EvidenceBundleOptions {
    fn scrub(&self, world: &World) -> Result<Scrub, UsageError> {
        let redact = self.redact.map(evidence::Redact::from).unwrap_or_default();
        if redact == evidence::Redact::Off {
            let unused = [
                ("--rules", self.rules.is_some()),
                ("--pii", !self.pii.is_empty()),
                ("--mask-env", !self.mask_env.is_empty()),
                ("--redact-key-env", self.redact_key_env.is_some()),
                ("--unscannable", self.unscannable.is_some()),
            ];
            if let Some((flag, _)) = unused.into_iter().find(|(_, is_given)| *is_given) {
                return Err(
                    UsageError::new(format!("{flag} has no effect with --redact off")).help("leave out one of them")
                );
            }
        }
        for name in &self.mask_env {
            let length = world.env.get(name).map_or(0, |value| value.trim().len());
            if (1..SHORTEST_NAMED).contains(&length) {
                return Err(UsageError::new(format!(
                    "--mask-env {name}: its value has fewer than {SHORTEST_NAMED} characters, and would be found in other words"
                ))
                .help("use a longer secret, or leave out this variable"));
            }
        }
        let key = match &self.redact_key_env {
            None => None,
            Some(name) => match world.env.get(name).filter(|value| !value.is_empty()) {
                Some(value) if value.trim().len() < SHORTEST_KEY => {
                    return Err(UsageError::new(format!(
                        "{name}, which --redact-key-env names, has fewer than {SHORTEST_KEY} characters, so the key could be \
                         guessed, and with it the secrets behind the tags"
                    ))
                    .help("store a random key, as `openssl rand -hex 32` prints one, or leave out --redact-key-env"));
                }
                Some(value) => Some(Secret::new(value)),
                None => {
                    return Err(
                        UsageError::new(format!("{name}, which --redact-key-env names, is empty or not set"))
                            .help("set it to a random key, as `openssl rand -hex 32` prints one, or leave out --redact-key-env"),
                    );
                }
            },
        };
        Ok(Scrub {
            redact,
            wanted: wanted(self.rules.clone(), self.pii.clone(), &world.workspace),
            unscannable: self.unscannable.map(scan::Unscannable::from).unwrap_or_default(),
            forbidden: forbidden(&self.forbid)?,
            key,
            sealed: None,
        })
    }
}

/// Refuses to write into a folder that is copied: what is written would be in the next bundle. The evidence directory itself
/// is sealed where it is, and from the whole workspace and what a glob matches, what stageproof writes is left out instead.
fn outside(copied: &[Pattern], workspace: &Path, (flag, written): (&str, &Path)) -> Result<(), UsageError> {
    let is_in = |file: &&Pattern| {
        let (path, is_whole) = (workspace.join(&file.path), file.path.as_os_str().is_empty());
        let is_inside = || paths::contains(&path, written) && !paths::contains(written, &path);
        file.glob.is_none() && !is_whole && files::is_folder(&path) && is_inside()
    };
    match copied.iter().find(is_in) {
        Some(file) => Err(UsageError::new(format!(
            "{flag} `{}` is inside `{}`, which is to be copied",
            written.display(),
            file.text
        ))
        .help(format!(
            "set {flag} to a path outside of it, or name the files in it by a glob"
        ))),
        None => Ok(()),
    }
}

/// A number of bytes with its unit.
fn size(text: &str) -> Result<u64, UsageError> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let bytes = digits
        .parse()
        .ok()
        .zip(unit)
        .and_then(|(number, unit): (u64, u64)| number.checked_mul(unit));
    bytes.ok_or_else(|| {
        UsageError::new(format!("--max-size `{text}` is not a size"))
            .help("write a number with B, KiB, MiB or GiB: 200MiB")
    })
}

fn forbidden(patterns: &[String]) -> Result<Option<Arc<RuleSet>>, UsageError> {
    let mut rules = Vec::new();
    for (number, text) in patterns.iter().enumerate() {
        let wrong = |why: &str| UsageError::new(format!("--forbid `{text}`: {why}"));
        let pattern = scan::Pattern::parse(text).map_err(|why| wrong(&why))?;
        if pattern.check().map_err(|why| wrong(&why))?.is_match(b"") {
            return Err(wrong("it matches an empty text, and so everything"));
        }
        rules.push(Rule::of(
            format!("forbidden-{number}"),
            &format!("Matches --forbid `{text}`"),
            Some(pattern),
        ));
    }
    let rules = RuleSet::new(rules, Vec::new()).map_err(UsageError::new)?;
    Ok((!patterns.is_empty()).then(|| Arc::new(rules)))
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
