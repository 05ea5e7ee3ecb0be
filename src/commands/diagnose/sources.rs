//! The workflow of a run as it was at its commit, from GitHub.

use super::Plan;
use super::workflow_file::WorkflowFile;
use crate::model::text::one_line;
use crate::world::github::{ApiError, Run, Session};

/// A run may call so many workflows at most, and each of them is one question.
const MOST_CALLED: usize = 20;

/// The workflow of the run and those that it calls, as far as they can be read, and why one cannot.
pub async fn of(run: &Run, session: &Session<'_>, plan: &Plan) -> (Vec<WorkflowFile>, Option<String>) {
    let Some(path) = run.file() else {
        return (
            Vec::new(),
            Some("GitHub does not name the workflow of the run".to_owned()),
        );
    };
    let mut unread = None;
    let mut files = Vec::new();
    let is_given = |path: &str| plan.workflow_files.iter().any(|given| given.name == path);
    if !is_given(path) {
        take(path, main(run, session).await, &mut files, &mut unread);
    }
    for called in run.referenced_workflows.iter().flatten().take(MOST_CALLED) {
        let path = called.path.split('@').next().unwrap_or_default();
        let mut parts = path.splitn(3, '/');
        let (Some(owner), Some(name), Some(within)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let repository = format!("{owner}/{name}");
        let is_own = repository.eq_ignore_ascii_case(session.repository());
        if is_own && is_given(within) {
            continue;
        }
        let file = text(session.file(Some(&repository), within, Some(&called.sha)).await);
        take(if is_own { within } else { path }, file, &mut files, &mut unread);
    }
    (files, unread)
}

/// The workflow of the run itself, or why it cannot be read.
pub async fn main(run: &Run, session: &Session<'_>) -> Result<String, String> {
    let path = run.file().ok_or("GitHub does not name it")?;
    // It is always the one of the default branch, whatever commit it is about.
    let commit = run
        .head_sha
        .as_deref()
        .filter(|_| run.event.as_deref() != Some("pull_request_target"));
    text(session.file(None, path, commit).await)
}

fn text(read: Result<Option<Vec<u8>>, ApiError>) -> Result<String, String> {
    match read {
        Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()),
        Ok(None) => Err("it does not exist at the commit of the run, or the token lacks `contents: read`".to_owned()),
        Err(error) => Err(format!("{error}; {}", error.help())),
    }
}

fn take(path: &str, read: Result<String, String>, files: &mut Vec<WorkflowFile>, unread: &mut Option<String>) {
    match read.and_then(|text| WorkflowFile::parse(path, None, text)) {
        Ok(file) => files.push(file),
        Err(why) => {
            unread.get_or_insert_with(|| format!("{} cannot be read: {why}", one_line(path)));
        }
    }
}
