//! What is said of a file that cannot be searched, or not to its end.

use super::super::{Finding, Severity};

/// How a file that cannot be searched is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unscannable {
    /// A warning; in what is sealed, a note unless it is damaged or too large.
    #[default]
    Keep,
    /// Its name, size and hash are sealed in its place.
    Stub,
    /// An error.
    Fail,
}

impl Unscannable {
    /// Where the file is searched only. `why` is the second half of a sentence. `is_cut` says that a part of it was searched.
    pub fn searched(self, path: &str, why: &str, is_cut: bool) -> Finding {
        let help = match is_cut {
            true => "write it again if it is damaged, or unpack it and scan what it holds",
            false => "unpack it and scan what it holds",
        };
        finding(self.severity(Severity::Warning), path, why, is_cut).help(help)
    }

    /// Where it is sealed. That it is kept was decided, and a verdict that is weak each time says nothing; damage was not.
    pub fn sealed(self, path: &str, why: &str, is_cut: bool) -> Finding {
        let (kept, help) = match is_cut {
            true => (
                Severity::Warning,
                "write it again if it is damaged, unpack it, leave it out with --exclude, or seal its hash with \
                 --unscannable stub",
            ),
            false => (
                Severity::Note,
                "unpack it, leave it out with --exclude, or seal its hash with --unscannable stub",
            ),
        };
        finding(self.severity(kept), path, why, is_cut).help(help)
    }

    fn severity(self, kept: Severity) -> Severity {
        match self {
            Self::Keep | Self::Stub => kept,
            Self::Fail => Severity::Error,
        }
    }
}

fn finding(severity: Severity, path: &str, why: &str, is_cut: bool) -> Finding {
    let end = if is_cut { " to its end" } else { "" };
    let mut finding = Finding::error("not-scanned", format!("{path} was not scanned{end}: {why}"));
    finding.severity = severity;
    finding
}
