//! The search: one pass for all keywords, then the rules that they switch on.

use std::ops::Range;

use regex::bytes::Match;

use super::allowlist::Matched;
use super::entropy;
use super::rule::{Required, Rule, RuleSet};

/// A rule whose keyword is in one of these is looked for in all of it; gitleaks takes 100 kB.
const FRAGMENT: usize = 128 << 10;
/// How much of what comes before and after a part must be seen with it. A match that is longer is cut here. gitleaks
/// reads 25 kB on.
pub const OVERLAP: usize = 32 << 10;
/// What an anchor or `\b` at the end of a match looks at beyond it.
const BEYOND: usize = 4;

/// Something that a rule matched and that no allowlist names.
#[derive(Clone, Debug)]
pub struct Found<'r> {
    pub rule: &'r Rule,
    /// Bytes of the file.
    pub whole: Range<u64>,
    /// What of it is to be hidden.
    pub secret: Range<u64>,
    /// 1-based.
    pub line: u64,
    /// 1-based, in characters.
    pub column: u64,
}

/// The search in one file, part by part.
pub struct Scan<'r> {
    rules: &'r RuleSet,
    path: String,
    /// Whether the rule is looked for in a file with this path.
    active: Vec<bool>,
    /// Where the next match of a rule may begin.
    next: Vec<u64>,
    lines: Lines,
}

impl<'r> Scan<'r> {
    /// `path` is what rules and allowlists for paths are about, with `/` between its parts.
    pub fn new(rules: &'r RuleSet, path: &str) -> Self {
        let skipped = rules.allowlists.iter().any(|list| list.allows_file(path));
        let active = |rule: &Rule| {
            let here = rule.path.as_ref().is_none_or(|regex| regex.is_match(path.as_bytes()));
            here && !skipped && !rule.allowlists.iter().any(|list| list.allows_file(path))
        };
        Self {
            rules,
            path: path.to_owned(),
            active: rules.rules.iter().map(active).collect(),
            next: vec![0; rules.rules.len()],
            lines: Lines::default(),
        }
    }

    /// The rules for which the path alone is what is found.
    pub fn by_path(&self) -> impl Iterator<Item = &'r Rule> + '_ {
        let rules = self.rules.rules.iter().zip(&self.active);
        rules
            .filter(|(rule, active)| **active && rule.pattern.is_none() && !rule.is_part)
            .map(|(rule, _)| rule)
    }

