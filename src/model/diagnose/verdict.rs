//! The cause, by the lines that explain the failure and by what the step runs.

use super::cause::{Cause, Confidence};
use super::fix::Fix;
use super::log::{Log, Step};
use super::rule::Rule;
use super::rules::trimmed;
use super::select::Candidate;
use super::{step_kind, words};

/// Below this, a line says nothing of the cause.
const SAYS_SOMETHING: i32 = 31;
const SURE: i32 = 90;
/// So many lines away, a line is about something else.
const BESIDE: usize = 12;
/// A rule with less is about any program: what the step runs says more.
const VAGUE: i32 = 78;

pub struct Verdict {
    pub cause: Cause,
    pub confidence: Confidence,
    /// Nothing but the kind of step, or a vague word, says so.
    pub is_guess: bool,
    pub evidence: Vec<String>,
    pub against: Vec<String>,
    pub fix: Option<Fix>,
    /// What to do, where no change of the workflow helps.
    pub advice: Option<String>,
    /// Instead of what the rule says.
    pub sentence: Option<String>,
}

impl Verdict {
    /// By the best of the lines shown, what all others say, and what the step runs.
    pub fn of(log: &Log, shown: &[Candidate<'_>], all: &[Candidate<'_>], step: &Step) -> Option<Self> {
        let best = *shown.first()?;
        let (rule, number) = (best.rule, log.steps[best.step].body.lines()[best.index].number);
        let of = match log.steps[..=best.step].iter().any(|other| std::ptr::eq(other, step)) {
            true if std::ptr::eq(&raw const log.steps[best.step], step) => "",
            true => ", of a later step,",
            false => ", of an earlier step,",
        };
        let mut verdict = Self {
            cause: rule.cause,
            confidence: Confidence::Likely,
            is_guess: false,
            evidence: vec![format!(
                "line {number}{of} matches the rule {} ({})",
                rule.id, rule.tool
            )],
            against: Vec::new(),
            fix: rule.fix_of(trimmed(best.text(log))).or_else(|| of_tool(log, best, all)),
            advice: rule.advice(trimmed(best.text(log))),
            sentence: None,
        };
        let kind = step_kind::of(step);
        if rule.cause == Cause::Unknown {
            if let Some((cause, evidence, is_guess)) = infer(log, shown, all, step) {
                verdict.cause = cause;
                verdict.is_guess = is_guess;
                verdict.evidence.push(evidence);
            } else if kind.is_some() || step.header.shell.is_some() {
                verdict.cause = Cause::ScriptBug;
                verdict.is_guess = true;
                verdict
                    .evidence
                    .push("the step runs a script of this repository".to_owned());
            }
        } else if rule.cause == Cause::ScriptBug
            && rule.weight < VAGUE
            && let Some((cause, evidence)) = refine(trimmed(best.text(log)), step)
        {
            verdict.cause = cause;
            verdict.evidence.push(evidence);
        } else if may_be_of_another_kind(rule)
            && let Some((cause, evidence)) = refine(trimmed(best.text(log)), step)
            && cause != Cause::TestFailure
        {
            verdict.cause = cause;
            verdict.evidence.push(evidence);
        } else if rule.tool == "C and C++" && rule.cause == Cause::CompileError && kind == Some(Cause::Dependency) {
            verdict.cause = Cause::Dependency;
            verdict
                .evidence
                .push("a package is compiled while it is installed".to_owned());
        } else {
            let says_another = |other: &&Candidate<'_>| {
                // Of the same line, the rule that knows more of it is right.
                let is_elsewhere = (other.step, other.index) != (best.step, best.index);
                is_elsewhere
                    && ![rule.cause, Cause::Unknown].contains(&other.rule.cause)
                    && other.score >= best.score - 14
            };
            let rival = all.iter().find(says_another);
            if let Some(rival) = rival {
                verdict.against.push(format!(
                    "another line matches the rule {} ({}), of class {}",
                    rival.rule.id, rival.rule.tool, rival.rule.cause
                ));
            }
            // A test can fail for what it was not given, which another tool would call by its name.
            let elsewhere = words::clearly(trimmed(best.text(log)))
                .filter(|cause| rule.cause == Cause::TestFailure && is_of_surroundings(*cause));
            if let Some(cause) = elsewhere {
                verdict
                    .against
                    .push(format!("the words of the line are rather those of the class {cause}"));
            }
            let is_alone = rival.is_none() && elsewhere.is_none();
            if rule.weight >= SURE && best.score >= SURE && is_alone {
                verdict.confidence = Confidence::Sure;
            }
        }
        if verdict.cause == Cause::Unknown || verdict.is_guess || best.score < SAYS_SOMETHING {
            verdict.confidence = Confidence::Unknown;
        }
        Some(verdict)
    }
}

