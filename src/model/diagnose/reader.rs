//! Splits a job's log into the steps that it ran.
//!
//! A step begins at `##[group]Run …` and its header ends at `##[endgroup]` (actions/runner, `ActionRunner` and
//! `ScriptHandler`). Output can hold the same words, so a header counts only if all of its lines are those of a header.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use memchr::{memchr, memrchr};

use super::header;
use super::line::{self, CARRIED, Kind};
use super::log::{Log, Step};
use super::normal::Known;
use super::parts::Parts;
use super::raw::{BLOCK, count};

/// Each line that begins or ends a step has one of these, and so has one that fails it.
static SIGNS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let signs: [&[u8]; 7] = [
        b"##[group]Run ",
        b"##[error]",
        CLEANUP[0],
        CLEANUP[1],
        // A tab ends what `gh` writes before a line, and the time follows.
        b"\t20",
        b"\t\xef\xbb\xbf20",
        "\t∩╗┐20".as_bytes(),
    ];
    let signs = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(signs);
    signs.ok()
});
/// How `gh` calls a step that it could not find.
const UNKNOWN: &[u8] = b"UNKNOWN STEP";
const CLEANUP: [&[u8]; 2] = [b"Post job cleanup.", b"Cleaning up orphan processes"];

/// Reads a log block by block: finds where steps begin and fail, and at the end reads the lines that it kept.
#[derive(Default)]
pub struct Reader {
    parts: Parts,
    lines: usize,
    /// `gh` wrote the log: the job and the step are before each line. A step can print a line that looks so.
    is_of_gh: bool,
    /// Only the lines are wanted, not the steps.
    known: Option<Known>,
    has_marks: bool,
    /// What was not looked at yet.
    block: Vec<u8>,
    /// It is the beginning of a line that is too long.
    cut: bool,
    /// A header whose end has not come, and the number of its first line.
    open: Option<(usize, header::Draft)>,
    /// The job and the step that `gh` names, if it names them.
    job: Vec<u8>,
    named: Vec<u8>,
    scratch: Vec<u8>,
}

