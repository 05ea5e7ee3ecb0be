//! What came before a failure: since when the job has failed, whether the same commit was green, and a green log to
//! compare with.

use std::collections::HashMap;
use std::sync::Arc;

use super::jobs::{FAILED, newest};
use super::{Named, RunRef};
use crate::model::text::{count, one_line};
use crate::world::github::{ApiError, Job, Listed, Run, Session};
use crate::world::job_log::Source;

/// So many green runs are searched for a log of the job: it may have been skipped in some.
const MOST_GREEN_RUNS: usize = 3;
/// So many runs before it are searched for the one in which the job passed last.
const MOST_EARLIER: usize = 10;
/// The jobs of a run are one question, or more; so many runs are asked for in all.
const MOST_LISTED: usize = 60;
const SHORT_SHA: usize = 7;

/// The runs of a workflow on a branch that have ended, and the jobs of runs, asked for once.
#[derive(Default)]
pub struct History {
    runs: HashMap<(u64, String), Ended>,
    jobs: HashMap<u64, Result<Arc<Vec<Job>>, ApiError>>,
}

type Ended = Result<Arc<Listed<Run>>, String>;

impl History {
    pub async fn ended(&mut self, run: &Run, session: &Session<'_>) -> Ended {
        let Some(branch) = run.head_branch.clone() else {
            return Ok(Arc::new(Listed {
                items: Vec::new(),
                whole: true,
            }));
        };
        let key = (run.workflow_id, branch);
        if let Some(known) = self.runs.get(&key) {
            return known.clone();
        }
        let listed = session.ended_runs(key.0, &key.1).await;
        let ended = listed.map(Arc::new).map_err(|error| error.to_string());
        self.runs.entry(key).or_insert(ended).clone()
    }

    /// `None` if enough was asked already.
    async fn jobs(&mut self, run: &Run, session: &Session<'_>) -> Option<Result<Arc<Vec<Job>>, ApiError>> {
        if let Some(known) = self.jobs.get(&run.id) {
            return Some(known.clone());
        }
        if self.jobs.len() >= MOST_LISTED {
            return None;
        }
        let listed = session.jobs(run.id).await.map(|listed| Arc::new(listed.items));
        Some(self.jobs.entry(run.id).or_insert(listed).clone())
    }

    /// How the job ended in a run.
    async fn of_job(&mut self, job: &Job, run: &Run, session: &Session<'_>) -> Option<State> {
        let jobs = self.jobs(run, session).await?.ok()?;
        Some(State::of(job, &jobs))
    }
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passed,
    Failed,
    /// It was skipped or cancelled, or the run has no such job.
    Nothing,
}

impl State {
    /// In the newest attempt. Jobs of a matrix may share a name.
    fn of(job: &Job, jobs: &[Job]) -> Self {
        let newest = newest(jobs, &RunRef::of(0));
        let same = newest.iter().filter(|other| other.name == job.name);
        let ends: Vec<&str> = same
            .map(|same| same.conclusion.as_deref().unwrap_or_default())
            .collect();
        if ends.iter().any(|end| FAILED.contains(end)) {
            return Self::Failed;
        }
        match !ends.is_empty() && ends.iter().all(|end| passed(Some(end))) {
            true => Self::Passed,
            false => Self::Nothing,
        }
    }
}

fn passed(conclusion: Option<&str>) -> bool {
    conclusion == Some("success")
}

/// The other runs of the workflow, on the branch and for the event of one, the newest first.
#[derive(Debug)]
pub struct Row<'a> {
    before: Vec<&'a Run>,
    /// There is no run before these.
    is_whole: bool,
    after: Vec<&'a Run>,
    same_commit: Option<&'a Run>,
}

impl<'a> Row<'a> {
    pub fn of(run: &'a Run, ended: &'a Listed<Run>) -> Self {
        let all = ended.items.iter();
        let mut others: Vec<&Run> = all.filter(|other| other.id != run.id && is_alike(run, other)).collect();
        others.sort_by_key(|other| std::cmp::Reverse(other.run_number));
        let same_commit = others
            .iter()
            .filter(|other| passed(other.conclusion.as_deref()))
            // By hand, it may have been started with other inputs.
            .filter(|other| other.event.as_deref() != Some("workflow_dispatch"))
            .find(|other| other.head_sha.is_some() && other.head_sha == run.head_sha)
            .copied();
        let (before, after) = others.iter().partition(|other| other.run_number < run.run_number);
        Self {
            before,
            is_whole: ended.whole,
            after,
            same_commit,
        }
    }

