//! The bundle as an artifact of the run, where people look for it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::engine::{self, CheckResult, NotChecked, Observation, Task};
use crate::model::{Check, Finding, Outcome, Output};
use crate::world::World;
use crate::world::artifacts::{self, Artifact, Artifacts, NotUploaded, Uploaded};
use crate::world::hash::Hashed;

use super::{Plan, STAGE};

const ID: &str = "evidence-uploaded";
const TITLE: &str = "The bundle is an artifact of the run";
/// The address for uploading is valid as long (actions/upload-artifact, issue 623).
const DEADLINE: Duration = Duration::from_secs(3600);
/// Of a matrix; names of artifacts are shown in one line.
const LONGEST_MATRIX: usize = 80;
/// After which GitHub deletes an artifact, at most.
const LONGEST: &str = "GITHUB_RETENTION_DAYS";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whether {
    /// If the step can: a `run:` step cannot.
    IfOffered,
    Required,
}

#[derive(Clone, Debug)]
pub struct Upload {
    pub whether: Whether,
    /// If it is not made of the zip's name, the job, its matrix and the attempt.
    pub name: Option<String>,
    /// The values of the job's matrix, if they are known.
    pub matrix: Option<String>,
    pub days: Option<u32>,
}

/// Uploads what was packed, if something was.
pub async fn upload(plan: &Plan, upload: &Upload, world: &World, outcome: &mut Outcome) {
    let packed = outcome.outputs.iter().find(|(name, _)| *name == "bundle-sha256");
    let Some(sha256) = packed.map(|(_, sha256)| sha256.to_string()) else {
        let reason = "there is no bundle to upload";
        outcome.checks.push(Check::skipped(STAGE, ID, TITLE, reason));
        return;
    };
    if upload.whether == Whether::IfOffered && !artifacts::is_offered(&world.env) {
        outcome.notes.push(
            "The bundle is not uploaded: GitHub.com lets actions upload, and not `run:` steps. Use the action, or \
             actions/upload-artifact."
                .to_owned(),
        );
        return;
    }
    let uploaded = Arc::new(OnceLock::new());
    let look = send(
        plan.output.clone(),
        upload.clone(),
        sha256.clone(),
        world.clone(),
        Arc::clone(&uploaded),
    );
    let task = Task::new(STAGE, ID, TITLE, DEADLINE, look);
    outcome
        .checks
        .extend(engine::run(vec![task], 1, &world.interrupt).await);
    if let Some((id, url)) = uploaded.get() {
        let outputs = [("artifact-id", id), ("artifact-digest", &sha256)];
        let outputs = outputs.into_iter().chain(url.as_ref().map(|url| ("artifact-url", url)));
        let outputs = outputs.map(|(name, value)| (name.to_owned(), Output::exact(value)));
        outcome.outputs.extend(outputs);
    }
}

async fn send(
    zip: PathBuf,
    upload: Upload,
    sha256: String,
    world: World,
    uploaded: Arc<OnceLock<(String, Option<String>)>>,
) -> CheckResult {
    let artifacts = match Artifacts::connect(&world.env, world.progress.clone()) {
        Ok(artifacts) => artifacts,
        Err(error) => return judge(error),
    };
    let name = upload
        .name
        .unwrap_or_else(|| default_name(&zip, &world, upload.matrix.as_deref(), artifacts.job()));
    let artifact = Artifact {
        name: &name,
        zip: &zip,
        sha256: &sha256,
        days: upload.days,
    };
    let longest = world
        .env
        .get(LONGEST)
        .and_then(|days| days.parse().ok())
        .filter(|days| *days > 0);
    let sent = artifacts.upload(artifact, (world.clock, longest), &world.progress, &world.interrupt);
    let Uploaded { id, bytes } = match sent.await {
        Ok(sent) => sent,
        Err(error) => return judge(error),
    };
    let url = address(&world, &id);
    let observed = Observation::nothing_wrong()
        .fact("artifact", name)
        .fact("id", id.clone())
        .fact("bytes", bytes.to_string())
        .fact("sha256", sha256);
    let observed = match &url {
        Some(url) => observed.fact("url", url.clone()),
        None => observed,
    };
    let _ = uploaded.set((id, url));
    Ok(observed)
}

/// One that no other job of the run has. The attempt comes last, so that `merge` finds the attempts of a job.
fn default_name(zip: &Path, world: &World, matrix: Option<&str>, job: &str) -> String {
    let stem = zip
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let tag = |text: &str| hex::encode(Hashed::of(text.as_bytes()).sha256)[..6].to_owned();
    let matrix = match matrix {
        Some("") => String::new(),
        Some(values) if values.len() <= LONGEST_MATRIX => format!("-{values}"),
        Some(values) => format!("-{}", tag(values)),
        None => format!("-{}", tag(job)),
    };
    let attempt = world.runner.run_attempt().unwrap_or(1);
    let name = format!("{stem}-{}{matrix}-{attempt}", world.runner.job().unwrap_or_default());
    name.replace(|c| artifacts::not_in_a_name(&String::from(c)).is_some(), "-")
}

fn address(world: &World, id: &str) -> Option<String> {
    let server = world.env.get("GITHUB_SERVER_URL")?;
    let (repository, run) = (world.runner.repository.as_deref()?, world.runner.run_id()?);
    Some(format!("{server}/{repository}/actions/runs/{run}/artifacts/{id}"))
}

/// The bundle stays where it is, whatever happens.
fn judge(error: NotUploaded) -> CheckResult {
    let why = error.to_string();
    let found = |code: &'static str, help: &str| Ok(Observation::found(Finding::error(code, why.clone()).help(help)));
    let unknown = |help: &str| Err(NotChecked::with_help(why.clone(), help));
    match error {
        NotUploaded::NoService(_) => found(
            "no-artifact-service",
            "use the action instead of a `run:` step, or upload the zip with actions/upload-artifact",
        ),
        NotUploaded::OtherServer(_) => found(
            "no-artifact-service",
            "leave --upload out and use the version of actions/upload-artifact that your server supports",
        ),
        NotUploaded::NameTaken(name) => found(
            "name-taken",
            &format!("name it with --artifact-name {name}-2, and with the values of the matrix if there is one"),
        ),
        NotUploaded::Quota(_) => found(
            "storage-full",
            "delete old artifacts, keep them for fewer days with --retention-days, or raise the limit; GitHub counts anew \
             every 6 to 12 hours",
        ),
        NotUploaded::Refused { .. } => found("upload-refused", "the local zip is complete; upload it another way"),
        NotUploaded::Expired => found("upload-expired", "leave large files out with --exclude"),
        NotUploaded::Changed => found(
            "changed-while-uploading",
            "wait for its writer to finish, and run it again",
        ),
        NotUploaded::Token(_) | NotUploaded::Address(_) => unknown("do not set these variables yourself"),
        NotUploaded::Unanswered { .. } => unknown("run it again; see githubstatus.com; the local zip is complete"),
        NotUploaded::Unreadable(_) | NotUploaded::Stopped(_) => unknown("run it again; the local zip is complete"),
    }
}
