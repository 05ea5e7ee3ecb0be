//! Finding the reports that other steps and jobs left.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use walkdir::WalkDir;

use super::files::{self, Links};
use crate::model::{Report, Subject};

/// Larger reports are not written by any subcommand.
pub const LARGEST: u64 = 64 << 20;

/// Every report below a folder: `…/reports/NAME.json`, in a fixed order. Links are not followed.
pub fn below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.with_context(|| format!("cannot look into {}", folder.display()))?;
        let in_reports = entry
            .path()
            .parent()
            .and_then(Path::file_name)
            .is_some_and(|name| name == "reports");
        let is_json = entry.path().extension().is_some_and(|extension| extension == "json");
        if entry.file_type().is_file() && in_reports && is_json {
            found.push(entry.into_path());
        }
    }
    Ok(found)
}

/// Whether a folder holds a report of this very run and attempt. Never, outside of a run.
pub fn of_run(evidence: &Path, subject: &Subject) -> bool {
    if subject.run_id.is_none() || !files::exists(&evidence.join("reports")) {
        return false;
    }
    below(evidence).unwrap_or_default().iter().any(|path| {
        let report = files::read_text(path, LARGEST, Links::Refuse)
            .ok()
            .and_then(|text| Report::parse(text.as_bytes()).ok());
        report.is_some_and(|report| {
            report.subject.repository == subject.repository
                && report.subject.run_id == subject.run_id
                && report.subject.run_attempt == subject.run_attempt
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::report::Frame;
    use crate::model::{Check, Outcome};

    #[test]
    fn only_reports_of_this_run_and_attempt_count() {
        let subject = |run: Option<&str>, attempt: &str| Subject {
            run_id: run.map(str::to_owned),
            run_attempt: Some(attempt.to_owned()),
            ..Subject::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let frame = Frame {
            command: "smoke".into(),
            label: None,
            subject: subject(Some("7"), "1"),
            started_at: String::new(),
            finished_at: String::new(),
            took_ms: 0,
        };
        let outcome = Outcome {
            checks: vec![Check::skipped("smoke", "s", "t", "r")],
            ..Outcome::default()
        };
        let report = serde_json::to_vec(&Report::judge(frame, outcome)).unwrap();
        files::replace(&folder.path().join("reports/smoke.json"), &report).unwrap();
        assert!(of_run(folder.path(), &subject(Some("7"), "1")));
        assert!(!of_run(folder.path(), &subject(Some("7"), "2")));
        assert!(!of_run(folder.path(), &subject(Some("8"), "1")));
        assert!(!of_run(folder.path(), &subject(None, "1")));
        assert!(!of_run(&folder.path().join("none"), &subject(Some("7"), "1")));
    }
}
