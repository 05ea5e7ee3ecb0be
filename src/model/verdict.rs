//! What the checks of a report amount to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::exit;

/// The result a pipeline acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Everything that was checked passed, without warnings.
    Pass,
    /// Only waived failures or warnings.
    PassWeak,
    /// The run was skipped for a known reason.
    Skip,
    /// No check passed or failed. Never green.
    NothingChecked,
    /// Nothing failed, but something could not be checked. Never green.
    Inconclusive,
    /// A check failed.
    Fail,
}

impl Verdict {
    /// Fail-closed: the worst thing that happened decides, and an empty set of checks is not a pass.
    pub fn of(counts: &Counts, skip: bool) -> Self {
        if counts.failed > 0 {
            Self::Fail
        } else if counts.errored > 0 {
            Self::Inconclusive
        } else if skip {
            Self::Skip
        } else if counts.passed + counts.waived == 0 {
            Self::NothingChecked
        } else if counts.waived + counts.warnings > 0 {
            Self::PassWeak
        } else {
            Self::Pass
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::PassWeak => "pass-weak",
            Self::Skip => "skip",
            Self::NothingChecked => "nothing-checked",
            Self::Inconclusive => "inconclusive",
            Self::Fail => "fail",
        }
    }

    /// See [`exit::TABLE`].
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass | Self::PassWeak | Self::Skip => exit::OK,
            Self::Fail => exit::FAIL,
            Self::NothingChecked => exit::NOTHING_CHECKED,
            Self::Inconclusive => exit::INCONCLUSIVE,
        }
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(passed: u32, waived: u32, failed: u32, skipped: u32, errored: u32, warnings: u32) -> Counts {
        Counts {
            passed,
            waived,
            failed,
            skipped,
            errored,
            warnings,
        }
    }

    #[test]
    fn each_verdict_has_its_case() {
        for (given, skip, expected, code) in [
            (counts(1, 0, 0, 0, 0, 0), false, Verdict::Pass, 0),
            (counts(1, 0, 0, 0, 0, 1), false, Verdict::PassWeak, 0),
            (counts(0, 1, 0, 0, 0, 0), false, Verdict::PassWeak, 0),
            (counts(1, 0, 0, 2, 0, 0), true, Verdict::Skip, 0),
            (counts(0, 0, 0, 0, 0, 0), false, Verdict::NothingChecked, 3),
            (counts(0, 0, 0, 5, 0, 0), false, Verdict::NothingChecked, 3),
            (counts(9, 0, 0, 0, 1, 0), false, Verdict::Inconclusive, 4),
            (counts(9, 0, 0, 0, 1, 0), true, Verdict::Inconclusive, 4),
            (counts(9, 9, 1, 9, 9, 9), true, Verdict::Fail, 1),
        ] {
            let verdict = Verdict::of(&given, skip);
            assert_eq!(verdict, expected, "{given:?} skip={skip}");
            assert_eq!(verdict.exit_code(), code, "{given:?}");
        }
    }

    #[test]
    fn a_verdict_reads_as_it_is_written_down() {
        for verdict in [
            Verdict::Pass,
            Verdict::PassWeak,
            Verdict::Skip,
            Verdict::NothingChecked,
            Verdict::Inconclusive,
            Verdict::Fail,
        ] {
            assert_eq!(serde_json::to_value(verdict).unwrap(), verdict.as_str());
            assert_eq!(verdict.to_string(), verdict.as_str());
        }
    }

    proptest! {
        #[test]
        fn one_more_failure_or_error_is_never_green(
            passed in 0u32..4, waived in 0u32..4, failed in 0u32..4,
            skipped in 0u32..4, errored in 0u32..4, warnings in 0u32..4, skip: bool,
        ) {
            let worse = counts(passed, waived, failed + 1, skipped, errored, warnings);
            prop_assert_eq!(Verdict::of(&worse, skip), Verdict::Fail);
            let blind = counts(passed, waived, failed, skipped, errored + 1, warnings);
            prop_assert_ne!(Verdict::of(&blind, skip).exit_code(), exit::OK);
        }
    }
}
