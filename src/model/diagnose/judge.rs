//! A diagnosis: where, what, why, how sure, and what to do.

use super::cause::{Cause, Confidence};
use super::context::Context;
use super::fix::Fix;
use super::log::{Log, Step};
use super::normal::{self, Known};
use super::rules::{Rules, trimmed};
use super::select::{self, Candidate};
use super::{culprit, step_kind, words};
use crate::model::text::count;

/// Below this, a line alone does not say why.
const TELLS: i32 = 62;
const SURE: i32 = 90;
/// A rule with less is about any program: what the step runs says more.
const VAGUE: i32 = 78;

/// A line that explains the failure.
#[derive(Clone, Debug)]
pub struct Shown {
    /// 1 is the first of the log.
    pub number: usize,
    /// As it was written, without the runner's marks and the terminal's codes.
    pub text: Vec<u8>,
    /// Why it was chosen.
    pub why: String,
}

#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// What the failing step runs.
    pub step: String,
    pub exit: Option<i32>,
    /// The best first.
    pub lines: Vec<Shown>,
    pub cause: Cause,
    pub confidence: Confidence,
    /// The cause as a sentence, with words of the log in it.
    pub sentence: String,
    /// What speaks for this cause, and what against it.
    pub evidence: Vec<String>,
    pub against: Vec<String>,
    pub fix: Option<Fix>,
    pub fingerprint: String,
    pub context: Context,
    /// The best line is of the step that failed, not of another one.
    pub is_own_line: bool,
    /// Lines before and after the best one, with their numbers.
    pub around: Vec<(usize, Vec<u8>)>,
    /// Lines of the step that were too many to keep.
    pub left_out: usize,
    /// Why the job could never have done anything in this run, if so.
    pub could_not_run: Option<String>,
}

/// What a log says, with so many lines before and after the best one. `None` if nothing in it failed.
pub fn diagnose(log: &Log, rules: &Rules, green: Option<&Known>, around: usize) -> Option<Diagnosis> {
    let failing = culprit::of(log).or_else(|| culprit::last(log))?;
    let candidates = select::candidates(log, failing, rules, green);
    let chosen = select::shown(log, &candidates);
    let best = *chosen.first()?;
    if culprit::of(log).is_none() && best.score < TELLS {
        return None;
    }
    let context = Context::of(log);
    let step = &log.steps[failing];
    let text = trimmed(log.steps[best.step].body.at(best.index));
    let number = log.steps[best.step].body.lines()[best.index].number;
    let mut judged = Judged::of(best, number, text, &candidates, step);
    judged.heed(&context, step, best, text);
    let failed = culprit::failed(log).len();
    if failed > 1 {
        judged.against.push(format!("{failed} steps failed"));
        judged.confidence = judged.confidence.min(Confidence::Likely);
    }
    let fingerprint = normal::fingerprint(judged.cause.as_str(), text);
    let could_not_run = could_not_run(judged.cause, &context, step);
    Some(Diagnosis {
        step: step.title.clone(),
        exit: step.exit,
        lines: lines(log, &chosen, failing),
        is_own_line: best.step == failing,
        around: neighbours(log, best, around),
        left_out: step.body.left_out,
        cause: judged.cause,
        confidence: judged.confidence,
        sentence: best.rule.sentence(text),
        evidence: judged.evidence,
        against: judged.against,
        fix: judged.fix,
        fingerprint,
        context,
        could_not_run,
    })
}

