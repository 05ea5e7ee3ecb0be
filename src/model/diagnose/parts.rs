//! The steps of a log as they came, in memory that is bounded however many there are.

use std::ops::Range;

use super::line::Kind;
use super::log::Step;
use super::raw::Raw;

/// What is kept of a step that did not fail.
const GOOD_STEP: usize = 128 << 10;
/// And of all of them.
const GOOD_STEPS: usize = 2 << 20;
/// Once steps that failed have more, only the end of the first of them is kept.
pub const FAILED_STEPS: usize = 8 << 20;
/// How much that is.
pub const FAILED_STEP: usize = 2 << 10;
/// Of more steps, only the last are kept, and the first, which tells what the job may do.
pub const MOST_STEPS: usize = 4 << 10;

/// A step whose lines were not read yet.
#[derive(Default)]
pub struct Part {
    pub step: Step,
    pub raw: Raw,
    pub has_error: bool,
}

impl Part {
    fn read(self) -> Step {
        let mut step = self.step;
        step.body = self.raw.read();
        step.error_at = step.body.lines().iter().rposition(|line| line.kind == Kind::Error);
        step
    }
}

#[derive(Default)]
pub struct Parts {
    all: Vec<Part>,
    /// Bytes of the steps that did not fail, and of the others.
    good: usize,
    failed: usize,
    /// Steps before this one that failed are kept by their end.
    shortened: usize,
}

impl Parts {
    pub fn read(self) -> Vec<Step> {
        self.all.into_iter().map(Part::read).collect()
    }

    /// The last one.
    pub fn current(&mut self) -> &mut Part {
        if self.all.is_empty() {
            self.all.push(Part::default());
        }
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    /// Adds lines with these numbers to the last step.
    pub fn give(&mut self, numbers: Range<usize>, lines: &[u8]) {
        if !lines.is_empty() {
            self.current().raw.push(numbers, lines.to_vec());
        }
    }

    pub fn begin(&mut self, step: Step) {
        self.close();
        if self.all.len() == MOST_STEPS {
            for part in self.all.drain(1..MOST_STEPS / 2) {
                let size = if part.has_error {
                    &mut self.failed
                } else {
                    &mut self.good
                };
                *size -= part.raw.size();
            }
            self.shortened = 0;
        }
        self.all.push(Part {
            step,
            ..Part::default()
        });
    }

    /// A step that did not fail, or one of many that did, is remembered by its end.
    fn close(&mut self) {
        let Some((part, before)) = self.all.split_last_mut() else {
            return;
        };
        if !part.has_error {
            part.raw.keep_tail(GOOD_STEP.min(GOOD_STEPS - self.good));
            self.good += part.raw.size();
            return;
        }
        self.failed += part.raw.size();
        // What failed the job is among the last.
        for part in before.iter_mut().skip(self.shortened) {
            if self.failed <= FAILED_STEPS {
                break;
            }
            self.shortened += 1;
            if part.has_error {
                self.failed -= part.raw.size();
                part.raw.keep_tail(FAILED_STEP);
                self.failed += part.raw.size();
            }
        }
    }
}
