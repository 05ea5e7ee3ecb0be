//! A rule: which line of a tool's output says what went wrong. Rules are data, in `rules/*.yml`.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};
use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;

use super::cause::Cause;
use super::fix::Fix;
use super::rule_file::{RawFile, RawRule};
use crate::model::text::nearest;

/// How many lines before or after a line `near` and `unless` look at, if the rule does not say.
const NEAR: usize = 12;
/// Each line that a rule is about looks at so many others.
const MOST_WITHIN: usize = 200;
/// A pattern of a user may not become larger than this.
const LARGEST: usize = 1 << 20;

#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub tool: String,
    pub any: Vec<String>,
    line: Pattern,
    not: Option<Pattern>,
    near: Option<Pattern>,
    unless: Option<Pattern>,
    pub within: usize,
    pub cause: Cause,
    sentence: String,
    pub weight: i32,
    pub last: bool,
    pub fix: Option<Fix>,
    advice: Option<String>,
    hit: String,
    miss: String,
}

/// Compiled when it is first needed: a log needs a few of hundreds.
#[derive(Debug)]
struct Pattern {
    text: String,
    /// Says only whether it matches.
    matcher: OnceLock<Option<meta::Regex>>,
    /// Says where its groups are, which only the lines that are shown need.
    groups: OnceLock<Option<Regex>>,
}

impl Pattern {
    fn new(text: String) -> Self {
        let (matcher, groups) = Default::default();
        Self { text, matcher, groups }
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        // Bytes: a log may hold anything.
        RegexBuilder::new(&self.text).unicode(false).size_limit(LARGEST).build()
    }

    fn groups(&self) -> Option<&Regex> {
        self.groups.get_or_init(|| self.compile().ok()).as_ref()
    }

    fn is_match(&self, text: &[u8]) -> bool {
        let made = self.matcher.get_or_init(|| {
            // Finding the literals of a pattern takes longer than searching the few lines that have a word of its rule.
            let config = meta::Config::new()
                .auto_prefilter(false)
                .onepass(false)
                .which_captures(WhichCaptures::None)
                .nfa_size_limit(Some(LARGEST));
            let mut builder = meta::Builder::new();
            builder
                .configure(config)
                .syntax(syntax::Config::new().unicode(false).utf8(false));
            builder.build(&self.text).ok()
        });
        made.as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

/// Why a file of rules cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleError(String);

impl RuleError {
    pub(super) fn of_words() -> Self {
        Self("the words of `any` are too many or too long".to_owned())
    }
}

impl From<std::io::Error> for RuleError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<serde_json::Error> for RuleError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Reads one file.
///
/// # Errors
/// Names the rule and what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Rule>, RuleError> {
    let options = serde_yaml::options! { with_snippet: false };
    let file = serde_yaml::from_str_with_options(text, options)
        .map_err(|error: serde_yaml::Error| RuleError(error.to_string()))?;
    of_file(file)
}

/// The rules of a file that was read.
///
/// # Errors
/// As `parse`.
pub fn of_file(file: RawFile) -> Result<Vec<Rule>, RuleError> {
    let tool = file.tool;
    (file.rules.into_iter()).map(|raw| rule(raw, &tool)).collect()
}

fn rule(raw: RawRule, tool: &str) -> Result<Rule, RuleError> {
    let wrong = |what: String| RuleError(format!("rule `{}`: {what}", raw.id));
    let cause = Cause::named(&raw.class).ok_or_else(|| {
        let near = nearest(&raw.class, Cause::ALL.iter().map(|cause| cause.as_str()));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        wrong(format!("unknown class `{}`{hint}", raw.class))
    })?;
    let fix = match &raw.fix {
        Some(text) => Some(Fix::parse(text).ok_or_else(|| wrong(format!("unknown fix `{text}`")))?),
        None => None,
    };
    if raw.any.is_empty() || raw.any.iter().any(|word| word.len() < 2 || word.contains('\n')) {
        return Err(wrong("`any` needs words of at least 2 characters".to_owned()));
    }
    if !(0..=100).contains(&raw.weight) {
        return Err(wrong(format!("the weight {} is not between 0 and 100", raw.weight)));
    }
    if raw.within.is_some_and(|within| within > MOST_WITHIN) {
        return Err(wrong(format!("`within` is more than {MOST_WITHIN}")));
    }
    Ok(Rule {
        id: raw.id,
        tool: tool.to_owned(),
        any: raw.any,
        line: Pattern::new(raw.line),
        not: raw.not.map(Pattern::new),
        near: raw.near.map(Pattern::new),
        unless: raw.unless.map(Pattern::new),
        within: raw.within.unwrap_or(NEAR),
        cause,
        sentence: raw.cause,
        weight: raw.weight,
        last: raw.last,
        fix,
        advice: raw.advice,
        hit: raw.hit,
        miss: raw.miss,
    })
}

impl Rule {
    /// What a user's own rules promise: each example does what it is for, and every pattern can be used.
    ///
    /// # Errors
    /// Says which does not.
    pub fn prove(&self) -> Result<(), RuleError> {
        let wrong = |what: String| Err(RuleError(format!("rule `{}`: {what}", self.id)));
        let patterns = [
            Some(&self.line),
            self.not.as_ref(),
            self.near.as_ref(),
            self.unless.as_ref(),
        ];
        for pattern in patterns.into_iter().flatten() {
            if let Err(error) = pattern.compile() {
                return wrong(format!("`{}` cannot be used: {error}", pattern.text));
            }
        }
        if self.hit.is_empty() || self.miss.is_empty() {
            return wrong("it needs a `hit`, a line that it matches, and a `miss`, one that it does not".to_owned());
        }
        if !self.would_match(&self.hit) {
            return wrong(format!("it does not match its `hit`: {}", self.hit));
        }
        if self.would_match(&self.miss) {
            return wrong(format!("it matches its `miss`: {}", self.miss));
        }
        let names = self
            .line
            .groups()
            .map_or_else(Vec::new, |regex| regex.capture_names().flatten().collect());
        let fix = match &self.fix {
            Some(Fix::Edit { text }) => text,
            _ => "",
        };
        let advice = self.advice.as_deref().unwrap_or_default();
        for (what, sentence) in [("cause", &*self.sentence), ("fix", fix), ("advice", advice)] {
            let mut rest = sentence;
            while let Some((_, after)) = rest.split_once('{') {
                let Some((name, after)) = after.split_once('}') else {
                    break;
                };
                if !names.contains(&name) {
                    return wrong(format!("`{{{name}}}` in its {what} is not a group of its line"));
                }
                rest = after;
            }
        }
        Ok(())
    }

