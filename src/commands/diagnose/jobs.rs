//! The jobs of a run that failed, and what there is to read of them.

use std::collections::BTreeMap;

use super::{RunRef, sources};
use crate::engine::NotChecked;
use crate::model::text::one_line;
use crate::model::workflow::invalid::mistake;
use crate::model::{Class, Finding, yaml};
use crate::world::github::{ApiError, Job, Run, Session, Why};

/// How what failed ends.
pub const FAILED: [&str; 3] = ["failure", "timed_out", "startup_failure"];
/// What the runner writes before every error, and the error that says nothing: a time limit of the job, or another run that
/// cancelled it, is an annotation only.
const ERROR: &[u8] = b"##[error]";
const CANCELLED: &[u8] = b"##[error]The operation was canceled.";

/// There is no log: GitHub refused to start the run. It says why on the run's page alone.
pub async fn nothing_started(run: &Run, session: &Session<'_>) -> Finding {
    let page = format!("its page says why: {}", one_line(&run.html_url));
    let file = one_line(run.file().unwrap_or("of the run"));
    let started = format!(
        "GitHub started no job ({})",
        one_line(run.conclusion.as_deref().unwrap_or_default())
    );
    let unknown = |why: &str| {
        let message = format!("{started}, and {why}");
        Finding::error("startup-failure", message).help(page.clone())
    };
    let text = match sources::main(run, session).await {
        Ok(text) => text,
        Err(why) => return unknown(&format!("the workflow {file} cannot be read: {why}")),
    };
    let root = yaml::parse(&text);
    let (line, what) = match root.as_ref().map(mistake) {
        Err(error) => (error.line, error.what.clone()),
        Ok(Some((node, what))) => (node.place.line, format!("{what} (column {})", node.place.column)),
        Ok(None) => return unknown(&format!("the workflow {file} has no mistake that stageproof knows")),
    };
    let message = format!("workflow-config: {started}: {}", one_line(&what));
    let mut finding = Finding::error("workflow-config", message).help(page);
    finding.class = Some(Class::Infra);
    finding.at(&file, Some(line))
}

/// Why a run may lack secrets and rights.
pub fn who_started(run: &Run) -> Option<(&'static str, String)> {
    let head = run
        .head_repository
        .as_ref()
        .map_or("a fork that was deleted", |head| &head.full_name);
    match (run.is_from_fork(), run.is_of_dependabot()) {
        (_, Some(true)) => Some(("started-by", "Dependabot started the run".to_owned())),
        (Some(true), _) => Some((
            "started-by",
            format!("the commit of the run is of a fork: {}", one_line(head)),
        )),
        _ => None,
    }
}

/// Of each name the jobs of the newest attempt: a repeated attempt may list the others, too. Jobs of a matrix may share
/// a name.
pub fn newest(jobs: &[Job], run: &RunRef) -> Vec<Job> {
    let wanted = jobs.iter().filter(|job| {
        run.job.is_none_or(|id| id == job.id) && run.attempt.is_none_or(|attempt| job.run_attempt == Some(attempt))
    });
    let mut newest: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
    for job in wanted {
        let same = newest.entry(&job.name).or_default();
        same.retain(|other| other.run_attempt >= job.run_attempt);
        if same.iter().all(|other| other.run_attempt == job.run_attempt) {
            same.push(job);
        }
    }
    newest.into_values().flatten().cloned().collect()
}

/// What failed; if nothing did, what was cancelled.
pub fn failed(jobs: &[Job]) -> Vec<&Job> {
    let with = |conclusions: &[&str]| -> Vec<&Job> {
        let has = |job: &&Job| {
            job.conclusion
                .as_deref()
                .is_some_and(|word| conclusions.contains(&word))
        };
        jobs.iter().filter(has).collect()
    };
    let failed = with(&FAILED);
    if failed.is_empty() {
        with(&["cancelled"])
    } else {
        failed
    }
}

pub fn has_gone(error: &ApiError) -> bool {
    matches!(error.why, Why::NotFound | Why::Unexpected { status: 404 | 410, .. })
}

/// Whether there is an error that says something.
fn says_why(log: &[u8]) -> bool {
    memchr::memmem::find_iter(log, ERROR).any(|at| !log[at..].starts_with(CANCELLED))
}

/// The log of a job. If there is none, or no error in it that says anything, also what GitHub itself said about the job: it may not have
/// started, or its runner was lost.
pub async fn log(job: &Job, session: &Session<'_>) -> Result<(Vec<u8>, Option<(&'static str, String)>), NotChecked> {
    let log = match session.job_log(job.id).await {
        Ok(log) if says_why(&log) => return Ok((log, None)),
        Ok(log) => Some(log),
        Err(error) if has_gone(&error) => None,
        Err(error) => return Err(error.into()),
    };
    // A token that may not read checks has no annotations.
    let said = session
        .annotations(job.id)
        .await
        .map(|listed| listed.items)
        .unwrap_or_default();
    let said = said
        .iter()
        .filter(|said| said.annotation_level.as_deref() == Some("failure"));
    let said = said.filter_map(|said| said.message.as_deref());
    let said = said.filter(|message| !CANCELLED.ends_with(message.as_bytes()));
    // The end of a script, which says nothing.
    let said: Vec<String> = said
        .filter(|message| !message.starts_with("Process completed with exit code"))
        .map(|message| format!("##[error]{message}\n"))
        .collect();
    match (log, said.is_empty()) {
        (None, true) => Err(NotChecked::with_help(
            "GitHub does not have it any more",
            "logs are deleted after some time; run the job again",
        )),
        (Some(log), true) => Ok((log, None)),
        (None, false) => {
            let note = "GitHub has no log of the job; the lines are its annotations".to_owned();
            Ok((said.concat().into_bytes(), Some(("no-log", note))))
        }
        (Some(mut log), false) => {
            if !log.ends_with(b"\n") {
                log.push(b'\n');
            }
            // Where the runner says that it was cancelled, and with the time of that line.
            let line = memchr::memmem::find(&log, CANCELLED).map(|at| {
                let start = memchr::memrchr(b'\n', &log[..at]).map_or(0, |feed| feed + 1);
                (start, log[start..at].to_vec())
            });
            let (place, time) = line.unwrap_or((log.len(), Vec::new()));
            let said: Vec<u8> = said
                .iter()
                .flat_map(|said| [&*time, said.as_bytes()].concat())
                .collect();
            log.splice(place..place, said);
            let note = "the log of the job does not say why it failed; its annotations were added to it".to_owned();
            Ok((log, Some(("no-error", note))))
        }
    }
}