/// A test fails for any reason: if its line is that of another tool, what this tool lacks.
fn of_tool(log: &Log, best: Candidate<'_>, all: &[Candidate<'_>]) -> Option<Fix> {
    let is_here = |other: &&Candidate<'_>| (other.step, other.index) == (best.step, best.index);
    let mut same = all
        .iter()
        .filter(|_| best.rule.cause == Cause::TestFailure)
        .filter(is_here);
    same.find_map(|other| other.rule.fix_of(trimmed(other.text(log))))
        .filter(|fix| matches!(fix, Fix::Edit { .. } | Fix::CheckoutDepth))
}

/// What a vague line is about, and what says so: its own words, a line near it that is not vague, what the step is for,
/// and at last the words of the other lines. With whether it is a guess.
fn infer(log: &Log, shown: &[Candidate<'_>], all: &[Candidate<'_>], step: &Step) -> Option<(Cause, String, bool)> {
    let best = shown.first()?;
    let text = |candidate: &Candidate<'_>| trimmed(candidate.text(log));
    if let Some(cause) = words::clearly(text(best)) {
        return Some((cause, "the words of the line name this class".to_owned(), false));
    }
    let is_beside = |other: &&Candidate<'_>| {
        let is_near = other.step == best.step && other.index.abs_diff(best.index) <= BESIDE;
        is_near && other.rule.weight > 10 && other.rule.cause != Cause::Unknown && other.score >= best.score - 12
    };
    if let Some(other) = all.iter().find(is_beside) {
        let (id, tool) = (&other.rule.id, &other.rule.tool);
        let evidence = format!("another line matches the rule {id} ({tool})");
        return Some((other.rule.cause, evidence, false));
    }
    if let Some(cause) = step_kind::of(step).filter(|kind| *kind != Cause::ScriptBug) {
        return Some((cause, format!("the step runs `{}`", step.title), false));
    }
    let mut others = shown[1..].iter().filter(|other| other.step == best.step);
    // A step can come through an outage.
    let others = others.find_map(|other| {
        let is_near = other.index.abs_diff(best.index) <= BESIDE;
        words::clearly(text(other)).filter(|cause| is_near || *cause != Cause::FlakyInfra)
    });
    let own = words::of(text(best));
    let is_guess = own.is_some() && own != others;
    Some((
        own.or(others)?,
        "the words of the lines name this class".to_owned(),
        is_guess,
    ))
}

/// Whether a cause is around the code, and not in it.
fn is_of_surroundings(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::FlakyInfra | Cause::MissingSecret | Cause::MissingConfig | Cause::Permissions | Cause::ResourceLimit
    )
}

/// Whether a rule about any tool says compiler, or gate, where the words and the step may know better.
fn may_be_of_another_kind(rule: &Rule) -> bool {
    let is_of_any = ["any tool", "policy gates"].contains(&&*rule.tool) && rule.weight <= 80;
    is_of_any && matches!(rule.cause, Cause::CompileError | Cause::PolicyGate)
}

/// What such a line is about: its words, or the tests or the linter that the step runs.
fn refine(text: &[u8], step: &Step) -> Option<(Cause, String)> {
    if let Some(cause) = words::clearly(text) {
        return Some((cause, "the words of the line name this class".to_owned()));
    }
    let kind =
        step_kind::of(step).filter(|kind| matches!(kind, Cause::TestFailure | Cause::Lint | Cause::PolicyGate))?;
    Some((kind, format!("the step runs `{}`", step.title)))
}