    #[cfg(test)]
    pub fn line(&self) -> &str {
        &self.line.text
    }

    fn would_match(&self, example: &str) -> bool {
        let lower = example.to_ascii_lowercase();
        let has_word = self.any.iter().any(|word| lower.contains(&word.to_ascii_lowercase()));
        has_word && self.matches(example.as_bytes())
    }

    /// Whether it is about this line, without its surroundings.
    pub fn matches(&self, text: &[u8]) -> bool {
        self.line.is_match(text) && !self.not.as_ref().is_some_and(|not| not.is_match(text))
    }

    /// Whether it may be about a line with these neighbours.
    pub fn allows<'a>(&self, mut around: impl Iterator<Item = &'a [u8]> + Clone) -> bool {
        let near = self.near.as_ref();
        let is_near = near.is_none_or(|near| around.clone().any(|text| near.is_match(text)));
        is_near
            && !self
                .unless
                .as_ref()
                .is_some_and(|unless| around.any(|text| unless.is_match(text)))
    }

    pub fn looks_around(&self) -> bool {
        self.near.is_some() || self.unless.is_some()
    }

    /// Its sentence about a line that it matches; the line itself if a group of the sentence did not take part.
    pub fn sentence(&self, text: &[u8]) -> String {
        let filled = self.fill(&self.sentence, text, None);
        filled.unwrap_or_else(|| String::from_utf8_lossy(text).into_owned())
    }

    /// Its fix, with the words of a line that it matches.
    pub fn fix_of(&self, text: &[u8]) -> Option<Fix> {
        Some(match self.fix.as_ref()? {
            Fix::Edit { text: edit } => Fix::Edit {
                text: self.fill(edit, text, Some("what the line names"))?,
            },
            other => other.clone(),
        })
    }

    /// What to do about a line that it matches, where no change of the workflow helps.
    pub fn advice(&self, text: &[u8]) -> Option<String> {
        self.advice.as_ref().and_then(|advice| self.fill(advice, text, None))
    }

    /// A sentence with the groups of a line in it, and these words for one that did not take part.
    fn fill(&self, sentence: &str, text: &[u8], otherwise: Option<&str>) -> Option<String> {
        let groups = self.line.groups().and_then(|regex| regex.captures(text));
        let mut out = String::new();
        let mut rest = sentence;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else {
                break;
            };
            out.push_str(before);
            match groups.as_ref().and_then(|groups| groups.name(name)) {
                Some(group) => out.push_str(String::from_utf8_lossy(group.as_bytes()).trim()),
                None => out.push_str(otherwise?),
            }
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    /// What the group `name` matched.
    pub fn group(&self, text: &[u8], name: &str) -> Option<String> {
        let groups = self.line.groups()?.captures(text)?;
        groups
            .name(name)
            .map(|group| String::from_utf8_lossy(group.as_bytes()).into_owned())
    }
}
