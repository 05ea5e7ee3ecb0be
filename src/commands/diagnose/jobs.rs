//! The jobs of a run that failed, and what there is to read of them.

use std::collections::BTreeMap;

use super::RunRef;
use crate::engine::NotChecked;
use crate::model::text::one_line;
use crate::model::{Class, Finding};
use crate::world::github::{ApiError, Job, Run, Session, Why};

/// GitHub could not read the workflow, so there is no log.
pub fn nothing_started(run: &Run) -> Finding {
    let file = one_line(run.file().unwrap_or("of the run"));
    let message = format!("workflow-config: GitHub started no job: the workflow {file} is not valid");
    let mut finding = Finding::error("workflow-config", message).help(format!(
        "its page names the line: {}; stageproof check finds most such mistakes",
        one_line(&run.html_url)
    ));
    finding.class = Some(Class::Infra);
    finding
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

/// Of each name the job of the newest attempt: a repeated attempt may list the others, too.
pub fn newest(jobs: &[Job], run: &RunRef) -> Vec<Job> {
    let mut newest: BTreeMap<&str, &Job> = BTreeMap::new();
    let wanted = jobs.iter().filter(|job| {
        run.job.is_none_or(|id| id == job.id) && run.attempt.is_none_or(|attempt| job.run_attempt == Some(attempt))
    });
    for job in wanted {
        match newest.get(&*job.name) {
            Some(other) if other.run_attempt >= job.run_attempt => {}
            _ => {
                newest.insert(&job.name, job);
            }
        }
    }
    newest.into_values().cloned().collect()
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
    let failed = with(&["failure", "timed_out", "startup_failure"]);
    if failed.is_empty() {
        with(&["cancelled"])
    } else {
        failed
    }
}

pub fn has_gone(error: &ApiError) -> bool {
    matches!(error.why, Why::NotFound | Why::Unexpected { status: 404 | 410, .. })
}

/// The log of a job. If there is none, what GitHub itself said about the job: it may not have started.
pub async fn log(job: &Job, session: &Session<'_>) -> Result<(Vec<u8>, Option<(&'static str, String)>), NotChecked> {
    let error = match session.job_log(job.id).await {
        Ok(bytes) => return Ok((bytes, None)),
        Err(error) if has_gone(&error) => error,
        Err(error) => return Err(error.into()),
    };
    drop(error);
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
    // The end of a script, which says nothing.
    let said: Vec<String> = said
        .filter(|message| !message.starts_with("Process completed with exit code"))
        .map(|message| format!("##[error]{message}\n"))
        .collect();
    match said.is_empty() {
        true => Err(NotChecked::with_help(
            "GitHub does not have it any more",
            "logs are deleted after some time; run the job again",
        )),
        false => {
            let note = "GitHub has no log of the job; the lines are its annotations".to_owned();
            Ok((said.concat().into_bytes(), Some(("no-log", note))))
        }
    }
}
