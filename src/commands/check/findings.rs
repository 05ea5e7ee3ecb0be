//! The findings of one file: at their lines, in order, without those that its author has ignored.

use std::collections::BTreeMap;

use super::rules::RULES;
use crate::model::Finding;
use crate::model::capped::Capped;
use crate::model::text::{cut, nearest, one_line};
use crate::model::yaml::{Content, Node, Style};

/// What is looked at of a line, and of a file, whoever wrote it.
const MOST_MARKS: usize = 8;
const MOST_CODES: usize = 50;
const MOST_UNKNOWN: usize = 100;

pub struct Findings<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    /// The first line of each block's text, its last line, and the line of its key.
    blocks: BTreeMap<u32, (u32, u32)>,
    found: Vec<(u32, Finding)>,
    ignored: usize,
}

impl<'a> Findings<'a> {
    pub fn of(file: &'a str, source: &'a str) -> Self {
        Self {
            file,
            lines: source.lines().collect(),
            blocks: BTreeMap::new(),
            found: Vec::new(),
            ignored: 0,
        }
    }

    /// Tells where values are written over several lines, which can hold no comments.
    pub fn knows(&mut self, root: &Node) {
        let mut left = vec![root];
        while let Some(node) = left.pop() {
            for (key, value) in node.entries() {
                left.push(value);
                let (Content::Scalar { text, style }, first) = (&value.content, value.place.line) else {
                    continue;
                };
                let more = match style {
                    Style::Literal => text.lines().count().saturating_sub(1),
                    Style::Folded => 0,
                    Style::Plain | Style::Quoted => continue,
                };
                // An alias is on the line of its key.
                if key.place.line < first {
                    let last = first.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
                    self.blocks.insert(first, (last, key.place.line));
                }
            }
            left.extend(node.items());
        }
    }

    /// A mistyped code ignores nothing.
    pub fn unknown_codes(&mut self) {
        let known = || RULES.all.iter().map(|rule| rule.code);
        let lines = (1..).zip(self.lines.clone());
        let codes = lines.flat_map(|(line, text)| ignored_codes(text).map(move |code| (line, code)));
        for (line, code) in codes
            .filter(|(_, code)| known().all(|known| known != *code))
            .take(MOST_UNKNOWN)
        {
            let help = nearest(code, known()).map(|near| format!("did you mean `{near}`?"));
            let message = format!("no finding has the code `{}`", one_line(code));
            self.add("unknown-code", line, message, help);
        }
    }

    /// `code` is that of a rule, which says how severe it is and, without `help`, what to do.
    pub fn add(&mut self, code: &'static str, line: u32, message: impl Into<String>, help: Option<String>) {
        let finding = self.finding(code, line, message.into(), help);
        self.found.extend(finding.map(|finding| (line, finding)));
    }

    /// Shows the line, for what is wrong with the text itself.
    pub fn add_with_excerpt(
        &mut self,
        code: &'static str,
        line: u32,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let excerpt = shortened(self.line(line).unwrap_or_default());
        let finding = self.finding(code, line, message.into(), help);
        self.found
            .extend(finding.map(|finding| (line, finding.excerpt(excerpt))));
    }

    /// `None` if it is ignored.
    fn finding(&mut self, code: &'static str, line: u32, message: String, help: Option<String>) -> Option<Finding> {
        let Some(rule) = RULES.all.iter().find(|rule| rule.code == code) else {
            debug_assert!(false, "{code} is not in the table of rules");
            return None;
        };
        if self.is_ignored(code, line) {
            self.ignored += 1;
            return None;
        }
        let help = help.unwrap_or_else(|| as_next_step(rule.fix));
        let mut finding = Finding::error(code, shortened(&message)).help(shortened(&help));
        finding.severity = rule.severity;
        Some(finding.at(self.file, Some(line)))
    }

    fn line(&self, line: u32) -> Option<&'a str> {
        self.lines.get(usize::try_from(line).ok()?.checked_sub(1)?).copied()
    }

    fn is_ignored(&self, code: &str, line: u32) -> bool {
        let above = |line: u32| {
            let above = self.line(line.checked_sub(1)?)?;
            above.trim_start().starts_with('#').then_some(above)
        };
        let block = self.blocks.range(..=line).next_back();
        let key = block.and_then(|(_, (last, key))| (line <= *last).then_some(*key));
        [Some(line), key].into_iter().flatten().any(|line| {
            let texts = [self.line(line), above(line)].into_iter().flatten();
            texts.flat_map(ignored_codes).any(|known| known == code)
        })
    }

    pub fn ignored(&self) -> usize {
        self.ignored
    }

    pub fn into_vec(mut self) -> Vec<Finding> {
        self.found.sort_by_key(|(line, _)| *line);
        let mut capped = Capped::default();
        self.found.into_iter().for_each(|(_, finding)| capped.add(finding));
        let mut findings = capped.into_vec();
        // Code scanning refuses what has no place.
        for finding in findings.iter_mut().filter(|finding| finding.location.is_none()) {
            *finding = finding.clone().at(self.file, Some(1));
        }
        findings
    }
}

/// Those of `# stageproof: ignore[CODE, CODE]`, behind the line it is about or on a line of its own above.
fn ignored_codes(line: &str) -> impl Iterator<Item = &str> {
    let marks = line.rmatch_indices('#').take(MOST_MARKS);
    let codes = marks.into_iter().find_map(|(at, _)| {
        let rest = line.get(at + 1..)?.trim_start().strip_prefix("stageproof:")?;
        let (codes, _) = rest.trim_start().strip_prefix("ignore[")?.split_once(']')?;
        Some(codes)
    });
    codes
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|code| !code.is_empty())
        .take(MOST_CODES)
}

/// A value may be as long as its file.
#[expect(clippy::disallowed_methods, reason = "what a workflow says is committed")]
fn shortened(text: &str) -> String {
    const LONGEST: usize = 1000;
    cut(text, LONGEST)
}

/// A sentence as what follows `next:`.
fn as_next_step(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_and_without_those_that_are_ignored() {
        let source = "a\nb # stageproof: ignore[yaml, config]\n# stageproof: ignore[yaml] known\nc\nd\n";
        let mut findings = Findings::of("f.yml", source);
        for line in [5, 4, 2, 1, 9] {
            findings.add("yaml", line, "wrong", None);
        }
        findings.add("config", 4, "wrong", None);
        assert_eq!(findings.ignored(), 2);
        let lines: Vec<_> = findings
            .into_vec()
            .iter()
            .map(|f| f.location.as_ref().unwrap().line)
            .collect();
        assert_eq!(lines, [1, 4, 5, 9].map(Some));
    }

    #[test]
    fn what_does_not_fit_is_told_of_the_file() {
        let mut findings = Findings::of("f.yml", "");
        (1..=101).for_each(|line| findings.add("yaml", line, "wrong", None));
        let found = findings.into_vec();
        let more = found.last().unwrap();
        let place = more.location.as_ref().map(|place| (&*place.file, place.line));
        assert_eq!((&*more.code, place), ("more", Some(("f.yml", Some(1)))));
    }

    #[test]
    fn the_excerpt_is_the_line() {
        let mut findings = Findings::of("f.yml", "a\n  b: [\nc # stageproof: ignore[yaml]\n");
        findings.add_with_excerpt("yaml", 2, "it never ends", None);
        findings.add_with_excerpt("yaml", 3, "ignored", None);
        let found = findings.into_vec();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].excerpt.as_deref(), Some("  b: ["));
    }
}
