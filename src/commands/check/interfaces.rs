//! What stageproof's composite action and its workflow take and answer. A test compares the lists with their files.

use super::findings::Findings;
use super::language::{About, Input, Language, Place};
use crate::model::text::{nearest, one_line};
use crate::model::yaml::Node;

/// What is called with `with:` and is no command.
pub struct Interface {
    /// Its file in stageproof's repository.
    pub file: &'static str,
    pub inputs: &'static [&'static str],
    pub required: &'static [&'static str],
    pub secrets: &'static [&'static str],
    pub outputs: &'static [&'static str],
    /// Inputs that are handed on to a command: their name, the command, its input.
    handed_on: &'static [(&'static str, &'static str, &'static str)],
}

pub const PROVE: Interface = Interface {
    file: "prove/action.yml",
    inputs: &[
        "url",
        "paths",
        "within",
        "environment",
        "evidence-dir",
        "require",
        "rollback-ref",
        "rollback-command",
        "artifact",
    ],
    required: &[],
    secrets: &[],
    outputs: &["verdict", "reason", "bundle", "bundle-sha256"],
    handed_on: &[
        ("url", "smoke", "url"),
        ("paths", "smoke", "path"),
        ("within", "smoke", "within"),
        ("require", "verdict", "require"),
        ("rollback-command", "rollback-dry-run", "rollback-command"),
    ],
};

pub const STAGING: Interface = Interface {
    file: ".github/workflows/staging.yml",
    inputs: &[
        "deploy",
        "url",
        "paths",
        "within",
        "environment",
        "require",
        "rollback-ref",
        "rollback-check",
        "rollback-command",
        "working-directory",
        "timeout",
        "label",
    ],
    required: &["deploy"],
    secrets: &["DEPLOY_ENV"],
    outputs: &["verdict", "reason", "ready", "bundle-sha256"],
    handed_on: &[
        ("url", "smoke", "url"),
        ("paths", "smoke", "path"),
        ("within", "smoke", "within"),
        // Any time that is taken by one command is taken by all.
        ("timeout", "smoke", "timeout"),
        ("require", "skip-guard", "require"),
        ("label", "smoke", "label"),
    ],
};

impl Interface {
    /// Judges what it is given by the step or job `caller`, which names it in `line`.
    pub fn look(&self, caller: &Node, line: u32, language: &dyn Language, findings: &mut Findings<'_>) {
        let given = |key: &str| caller.get(key).into_iter().flat_map(Node::entries);
        for (key, value) in given("with") {
            let name = key.text().unwrap_or_default();
            // Input names are taken in any case.
            match self.inputs.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) => self.value(known, value, language, findings),
                None => self.unknown("input", name, self.inputs, key.place.line, findings),
            }
        }
        for (key, _) in given("secrets") {
            let name = key.text().unwrap_or_default();
            if !self.secrets.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                self.unknown("secret", name, self.secrets, key.place.line, findings);
            }
        }
        for required in self.required {
            if !given("with").any(|(key, _)| key.text().is_some_and(|name| name.eq_ignore_ascii_case(required))) {
                let message = format!("{} needs the input `{required}`", self.file);
                findings.add("bad-value", line, message, Some(format!("add `{required}` to `with`")));
            }
        }
    }

    fn value(&self, name: &str, value: &Node, language: &dyn Language, findings: &mut Findings<'_>) {
        let (Some((_, command, input)), Some(text)) =
            (self.handed_on.iter().find(|(known, ..)| *known == name), value.text())
        else {
            return;
        };
        let input = Input {
            name: input,
            value: text,
        };
        for refusal in language.inputs(command, &[input], Place::Elsewhere).refusals {
            // What is wrong with the command as a whole is missing here only.
            if let About::Value(_, index) = refusal.about {
                findings.add(refusal.code, value.line_of(index), refusal.message, refusal.help);
            }
        }
    }

    fn unknown(&self, what: &str, name: &str, known: &[&str], line: u32, findings: &mut Findings<'_>) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("leave it out: there are no {what}s"),
            None => format!("the {what}s are {}", known.join(", ")),
        };
        let message = format!("{} has no {what} `{}`", self.file, one_line(name));
        findings.add("unknown-input", line, message, Some(help));
    }
}

/// Both.
pub const ALL: [Interface; 2] = [PROVE, STAGING];
