//! The lines that explain a failure, the best first.

use std::collections::HashMap;

use super::cause::Cause;
use super::excerpt::Excerpt;
use super::hollow::{is_harmless, is_hollow};
use super::line::Kind;
use super::log::Log;
use super::normal::Known;
use super::rule::Rule;
use super::rules::{Match, Rules, trimmed};
use super::worth::worth;

/// From this weight on, a line says why a step failed.
const SAYS_WHY: i32 = 90;
/// Below this weight, nothing is lost by a line that says nothing.
const HOLLOW: i32 = 20;
/// Below this weight, a line is there for its place and not for its words.
const BY_PLACE: i32 = 25;
/// Below this weight, a rule knows no more than a word of failure.
const SAYS_FAILED: i32 = 40;
/// From this score on, a line is surely a compiler's.
const OF_CODE: i32 = 82;
/// Lines of a vague rule that are no further apart are one cascade: its first is the cause of the others.
const CASCADE: usize = 40;
/// How long the word before a message can be, and how short a message that another line repeats.
const LABEL: usize = 24;
const TELLING: usize = 16;
/// So many of the best lines may be the root of the best one.
const ROOTS: usize = 40;
/// What an outage is worth less, if the step went on to compile.
const SURVIVED: i32 = 20;
/// No more lines are shown.
pub const MOST: usize = 5;

#[derive(Clone, Copy, Debug)]
pub struct Candidate<'r> {
    pub step: usize,
    pub index: usize,
    pub rule: &'r Rule,
    pub score: i32,
    pub is_new: bool,
}

impl Candidate<'_> {
    pub fn text<'l>(&self, log: &'l Log) -> &'l [u8] {
        log.steps[self.step].body.at(self.index)
    }

    /// GitHub's own words, about its own token.
    pub fn is_of_github(&self) -> bool {
        ["git", "GitHub API and gh", "GitHub Actions runner"].contains(&&*self.rule.tool)
    }
}

/// What a line is worth besides its rule.
struct Worth<'a> {
    log: &'a Log,
    culprit: usize,
    green: Option<&'a Known>,
}

/// All candidates, the best first. `found` is in the order of the lines.
pub fn candidates<'r>(
    log: &Log,
    culprit: usize,
    rules: &'r Rules,
    found: &[Match<'r>],
    green: Option<&Known>,
) -> Vec<Candidate<'r>> {
    let worth = Worth { log, culprit, green };
    let mut all = Vec::new();
    for (step, content) in log.steps.iter().enumerate() {
        if !content.is_cleanup || step == culprit {
            let from = found.partition_point(|found| found.step < step);
            let to = found.partition_point(|found| found.step <= step);
            let places = places(&content.body, &found[from..to]);
            let place = |found: &Match<'_>| places[&std::ptr::from_ref(found.rule)];
            let has_failed = content.exit.is_some() || content.ends_with_error();
            let candidates = found[from..to].iter();
            all.extend(candidates.map(|found| worth.candidate(*found, place(found), has_failed)));
            if step == culprit {
                let end = content.error_at.unwrap_or(content.body.lines().len());
                let last = rules.by_position(log, step, end);
                all.extend(last.map(|found| worth.candidate(found, (found.index, found.index), has_failed)));
            }
        }
    }
    // The last line of each step.
    let mut of_code: HashMap<usize, usize> = HashMap::new();
    for candidate in &all {
        if candidate.rule.cause == Cause::CompileError && candidate.score >= OF_CODE {
            let last = of_code.entry(candidate.step).or_default();
            *last = candidate.index.max(*last);
        }
    }
    for candidate in &mut all {
        // A step that compiles after an outage has come through it.
        let is_outage = matches!(candidate.rule.cause, Cause::FlakyInfra | Cause::HealthCheck);
        if is_outage && of_code.get(&candidate.step).is_some_and(|last| *last > candidate.index) {
            candidate.score -= SURVIVED;
        }
    }
    // Stable: of two equal ones, the earlier line comes first.
    all.sort_by_key(|candidate| std::cmp::Reverse(candidate.score));
    lead_with_root(log, &mut all);
    all
}

/// Puts the line before all others whose message the best one only repeats, as `failed: ` and a message does.
fn lead_with_root(log: &Log, candidates: &mut [Candidate<'_>]) {
    let Some(best) = candidates
        .first()
        .filter(|best| best.rule.cause == Cause::Unknown)
        .copied()
    else {
        return;
    };
    let whole = trimmed(best.text(log));
    let is_root = |other: &Candidate<'_>| {
        let is_before = other.step == best.step && other.index < best.index && other.rule.cause == Cause::Unknown;
        let text = trimmed(other.text(log));
        // Without `#6 ERROR: `.
        let head = memchr::memmem::find(&text[..text.len().min(LABEL)], b": ").map_or(0, |at| at + 2);
        let message = &text[head..];
        is_before && message.len() >= TELLING && memchr::memmem::find(whole, message).is_some()
    };
    let roots = candidates
        .iter()
        .take(ROOTS)
        .enumerate()
        .filter(|(_, other)| is_root(other));
    if let Some((at, _)) = roots.min_by_key(|(_, other)| other.index) {
        candidates[..=at].rotate_right(1);
        candidates[0].score = best.score;
    }
}

