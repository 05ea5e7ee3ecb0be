//! What came before a failure: since when the workflow has failed, whether the same commit was green, and a green log to
//! compare with.

use std::collections::HashMap;
use std::sync::Arc;

use super::jobs::newest;
use super::{Named, RunRef};
use crate::model::text::{count, one_line};
use crate::world::github::{ApiError, Job, Run, Session};
use crate::world::job_log::Source;

/// So many green runs are searched for a log of the job: it may have been skipped in some.
const MOST_GREEN_RUNS: usize = 3;
const SHORT_SHA: usize = 7;

/// The runs of a workflow on a branch that have ended, asked for once.
#[derive(Default)]
pub struct History(HashMap<(u64, String), Ended>);

type Ended = Result<Arc<Vec<Run>>, String>;

impl History {
    pub async fn ended(&mut self, run: &Run, session: &Session<'_>) -> Ended {
        let Some(branch) = run.head_branch.clone() else {
            return Ok(Arc::default());
        };
        let key = (run.workflow_id, branch);
        if let Some(known) = self.0.get(&key) {
            return known.clone();
        }
        let listed = session.ended_runs(key.0, &key.1).await;
        let ended = listed
            .map(|listed| Arc::new(listed.items))
            .map_err(|error| error.to_string());
        self.0.entry(key).or_insert(ended).clone()
    }
}

fn passed(conclusion: Option<&str>) -> bool {
    conclusion == Some("success")
}

/// Where a run is among those of its workflow, branch and event.
#[derive(Debug, Default)]
pub struct Row<'a> {
    /// How many failed in a row up to it, and the first of them, if it is another one.
    failed: usize,
    first: Option<&'a Run>,
    /// The runs before it that passed, the newest first.
    pub green: Vec<&'a Run>,
    later_green: Option<&'a Run>,
    same_commit: Option<&'a Run>,
}

impl<'a> Row<'a> {
    pub fn of(run: &'a Run, ended: &'a [Run]) -> Self {
        let mut others: Vec<&Run> = ended
            .iter()
            .filter(|other| other.id != run.id && is_alike(run, other))
            .collect();
        others.sort_by_key(|other| std::cmp::Reverse(other.run_number));
        let (before, after): (Vec<&Run>, Vec<&Run>) =
            others.iter().partition(|other| other.run_number < run.run_number);
        let is_green = |other: &&&Run| passed(other.conclusion.as_deref());
        let row = before.iter().take_while(|other| !is_green(other));
        // What was cancelled or skipped says nothing.
        let failed = row.filter(|other| {
            matches!(
                other.conclusion.as_deref(),
                Some("failure" | "timed_out" | "startup_failure")
            )
        });
        let failed: Vec<&Run> = failed.copied().collect();
        Self {
            failed: failed.len() + 1,
            first: failed.last().copied(),
            green: before.iter().filter(is_green).copied().collect(),
            later_green: after.iter().find(is_green).copied(),
            same_commit: others
                .iter()
                .filter(is_green)
                // By hand, it may have been started with other inputs.
                .filter(|other| other.event.as_deref() != Some("workflow_dispatch"))
                .find(|other| other.head_sha.is_some() && other.head_sha == run.head_sha)
                .copied(),
        }
    }

    /// Codes and sentences.
    pub fn notes(&self) -> Vec<(&'static str, String)> {
        let mut notes = Vec::new();
        let green = self.green.first().map(|green| told(green));
        match (self.first, green) {
            (None, Some(green)) => notes.push(("since", format!("the last run that passed is {green}"))),
            (Some(first), green) => {
                let passed = green.map_or("no run that passed is known".to_owned(), |green| {
                    format!("the last run that passed is {green}")
                });
                let (runs, first) = (count(self.failed, "run"), told(first));
                let text = format!("the workflow failed in {runs} in a row; the first is {first}; {passed}");
                notes.push(("since", text));
            }
            (None, None) => {}
        }
        notes.extend(
            self.later_green
                .map(|later| ("passed-later", format!("a later run passed: {}", told(later)))),
        );
        notes
    }

    /// Where the job passed at the same commit: in another attempt of the run, or in another run for the same event.
    pub async fn flaky(&self, job: &Job, all: &[Job], session: &Session<'_>) -> Option<String> {
        // Jobs of a matrix may share a name.
        let is_sure = |other: &&Job| {
            let mut same = all
                .iter()
                .filter(|same| same.name == job.name && same.run_attempt == other.run_attempt);
            other.run_attempt != job.run_attempt && same.all(|same| passed(same.conclusion.as_deref()))
        };
        if let Some(other) = green_attempts(job, all).find(is_sure) {
            let (attempt, url) = (other.run_attempt.unwrap_or(1), other.html_url.as_deref());
            return Some(format!("attempt {attempt} ({})", one_line(url.unwrap_or_default())));
        }
        let run = self.same_commit?;
        let jobs = newest(&session.jobs(run.id).await.ok()?.items, &RunRef::of(run.id));
        let mut same = jobs.iter().filter(|other| other.name == job.name).peekable();
        let has_passed = same.peek().is_some() && same.all(|same| passed(same.conclusion.as_deref()));
        has_passed.then(|| told(run))
    }
}

