//! The result of all tests that evidence holds.

use serde::Serialize;

use super::Resource;
use super::junit::Case;
use crate::model::{Finding, Report, Severity, Status, Verdict};

/// The predicate `test-result/v0.1`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    pub result: &'static str,
    /// The commit that was tested, if it is known.
    pub configuration: Vec<Resource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    passed_tests: Vec<String>,
    warned_tests: Vec<String>,
    failed_tests: Vec<String>,
}

/// What `actions/attest` takes is 16 MB, with three lists in it.
const LONGEST_LIST: usize = 4 << 20;

const NONE: &str = "no tests: the evidence has no reports and no JUnit XML with tests";

/// Tests by how they ended, collected file by file.
#[derive(Debug, Default)]
pub struct Tests {
    pub passed: Names,
    pub warned: Names,
    pub failed: Names,
}

#[derive(Debug, Default)]
pub struct Names {
    names: Vec<String>,
    bytes: usize,
    /// All of them, those that no longer fit included.
    pub count: usize,
}

impl Names {
    fn add(&mut self, name: String) {
        self.count += 1;
        self.bytes += name.len() + 4;
        if self.bytes <= LONGEST_LIST {
            self.names.push(name);
        }
    }

    fn left_out(&self) -> usize {
        self.count - self.names.len()
    }
}

impl Tests {
    /// Adds the checks of a report. One that is not green says so in a name of its own if none of its checks does.
    pub fn report(&mut self, path: &str, report: &Report) {
        let before = (self.warned.count, self.failed.count);
        for check in &report.checks {
            let name = format!("{path}: {}", check.id);
            match check.status() {
                Status::Passed if check.findings().iter().any(is_warning) => self.warned.add(name),
                Status::Passed => self.passed.add(name),
                Status::Waived => self.warned.add(name),
                Status::Failed | Status::Errored => self.failed.add(name),
                Status::Skipped => {}
            }
        }
        let name = || format!("{path}: verdict {}", report.verdict);
        match report.verdict {
            Verdict::Pass => {}
            Verdict::PassWeak | Verdict::Skip => {
                if before.0 == self.warned.count {
                    self.warned.add(name());
                }
            }
            Verdict::NothingChecked | Verdict::Inconclusive | Verdict::Fail => {
                if before.1 == self.failed.count {
                    self.failed.add(name());
                }
            }
        }
    }

    /// Adds the tests of a JUnit file.
    pub fn junit(&mut self, path: &str, cases: impl Iterator<Item = (String, Case)>) {
        for (name, case) in cases {
            let name = format!("{path}: {name}");
            match case {
                Case::Passed => self.passed.add(name),
                Case::Flaky => self.warned.add(name),
                Case::Failed => self.failed.add(name),
                Case::Skipped => {}
            }
        }
    }

    /// Adds a file that should hold results and cannot be read: it may hold failures.
    pub fn unreadable(&mut self, path: &str, why: &str) {
        self.failed.add(format!("{path}: {why}"));
    }

    /// Names that did not fit.
    pub fn left_out(&self) -> usize {
        self.passed.left_out() + self.warned.left_out() + self.failed.left_out()
    }

    /// The worst decides, as in a verdict. No tests at all are not a pass, and nothing failed either.
    pub fn result(&self) -> &'static str {
        if self.failed.count > 0 {
            "FAILED"
        } else if self.warned.count > 0 || self.passed.count == 0 {
            "WARNED"
        } else {
            "PASSED"
        }
    }

    pub fn into_predicate(mut self, configuration: Vec<Resource>, url: Option<String>) -> TestResult {
        if self.passed.count + self.warned.count + self.failed.count == 0 {
            self.warned.add(NONE.to_owned());
        }
        TestResult {
            result: self.result(),
            configuration,
            url,
            passed_tests: self.passed.names,
            warned_tests: self.warned.names,
            failed_tests: self.failed.names,
        }
    }
}

fn is_warning(finding: &Finding) -> bool {
    finding.severity == Severity::Warning
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::report::Frame;
    use crate::model::{Ended, Outcome, Subject};

    fn report(ended: Vec<Ended>) -> Report {
        let frame = Frame {
            command: "smoke".to_owned(),
            label: None,
            subject: Subject::default(),
            started_at: String::new(),
            finished_at: String::new(),
            took_ms: 0,
        };
        let check = |(number, ended)| crate::model::Check::new("s", format!("c{number}"), "t", ended, Duration::ZERO);
        let outcome = Outcome {
            checks: ended.into_iter().enumerate().map(check).collect(),
            ..Outcome::default()
        };
        Report::judge(frame, outcome)
    }

    /// A result that is better than the verdict would let a policy pass what the gate stopped.
    #[test]
    fn the_result_is_never_better_than_the_verdict() {
        let passed = || Ended::Looked(Vec::new());
        let warned = || Ended::Looked(vec![Finding::warning("w", "m")]);
        let failed = || Ended::Looked(vec![Finding::error("e", "m")]);
        let skipped = || Ended::Skipped { reason: "r".to_owned() };
        let errored = || Ended::errored("c");
        for (checks, result, names) in [
            (vec![passed()], "PASSED", (vec!["p: c0"], vec![], vec![])),
            (
                vec![passed(), warned()],
                "WARNED",
                (vec!["p: c0"], vec!["p: c1"], vec![]),
            ),
            (
                vec![failed(), passed()],
                "FAILED",
                (vec!["p: c1"], vec![], vec!["p: c0"]),
            ),
            (vec![errored()], "FAILED", (vec![], vec![], vec!["p: c0"])),
            (
                vec![skipped()],
                "FAILED",
                (vec![], vec![], vec!["p: verdict nothing-checked"]),
            ),
            (vec![], "FAILED", (vec![], vec![], vec!["p: verdict nothing-checked"])),
        ] {
            let mut tests = Tests::default();
            tests.report("p", &report(checks));
            let predicate = tests.into_predicate(Vec::new(), None);
            assert_eq!(predicate.result, result);
            let (passed, warned, failed) = names;
            assert_eq!(predicate.passed_tests, passed);
            assert_eq!(predicate.warned_tests, warned);
            assert_eq!(predicate.failed_tests, failed);
        }
        let none = Tests::default().into_predicate(Vec::new(), None);
        assert_eq!((none.result, none.warned_tests), ("WARNED", vec![NONE.to_owned()]));
        let mut skip = Tests::default();
        skip.report(
            "p",
            &Report {
                verdict: Verdict::Skip,
                ..report(vec![passed()])
            },
        );
        assert_eq!(skip.result(), "WARNED");
    }

    #[test]
    fn names_that_do_not_fit_are_counted_and_still_decide() {
        let mut tests = Tests::default();
        let long = "x".repeat(1 << 20);
        tests.junit("p", (0..9).map(|_| (long.clone(), Case::Failed)));
        assert_eq!((tests.failed.count, tests.left_out(), tests.result()), (9, 6, "FAILED"));
        assert!(
            serde_json::to_vec(&tests.into_predicate(Vec::new(), None))
                .unwrap()
                .len()
                < 5 << 20
        );
    }
}
