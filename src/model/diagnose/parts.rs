//! The steps of a log as they came, in memory that is bounded however many there are.

use std::ops::Range;

use super::line::Kind;
use super::log::Step;
use super::raw::{Raw, Spare};

/// What is kept of a step that did not fail.
const GOOD_STEP: usize = 64 << 10;
/// And of all of them.
const GOOD_STEPS: usize = 1 << 20;
/// Once steps that failed have more, only the end of the first of them is kept.
pub const FAILED_STEPS: usize = 8 << 20;
/// How much that is.
pub const FAILED_STEP: usize = 2 << 10;
/// Of the headers of all steps: the last are kept.
pub const HEADERS: usize = 8 << 20;
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
    fn read(self, is_of_gh: bool) -> Step {
        let mut step = self.step;
        step.body = self.raw.read(is_of_gh);
        step.error_at = step.body.lines().iter().rposition(|line| line.kind == Kind::Error);
        step
    }
}

#[derive(Default)]
pub struct Parts {
    all: Vec<Part>,
    /// The number of the job whose steps begin.
    pub job: usize,
    /// Bytes of the steps that did not fail, and of the others.
    good: usize,
    failed: usize,
    /// Steps before this one that failed are kept by their end.
    shortened: usize,
    /// Bytes of all headers, and the steps before this one whose headers were forgotten.
    headers: usize,
    forgotten: usize,
    spare: Spare,
}

impl Parts {
    pub fn read(mut self, is_of_gh: bool) -> Vec<Step> {
        self.spare = Spare::default();
        // If nothing else failed, a cleanup did.
        if !self.all.iter().any(|part| part.has_error && !part.step.is_cleanup)
            && let Some(part) = self.all.iter_mut().rev().find(|part| part.has_error)
        {
            part.step.is_cleanup = false;
            for called in [&mut part.step.title, &mut part.step.name] {
                "Post job cleanup".clone_into(called);
            }
        }
        self.all.into_iter().map(|part| part.read(is_of_gh)).collect()
    }

    /// What looked like a cleanup was printed by the step before.
    pub fn resume(&mut self) {
        while self.all.len() > 1 && self.current().step.is_cleanup {
            let Some(printed) = self.all.pop() else { return };
            let mut spare = std::mem::take(&mut self.spare);
            let part = self.current();
            let (size, had_error) = (part.raw.size(), part.has_error);
            part.raw.append(printed.raw, &mut spare);
            part.has_error |= printed.has_error;
            self.spare = spare;
            // The part is open again.
            *self.size_of(had_error) -= size;
            self.shortened = self.shortened.min(self.all.len() - 1);
        }
    }

    /// What the steps of a job run matters only of the last ones.
    fn forget_headers(&mut self) {
        while self.headers > HEADERS && self.forgotten < self.all.len() {
            let header = std::mem::take(&mut self.all[self.forgotten].step.header);
            self.headers -= header.size();
            self.forgotten += 1;
        }
    }

    fn size_of(&mut self, failed: bool) -> &mut usize {
        if failed { &mut self.failed } else { &mut self.good }
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
            self.add(numbers, lines.to_vec());
        }
    }

    /// Adds a whole block of lines, and answers with an empty one.
    pub fn swap(&mut self, numbers: Range<usize>, block: Vec<u8>) -> Vec<u8> {
        self.add(numbers, block);
        self.spare.take()
    }

    fn add(&mut self, numbers: Range<usize>, lines: Vec<u8>) {
        let mut spare = std::mem::take(&mut self.spare);
        self.current().raw.push(numbers, lines, &mut spare);
        self.spare = spare;
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
                self.headers -= part.step.header.size();
            }
            (self.shortened, self.forgotten) = (0, 0);
        }
        self.headers += step.header.size();
        self.all.push(Part {
            step: Step { job: self.job, ..step },
            ..Part::default()
        });
        self.forget_headers();
    }

    /// A step that did not fail, or one of many that did, is remembered by its end.
    fn close(&mut self) {
        let Some((part, before)) = self.all.split_last_mut() else {
            return;
        };
        if !part.has_error {
            part.raw
                .keep_tail(GOOD_STEP.min(GOOD_STEPS - self.good), &mut self.spare);
            self.good += part.raw.size();
            return;
        }
        part.raw.settle(&mut self.spare);
        self.failed += part.raw.size();
        // What failed the job is among the last.
        for part in before.iter_mut().skip(self.shortened) {
            if self.failed <= FAILED_STEPS {
                break;
            }
            self.shortened += 1;
            if part.has_error {
                self.failed -= part.raw.size();
                part.raw.keep_tail(FAILED_STEP, &mut self.spare);
                self.failed += part.raw.size();
            }
        }
    }
}
