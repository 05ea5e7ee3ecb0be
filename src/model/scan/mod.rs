//! Finds what looks like a secret, and personal data: rules in the format of gitleaks, without reading or writing anything.
//!
//! The format and its meaning are those of gitleaks 8.30 (`config/config.go`, `config/rule.go`, `config/allowlist.go`,
//! `detect/detect.go` of github.com/gitleaks/gitleaks). Regular expressions are Go's, which [`regex`] reads with Unicode
//! off; the differences are in `docs/guides/scan.md`.

mod allowlist;
pub mod base64;
mod builtin;
mod entropy;
mod escape;
mod filter;
mod personal;
pub mod placeholder;
mod private_key;
pub mod reading;
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

/// Whether it is a rule for personal data.
pub fn is_personal(rule: &str) -> bool {
    rule.starts_with("pii-")
}

/// What to do about what this rule found.
pub fn next_step(rule: &str) -> &'static str {
    match is_personal(rule) {
        true => "remove it; for what is no personal data, add an allowlist to a rule file (--rules)",
        false => {
            "revoke it at its issuer, then remove it; for what is no secret, add an allowlist to a rule file (--rules)"
        }
    }
}

/// What is claimed of a file in which nothing is found.
pub fn nothing(personal: &[Personal]) -> &'static str {
    match personal.is_empty() {
        true => "No secrets",
        false => "No secrets or personal data",
    }
}

/// What code scanning is told of the page about findings; the rules are named by the findings.
pub const PUBLISHED: super::rule::Rules = super::rule::Rules {
    all: &[],
    page: "https://github.com/stageproof/stageproof/blob/main/docs/guides/scan.md",
};
