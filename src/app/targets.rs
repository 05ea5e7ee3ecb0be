//! Where a run's report goes, from its first moment on.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::Run;
use crate::commands::ReportHome;
use crate::model::{Report, report};
use crate::render;
use crate::world::files::{self, Links};
use crate::world::reports::LARGEST;

/// The JSON report and, beside it, the same as JUnit XML.
pub fn write(report: &Report, path: &Path) -> anyhow::Result<()> {
    files::replace(path, render::json::render(report)?.as_bytes())?;
    files::replace(&junit(path), render::junit::render(report).as_bytes())
}

/// Where the report goes: into the evidence directory, and, for what seals it, beside it in the end.
pub struct Targets {
    pub inside: Option<PathBuf>,
    pub last: Option<PathBuf>,
    /// `last`, if a user named it.
    named: Option<PathBuf>,
}

impl Targets {
    pub fn new(run: &Run) -> Self {
        let inside = report::path(&run.evidence_dir, run.command, run.label.as_deref());
        let mut beside = run.evidence_dir.clone().into_os_string();
        beside.push(format!(".{}.json", report::name(run.command, run.label.as_deref())));
        let beside = PathBuf::from(beside);
        let named = run.plan.report_file().map(Path::to_owned);
        let (inside, last) = match run.plan.report_home() {
            ReportHome::Inside => (Some(inside.clone()), Some(inside)),
            ReportHome::Beside => (None, Some(beside)),
            ReportHome::InsideThenBeside => (Some(inside), Some(beside)),
            ReportHome::None => (None, named.clone()),
        };
        Self { inside, last, named }
    }

    /// Writes what the reports say until the run has ended. Their JUnit form, which nobody reads back, is taken away
    /// until then: making files is most of what a short run costs.
    pub fn begin(&self, unfinished: impl Fn(&Path) -> Report) -> anyhow::Result<()> {
        if let Some(named) = &self.named {
            refuse_other_than_report(named)?;
        }
        let last = self.last.iter().filter(|last| self.inside.as_ref() != Some(*last));
        for target in self.inside.iter().chain(last) {
            let report = unfinished(target);
            let elsewhere = match self.named.as_ref() == Some(target) {
                true => "name another file with --report",
                false => "name a writable folder with --evidence-dir",
            };
            files::replace(target, render::json::render(&report)?.as_bytes())
                .and_then(|()| files::remove_file(&junit(target)))
                .with_context(|| format!("the report cannot be written; {elsewhere}"))?;
        }
        Ok(())
    }
}

/// What is made in a folder of ours does not get into a commit by `git add -A`. Whoever wants it there uses `git add -f`.
pub fn hide_from_git(home: &Path) -> anyhow::Result<()> {
    files::replace(&home.join(".gitignore"), b"*\n")
}

/// A mistyped `--report` must not cost a file that somebody needs.
fn refuse_other_than_report(path: &Path) -> anyhow::Result<()> {
    let there = files::read_if_there(path, LARGEST, Links::Refuse)?.unwrap_or_default();
    anyhow::ensure!(
        there.is_empty() || Report::parse(&there).is_ok(),
        "{} exists and is not a report of stageproof; name another file with --report, or remove it",
        path.display()
    );
    Ok(())
}

fn junit(report: &Path) -> PathBuf {
    report.with_extension("junit.xml")
}
