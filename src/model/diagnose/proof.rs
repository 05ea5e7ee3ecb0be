//! Whether a log proves that a fix is the right one. A wrong fix costs a reader more than none.

use super::cause::Cause;
use super::context::Context;
use super::culprit;
use super::fix::Fix;
use super::heed::is_secret_name;
use super::hollow::is_harmless;
use super::log::{Log, Step};
use super::rules::trimmed;
use super::select::Candidate;
use super::step_kind;

/// A rule of this weight tells a failure of the code from a word in passing.
const TELLS_OF_CODE: i32 = 70;
/// So much less than the best line, another one may still be why the step failed.
const RIVAL: i32 = 24;
/// A value of such a name is from another step or from the event: nobody sets it.
const GIVEN: [&str; 12] = [
    "version", "tag", "sha", "ref", "number", "title", "body", "label", "branch", "actor", "output", "result",
];

/// A fix, and what it is for.
pub struct Claim<'a> {
    pub log: &'a Log,
    pub context: &'a Context,
    /// The step that failed the job.
    pub failing: usize,
    pub best: Candidate<'a>,
    pub all: &'a [Candidate<'a>],
    pub cause: Cause,
}

impl Claim<'_> {
    /// The fix if it is proved, or another one that is.
    pub fn prove(&self, fix: Fix) -> Option<Fix> {
        let step = &self.log.steps[self.best.step];
        // Of what a step survived, only a history that is too short shows later.
        let may_be_elsewhere = match fix {
            Fix::CheckoutDepth => true,
            Fix::Retry => culprit::failed(self.log).contains(&self.best.step),
            _ => false,
        };
        if self.best.step != self.failing && !may_be_elsewhere {
            return None;
        }
        match fix {
            Fix::Retry | Fix::Permission { .. } | Fix::PinVersion if self.code_failed() => None,
            Fix::Retry => self.is_transient(step).then_some(fix),
            Fix::SkipGuard { names } => self.guard(step, names),
            // A run of a fork has a token that can only read, whatever the workflow says.
            Fix::Permission { .. } if self.context.secret_source.as_deref() == Some("None") => Some(Fix::EventGuard),
            _ => Some(fix),
        }
    }

    /// The code failed as well: after the best line, or in another step that failed.
    fn code_failed(&self) -> bool {
        let is_code = |cause| matches!(cause, Cause::CompileError | Cause::TestFailure | Cause::Lint);
        let failed = culprit::failed(self.log);
        !is_code(self.cause)
            && self.all.iter().any(|other| {
                let is_after = other.step == self.best.step && other.index > self.best.index;
                let is_rival = is_after && other.score >= self.best.score - RIVAL;
                let is_elsewhere = other.step != self.best.step && failed.contains(&other.step);
                is_code(other.rule.cause)
                    && other.rule.weight >= TELLS_OF_CODE
                    && (is_rival || is_elsewhere)
                    && !is_harmless(trimmed(other.text(self.log)))
            })
    }

    fn is_transient(&self, step: &Step) -> bool {
        // What a project deployed itself and that answers 5xx is no matter of luck.
        let is_own_service = self.best.rule.id == "net-5xx" && step_kind::of(step) == Some(Cause::HealthCheck);
        !is_own_service && !is_harmless(trimmed(self.best.text(self.log)))
    }

    /// A guard asks for values that this run could not have, or that it was given and that are empty.
    fn guard(&self, step: &Step, names: Vec<String>) -> Option<Fix> {
        let header = &step.header;
        let is_passed = |name: &String| header.values.iter().any(|value| value.name.eq_ignore_ascii_case(name));
        let is_empty = |name: &String| header.empty().any(|value| value.name.eq_ignore_ascii_case(name));
        let is_given = |name: &String| {
            let name = name.to_ascii_lowercase();
            name.split(['_', '-']).any(|word| GIVEN.contains(&word)) && !is_secret_name(&name)
        };
        let has_header = header.shell.is_some() || !header.values.is_empty();
        if names.iter().any(is_empty) {
            return (!names.iter().all(is_given)).then_some(Fix::SkipGuard { names });
        }
        if self.context.lacks_secrets() || !has_header {
            return Some(Fix::SkipGuard { names });
        }
        let is_in_container = step.header.script.iter().any(|line| line.contains("docker "));
        if names.is_empty() || names.iter().any(is_passed) || is_in_container {
            return None;
        }
        let names = names.join(" and ");
        Some(Fix::Edit {
            text: format!("set {names} in the env of the step; the workflow does not set it"),
        })
    }
}
