//! A job's log, split into the steps that it ran.
//!
//! A step begins at `##[group]Run …` and its header ends at `##[endgroup]` (actions/runner, `ActionRunner` and
//! `ScriptHandler`). Output can hold the same words, so a header counts only if all of its lines are those of a header.

use memchr::memchr;

use super::excerpt::Excerpt;
use super::header::{self, Header};
use super::line::{self, Kind, LONGEST};

/// What is kept of a step that did not fail.
const GOOD_STEP: usize = 256 << 10;
/// And of all of them.
const GOOD_STEPS: usize = 8 << 20;
/// Once steps that failed have so much, the end of each further one is kept.
const FAILED_STEPS: usize = 16 << 20;
const FAILED_STEP: usize = 16 << 10;
/// A line that is longer is read in pieces of which only the first counts.
const CARRIED: usize = LONGEST + 1024;

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
    fn has_error(&self) -> bool {
        self.body.lines().iter().any(|line| line.kind == Kind::Error)
    }

    /// Once no line is left out any more.
    fn settle(&mut self) {
        let lines = self.body.lines();
        self.error_at = lines.iter().rposition(|line| line.kind == Kind::Error);
    }

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

/// Reads a log block by block.
#[derive(Default)]
pub struct Reader {
    log: Log,
    /// The beginning of a line whose end has not come.
    carry: Vec<u8>,
    cut: bool,
    /// Lines of a header so far, while one is open.
    open: Option<header::Draft>,
    /// The step that `gh` names, if it names one.
    named: Vec<u8>,
    good: usize,
    failed: usize,
}

impl Reader {
    pub fn feed(&mut self, block: &[u8]) {
        let mut rest = block;
        while let Some(at) = memchr(b'\n', rest) {
            let line = &rest[..at];
            rest = &rest[at + 1..];
            if self.cut || !self.carry.is_empty() {
                self.carry_on(line);
                let whole = std::mem::take(&mut self.carry);
                self.line(&whole);
                self.carry = whole;
                self.carry.clear();
                self.cut = false;
            } else {
                self.line(&line[..line.len().min(CARRIED)]);
            }
        }
        self.carry_on(rest);
    }

    fn carry_on(&mut self, piece: &[u8]) {
        let room = CARRIED.saturating_sub(self.carry.len()).min(piece.len());
        self.carry.extend_from_slice(&piece[..room]);
        self.cut |= room < piece.len();
    }

    pub fn end(mut self) -> Log {
        if !self.carry.is_empty() {
            let last = std::mem::take(&mut self.carry);
            self.line(&last);
        }
        if let Some(draft) = self.open.take() {
            self.give_back(draft);
        }
        if let Some(last) = self.log.steps.last_mut() {
            last.settle();
        }
        self.log
    }

    fn line(&mut self, raw: &[u8]) {
        self.log.lines += 1;
        let number = self.log.lines;
        let raw = match line::split_prefix(raw) {
            Some((step, rest)) => {
                if step != self.named && step != b"UNKNOWN STEP" {
                    self.named = step.to_vec();
                    self.close();
                    self.begin(String::from_utf8_lossy(step).into_owned(), Header::default());
                }
                rest
            }
            None => raw,
        };
        if let Some(mut draft) = self.open.take() {
            match draft.add(number, raw) {
                header::Added::More => self.open = Some(draft),
                header::Added::Whole => {
                    let (title, header) = draft.whole();
                    self.close();
                    self.begin(title, header);
                }
                header::Added::NoHeader => self.give_back(draft),
            }
            return;
        }
        let draft = &mut self.open;
        let step = current(&mut self.log.steps);
        let mut starts = false;
        let mut is_cleanup = false;
        let mut is_marked = false;
        step.body.push(number, |out| {
            let start = out.len();
            let read = line::read(raw, out);
            let text = &out[start..];
            starts = read.kind == Kind::Group && text.starts_with(b"Run ");
            is_marked =
                read.stamped || read.kind != Kind::Text || text.starts_with(b"Process completed with exit code ");
            is_cleanup = text == b"Post job cleanup." || text == b"Cleaning up orphan processes";
            if starts {
                *draft = Some(header::Draft::new(number, raw, &text[4..]));
            }
            (read.kind, read.stamped)
        });
        self.log.has_marks |= is_marked;
        let index = step.body.lines().len() - 1;
        if starts {
            step.body.pop();
        } else if step.body.lines()[index].kind == Kind::Error {
            step.exit = exit_code(step.body.at(index)).or(step.exit);
        }
        if is_cleanup {
            step.body.pop();
            self.close();
            self.log.steps.push(Step {
                is_cleanup: true,
                ..Step::default()
            });
        }
    }

    /// What looked like a header was output.
    fn give_back(&mut self, draft: header::Draft) {
        for (number, raw) in draft.into_lines() {
            let step = current(&mut self.log.steps);
            step.body.push(number, |out| {
                let read = line::read(&raw, out);
                (read.kind, read.stamped)
            });
            let index = step.body.lines().len() - 1;
            if step.body.lines()[index].kind == Kind::Error {
                step.exit = exit_code(step.body.at(index)).or(step.exit);
            }
        }
    }

    fn begin(&mut self, title: String, header: Header) {
        self.log.steps.push(Step {
            title,
            header,
            ..Step::default()
        });
    }

    /// A step that did not fail, or one of many that did, is remembered by its end.
    fn close(&mut self) {
        let Some(step) = self.log.steps.last_mut() else { return };
        if step.has_error() {
            let room = FAILED_STEPS.saturating_sub(self.failed);
            step.body.keep_tail(room.max(FAILED_STEP));
            step.settle();
            self.failed += step.body.bytes().len();
        } else {
            step.body.keep_tail(GOOD_STEP);
            self.good += step.body.bytes().len();
            if self.good > GOOD_STEPS {
                self.good -= step.body.bytes().len();
                step.body.keep_tail(0);
            }
        }
    }
}

fn current(steps: &mut Vec<Step>) -> &mut Step {
    if steps.is_empty() {
        steps.push(Step::default());
    }
    let last = steps.len() - 1;
    &mut steps[last]
}

/// N of `Process completed with exit code N.`
fn exit_code(text: &[u8]) -> Option<i32> {
    let rest = text.strip_prefix(b"Process completed with exit code ")?;
    let number = rest.strip_suffix(b".").unwrap_or(rest);
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
