//! Why a run was skipped, where several checks say it each for itself.

use crate::model::{Ended, Report, Verdict};

/// The reason, or only its first sentence if checks say the rest.
pub fn reason(report: &Report) -> &str {
    let whole = report.reason.as_str();
    match whole.find(". ").filter(|_| each(report).len() > 1) {
        Some(end) => &whole[..=end],
        None => whole,
    }
}

/// What checks say of it, with what to do.
pub fn each(report: &Report) -> Vec<&str> {
    let Some((first, rest)) = report.reason.split_once(". ") else {
        return Vec::new();
    };
    let checks = report.checks.iter().filter(|_| report.verdict == Verdict::Skip);
    let said = checks.filter_map(|check| match &check.ended {
        Ended::Skipped { reason } => {
            let (what, help) = reason.split_once(". ")?;
            (first.contains(what) && rest.contains(help)).then_some(reason.as_str())
        }
        _ => None,
    });
    said.collect()
}
