//! A job's log: the steps that it ran.

use std::ops::Range;

use super::excerpt::Excerpt;
use super::header::Header;

#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The first line of its script, or its action. Empty before the first step and after the last.
    pub title: String,
    pub header: Header,
    pub body: Excerpt,
    /// Of its last `Process completed with exit code N.`
    pub exit: Option<i32>,
    /// Where in the body its last `##[error]` is.
    pub error_at: Option<usize>,
    /// What runs after all steps: an action's own cleanup.
    pub is_cleanup: bool,
}

impl Step {
    /// Nothing but continuations of its last `##[error]` follow it.
    pub fn ends_with_error(&self) -> bool {
        let Some(at) = self.error_at else { return false };
        let lines = self.body.lines();
        let mut rest = (at + 1..lines.len()).filter(|index| !self.body.at(*index).is_empty());
        rest.all(|index| !lines[index].stamped)
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
    /// The step whose header has the values of this one: those of a composite action are given to its first.
    pub fn with_values(&self, step: usize) -> &Step {
        let content = &self.steps[step];
        let is_inner = content.header.values.is_empty() && content.title.contains("GITHUB_ACTION_PATH");
        let before = self.steps[..step].iter();
        let mut outer = before.rev().filter(|step| is_inner && step.title.contains('@'));
        outer.next().unwrap_or(content)
    }
}