/// Started for the same event by a commit of the same repository: a fork's branch may be called like one of this.
fn is_alike(run: &Run, other: &Run) -> bool {
    let head = |run: &Run| run.head_repository.as_ref().map(|head| head.full_name.clone());
    run.event == other.event && head(run) == head(other)
}

/// The same job in other attempts in which it passed.
fn green_attempts<'a>(job: &'a Job, all: &'a [Job]) -> impl Iterator<Item = &'a Job> {
    all.iter()
        .filter(|other| other.id != job.id && other.name == job.name && passed(other.conclusion.as_deref()))
}

/// The page of a run, its commit and its day.
fn told(run: &Run) -> String {
    let sha: String = run
        .head_sha
        .iter()
        .flat_map(|sha| sha.chars().take(SHORT_SHA))
        .collect();
    let day: String = run.created_at.to_string().chars().take("2026-01-01".len()).collect();
    format!("{} (commit {}, {day})", one_line(&run.html_url), one_line(&sha))
}

/// The log of the job when it was green: at the same commit, or else in the nearest run that passed. `Err` if there should
/// be one and it cannot be had.
pub async fn green_log(
    job: &Job,
    all: &[Job],
    row: &Row<'_>,
    session: &Session<'_>,
) -> Result<Option<Named>, ApiError> {
    let mut gone = None;
    let mut candidates: Vec<Job> = green_attempts(job, all).cloned().collect();
    let runs = row.green.iter().chain(&row.later_green).take(MOST_GREEN_RUNS);
    for run in std::iter::once(None).chain(runs.map(Some)) {
        if let Some(run) = run {
            let jobs = match session.jobs(run.id).await {
                Ok(listed) => listed.items,
                Err(error) => {
                    gone = Some(error);
                    continue;
                }
            };
            candidates = green_attempts(job, &jobs).cloned().collect();
        }
        if let Some(green) = candidates.first() {
            match session.job_log(green.id).await {
                Ok(bytes) => {
                    let name = one_line(green.html_url.as_deref().unwrap_or(&green.name));
                    return Ok(Some(Named::new(Source::Memory(Arc::new(bytes)), name)));
                }
                Err(error) => gone = Some(error),
            }
        }
    }
    gone.map_or(Ok(None), Err)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(number: u64, sha: &str, conclusion: &str) -> Run {
        let run = serde_json::json!({
            "id": number, "run_number": number, "workflow_id": 1, "status": "completed", "event": "push",
            "conclusion": conclusion, "head_sha": sha, "html_url": format!("r{number}"),
            "created_at": "2026-11-20T10:00:00Z", "updated_at": "2026-11-20T10:00:00Z",
        });
        serde_json::from_value(run).unwrap()
    }

    #[test]
    fn a_row_goes_back_to_the_last_run_that_passed() {
        let ended = [
            run(9, "i", "success"),
            run(8, "h", "failure"),
            run(7, "g", "cancelled"),
            run(6, "f", "timed_out"),
            run(5, "e", "success"),
            run(4, "d", "failure"),
        ];
        let notes = |run: &Run| {
            let notes = Row::of(run, &ended).notes();
            notes.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join("; ")
        };
        let eighth = notes(&ended[1]);
        assert!(
            eighth.contains("failed in 2 runs in a row; the first is r6 (commit f, 2026-11-20)"),
            "{eighth}"
        );
        assert!(
            eighth.contains("last run that passed is r5") && eighth.contains("a later run passed: r9"),
            "{eighth}"
        );
        assert!(
            notes(&ended[3]).starts_with("the last run that passed is r5"),
            "{}",
            notes(&ended[3])
        );
        let oldest = notes(&ended[5]);
        assert!(oldest.starts_with("a later run passed"), "{oldest}");
        let mut of_fork = ended.clone();
        let fork = |run: &mut Run| {
            run.head_repository = serde_json::from_value(serde_json::json!({"full_name": "x/y"})).unwrap();
        };
        of_fork[2..].iter_mut().for_each(fork);
        let alone = Row::of(&ended[1], &of_fork).notes();
        assert!(alone.iter().all(|(code, _)| *code == "passed-later"), "{alone:?}");
    }

    #[test]
    fn only_a_run_for_the_same_event_and_not_by_hand_is_the_same_again() {
        let (mut red, mut other) = (run(2, "x", "failure"), run(3, "x", "success"));
        let same = |red: &Run, other: &Run| Row::of(red, std::slice::from_ref(other)).same_commit.is_some();
        assert!(same(&red, &other));
        other.event = Some("workflow_dispatch".to_owned());
        assert!(!same(&red, &other));
        red.event.clone_from(&other.event);
        assert!(!same(&red, &other));
    }
}
