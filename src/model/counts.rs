//! How many checks of a report ended how.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{Check, Status};
use super::finding::Severity;
use super::text;

/// How many checks ended how; `warnings` counts findings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    pub passed: u32,
    pub waived: u32,
    pub failed: u32,
    pub skipped: u32,
    pub errored: u32,
    pub warnings: u32,
}

impl Counts {
    pub fn of<'a>(checks: impl IntoIterator<Item = &'a Check>) -> Self {
        let mut counts = Self::default();
        for check in checks {
            match check.status() {
                Status::Passed => counts.passed += 1,
                Status::Waived => counts.waived += 1,
                Status::Failed => counts.failed += 1,
                Status::Skipped => counts.skipped += 1,
                Status::Errored => counts.errored += 1,
            }
            let warnings = check
                .findings()
                .iter()
                .filter(|f| f.severity == Severity::Warning)
                .count();
            counts.warnings += u32::try_from(warnings).unwrap_or(u32::MAX);
        }
        counts
    }

    pub fn total(&self) -> u32 {
        self.passed + self.waived + self.failed + self.skipped + self.errored
    }
}

/// `4 passed, 1 failed, 2 warnings`; what there is none of is left out.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_checks = [
            (self.passed, "passed"),
            (self.waived, "waived"),
            (self.failed, "failed"),
            (self.errored, "errored"),
            (self.skipped, "skipped"),
        ];
        let there = of_checks.into_iter().filter(|(number, _)| *number > 0);
        let mut parts: Vec<String> = there.map(|(number, how)| format!("{number} {how}")).collect();
        if self.warnings > 0 {
            parts.push(text::count(self.warnings as usize, "warning"));
        }
        f.write_str(&parts.join(", "))
    }
}
