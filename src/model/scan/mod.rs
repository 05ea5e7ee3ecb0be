//! Finds what looks like a secret, and personal data: rules in the format of gitleaks, without reading or writing anything.
//!
//! The format and its meaning are those of gitleaks 8.30 (`config/config.go`, `config/rule.go`, `config/allowlist.go`,
//! `detect/detect.go` of github.com/gitleaks/gitleaks). Regular expressions are Go's, which [`regex`] reads with Unicode
//! off; the differences are in `docs/guides/scan.md`.

mod allowlist;
mod builtin;
mod entropy;
mod personal;
pub mod placeholder;
mod rule;
mod rule_file;
mod search;
pub mod syntax;
#[cfg(test)]
mod tests;

pub use personal::Personal;
pub use rule::{KNOWN, Pattern, Rule, RuleSet};
pub use rule_file::{RuleFileError, Source};
pub use search::{Found, OVERLAP, Scan};