impl Reader {
    /// Of a green run, whose lines are all alike.
    pub fn of_green() -> Self {
        Self {
            known: Some(Known::default()),
            ..Self::default()
        }
    }

    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.cut {
                let Some(at) = memchr(b'\n', bytes) else { return };
                bytes = &bytes[at..];
                self.cut = false;
            }
            let room = (BLOCK - self.block.len()).min(bytes.len());
            self.block.extend_from_slice(&bytes[..room]);
            bytes = &bytes[room..];
            // However the bytes arrive, the blocks are the same.
            if self.block.len() == BLOCK {
                let Some(end) = memrchr(b'\n', &self.block) else {
                    self.block.truncate(CARRIED);
                    self.cut = true;
                    continue;
                };
                let next = self.block.split_off(end + 1);
                let block = std::mem::take(&mut self.block);
                self.block = self.look(block);
                self.block.extend_from_slice(&next);
            }
        }
    }

    pub fn end(mut self) -> Log {
        self.look_at_rest();
        let steps = self.parts.read(self.is_of_gh);
        Log {
            has_marks: self.has_marks || steps.iter().any(|step| step.body.has_marks),
            steps,
            lines: self.lines,
        }
    }

    pub fn end_of_green(mut self) -> Known {
        self.look_at_rest();
        self.known.unwrap_or_default()
    }

    fn look_at_rest(&mut self) {
        let mut rest = std::mem::take(&mut self.block);
        if !rest.is_empty() {
            if !rest.ends_with(b"\n") {
                rest.push(b'\n');
            }
            self.look(rest);
        }
    }

    /// Gives the lines of a block to their steps. Answers with room for the next block.
    fn look(&mut self, mut block: Vec<u8>) -> Vec<u8> {
        if self.lines == 0 {
            let end = memchr(b'\n', &block).unwrap_or(block.len());
            self.is_of_gh = line::split_prefix(&block[..end]).is_some();
        }
        if let Some(known) = &mut self.known {
            for line in block.strip_suffix(b"\n").unwrap_or(&block).split(|byte| *byte == b'\n') {
                self.lines += 1;
                self.scratch.clear();
                line::read(line::bare(line, self.is_of_gh), &mut self.scratch);
                known.add(&self.scratch);
            }
            block.clear();
            return block;
        }
        let mut at = 0;
        // From where no step has the lines, and the number of the first.
        let (mut from, mut first) = (0, self.lines + 1);
        while at < block.len() {
            if self.open.is_none() {
                let signs = SIGNS.as_ref();
                let Some(sign) = signs.and_then(|signs| signs.find(Input::new(&block).range(at..))) else {
                    break;
                };
                let start = memrchr(b'\n', &block[at..sign.start()]).map_or(at, |feed| at + feed + 1);
                self.lines += count(&block[at..start]);
                at = start;
            }
            let end = memchr(b'\n', &block[at..]).map_or(block.len(), |feed| at + feed + 1);
            let line = &block[at..(end - 1).min(at + CARRIED)];
            self.lines += 1;
            let number = self.lines;
            let line = match line::split_prefix(line).filter(|_| self.is_of_gh) {
                Some((job, name, rest)) => {
                    let is_known = name != UNKNOWN;
                    let is_other_job = job != self.job;
                    if is_other_job || name != self.named && is_known {
                        self.open = None;
                        self.parts.give(first..number, &block[from..at]);
                        (from, first) = (at, number);
                        self.parts.job += usize::from(is_other_job);
                        (self.job, self.named) = (job.to_vec(), name.to_vec());
                        let title = if is_known {
                            String::from_utf8_lossy(name).into_owned()
                        } else {
                            String::new()
                        };
                        self.parts.begin(Step {
                            name: title.clone(),
                            title,
                            ..Step::default()
                        });
                    }
                    rest
                }
                None => line,
            };
            match self.line(line) {
                Sign::None => {}
                Sign::Opens => {
                    self.parts.give(first..number, &block[from..at]);
                    (from, first) = (at, number);
                }
                Sign::Begins(step) => {
                    (from, first) = (end, number + 1);
                    self.parts.begin(*step);
                }
                Sign::Cleanup => {
                    self.parts.give(first..number, &block[from..at]);
                    (from, first) = (at, number);
                    self.parts.begin(Step {
                        is_cleanup: true,
                        ..Step::default()
                    });
                }
            }
            at = end;
        }
        self.lines += count(&block[at..]);
        let rest = first..self.lines + 1;
        if from == 0 {
            return self.parts.swap(rest, block);
        }
        self.parts.give(rest, &block[from..]);
        block.clear();
        block
    }

    fn line(&mut self, raw: &[u8]) -> Sign {
        if let Some((first, mut draft)) = self.open.take() {
            match draft.add(self.lines, raw) {
                header::Added::More => {
                    self.open = Some((first, draft));
                    return Sign::None;
                }
                header::Added::Whole => {
                    self.parts.current().raw.truncate(first);
                    // What runs steps is not done.
                    self.parts.resume();
                    let (title, header) = draft.whole();
                    let name = match &*self.named {
                        b"" | UNKNOWN => format!("Run {title}"),
                        named => String::from_utf8_lossy(named).into_owned(),
                    };
                    return Sign::Begins(Box::new(Step {
                        title,
                        name,
                        header,
                        ..Step::default()
                    }));
                }
                // What looked like a header was output.
                header::Added::NoHeader => {}
            }
        }
        let mut text = std::mem::take(&mut self.scratch);
        text.clear();
        let read = line::read(raw, &mut text);
        self.has_marks |= read.is_marked(&text);
        let sign = match (read.kind, text.strip_prefix(b"Run ")) {
            (Kind::Group, Some(title)) => {
                self.open = Some((self.lines, header::Draft::new(title, self.lines, raw)));
                Sign::Opens
            }
            (Kind::Error, _) => {
                // The runner writes it of scripts alone, and no script runs in a cleanup. It never writes 0.
                let code = exit_code(&text).filter(|code| *code != 0);
                if code.is_some() {
                    self.parts.resume();
                }
                let part = self.parts.current();
                part.has_error = true;
                part.step.exit = code.or(part.step.exit);
                Sign::None
            }
            _ if CLEANUP.contains(&&*text) => Sign::Cleanup,
            _ => Sign::None,
        };
        self.scratch = text;
        sign
    }
}

/// What a line does to the steps.
enum Sign {
    None,
    /// It may be the first of a header.
    Opens,
    /// It ends a header.
    Begins(Box<Step>),
    Cleanup,
}

/// N of `Process completed with exit code N.`
fn exit_code(text: &[u8]) -> Option<i32> {
    let rest = text.strip_prefix(b"Process completed with exit code ")?;
    let number = rest.strip_suffix(b".").unwrap_or(rest);
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
