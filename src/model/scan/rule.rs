//! One rule, and a set of them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
use regex_automata::meta;
use regex_automata::util::syntax;
use regex_syntax::hir::Hir;

use super::allowlist::Allowlist;
use super::starts;

/// What is looked for.
#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub description: String,
    pub pattern: Option<Pattern>,
    /// Only in files with such a path; alone, the path is what is found.
    pub path: Option<Regex>,
    /// The group that is the secret; 0 for the first that is not empty.
    pub secret_group: usize,
    /// What is not more random than this is not reported; 0 for no limit.
    pub entropy: f64,
    /// In lower case. Where none of them is near, nothing is looked for.
    pub keywords: Vec<String>,
    pub tags: Vec<String>,
    pub allowlists: Vec<Allowlist>,
    pub required: Vec<Required>,
    /// Only looked for because another rule requires it.
    pub is_part: bool,
    pub check: Option<Check>,
}

/// The rule of values that are known.
pub const KNOWN: &str = "known-secret";

impl Rule {
    /// One that only has a pattern.
    pub fn of(id: impl Into<String>, description: &str, pattern: Option<Pattern>) -> Self {
        Self {
            id: id.into(),
            description: description.to_owned(),
            pattern,
            path: None,
            secret_group: 0,
            entropy: 0.0,
            keywords: Vec::new(),
            tags: Vec::new(),
            allowlists: Vec::new(),
            required: Vec::new(),
            is_part: false,
            check: None,
        }
    }

    /// For people.
    pub fn described(&self) -> &str {
        if self.description.is_empty() {
            &self.id
        } else {
            &self.description
        }
    }

    /// It yields to a rule that is more specific.
    pub(super) fn is_generic(&self) -> bool {
        self.id.to_lowercase().contains("generic")
    }
}

/// What of a match is what was looked for by what the format itself says, such as a checksum. If nothing is, how much of it
/// to pass over.
pub type Check = fn(&[u8]) -> Result<Range<usize>, usize>;

/// Another rule that must match nearby.
#[derive(Clone, Debug)]
pub struct Required {
    pub id: String,
    pub within_lines: Option<u64>,
    pub within_columns: Option<u64>,
}

/// A regular expression that is compiled when it is first needed: of the built-in rules, a run needs some.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    compiled: OnceLock<Option<meta::Regex>>,
    /// In bytes; `None` if a match can have any length.
    pub longest: Option<usize>,
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self {
            text: text.to_owned(),
            compiled: OnceLock::new(),
            longest: parse(text)?.properties().maximum_len(),
        })
    }

    /// `None` if it is too large to be compiled.
    pub fn regex(&self) -> Option<&meta::Regex> {
        self.compiled.get_or_init(|| compiled(&self.text).ok()).as_ref()
    }

    /// Where matches begin, seen from these keywords.
    fn starts(&self, keywords: &[String]) -> Option<Vec<starts::Start>> {
        let text = self.text.strip_prefix("(?i)").unwrap_or(&self.text);
        starts::of(&parse(text).ok()?, keywords)
    }

    /// Compiles it now, to say what is wrong with it.
    pub fn check(&self) -> Result<&meta::Regex, String> {
        let compiled = compiled(&self.text)?;
        Ok(self
            .compiled
            .get_or_init(|| Some(compiled))
            .as_ref()
            .unwrap_or_else(|| unreachable!("it was compiled")))
    }
}

fn parse(text: &str) -> Result<Hir, String> {
    let mut parser = regex_syntax::ParserBuilder::new();
    let parsed = parser.unicode(false).utf8(false).build().parse(text);
    parsed.map_err(|error| short(&error.to_string()))
}

/// What can be asked whether there is a match at one place.
fn compiled(text: &str) -> Result<meta::Regex, String> {
    /// As in [`regex`].
    const LARGEST: usize = 10 << 20;
    meta::Regex::builder()
        .configure(meta::Config::new().utf8_empty(false).nfa_size_limit(Some(LARGEST)))
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .build(text)
        .map_err(|error| match error.size_limit() {
            Some(_) => format!("it takes more than {LARGEST} bytes when compiled"),
            None => short(&error.to_string()),
        })
}

/// As Go reads it: `\w`, `\d`, `\s` and `\b` are of ASCII.
pub fn regex(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .build()
        .map_err(|error| short(&error.to_string()))
}

/// The last line says what is wrong; those before it draw the expression.
fn short(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default().trim();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Rules that are looked for together.
#[derive(Debug)]
pub struct RuleSet {
    pub(super) rules: Vec<Rule>,
    pub(super) allowlists: Vec<Allowlist>,
    /// Finds the keywords of all rules in one pass.
    pub(super) keywords: Option<AhoCorasick>,
    /// For each keyword, the rules that it switches on.
    pub(super) rules_of_keyword: Vec<Vec<usize>>,
    /// And the rules whose matches begin with it, or these bytes before it.
    pub(super) starts_of_keyword: Vec<Vec<(usize, Vec<u8>)>>,
    /// Rules without keywords.
    pub(super) always: Vec<usize>,
    /// What is said of a value that is known.
    known: Rule,
}

impl RuleSet {
    /// # Errors
    /// Says why the keywords cannot be looked for.
    pub fn new(rules: Vec<Rule>, allowlists: Vec<Allowlist>) -> Result<Self, String> {
        type Uses = (Vec<usize>, Vec<(usize, Vec<u8>)>);
        let mut words: BTreeMap<&str, Uses> = BTreeMap::new();
        let mut always = Vec::new();
        // What is required is looked for without its keywords.
        let required: Vec<&str> = rules
            .iter()
            .flat_map(|rule| &rule.required)
            .map(|of| of.id.as_str())
            .collect();
        for (index, rule) in rules.iter().enumerate() {
            let Some(pattern) = &rule.pattern else { continue };
            if rule.keywords.is_empty() {
                always.push(index);
            }
            let starts = pattern
                .starts(&rule.keywords)
                .filter(|_| !required.contains(&rule.id.as_str()));
            for (number, word) in rule.keywords.iter().enumerate() {
                let (whole, places) = words.entry(word).or_default();
                match &starts {
                    None => whole.push(index),
                    Some(starts) => {
                        let of_word = starts.iter().filter(|start| start.keyword == number);
                        places.extend(of_word.map(|start| (index, start.before.clone())));
                    }
                }
            }
        }
        // The fastest kind takes up to 1 KiB for each byte of a keyword.
        let is_small = words.keys().map(|word| word.len()).sum::<usize>() <= 64 << 10;
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(is_small.then_some(AhoCorasickKind::DFA))
            .build(words.keys())
            .map_err(|error| error.to_string())?;
        let keywords = (!words.is_empty()).then_some(keywords);
        let (rules_of_keyword, starts_of_keyword) = words.into_values().unzip();
        Ok(Self {
            rules,
            allowlists,
            keywords,
            rules_of_keyword,
            starts_of_keyword,
            always,
            known: Rule::of(KNOWN, "The value of a variable that holds a secret", None),
        })
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The one behind the last is that of values that are known.
    pub(super) fn rule(&self, index: usize) -> &Rule {
        self.rules.get(index).unwrap_or(&self.known)
    }

    pub(super) fn index_of(&self, id: &str) -> Option<usize> {
        self.rules.iter().position(|rule| rule.id == id)
    }
}