    /// Looks for what begins in `fresh`, a part of `window`; parts come in order, without gaps. `at` is where in the file
    /// the window begins. It holds [`OVERLAP`] bytes more on either side, if the file has them.
    pub fn look(&mut self, window: &[u8], at: u64, fresh: Range<usize>) -> Vec<Found<'r>> {
        let enabled = self.enabled(window, &fresh);
        let mut hits = Vec::new();
        for (index, fragments) in enabled.iter().enumerate() {
            if self.active[index] {
                self.hits(index, fragments, window, at, &fresh, &mut hits);
            }
        }
        hits.sort_by_key(|hit| (hit.whole.start, hit.rule));
        let kept: Vec<&Hit> = hits.iter().filter(|hit| self.is_kept(hit, &hits, window)).collect();
        let found = kept.into_iter().map(|hit| {
            let (line, column) = self.lines.place(window, at, hit.whole.start);
            let absolute = |range: &Range<usize>| at + range.start as u64..at + range.end as u64;
            Found {
                rule: &self.rules.rules[hit.rule],
                whole: absolute(&hit.whole),
                secret: absolute(&hit.secret),
                line,
                column,
            }
        });
        let found = found.collect();
        self.lines.place(window, at, fresh.end);
        found
    }

    /// For each rule, the fragments of `fresh` in which it is looked for, as their index.
    fn enabled(&self, window: &[u8], fresh: &Range<usize>) -> Vec<Vec<usize>> {
        let count = fresh.len().div_ceil(FRAGMENT);
        let mut enabled = vec![Vec::new(); self.rules.rules.len()];
        for &rule in &self.rules.always {
            enabled[rule] = (0..count).collect();
        }
        let Some(keywords) = &self.rules.keywords else {
            return enabled;
        };
        let end = window.len().min(fresh.end + OVERLAP);
        let seen = &window[fresh.start..end];
        for hit in keywords.find_overlapping_iter(seen) {
            // A match that begins in the fragment before may hold it.
            let first = hit.start().saturating_sub(OVERLAP) / FRAGMENT;
            let last = (hit.start() / FRAGMENT).min(count.saturating_sub(1));
            for &rule in &self.rules.rules_of_keyword[hit.pattern().as_usize()] {
                let fragments = &mut enabled[rule];
                for fragment in first..=last {
                    if fragments.last().is_none_or(|seen| *seen < fragment) {
                        fragments.push(fragment);
                    }
                }
            }
        }
        enabled
    }

    fn hits(
        &mut self,
        index: usize,
        fragments: &[usize],
        window: &[u8],
        at: u64,
        fresh: &Range<usize>,
        hits: &mut Vec<Hit>,
    ) {
        let rule = &self.rules.rules[index];
        let Some((pattern, regex)) = rule.pattern.as_ref().and_then(|p| Some((p, p.regex()?))) else {
            return;
        };
        let ahead = pattern.longest.map_or(OVERLAP, |longest| longest.min(OVERLAP)) + BEYOND;
        for fragment in fragments {
            let start = fresh.start + fragment * FRAGMENT;
            let end = (start + FRAGMENT).min(fresh.end);
            let text = &window[..window.len().min(end + ahead)];
            let from = usize::try_from(self.next[index].saturating_sub(at)).unwrap_or(usize::MAX);
            let mut from = start.max(from);
            while from < end {
                let Some(found) = regex.find_at(text, from).filter(|found| found.start() < end) else {
                    break;
                };
                from = found.end().max(found.start() + 1);
                self.next[index] = at + from as u64;
                hits.extend(self.judged(index, found, window));
            }
        }
    }

    /// What of a match is the secret, unless it is allowed.
    fn judged(&self, index: usize, found: Match<'_>, window: &[u8]) -> Option<Hit> {
        let rule = &self.rules.rules[index];
        let whole = trimmed(window, found.range());
        let text = &window[whole.clone()];
        // gitleaks takes the groups from the match alone, where what is around it is not seen.
        let captures = rule.pattern.as_ref()?.regex()?.captures(text);
        let group = captures.and_then(|captures| {
            let group = match rule.secret_group {
                0 => captures.iter().skip(1).flatten().find(|group| !group.is_empty()),
                group => captures.get(group),
            };
            group.map(|group| whole.start + group.start()..whole.start + group.end())
        });
        let mut secret = group.unwrap_or_else(|| whole.clone());
        if rule.entropy > 0.0 && entropy::of(&window[secret.clone()]) <= rule.entropy {
            return None;
        }
        if let Some(check) = rule.check {
            secret.end = secret.start + check(&window[secret.clone()])?;
        }
        let line_start = memchr::memrchr(b'\n', &window[..whole.start]).map_or(0, |at| at + 1);
        let line_end = memchr::memchr(b'\n', &window[whole.end..]).map_or(window.len(), |at| whole.end + at);
        let matched = Matched {
            path: &self.path,
            secret: &window[secret.clone()],
            whole: text,
            line: &window[line_start..line_end],
        };
        let mut lists = self.rules.allowlists.iter().chain(&rule.allowlists);
        let allowed = lists.any(|list| list.allows(matched));
        (!allowed).then_some(Hit {
            rule: index,
            whole,
            secret,
        })
    }

    fn is_kept(&self, hit: &Hit, all: &[Hit], window: &[u8]) -> bool {
        let rule = &self.rules.rules[hit.rule];
        let required = |of: &Required| {
            let index = self.rules.index_of(&of.id);
            all.iter()
                .any(|other| Some(other.rule) == index && is_near(hit, other, of, window))
        };
        // The more specific rule says better what it is.
        let is_known_better = rule.id.contains("generic")
            && all.iter().any(|other| {
                let others = &self.rules.rules[other.rule];
                !others.id.contains("generic")
                    && !others.is_part
                    && memchr::memmem::find(&window[other.secret.clone()], &window[hit.secret.clone()]).is_some()
                    && lines_between(window, hit.whole.start, other.whole.start) == 0
            });
        !rule.is_part && !is_known_better && rule.required.iter().all(required)
    }
}

/// A match in the window.
struct Hit {
    rule: usize,
    whole: Range<usize>,
    secret: Range<usize>,
}

fn is_near(hit: &Hit, other: &Hit, required: &Required, window: &[u8]) -> bool {
    let lines = lines_between(window, hit.whole.start, other.whole.start);
    let column = |at: usize| at - memchr::memrchr(b'\n', &window[..at]).map_or(0, |line| line + 1);
    let columns = column(hit.whole.start).abs_diff(column(other.whole.start)) as u64;
    required.within_lines.is_none_or(|most| lines <= most) && required.within_columns.is_none_or(|most| columns <= most)
}

fn lines_between(window: &[u8], one: usize, other: usize) -> u64 {
    newlines(&window[one.min(other)..one.max(other)])
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Without line feeds at its ends.
fn trimmed(window: &[u8], range: Range<usize>) -> Range<usize> {
    let text = &window[range.clone()];
    let end = text.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 1);
    let start = text[..end].iter().position(|byte| *byte != b'\n').unwrap_or(end);
    range.start + start..range.start + end
}

/// Counts lines as the search goes on.
#[derive(Default)]
struct Lines {
    counted: u64,
    newlines: u64,
}

impl Lines {
    /// Line and column of a place in the window, which is not before the last that was asked for.
    fn place(&mut self, window: &[u8], at: u64, place: usize) -> (u64, u64) {
        let from = usize::try_from(self.counted.saturating_sub(at))
            .unwrap_or(place)
            .min(place);
        self.newlines += newlines(&window[from..place]);
        self.counted = at + place as u64;
        let line = memchr::memrchr(b'\n', &window[..place]).map_or(0, |line| line + 1);
        let column = String::from_utf8_lossy(&window[line..place]).chars().count() as u64 + 1;
        (self.newlines + 1, column)
    }
}