    /// Since when the job has failed, as codes and sentences, and the run in which it passed last.
    pub async fn of_job(
        &self,
        job: &Job,
        history: &mut History,
        session: &Session<'_>,
    ) -> (Vec<(&'static str, String)>, Option<&'a Run>) {
        let (mut looked, mut is_whole) = (Vec::new(), self.is_whole && self.before.len() <= MOST_EARLIER);
        for run in self.before.iter().take(MOST_EARLIER) {
            let Some(state) = history.of_job(job, run, session).await else {
                is_whole = false;
                break;
            };
            looked.push((*run, state));
            if state == State::Passed {
                break;
            }
        }
        let mut notes: Vec<_> = since(&looked, is_whole)
            .map(|text| ("since", text))
            .into_iter()
            .collect();
        let later = self.after.iter().find(|run| passed(run.conclusion.as_deref()));
        if let Some(later) = later
            && history.of_job(job, later, session).await == Some(State::Passed)
        {
            notes.push((
                "passed-later",
                format!("the job passed in a later run: {}", told(later)),
            ));
        }
        let green = looked.last().filter(|(_, state)| *state == State::Passed);
        (notes, green.map(|(run, _)| *run))
    }

    /// Where the job passed at the same commit: in another attempt of the run, or in another run for the same event.
    pub async fn flaky(&self, job: &Job, all: &[Job], history: &mut History, session: &Session<'_>) -> Option<String> {
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
        let has_passed = history.of_job(job, run, session).await? == State::Passed;
        has_passed.then(|| told(run))
    }
}

/// Of the runs before, the newest first, as far as they were looked at.
fn since(looked: &[(&Run, State)], is_whole: bool) -> Option<String> {
    let failed = looked.iter().filter(|(_, state)| *state == State::Failed);
    let first = failed.clone().next_back().map(|(run, _)| told(run));
    let green = looked.iter().find(|(_, state)| *state == State::Passed);
    let green = green.map(|(run, _)| told(run));
    let runs = count(failed.count() + 1, "run");
    match (first, green) {
        (None, None) => None,
        (None, Some(green)) => Some(format!("the job passed last in {green}")),
        (Some(first), Some(green)) => Some(format!(
            "the job failed in {runs} in a row; the first is {first}; it passed last in {green}"
        )),
        (Some(first), None) if is_whole => Some(format!(
            "the job failed in {runs} in a row; the first is {first}; no run in which it passed is known"
        )),
        (Some(first), None) => Some(format!(
            "the job failed in at least {runs} in a row; only {} before this one were looked at, back to {first}",
            count(looked.len(), "run")
        )),
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

/// The log of the job when it was green: at the same commit, in the run in which it passed last, or else in the nearest
/// run that passed. `Err` if there should be one and it cannot be had.
pub async fn green_log(
    job: &Job,
    all: &[Job],
    (row, last): (&Row<'_>, Option<&Run>),
    (history, session): (&mut History, &Session<'_>),
) -> Result<Option<Named>, ApiError> {
    let mut gone = None;
    let mut candidates: Vec<Job> = green_attempts(job, all).cloned().collect();
    let is_green = |run: &&&Run| passed(run.conclusion.as_deref()) && last.is_none_or(|last| last.id != run.id);
    let others = row
        .before
        .iter()
        .filter(is_green)
        .chain(row.after.iter().find(is_green));
    let runs = last.into_iter().chain(others.copied()).take(MOST_GREEN_RUNS);
    for run in std::iter::once(None).chain(runs.map(Some)) {
        if let Some(run) = run {
            let jobs = match history.jobs(run, session).await {
                Some(Ok(jobs)) => jobs,
                Some(Err(error)) => {
                    gone = Some(error);
                    continue;
                }
                None => break,
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
    fn it_is_told_since_when_the_job_fails_and_how_far_was_looked() {
        use State::{Failed, Nothing, Passed};
        let runs: Vec<Run> = (0..4).map(|number| run(9 - number, "f", "failure")).collect();
        let said = |states: &[State], is_whole| {
            let looked: Vec<(&Run, State)> = runs.iter().zip(states.iter().copied()).collect();
            since(&looked, is_whole).unwrap_or_default()
        };
        for (states, is_whole, expected) in [
            (&[][..], true, ""),
            (&[Nothing, Nothing], false, ""),
            (
                &[Nothing, Passed],
                true,
                "the job passed last in r8 (commit f, 2026-11-20)",
            ),
            (
                &[Failed, Nothing, Passed],
                true,
                "the job failed in 2 runs in a row; the first is r9 (commit f, 2026-11-20); it passed last in r7 (commit f, 2026-11-20)",
            ),
            (
                &[Failed, Failed],
                true,
                "the job failed in 3 runs in a row; the first is r8 (commit f, 2026-11-20); no run in which it passed is known",
            ),
            (
                &[Failed, Nothing, Failed],
                false,
                "the job failed in at least 3 runs in a row; only 3 runs before this one were looked at, back to r7 (commit f, 2026-11-20)",
            ),
        ] {
            assert_eq!(said(states, is_whole), expected, "{states:?}");
        }
    }

    #[test]
    fn a_row_has_no_runs_of_a_fork_and_the_newest_first() {
        let listed = |items: &[Run], whole| Listed {
            items: items.to_vec(),
            whole,
        };
        let mut ended = [
            run(7, "g", "success"),
            run(9, "i", "success"),
            run(8, "h", "failure"),
            run(6, "f", "failure"),
        ];
        let numbers = |runs: &[&Run]| runs.iter().map(|run| run.run_number).collect::<Vec<_>>();
        let this = ended[2].clone();
        let runs = listed(&ended, false);
        let row = Row::of(&this, &runs);
        assert!(!row.is_whole, "older runs are not known");
        assert_eq!((numbers(&row.before), numbers(&row.after)), (vec![7, 6], vec![9]));
        ended[0].head_repository = serde_json::from_value(serde_json::json!({"full_name": "x/y"})).unwrap();
        assert_eq!(numbers(&Row::of(&this, &listed(&ended, true)).before), [6]);
    }

    #[test]
    fn only_a_run_for_the_same_event_and_not_by_hand_is_the_same_again() {
        let (mut red, mut other) = (run(2, "x", "failure"), run(3, "x", "success"));
        let same = |red: &Run, other: &Run| {
            let ended = Listed {
                items: vec![other.clone()],
                whole: true,
            };
            Row::of(red, &ended).same_commit.is_some()
        };
        assert!(same(&red, &other));
        other.event = Some("workflow_dispatch".to_owned());
        assert!(!same(&red, &other));
        red.event.clone_from(&other.event);
        assert!(!same(&red, &other));
    }
}
