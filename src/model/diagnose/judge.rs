//! A diagnosis: where, what, why, how sure, and what to do.

use super::cause::{Cause, Confidence};
use super::context::Context;
use super::culprit;
use super::fix::Fix;
use super::log::Log;
use super::normal::{self, Known};
use super::proof::Claim;
use super::rules::{Match, Rules, trimmed};
use super::select::{self, Candidate};
use super::verdict::Verdict;

/// Below this, a line of a log in which no step failed tells of no failure.
const TELLS: i32 = 62;
/// And of a log without marks of the runner, which does not say whether anything failed.
const TELLS_WITHOUT_MARKS: i32 = 36;

/// Ends why a line was chosen that the run which passed does not have.
pub const NOT_GREEN: &str = ", not in the green run";

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
    /// What the failing step runs, and how GitHub calls it.
    pub step: String,
    pub name: String,
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
    /// What to do, where no change of the workflow helps.
    pub advice: Option<String>,
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
    let pieces = log.pieces();
    let found: Vec<_> = pieces.iter().flat_map(|piece| rules.look(log, piece)).collect();
    judge(log, rules, &found, green, around)
}

/// The same, where the rules have looked at all pieces of the log, in their order.
pub fn judge(log: &Log, rules: &Rules, found: &[Match<'_>], green: Option<&Known>, around: usize) -> Option<Diagnosis> {
    let failing = culprit::of(log).or_else(|| culprit::last(log))?;
    let candidates = select::candidates(log, failing, rules, found, green);
    let chosen = select::shown(log, &candidates);
    let best = *chosen.first()?;
    let least = if log.has_marks { TELLS } else { TELLS_WITHOUT_MARKS };
    if culprit::of(log).is_none() && best.score < least {
        return None;
    }
    let context = Context::of(log);
    let step = &log.steps[failing];
    let text = trimmed(best.text(log));
    let mut verdict = Verdict::of(log, &chosen, &candidates, step)?;
    verdict.heed(log, &context, step, best, text);
    let claim = Claim {
        log,
        context: &context,
        failing,
        best,
        all: &candidates,
        cause: verdict.cause,
    };
    verdict.fix = verdict.fix.and_then(|fix| claim.prove(fix));
    let failed = culprit::failed(log).len();
    if failed > 1 {
        verdict.against.push(format!("{failed} steps failed"));
        verdict.confidence = verdict.confidence.min(Confidence::Likely);
    }
    let fingerprint = normal::fingerprint(verdict.cause.as_str(), text);
    let could_not_run = could_not_run(verdict.cause, &context);
    let number = log.steps[best.step].body.lines()[best.index].number;
    let neighbours = log.around(best.step, number, around).into_iter();
    // Advice is for what the rule says, not for what the step's values tell besides.
    let is_of_rule = verdict.cause == best.rule.cause && verdict.sentence.is_none();
    Some(Diagnosis {
        step: step.title.clone(),
        name: step.name.clone(),
        exit: step.exit,
        lines: lines(log, &chosen, failing),
        is_own_line: best.step == failing,
        around: neighbours.map(|(number, text)| (number, text.to_vec())).collect(),
        left_out: step.body.left_out,
        cause: verdict.cause,
        confidence: verdict.confidence,
        sentence: verdict.sentence.unwrap_or_else(|| best.rule.sentence(text)),
        evidence: verdict.evidence,
        against: verdict.against,
        fix: verdict.fix,
        advice: verdict.advice.filter(|_| is_of_rule),
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
            why += NOT_GREEN;
        }
        Shown {
            number: body.lines()[candidate.index].number,
            text: body.at(candidate.index).to_vec(),
            why,
        }
    });
    shown.collect()
}

fn could_not_run(cause: Cause, context: &Context) -> Option<String> {
    let why = match cause {
        Cause::MissingSecret => context.lack_of_secrets()?,
        Cause::WrongTrigger => "the event or ref of this run lacks what the step needs",
        _ => return None,
    };
    Some(why.to_owned())
}

impl Diagnosis {
    /// The runner itself says it, of no step.
    pub fn is_of_runner(&self) -> bool {
        let best = self.lines.first();
        best.is_some_and(|best| best.why.contains("(GitHub Actions runner)"))
    }

    /// The workflow says that the values which are missing are these secrets, whatever their names sound like. The
    /// fingerprint stays that of the log.
    pub fn heed_secrets(&mut self, secrets: &[String]) {
        if self.cause == Cause::MissingConfig {
            self.cause = Cause::MissingSecret;
            self.evidence.push(format!(
                "the value is secrets.{} in the workflow",
                secrets.join(" and secrets.")
            ));
            self.could_not_run = could_not_run(self.cause, &self.context);
        }
    }
}
