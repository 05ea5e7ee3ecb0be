//! Findings of one check, of which a report holds only so many.

use super::finding::{Finding, Severity};

/// More findings of one check than this tell nobody anything.
const MOST: usize = 100;

/// Findings with an end. What does not fit is counted, by its weight, so that the status stays true.
#[derive(Default)]
pub struct Capped {
    kept: Vec<Finding>,
    more_errors: usize,
    more_warnings: usize,
    more_notes: usize,
}

impl Capped {
    pub fn add(&mut self, finding: Finding) {
        if self.kept.len() < MOST {
            self.kept.push(finding);
            return;
        }
        // An error takes the place of what is none.
        let other = self.kept.iter().rposition(|kept| finding.fails() && !kept.fails());
        let left_out = match other {
            Some(other) => {
                self.kept.push(finding);
                self.kept.remove(other)
            }
            None => finding,
        };
        self.more(left_out.severity, 1);
    }

    /// Findings that are only counted.
    pub fn more(&mut self, severity: Severity, count: usize) {
        match severity {
            Severity::Error => self.more_errors += count,
            Severity::Warning => self.more_warnings += count,
            Severity::Note => self.more_notes += count,
        }
    }

    pub fn fails(&self) -> bool {
        self.more_errors > 0 || self.kept.iter().any(Finding::fails)
    }

    /// The findings, notes last, with the number of those that did not fit.
    pub fn into_vec(mut self) -> Vec<Finding> {
        self.kept.sort_by_key(|finding| finding.severity == Severity::Note);
        for (more, severity) in [
            (self.more_errors, Severity::Error),
            (self.more_warnings, Severity::Warning),
            (self.more_notes, Severity::Note),
        ] {
            if more > 0 {
                let mut finding = Finding::error("more", format!("{more} more like these"));
                finding.severity = severity;
                self.kept.push(finding);
            }
        }
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_fit_are_all_there_and_none_is_added() {
        let mut findings = Capped::default();
        for _ in 0..MOST {
            findings.add(Finding::error("x", "x"));
        }
        assert!(findings.fails());
        let all = findings.into_vec();
        assert_eq!(all.len(), MOST);
        assert!(
            all.iter().all(|finding| finding.code == "x"),
            "none says that there are more"
        );
        assert!(!Capped::default().fails());
    }

    #[test]
    fn what_does_not_fit_is_counted_and_still_fails() {
        let mut findings = Capped::default();
        for _ in 0..MOST {
            findings.add(Finding::warning("x", "x"));
        }
        assert!(!findings.fails());
        findings.add(Finding::warning("x", "x"));
        findings.add(Finding::error("x", "x"));
        findings.add(Finding::error("x", "x"));
        assert!(findings.fails());
        let all = findings.into_vec();
        let errors = all.iter().filter(|finding| finding.fails()).count();
        assert_eq!(errors, 2, "warnings make room for errors");
        let last: Vec<_> = all[MOST..].iter().map(|f| (f.fails(), &*f.message)).collect();
        assert_eq!(last, [(false, "3 more like these")]);
    }
}
