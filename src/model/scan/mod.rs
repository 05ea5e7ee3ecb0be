//! Finds what looks like a secret, and personal data: rules in the format of gitleaks, without reading or writing anything.
//!
//! The format and its meaning are those of gitleaks 8.30 (`config/config.go`, `config/rule.go`, `config/allowlist.go`,
//! `detect/detect.go` of github.com/gitleaks/gitleaks). Regular expressions are Go's, which [`regex`] reads with Unicode
//! off; the differences are in `docs/guides/scan.md`.

mod allowlist;
pub mod base64;
mod builtin;
mod entropy;
mod filter;
mod personal;
pub mod placeholder;
mod private_key;
mod rule;
mod rule_file;
mod search;
mod soft;
mod starts;
pub mod syntax;
#[cfg(test)]
pub(crate) mod tests;
mod unscannable;

pub use personal::Personal;
pub use rule::{KNOWN, Pattern, Rule, RuleSet};
pub use rule_file::{RuleFileError, Source};
pub use search::{Found, OVERLAP, Scan};
pub use unscannable::Unscannable;

/// What code scanning is told of the page about findings; the rules are named by the findings.
pub const PUBLISHED: super::rule::Rules = super::rule::Rules {
    all: &[],
    page: "https://github.com/stageproof/stageproof/blob/main/docs/guides/scan.md",
};
