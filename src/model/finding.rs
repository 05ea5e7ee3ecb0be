//! One thing a check found out.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::failure::{Class, Reason};

/// Severity of a finding. Only `error` fails a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// A place in a file, as an editor would name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Location {
    /// Path relative to the workspace.
    pub file: String,
    /// 1-based line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Why a failure is accepted, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waived {
    pub reason: String,
    /// Last day the waiver applies, `YYYY-MM-DD`.
    pub until: String,
}

/// What was found, whose fault it is, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Kebab-case name, owned by the check that emits it.
    pub code: Cow<'static, str>,
    pub severity: Severity,
    /// One sentence that names the thing and the place.
    pub message: String,
    /// The next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Foreign text: a server's last log lines, the first bytes of a response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
}

impl Finding {
    /// The code of a finding whose excerpt is a patch, which is shown whole.
    pub const PATCH: &str = "patch";

    fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        debug_assert!(
            code.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
            "finding codes are kebab-case"
        );
        Self {
            code: Cow::Borrowed(code),
            severity,
            message: message.into(),
            help: None,
            class: None,
            reason: None,
            excerpt: None,
            location: None,
            waived: None,
        }
    }

    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// An error that a rule of somebody's own found.
    pub fn of_rule(code: String, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Owned(code),
            ..Self::new(Severity::Error, "", message)
        }
    }

    /// Whether it is made by [`Self::of_rule`]. Of one that was read back, nobody knows.
    pub fn is_of_rule(&self) -> bool {
        matches!(self.code, Cow::Owned(_))
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, message)
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn because(mut self, class: Class, reason: Reason) -> Self {
        self.class = Some(class);
        self.reason = Some(reason);
        self
    }

    #[must_use]
    pub fn excerpt(mut self, text: impl Into<String>) -> Self {
        let text = text.into();
        self.excerpt = (!text.trim().is_empty()).then_some(text);
        self
    }

    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: Option<u32>) -> Self {
        self.location = Some(Location {
            file: file.into(),
            line,
        });
        self
    }

    /// Whether this finding alone fails its check.
    pub fn fails(&self) -> bool {
        self.severity == Severity::Error && self.waived.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_that_is_not_waived_fails() {
        let waived = Some(Waived {
            reason: "known".to_owned(),
            until: "2999-12-31".to_owned(),
        });
        for (finding, fails) in [
            (Finding::error("x", "x"), true),
            (Finding::warning("x", "x"), false),
            (Finding::note("x", "x"), false),
        ] {
            assert_eq!(finding.fails(), fails, "{finding:?}");
            let waived = waived.clone();
            assert!(!Finding { waived, ..finding }.fails());
        }
    }

    #[test]
    fn what_is_added_to_a_finding_is_all_kept() {
        let finding = Finding::error("unhealthy", "down")
            .help("restart it")
            .because(Class::App, Reason::Body)
            .excerpt(" last line\n")
            .at("stageproof.yml", Some(3));
        let expected = serde_json::json!({
            "code": "unhealthy",
            "severity": "error",
            "message": "down",
            "help": "restart it",
            "class": "app",
            "reason": "body",
            "excerpt": " last line\n",
            "location": { "file": "stageproof.yml", "line": 3 },
        });
        assert_eq!(serde_json::to_value(&finding).unwrap(), expected);
        assert_eq!(serde_json::from_value::<Finding>(expected).unwrap(), finding);
    }

    #[test]
    fn an_excerpt_without_a_visible_character_is_none() {
        assert_eq!(Finding::note("x", "x").excerpt(" \n\t").excerpt, None);
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_code_is_in_kebab_case() {
        assert_eq!(Finding::note("status-4xx", "x").code, "status-4xx");
        for code in ["Status", "two words", "under_score", "\u{e4}"] {
            let made = std::panic::catch_unwind(|| Finding::note(code, "x"));
            assert!(made.is_err(), "{code}");
        }
    }
}
