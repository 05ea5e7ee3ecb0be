//! What GitHub says about a log: its run, its job, the step that failed, and what came before.

use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::sync::OnceCell;

use super::Named;
use super::misspelt::Existing;
use super::workflow_file::WorkflowFile;
use crate::model::diagnose::{Log, Step};
use crate::model::text::one_line;
use crate::world::github::{Job, JobStep, Run};

/// What all jobs of a run share.
#[derive(Debug)]
pub struct OfRun {
    pub run: Run,
    /// Its workflow and those that it calls, at its commit.
    pub files: Vec<WorkflowFile>,
    /// Why one of them is not there.
    pub unread: Option<String>,
    /// The repository of this workspace is that of the run.
    pub is_here: bool,
    /// The secrets that exist, if one seems to be missing.
    pub secrets: OnceCell<Existing>,
}

#[derive(Debug)]
pub struct Origin {
    pub of: Arc<OfRun>,
    pub job: Job,
    pub step: Option<Failed>,
    /// The log of the same job when it was green.
    pub green: Option<Named>,
    /// The same commit was green as well; where.
    pub flaky: Option<String>,
    /// Code and sentence.
    pub notes: Vec<(&'static str, String)>,
}

/// The first step that failed, by GitHub's word.
#[derive(Debug)]
pub struct Failed {
    pub name: String,
    pub number: u64,
    /// The line of the job's log that it begins with; 1 is the first.
    begins: Option<usize>,
    /// The same of the step after it.
    ends: Option<usize>,
}

impl Failed {
    pub fn of(job: &Job, log: &[u8]) -> Option<Self> {
        let mut steps = job.steps.iter().flatten();
        let step = steps.find(|step| matches!(step.conclusion.as_deref(), Some("failure" | "timed_out")))?;
        let next = steps.find(|step| step.conclusion.as_deref() != Some("skipped"));
        let begins = begins(step, log, 0);
        Some(Self {
            name: step.name.clone(),
            number: step.number,
            begins,
            ends: next.and_then(|next| self::begins(next, log, begins?)),
        })
    }

    /// An error in another step did not fail the job: GitHub knows what was tolerated, and the log does not say.
    pub fn clear_other_errors(&self, log: &mut Log) {
        let Some(begins) = self.begins else { return };
        let range = begins..self.ends.unwrap_or(usize::MAX);
        let is_in = |step: &Step| {
            step.body
                .lines()
                .first()
                .is_some_and(|line| range.contains(&line.number))
        };
        if log.steps.iter().any(|step| step.error_at.is_some() && is_in(step)) {
            for step in log.steps.iter_mut().filter(|step| !is_in(step)) {
                (step.error_at, step.exit) = (None, None);
            }
        }
    }
}

impl Origin {
    /// Why there is no diagnosis although GitHub says that the job failed, and the next step.
    pub fn unexplained(&self) -> (String, String) {
        let conclusion = self.job.conclusion.as_deref().unwrap_or_default();
        let why = format!(
            "GitHub says that the job ended with `{}`, but its log has no error",
            one_line(conclusion)
        );
        let page = self.job.html_url.as_deref().unwrap_or(&self.of.run.html_url);
        (why, format!("open its page: {}", one_line(page)))
    }

    /// The page on which GitHub shows a line of the job's log.
    pub fn link(&self, line: usize) -> Option<String> {
        let job = self.job.html_url.as_deref()?;
        let place = self.step.as_ref().and_then(|step| {
            let within = line.checked_sub(step.begins?)? + 1;
            Some(format!("#step:{}:{within}", step.number))
        });
        Some(one_line(&format!("{job}{}", place.unwrap_or_default())))
    }
}

/// Where the step begins in the log of its job, behind a line: the `##[group]Run …` of its name from its first second on, or else the
/// first one. The times of the steps are those of the log without the fractions of the seconds.
fn begins(step: &JobStep, log: &[u8], behind: usize) -> Option<usize> {
    let from = step
        .started_at?
        .to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string();
    let mut starts = log
        .split(|byte| *byte == b'\n')
        .enumerate()
        .filter_map(|(index, line)| {
            let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
            let (second, rest) = line.split_at_checked(from.len())?;
            let title = rest
                .split(|byte| *byte == b' ')
                .next()
                .map(|time| &rest[(time.len() + 1).min(rest.len())..])?;
            let title = title.strip_prefix(b"##[group]")?;
            let is_it = index >= behind && second >= from.as_bytes() && title.starts_with(b"Run ");
            is_it.then_some((index + 1, title))
        });
    let first = starts.next()?;
    let same = |(_, title): &(usize, &[u8])| title.trim_ascii_end() == step.name.as_bytes();
    let found = std::iter::once(first).chain(starts).find(same).unwrap_or(first);
    Some(found.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn a_step_begins_with_its_name_or_with_the_first_in_its_time() {
        let log = b"\xef\xbb\xbf2026-07-30T10:33:36.0000000Z ##[group]Run make\nno time\n\
            2026-07-30T10:33:38.0000000Z ##[group]Run make lint\n2026-07-30T10:33:38.1000000Z ##[group]Run make\r\n";
        let begins = |name: &str, at: &str| {
            let step = serde_json::json!({"name": name, "number": 2, "conclusion": "failure", "started_at": at});
            super::begins(&serde_json::from_value(step).unwrap(), log, 0)
        };
        assert_eq!(begins("Run make", "2026-07-30T10:33:37Z"), Some(4));
        assert_eq!(begins("Build it", "2026-07-30T12:33:37+02:00"), Some(3));
        assert_eq!(begins("Run make", "2026-07-30T10:33:36Z"), Some(1));
        assert_eq!(begins("Run make", "2026-07-30T10:33:39Z"), None);
    }

    proptest! {
        #[test]
        fn a_step_begins_on_a_line_of_the_log(
            lines in proptest::collection::vec("(\u{feff}?2026-07-30T10:33:3[0-9]\\.0Z )?(##\\[group\\])?(Run )?\\PC{0,8}", 0..12),
            behind in 0_usize..14,
        ) {
            let step = serde_json::json!({"name": "Run a", "number": 2, "conclusion": "failure", "started_at": "2026-07-30T10:33:34Z"});
            let log = lines.join("\n");
            let found = super::begins(&serde_json::from_value(step).unwrap(), log.as_bytes(), behind);
            if let Some(line) = found {
                prop_assert!(line > behind && lines[line - 1].contains("##[group]Run "), "{line}: {lines:?}");
            }
        }
    }
}
