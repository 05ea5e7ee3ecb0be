//! Options of `verify`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::artifacts::{ArtifactOptions, no_store, stored};
use super::error::UsageError;
use super::merge::stem;
use super::paths::is_stored;
use super::search::Unsearched;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::artifacts::Wanted;
use crate::commands::verify::{Plan, Signer, Target};
use crate::model::attest::{ENVELOPE_FILE, beside};
use crate::model::text::{is_hex, one_line};
use crate::world::s3::Place;

#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  stageproof verify evidence.zip\n  stageproof verify evidence.zip --bundle-sha256 \"$BUNDLE_SHA256\""
)]
pub struct VerifyOptions {
    /// Sealed evidence directory or zip to verify, also one that --store wrote: s3://BUCKET/KEY.
    #[arg(value_name = "DIR or ZIP")]
    pub bundle: Option<PathBuf>,
    /// Address of the store of s3://BUCKET/KEY [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or Amazon S3].
    #[arg(long, value_name = "URL")]
    pub store_endpoint: Option<String>,
    #[command(flatten)]
    pub artifacts: ArtifactOptions,
    /// Expected SHA-256 of the manifest, recorded elsewhere when the evidence was sealed: 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub manifest_sha256: Option<String>,
    /// Expected SHA-256 of the zip, recorded elsewhere when the evidence was sealed: 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub bundle_sha256: Option<String>,
    /// Ed25519 public key, as PEM, that must have signed the statement about the evidence.
    #[arg(long, value_name = "FILE")]
    pub public_key: Option<PathBuf>,
    /// Signed statement, for --public-key [default: the path of the evidence with .dsse.json instead of .zip].
    #[arg(long, value_name = "FILE", requires = "public_key")]
    pub signature: Option<PathBuf>,
    /// Also search the files for secrets, with the built-in rules of scan.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub rescan: Option<bool>,
    /// What to do with files whose content --rescan cannot search, such as 7z archives [default: keep].
    #[arg(long, value_name = "MODE")]
    pub unscannable: Option<Unsearched>,
    /// File to write the report to, as JSON, with JUnit XML beside it.
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

impl Options for VerifyOptions {
    fn into_plan(mut self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let artifacts = self.artifacts.wanted(given)?.map(Wanted::OfRun);
        let flag = self.store_endpoint.take();
        let bundle = match self.bundle.take() {
            Some(path) if is_stored(&path) => {
                let mut stored = stored(stem(&path).unwrap_or_default(), &path, flag.as_deref(), given)?;
                if self.public_key.is_some() && self.signature.is_none() {
                    let key = beside(stored.zip.key.as_ref(), ENVELOPE_FILE).display().to_string();
                    stored.envelope = Some(Place {
                        key,
                        ..stored.zip.clone()
                    });
                }
                Some(Target::Fetched(Wanted::Stored(stored)))
            }
            _ if flag.is_some() => return Err(no_store()),
            path => path.map(|path| Target::Path(given.world.workspace.join(path))),
        };
        let targets = bundle.into_iter().chain(artifacts.map(Target::Fetched));
        Ok(Box::new(self.plan(&given.world.workspace, targets.collect())?))
    }
}

impl VerifyOptions {
    fn plan(self, workspace: &Path, mut targets: Vec<Target>) -> Result<Plan, UsageError> {
        let target = match (targets.pop(), targets.is_empty()) {
            (Some(target), true) => target,
            (Some(_), false) => {
                return Err(UsageError::new("both a bundle and --artifact were given").help("leave one of them out"));
            }
            (None, _) => {
                return Err(UsageError::new("verify needs a directory, a zip, an artifact or a stored bundle").help(
                    "give the sealed directory or the zip, stageproof verify artifacts/staging/2026-01-31.zip, the name \
                     of an artifact, --artifact NAME, or s3://BUCKET/KEY.zip",
                ));
            }
        };
        let rescan = self.rescan.unwrap_or(false);
        if self.unscannable.is_some() && !rescan {
            return Err(UsageError::new("--unscannable needs --rescan")
                .help("add --rescan, or leave --unscannable out: without it no file is searched"));
        }
        if let Some(file) = self.signature.as_deref().filter(|file| is_stored(file)) {
            return Err(UsageError::new(format!(
                "--signature `{}` is not a file",
                one_line(&file.to_string_lossy())
            ))
            .help("download it; without --signature, the statement beside a stored bundle is downloaded"));
        }
        let envelope = match (self.signature, &target) {
            (Some(file), _) => Some(workspace.join(file)),
            (None, Target::Path(path)) => Some(beside(path, ENVELOPE_FILE)),
            (None, Target::Fetched(Wanted::OfRun(_))) if self.public_key.is_some() => {
                return Err(UsageError::new("--public-key needs --signature for an artifact")
                    .help("an artifact has the zip only: keep the signed statement, and name its file"));
            }
            (None, Target::Fetched(_)) => None,
        };
        Ok(Plan {
            signer: self.public_key.map(|file| Signer {
                public_key: workspace.join(file),
                envelope,
            }),
            rescan,
            unscannable: self.unscannable.map(Into::into).unwrap_or_default(),
            report: self.report.map(|file| workspace.join(file)),
            target,
            manifest_sha256: digest("--manifest-sha256", self.manifest_sha256)?,
            bundle_sha256: digest("--bundle-sha256", self.bundle_sha256)?,
        })
    }
}

/// As the outputs have it, or as GitHub writes digests, with `sha256:` in front.
fn digest(flag: &str, given: Option<String>) -> Result<Option<String>, UsageError> {
    let Some(given) = given else {
        return Ok(None);
    };
    let digits = given.strip_prefix("sha256:").unwrap_or(&given).to_ascii_lowercase();
    if is_hex(&digits, 64) {
        Ok(Some(digits))
    } else {
        Err(UsageError::new(format!("{flag} `{given}` is not a SHA-256")).help("write its 64 hexadecimal digits"))
    }
}