/// Which line of each rule says most, the first or the last, and which is its last.
fn places(body: &Excerpt, matches: &[Match<'_>]) -> HashMap<*const Rule, (usize, usize)> {
    let mut places = HashMap::new();
    for found in matches {
        let (leader, last) = places
            .entry(std::ptr::from_ref(found.rule))
            .or_insert((found.index, found.index));
        let is_apart = found.rule.cause == Cause::Unknown
            && (found.index - *last > CASCADE || is_harmless(trimmed(body.at(*leader))));
        if found.rule.last || is_apart {
            *leader = found.index;
        }
        *last = found.index;
    }
    places
}

impl Worth<'_> {
    fn candidate<'r>(&self, found: Match<'r>, (leader, last): (usize, usize), has_failed: bool) -> Candidate<'r> {
        let step = found.step;
        let content = &self.log.steps[step];
        let line = &content.body.lines()[found.index];
        let text = content.body.text(line);
        let mut score = found.rule.weight;
        score += match line.kind {
            Kind::Error => 4,
            Kind::Warning => -8,
            Kind::Notice | Kind::Debug => -20,
            Kind::Command => -30,
            Kind::Group | Kind::EndGroup => -15,
            Kind::Text => 0,
        };
        if found.index != leader {
            score -= 7;
        }
        // Where it is: the failing step first, and of that its end.
        score -= match step.cmp(&self.culprit) {
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Less if ends_a_step(found.rule.cause) && has_failed => 24,
            std::cmp::Ordering::Less => 42,
            std::cmp::Ordering::Greater => 45,
        };
        let end = content.error_at.unwrap_or(content.body.lines().len());
        score += 6 - (magnitude(end.abs_diff(found.index)) / 2).min(6);
        // What nobody can go on after ends a step soon; if the step went on, it was not that.
        // Only what the runner itself says ends it whatever the script does.
        // pytest goes on after a test, and tells of it at the end.
        let is_told_later = found.rule.tool == "GitHub Actions runner" || text.starts_with(b"E  ");
        if ends_a_step(found.rule.cause) && !is_told_later {
            score -= (7 * (magnitude(end.abs_diff(last)) - 2)).clamp(0, 35);
        }
        if is_harmless(trimmed(text)) {
            score -= 45;
        }
        let is_vague = found.rule.cause == Cause::Unknown && found.rule.weight >= HOLLOW;
        if is_vague && is_hollow(text) {
            score -= 14;
        } else if is_vague {
            score += worth(trimmed(text), found.rule.weight < SAYS_FAILED);
        }
        let is_new = self.green.is_some_and(|green| !green.has(text));
        if self.green.is_some() {
            score += if is_new { 8 } else { -40 };
        }
        Candidate {
            step,
            index: found.index,
            rule: found.rule,
            score,
            is_new,
        }
    }
}

/// The binary logarithm.
fn magnitude(lines: usize) -> i32 {
    i32::try_from((lines + 1).ilog2()).unwrap_or(i32::MAX)
}

fn ends_a_step(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::Permissions
            | Cause::MissingSecret
            | Cause::MissingConfig
            | Cause::WorkflowConfig
            | Cause::FlakyInfra
            | Cause::WrongTrigger
            | Cause::HealthCheck
    )
}

/// The lines to show: different ones, and not too many of the same rule.
pub fn shown<'r>(log: &Log, candidates: &[Candidate<'r>]) -> Vec<Candidate<'r>> {
    let mut shown: Vec<Candidate<'r>> = Vec::new();
    let mut texts: Vec<&[u8]> = Vec::new();
    for pass in 0..2 {
        for candidate in candidates {
            if shown.len() >= MOST {
                return shown;
            }
            let text = trimmed(log.steps[candidate.step].body.at(candidate.index));
            let is_there = (shown.iter()).any(|other| (other.step, other.index) == (candidate.step, candidate.index));
            let same = shown
                .iter()
                .filter(|other| std::ptr::eq(other.rule, candidate.rule))
                .count();
            // Beside a line that says why, lines that only are the last ones say nothing.
            let says_why = shown.first().is_some_and(|best| best.rule.weight >= SAYS_WHY);
            let is_exit =
                candidate.rule.weight < 10 && !shown.is_empty() || candidate.rule.weight < BY_PLACE && says_why;
            if is_there || texts.contains(&text) || is_exit || (pass == 0 && same >= 2) {
                continue;
            }
            texts.push(text);
            shown.push(*candidate);
        }
    }
    shown
}
