//! Options of `merge`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::artifacts::{ArtifactOptions, no_store, of_run, stored};
use super::error::UsageError;
use super::evidence_bundle::{EvidenceBundleOptions, UploadWhen};
use super::paths::is_stored;
use super::verdict::VerdictOptions;
use super::{Given, Options, Or as _};
use crate::commands::artifacts::Wanted;
use crate::commands::merge::{FOLDER, Plan};
use crate::commands::{Subcommand, evidence_bundle};
use crate::model::text::one_line;
use crate::world::paths;

#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  stageproof merge evidence.zip --expect evidence --output all.zip\n  stageproof merge evidence.zip --evidence-dir merged --upload auto"
)]
pub struct MergeOptions {
    /// Sealed evidence directories or zips to merge, also those that --store wrote: s3://BUCKET/KEY.
    #[arg(action = clap::ArgAction::Append, value_name = "DIR or ZIP")]
    pub bundles: Vec<PathBuf>,
    #[command(flatten)]
    pub artifacts: ArtifactOptions,
    /// Address of the store of s3://BUCKET/KEY [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or Amazon S3].
    #[arg(long, value_name = "URL")]
    pub store_endpoint: Option<String>,
    /// Name of a bundle that must be merged: its artifact's name, or its file's name. The attempt at the end may be left out;
    /// repeatable.
    #[arg(long, value_name = "NAME")]
    pub expect: Vec<String>,
    /// Accept reports of earlier attempts of this run: "Re-run failed jobs" does not repeat jobs that succeeded.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub any_attempt: Option<bool>,
    /// Path of the zip [default: the evidence directory's path with .zip].
    #[arg(long, value_name = "FILE.zip")]
    pub output: Option<PathBuf>,
    /// Upload the zip as an artifact of the run: auto uploads it where the runner allows that, which is in actions and not in
    /// run steps; required fails elsewhere [default: never].
    #[arg(long, value_enum, value_name = "WHEN")]
    pub upload: Option<UploadWhen>,
    /// Name of the uploaded artifact [default: made of the zip's name, the job, the values of its matrix and the attempt].
    #[arg(long, value_name = "NAME")]
    pub artifact_name: Option<String>,
}

impl Options for MergeOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let artifacts = self.artifacts.wanted(given)?;
        if self.bundles.is_empty() && artifacts.is_none() {
            return Err(UsageError::new("there is nothing to merge").help(
                "give sealed directories or zips, stored bundles as s3://BUCKET/KEY.zip, or the names of artifacts: \
                 --artifact 'evidence-*'",
            ));
        }
        let (mut bundles, mut wanted) = (Vec::new(), Vec::new());
        for (name, path) in named(self.bundles)? {
            match is_stored(&path) {
                true => wanted.push(Wanted::Stored(stored(
                    name,
                    &path,
                    self.store_endpoint.as_deref(),
                    given,
                )?)),
                false => bundles.push((name, given.world.workspace.join(path))),
            }
        }
        let seal = EvidenceBundleOptions {
            output: self.output,
            upload: self.upload,
            artifact_name: self.artifact_name,
            ..EvidenceBundleOptions::default()
        };
        // What is said of the bundle of each job is not said of the whole.
        let config = EvidenceBundleOptions {
            files: Vec::new(),
            output: None,
            requires: Vec::new(),
            artifact_name: None,
            ..given.config.evidence_bundle.take().unwrap_or_default()
        };
        let mut seal = seal.or(config);
        match (self.store_endpoint, &seal.store) {
            (Some(_), None) if wanted.is_empty() => return Err(no_store()),
            // What is configured may be meant for what is read.
            (_, None) => seal.store_endpoint = None,
            (Some(flag), Some(_)) => seal.store_endpoint = Some(flag),
            (None, Some(_)) => {}
        }
        given.secret_names.extend(seal.secret_names());
        let verdict = VerdictOptions {
            folders: vec![given.setting.evidence_dir.join(FOLDER)],
            any_attempt: self.any_attempt,
            ..VerdictOptions::default()
        };
        let verdict = verdict.or(given.config.verdict.take().unwrap_or_default());
        let strict = given.waivers_off || verdict.strict();
        let mut verdict = verdict.plan(&given.setting, given.waivers(strict), strict, given.world)?;
        if let Some(wanted) = &artifacts {
            of_run(wanted, &mut verdict);
        }
        wanted.extend(artifacts.map(Wanted::OfRun));
        let mut evidence = seal.plan(&given.setting, given.world)?;
        evidence.scrub.sealed = Some(FOLDER);
        for (_, input) in &bundles {
            apart(input, &evidence)?;
        }
        if self.expect.iter().any(|name| name.trim().is_empty()) {
            return Err(UsageError::new("--expect is empty").help("give the name of the bundle"));
        }
        Ok(Box::new(Plan {
            bundles,
            wanted,
            expect: self.expect,
            verdict,
            evidence,
        }))
    }
}

/// Refuses to write into a bundle that is merged, and to merge what is sealed in any case.
fn apart(bundle: &Path, evidence: &evidence_bundle::Plan) -> Result<(), UsageError> {
    let (dir, output) = (&*evidence.evidence_dir, &*evidence.output);
    let shown = |path: &Path| one_line(&path.to_string_lossy());
    let input = shown(bundle);
    let (wrong, help) = if paths::contains(bundle, output) {
        let wrong = format!(
            "the zip to write, `{}`, would replace or change the bundle `{input}`",
            shown(output)
        );
        (wrong, "name another file with --output")
    } else if paths::contains(bundle, dir) {
        let wrong = format!(
            "--evidence-dir `{}` is inside the bundle `{input}`, which must not change",
            shown(dir)
        );
        (wrong, "name a folder outside of it")
    } else if paths::contains(dir, bundle) {
        let wrong = format!(
            "the bundle `{input}` is inside --evidence-dir `{}`, and would be sealed twice",
            shown(dir)
        );
        (wrong, "name another folder")
    } else {
        return Ok(());
    };
    Err(UsageError::new(wrong).help(help))
}

/// What the bundle in this file is called.
pub(super) fn stem(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    Some(name.strip_suffix(".zip").map(str::to_owned).unwrap_or(name))
}

/// Each by its file's name, or, where two have the same, by its folder's, as actions/download-artifact names it.
fn named(bundles: Vec<PathBuf>) -> Result<Vec<(String, PathBuf)>, UsageError> {
    let stems: Vec<Option<String>> = bundles.iter().map(|path| stem(path)).collect();
    let mut named: Vec<(String, PathBuf)> = Vec::new();
    for (path, stem) in bundles.into_iter().zip(&stems) {
        let is_unique = stems.iter().filter(|other| *other == stem).count() == 1;
        let folder = || {
            path.parent()?
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        let name = if is_unique { stem.clone() } else { folder() };
        let name = name
            .filter(|name| named.iter().all(|(other, _)| other != name))
            .ok_or_else(|| {
                let shown = one_line(&path.to_string_lossy());
                if named.iter().any(|(_, other)| *other == path) {
                    return UsageError::new(format!("`{shown}` is named twice")).help("name each bundle once");
                }
                UsageError::new(format!("`{shown}` and another bundle have the same name")).help(
                    match is_stored(&path) {
                        true => "download it, and give the file another name",
                        false => "rename one of the two files",
                    },
                )
            })?;
        named.push((name, path));
    }
    Ok(named)
}
