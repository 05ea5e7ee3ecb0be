//! All rules, and the one pass that finds the lines that they may be about.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

use super::excerpt::Excerpt;
use super::finder::{Finder, Hit};
use super::hollow::is_hollow;
use super::line::Kind;
use super::log::{Log, Piece};
use super::rule::{self, Rule, RuleError};
use super::rule_file::RawFile;
use super::worth::worth;

/// The files of `rules/`, one per tool or family of tools, as `build.rs` packs them.
const BUILTIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rules.deflate"));

/// How many of the last lines of a step may explain it.
const AT_THE_END: usize = 4;
/// How far back they are looked for, past those that explain nothing.
const NEAR_THE_END: usize = 16;

/// From this weight on, the words of a rule are kept of a step that wrote too much.
const TELLING: i32 = 80;

/// For lines that no rule is about: what a step wrote last often says why it ended, and what somebody made an error of.
const POSITION: &str = r"
tool: position
rules:
- id: end-of-step
  any: ['..']
  line: '^(?P<what>.*)$'
  class: unknown
  weight: 22
  cause: '{what}'
- id: error-annotation
  any: ['..']
  line: '^(?P<what>.*)$'
  class: unknown
  weight: 56
  cause: '{what}'
";
/// How many annotations of a step are looked at.
const ANNOTATIONS: usize = 50;

#[derive(Debug)]
pub struct Rules {
    position: Vec<Rule>,
    rules: Vec<Rule>,
    words: Finder,
    /// The rules that a word wakes.
    wakes: Vec<Vec<usize>>,
}

/// A line that a rule is about.
#[derive(Clone, Copy, Debug)]
pub struct Match<'r> {
    pub step: usize,
    /// Of the line in its excerpt.
    pub index: usize,
    pub rule: &'r Rule,
}

impl Rules {
    /// The built-in rules and those of `more`, the text of a user's file.
    ///
    /// # Errors
    /// Says what is wrong with `more`.
    pub fn new(more: Option<&str>) -> Result<Self, RuleError> {
        let mut rules = Vec::new();
        for file in builtin()? {
            rules.extend(rule::of_file(file)?);
        }
        if let Some(more) = more {
            for rule in rule::parse(more)? {
                rule.prove()?;
                rules.push(rule);
            }
        }
        Self::of(rules)
    }

    pub(super) fn of(rules: Vec<Rule>) -> Result<Self, RuleError> {
        let mut words: Vec<String> = Vec::new();
        let mut wakes: Vec<Vec<usize>> = Vec::new();
        let mut known = std::collections::HashMap::new();
        for (index, rule) in rules.iter().enumerate() {
            for word in &rule.any {
                let at = *known.entry(word.to_ascii_lowercase()).or_insert_with_key(|word| {
                    words.push(word.clone());
                    wakes.push(Vec::new());
                    words.len() - 1
                });
                wakes[at].push(index);
            }
        }
        let words = Finder::new(words).ok_or_else(RuleError::of_words)?;
        let position = rule::parse(POSITION)?;
        Ok(Self {
            position,
            rules,
            words,
            wakes,
        })
    }

    /// Every line of a piece that a rule is about, and the rule, in the order of the lines.
    pub fn look<'r>(&'r self, log: &Log, piece: &Piece) -> Vec<Match<'r>> {
        let excerpt = &log.steps[piece.step].body;
        let mut found = Vec::new();
        // Where each rule was last asked, so that two words of it on one line ask once.
        let mut asked = vec![usize::MAX; self.rules.len()];
        let mut hits: Vec<Hit> = Vec::new();
        for index in piece.lines.clone() {
            let line = excerpt.at(index);
            hits.clear();
            self.words.each(line, |hit| hits.push(hit));
            // The word that ends first asks first, and of those that end together the longest.
            hits.sort_unstable_by_key(|hit| (hit.end, hit.start));
            let line = trimmed(line);
            for rule in hits.iter().flat_map(|hit| &self.wakes[hit.word]) {
                let is_asked = std::mem::replace(&mut asked[*rule], index) == index;
                let rule = &self.rules[*rule];
                if !is_asked && rule.matches(line) && is_about(rule, excerpt, index) {
                    let step = piece.step;
                    found.push(Match { step, index, rule });
                }
            }
        }
        found
    }

    /// The last lines of a step before the one at `end`, and what was marked as an error.
    pub fn by_position<'r>(&'r self, log: &Log, step: usize, end: usize) -> impl Iterator<Item = Match<'r>> {
        let excerpt = &log.steps[step].body;
        let of_kind = |wanted: Kind, index: &usize| {
            let line = &excerpt.lines()[*index];
            let text = trimmed(excerpt.text(line));
            line.kind == wanted && text.len() > 2 && memchr::memmem::find(text, b" with exit code ").is_none()
        };
        let lines = excerpt.lines().len();
        let last = (0..end.min(lines)).rev().filter(|index| of_kind(Kind::Text, index));
        let errors = (0..lines).filter(|index| of_kind(Kind::Error, index));
        let last: Vec<usize> = last.take(NEAR_THE_END).collect();
        let says = |index: &&usize| {
            let text = trimmed(excerpt.at(**index));
            !is_hollow(text) && worth(text, true) > -8 && !is_frame(text)
        };
        let mut telling: Vec<usize> = last.iter().filter(says).take(AT_THE_END).copied().collect();
        telling.reverse();
        let last = telling.iter().chain(last.iter().take(1)).map(|index| (0, *index));
        let last: Vec<(usize, usize)> = last.collect();
        let errors: Vec<(usize, usize)> = errors.take(ANNOTATIONS).map(|index| (1, index)).collect();
        let found = last.into_iter().chain(errors);
        found.filter_map(move |(rule, index)| {
            Some(Match {
                step,
                index,
                rule: self.position.get(rule)?,
            })
        })
    }
}

