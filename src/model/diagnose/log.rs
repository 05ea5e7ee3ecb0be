//! A job's log: the steps that it ran.

use std::ops::Range;

use super::excerpt::Excerpt;
use super::header::Header;

#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The first line of its script, or its action. Empty before the first step and after the last.
    pub title: String,
    /// How GitHub calls it, as far as the log tells: `Run npm test`, or its name.
    pub name: String,
    pub header: Header,
    pub body: Excerpt,
    /// Of its last `Process completed with exit code N.`
    pub exit: Option<i32>,
    /// Where in the body its last `##[error]` is.
    pub error_at: Option<usize>,
    /// The number of its job, if the log is of several.
    pub job: usize,
    /// What runs after all steps: an action's own cleanup.
    pub is_cleanup: bool,
}

impl Step {
    /// Nothing but continuations of its last `##[error]` follow it.
    pub fn ends_with_error(&self) -> bool {
        let Some(at) = self.error_at else { return false };
        let lines = self.body.lines();
        let mut rest = (at + 1..lines.len()).filter(|index| !self.body.at(*index).is_empty());
        rest.all(|index| lines[index].time.is_none())
    }
}

#[derive(Clone, Debug, Default)]
pub struct Log {
    pub steps: Vec<Step>,
    /// Lines that were read.
    pub lines: usize,
    /// A line has a mark of the runner: a time, `##[…]`, or the exit code.
    pub has_marks: bool,
}

/// Lines of a step. Several such pieces can be looked at side by side.
#[derive(Clone, Debug)]
pub struct Piece {
    pub step: usize,
    pub lines: Range<usize>,
}

impl Log {
    /// The headers and the outputs of the steps.
    pub fn excerpts(&self) -> impl Iterator<Item = &Excerpt> {
        self.steps.iter().flat_map(|step| [&step.header.lines, &step.body])
    }

    /// The lines around one of a step, in their order, each with its number: as many before it and after it, but none of
    /// another job.
    pub fn around(&self, step: usize, number: usize, lines: usize) -> Vec<(usize, &[u8])> {
        if lines == 0 {
            return Vec::new();
        }
        let numbers = number.saturating_sub(lines)..=number.saturating_add(lines);
        let same = self.steps.iter().filter(|other| other.job == self.steps[step].job);
        let excerpts = same.flat_map(|step| [&step.header.lines, &step.body]);
        let mut found: Vec<_> = excerpts.flat_map(|excerpt| excerpt.numbered(&numbers)).collect();
        found.sort_by_key(|(number, _)| *number);
        // Where logs are joined, the next one begins so.
        let begins = |(_, text): &(usize, &[u8])| text.starts_with(b"Current runner version: ");
        let at = found.partition_point(|(other, _)| *other <= number);
        let end = found[at..].iter().position(begins).map_or(found.len(), |end| at + end);
        let start = found[..at].iter().rposition(begins).unwrap_or(0);
        found[start..end].to_vec()
    }

    /// The step whose header has the values of this one: those of a composite action are given to its first.
    pub fn with_values(&self, step: usize) -> &Step {
        let content = &self.steps[step];
        let is_inner = content.header.values.is_empty() && content.title.contains("GITHUB_ACTION_PATH");
        let before = self.steps[..step].iter();
        let mut outer = before.rev().filter(|step| is_inner && step.title.contains('@'));
        outer.next().unwrap_or(content)
    }
}