fn lines(log: &Log, chosen: &[Candidate<'_>], failing: usize) -> Vec<Shown> {
    let shown = chosen.iter().map(|candidate| {
        let body = &log.steps[candidate.step].body;
        let mut why = format!("rule {} ({})", candidate.rule.id, candidate.rule.tool);
        if candidate.step != failing {
            why += if candidate.step < failing {
                ", in an earlier step"
            } else {
                ", in a later step"
            };
        }
        if candidate.is_new {
            why += ", not in the green run";
        }
        Shown {
            number: body.lines()[candidate.index].number,
            text: body.at(candidate.index).to_vec(),
            why,
        }
    });
    shown.collect()
}

fn neighbours(log: &Log, best: Candidate<'_>, around: usize) -> Vec<(usize, Vec<u8>)> {
    if around == 0 {
        return Vec::new();
    }
    let body = &log.steps[best.step].body;
    let to = best.index.saturating_add(around + 1).min(body.lines().len());
    let lines = body.lines()[best.index.saturating_sub(around)..to].iter();
    lines.map(|line| (line.number, body.text(line).to_vec())).collect()
}

struct Judged {
    cause: Cause,
    confidence: Confidence,
    /// Nothing but the kind of step says so.
    is_guess: bool,
    evidence: Vec<String>,
    against: Vec<String>,
    fix: Option<Fix>,
}

impl Judged {
    /// By the best line, what the others say, and what the step runs.
    fn of(best: Candidate<'_>, number: usize, text: &[u8], all: &[Candidate<'_>], step: &Step) -> Self {
        let mut judged = Self {
            cause: best.rule.cause,
            confidence: Confidence::Likely,
            is_guess: false,
            evidence: vec![format!(
                "line {} matches the rule {} ({})",
                number, best.rule.id, best.rule.tool
            )],
            against: Vec::new(),
            fix: best.rule.fix.clone(),
        };
        let kind = step_kind::of(step);
        if judged.cause == Cause::Unknown {
            // A vague line: one near it that is not, its own words, or what the step is for.
            let beside = |least: i32| {
                let said = |other: &&Candidate<'_>| other.rule.weight > 10 && other.rule.cause != Cause::Unknown;
                all.iter().filter(said).find(|other| other.score >= best.score - least)
            };
            let by_step = kind.filter(|kind| *kind != Cause::ScriptBug);
            if let Some(other) = beside(12) {
                judged.cause = other.rule.cause;
                let (id, tool) = (&other.rule.id, &other.rule.tool);
                judged
                    .evidence
                    .push(format!("another line matches the rule {id} ({tool})"));
            } else if let Some(cause) = by_step {
                judged.cause = cause;
                judged.evidence.push(format!("the step runs `{}`", step.title));
            } else if let Some(cause) = words::of(text) {
                judged.cause = cause;
                judged.evidence.push("the words of the line".to_owned());
            } else if let Some(cause) = kind.or(step.header.shell.as_ref().map(|_| Cause::ScriptBug)) {
                judged.cause = cause;
                judged.is_guess = true;
                judged.evidence.push("the step is a script of the project".to_owned());
            }
        } else if judged.cause == Cause::ScriptBug
            && best.rule.weight < VAGUE
            && let Some(cause @ (Cause::TestFailure | Cause::Lint)) = kind
        {
            judged.cause = cause;
            judged.evidence.push(format!("the step runs `{}`", step.title));
        } else {
            let rival = all.iter().find(|other| {
                other.rule.cause != best.rule.cause
                    && other.rule.cause != Cause::Unknown
                    && other.score >= best.score - 14
            });
            if let Some(rival) = rival {
                judged.against.push(format!(
                    "another line matches the rule {} ({}), of class {}",
                    rival.rule.id, rival.rule.tool, rival.rule.cause
                ));
            }
            let is_sure = best.rule.weight >= SURE && best.score >= SURE && rival.is_none();
            judged.confidence = if is_sure { Confidence::Sure } else { Confidence::Likely };
        }
        if judged.cause == Cause::Unknown || judged.is_guess || best.score < TELLS / 2 {
            judged.confidence = Confidence::Unknown;
        }
        judged
    }

    /// What the run says about itself.
    fn heed(&mut self, context: &Context, step: &Step, best: Candidate<'_>, text: &[u8]) {
        let empty: Vec<String> = (step.header.empty().map(|value| value.name.clone()))
            .filter(|name| is_secret_name(name) && is_plain(name))
            .collect();
        let is_about_access = matches!(
            self.cause,
            Cause::Permissions | Cause::MissingConfig | Cause::MissingSecret
        );
        if let Some(name) = best.rule.group(text, "name") {
            if self.cause == Cause::MissingConfig && is_secret_name(&name) {
                self.cause = Cause::MissingSecret;
                self.evidence.push(format!("{name} is the name of a secret"));
            }
            if let Some(Fix::SkipGuard { names }) = &mut self.fix
                && is_plain(&name)
            {
                names.push(name);
            }
        }
        if let Some(Fix::Timeout { limit }) = &mut self.fix {
            *limit = best.rule.group(text, "n").and_then(|minutes| minutes.parse().ok());
        }
        if is_about_access && !empty.is_empty() {
            let are = if empty.len() == 1 { "is" } else { "are" };
            let names = empty.join(" and ");
            self.evidence
                .push(format!("{names} {are} empty in the header of the step"));
            if self.cause != Cause::MissingSecret && best.rule.id != "integration-forbidden" {
                self.cause = Cause::MissingSecret;
            }
            match &mut self.fix {
                Some(Fix::SkipGuard { names }) if names.is_empty() => *names = empty,
                Some(Fix::SkipGuard { .. }) => {}
                fix => *fix = Some(Fix::SkipGuard { names: empty }),
            }
        }
        if matches!(self.cause, Cause::Permissions | Cause::ScriptBug | Cause::Unknown) && lacks_a_number(step) {
            self.cause = Cause::WrongTrigger;
            self.evidence
                .push("the step asks for a pull request or issue without a number".to_owned());
            self.fix = Some(Fix::EventGuard);
        }
        if self.cause == Cause::MissingSecret {
            match context.secret_source.as_deref() {
                Some(source @ ("None" | "Dependabot")) => self
                    .evidence
                    .push(format!("the secrets of this run are from: {source}")),
                Some(source) => self
                    .against
                    .push(format!("the run had secrets (Secret source: {source})")),
                None => {}
            }
        }
        // What helps whatever the rule.
        if self.fix.is_none() && !self.is_guess {
            self.fix = match self.cause {
                Cause::FlakyInfra => Some(Fix::Retry),
                Cause::WrongTrigger => Some(Fix::EventGuard),
                _ => None,
            };
        }
        // Another name has its own token, and a permission of the job's token changes nothing for it.
        if best.rule.id == "git-denied"
            && best
                .rule
                .group(text, "who")
                .is_none_or(|who| who != "github-actions[bot]")
        {
            self.fix = None;
        }
        if let Some(Fix::Permission { scope, level }) = &self.fix {
            match context.permissions.get(scope).map(String::as_str) {
                Some("write") => self.against.push(format!("the token has {scope}: write")),
                Some(given) => self
                    .evidence
                    .push(format!("the token has {scope}: {given}, not {}", level.as_str())),
                None if context.permissions.is_empty() => {}
                None => self.evidence.push(format!(
                    "the token has no {scope} in its {}",
                    count(context.permissions.len(), "scope")
                )),
            }
        }
    }
}