/// Whether a rule that matches a line allows its surroundings.
fn is_about(rule: &Rule, excerpt: &Excerpt, index: usize) -> bool {
    if !rule.looks_around() {
        return true;
    }
    let from = index.saturating_sub(rule.within);
    let to = (index + rule.within + 1).min(excerpt.lines().len());
    rule.allows((from..to).map(|near| trimmed(excerpt.at(near))))
}

fn builtin() -> Result<Vec<RawFile>, RuleError> {
    let mut text = Vec::new();
    DeflateDecoder::new(BUILTIN).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// The words of the built-in rules that say why a step failed.
pub fn telling_words() -> Vec<String> {
    let rules = builtin().unwrap_or_default().into_iter().flat_map(|file| file.rules);
    rules
        .filter(|rule| rule.weight >= TELLING)
        .flat_map(|rule| rule.any)
        .collect()
}

/// A frame of a stack of Java, JavaScript, Ruby, Python or Go.
fn is_frame(text: &[u8]) -> bool {
    let starts: [&[u8]; 4] = [b"at ", b"from /", b"File \"", b"goroutine "];
    starts.iter().any(|start| text.starts_with(start)) || memchr::memmem::find(text, b":in `").is_some()
}

/// Without the indentation, and the frame that terraform draws.
pub fn trimmed(mut text: &[u8]) -> &[u8] {
    loop {
        text = text.trim_ascii();
        let Some(rest) = text.strip_prefix("│".as_bytes()) else {
            return text;
        };
        text = rest;
    }
}

#[cfg(test)]
mod tests {
    use regex_syntax::ParserBuilder;
    use regex_syntax::hir::{Class, Hir, HirKind};

    use super::*;

    #[test]
    fn every_rule_matches_its_example_and_not_its_counterexample() {
        let mut wrong = Vec::new();
        let mut ids = std::collections::HashSet::new();
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/model/diagnose/rules");
        for file in std::fs::read_dir(folder).unwrap() {
            let file = file.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap();
            match rule::parse(&std::fs::read_to_string(&file).unwrap()) {
                Err(error) => wrong.push(format!("{name}: {error}")),
                Ok(rules) => {
                    for rule in rules {
                        if let Err(error) = rule.prove() {
                            wrong.push(format!("{name}: {error}"));
                        }
                        if !ids.insert(rule.id.clone()) {
                            wrong.push(format!("{name}: `{}` is there twice", rule.id));
                        }
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(Rules::new(None).unwrap().rules.len(), ids.len());
    }

    /// What a pattern matches, in lower case, with NUL for what is open.
    fn texts(hir: &Hir) -> Vec<String> {
        let open = || vec!["\0".to_owned()];
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => vec![String::new()],
            HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).to_ascii_lowercase()],
            // `[Aa]` is a letter in any case.
            HirKind::Class(Class::Bytes(class)) => match class.ranges() {
                [upper, lower] if lower.start() == lower.end() && upper.start().eq_ignore_ascii_case(&lower.end()) => {
                    vec![char::from(lower.start()).to_string()]
                }
                _ => open(),
            },
            HirKind::Class(_) => open(),
            HirKind::Repetition(repeated) if repeated.min == 0 && repeated.max == Some(1) => {
                let mut all = texts(&repeated.sub);
                all.push(String::new());
                all
            }
            HirKind::Repetition(_) => open(),
            HirKind::Capture(capture) => texts(&capture.sub),
            HirKind::Concat(parts) => parts.iter().map(texts).fold(vec![String::new()], |all, next| {
                let joined = all.iter().flat_map(|a| next.iter().map(move |b| format!("{a}{b}")));
                joined.take(5000).collect()
            }),
            HirKind::Alternation(parts) => parts.iter().flat_map(texts).collect(),
        }
    }

    #[test]
    fn every_plain_alternative_of_a_line_has_a_word_that_wakes_its_rule() {
        let mut deaf = Vec::new();
        for rule in &Rules::new(None).unwrap().rules {
            let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
            for text in texts(&parser.parse(rule.line()).unwrap()) {
                let is_plain = !text.contains('\0');
                if is_plain && !rule.any.iter().any(|word| text.contains(&word.to_ascii_lowercase())) {
                    deaf.push(format!("{}: {text}", rule.id));
                }
            }
        }
        assert!(deaf.is_empty(), "{}", deaf.join("\n"));
    }
}
