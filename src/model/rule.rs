//! What a finding's code stands for, for those who publish findings: code scanning, the guide.

use super::finding::Severity;

/// One kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The finding's code.
    pub code: &'static str,
    /// How severe its findings are by themselves.
    pub severity: Severity,
    /// What is wrong, as one sentence.
    pub summary: &'static str,
    /// How it is fixed, as one sentence.
    pub fix: &'static str,
}

/// The rules of a subcommand, and the page that has a heading for each code.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub all: &'static [Rule],
    pub page: &'static str,
}