/// Whether the step's script, in which the runner has filled in the expressions, asks for a pull request or issue that this
/// event does not have.
fn lacks_a_number(step: &Step) -> bool {
    let mut lines = std::iter::once(&step.title).chain(&step.header.script);
    lines.any(|line| {
        ["pulls//", "issues//", "/pull//", "pulls/\"", "issues/\""]
            .iter()
            .any(|part| line.contains(part))
    })
}

/// Whether a name can be part of a command as it is.
fn is_plain(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether a variable or an input of this name holds a secret.
fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 9] = [
        "token",
        "secret",
        "password",
        "passwd",
        "key",
        "credential",
        "auth",
        "webhook",
        "dsn",
    ];
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

fn could_not_run(cause: Cause, context: &Context, step: &Step) -> Option<String> {
    let empty: Vec<&str> = step
        .header
        .empty()
        .map(|value| &*value.name)
        .filter(|name| is_secret_name(name))
        .collect();
    match cause {
        Cause::MissingSecret if context.lacks_secrets() => {
            let source = context.secret_source.as_deref().unwrap_or_default();
            Some(format!(
                "this run has no secrets of the repository (Secret source: {source})"
            ))
        }
        Cause::MissingSecret if !empty.is_empty() => Some(format!("{} is empty in this run", empty.join(" and "))),
        Cause::WrongTrigger => Some("the event or ref of this run lacks what the step needs".to_owned()),
        _ => None,
    }
}
