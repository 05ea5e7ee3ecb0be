//! Outside of a workflow run, where nothing tells two runs apart, a report takes the place of the last one with its name. A
//! failure of that one is then gone only if the same was checked again.

use std::path::{Path, PathBuf};

use super::targets;
use crate::model::{Check, Outcome, Output, Report, Status};
use crate::world::files::{self, Links};
use crate::world::reports::LARGEST;

/// Reports that did not pass: the one that is to be replaced, and those that were kept before it.
pub struct Earlier {
    replaced: Option<Report>,
    kept: Vec<(PathBuf, Report)>,
    free: u64,
}

impl Earlier {
    /// Of the report that goes to `target`, and of those beside it with a number behind its name.
    pub fn of(target: &Path) -> Self {
        let mut kept = Vec::new();
        let mut number = 2;
        loop {
            let path = numbered(target, number);
            if !matches!(files::is_file(&path), Ok(Some(_))) {
                break;
            }
            kept.extend(not_passed(&path).map(|report| (path, report)));
            number += 1;
        }
        Self {
            replaced: not_passed(target),
            kept,
            free: number,
        }
    }

    /// Keeps what was not checked again, and says what became of the others. `shown` is a path in words.
    pub fn settle(
        self,
        target: &Path,
        outcome: &Outcome,
        shown: impl Fn(&Path) -> String,
    ) -> anyhow::Result<Vec<String>> {
        let again = |failed: &Check| {
            let same = |check: &Check| check.id == failed.id && check.status() != Status::Skipped;
            outcome.checks.iter().any(same)
        };
        let mut notes = Vec::new();
        for (path, report) in self.kept {
            if open(&report).all(again) {
                targets::remove(&path)?;
                notes.push(format!(
                    "{} is removed: what {} was checked again.",
                    shown(&path),
                    told(&report)
                ));
            }
        }
        if let Some(mut report) = self.replaced {
            if open(&report).all(again) {
                notes.push(format!("This replaces the report {}.", told(&report)));
            } else {
                let path = numbered(target, self.free);
                report.label = Some(match &report.label {
                    Some(label) => format!("{label}-{}", self.free),
                    None => self.free.to_string(),
                });
                let to = Output::path(shown(&path));
                report.outputs.insert("report".to_owned(), to);
                targets::write(&report, &path)?;
                notes.push(format!(
                    "The report {} is kept as {}, because this run did not check the same again; remove it if it no \
                     longer matters.",
                    told(&report),
                    shown(&path)
                ));
            }
        }
        Ok(notes)
    }
}

/// What failed or could not be checked. That a run was killed says nothing about what it was to check.
fn open(report: &Report) -> impl Iterator<Item = &Check> {
    let run = super::run_id(&report.command);
    let is_open = move |check: &&Check| matches!(check.status(), Status::Failed | Status::Errored) && check.id != run;
    report.checks.iter().filter(is_open)
}

/// A report that says that something did not pass, of no workflow run.
fn not_passed(path: &Path) -> Option<Report> {
    let text = files::read_text(path, LARGEST, Links::Refuse).ok()?;
    let report = Report::parse(text.as_bytes()).ok()?;
    let is_bad = open(&report).next().is_some();
    (is_bad && report.subject.run_id.is_none()).then_some(report)
}

fn told(report: &Report) -> String {
    let time = report.finished_at.get(11..19).unwrap_or(&report.finished_at);
    format!("of {time} UTC ({})", report.verdict)
}

fn numbered(target: &Path, number: u64) -> PathBuf {
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{stem}-{number}.json"))
}
