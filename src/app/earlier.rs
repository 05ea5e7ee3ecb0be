//! Outside of a workflow run, where nothing tells two runs apart, a report takes the place of the last one with its name. If
//! that one did not pass, this is said.

use std::path::Path;

use crate::model::{Check, Outcome, Report, Status};
use crate::world::files::{self, Links};
use crate::world::reports::LARGEST;

/// The report at this path, of no workflow run, if it says that something did not pass.
pub fn not_passed(path: &Path) -> Option<Report> {
    let text = files::read_text(path, LARGEST, Links::Refuse).ok()?;
    let report = Report::parse(text.as_bytes()).ok()?;
    let is_bad = open(&report).next().is_some();
    (is_bad && report.subject.run_id.is_none()).then_some(report)
}

/// That it was replaced, and whether what failed there was checked again.
pub fn told(report: &Report, outcome: &Outcome) -> String {
    let is_checked = |failed: &Check| {
        let is_same = |check: &Check| check.id == failed.id && check.status() != Status::Skipped;
        outcome.checks.iter().any(is_same)
    };
    let time = report.finished_at.get(11..19).unwrap_or(&report.finished_at);
    let replaced = format!("This replaces the report of {time} UTC ({})", report.verdict);
    match open(report).find(|failed| !is_checked(failed)) {
        Some(failed) => format!(
            "{replaced}. `{}` failed there and was not checked again; keep such reports apart with --label.",
            failed.id
        ),
        None => format!("{replaced}."),
    }
}

/// What failed or could not be checked. That a run was killed says nothing about what it was to check.
fn open(report: &Report) -> impl Iterator<Item = &Check> {
    let run = super::run_id(&report.command);
    let is_open = move |check: &&Check| matches!(check.status(), Status::Failed | Status::Errored) && check.id != run;
    report.checks.iter().filter(is_open)
}
