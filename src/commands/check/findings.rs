//! The findings of one file: at their lines, in order, without those that its author has ignored.

use super::rules::RULES;
use crate::model::Finding;
use crate::model::capped::Capped;
use crate::model::text::cut;

/// `# stageproof: ignore[CODE, CODE]`, behind the line it is about or on a line of its own above.
const IGNORE: &str = "stageproof: ignore[";

pub struct Findings<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    found: Vec<(u32, Finding)>,
    ignored: usize,
}

impl<'a> Findings<'a> {
    pub fn of(file: &'a str, source: &'a str) -> Self {
        Self {
            file,
            lines: source.lines().collect(),
            found: Vec::new(),
            ignored: 0,
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
        let above = || {
            let above = self.line(line.checked_sub(1)?)?;
            above.trim_start().starts_with('#').then_some(above)
        };
        [self.line(line), above()].into_iter().flatten().any(|text| {
            let list = text
                .rsplit_once('#')
                .and_then(|(_, comment)| comment.trim_start().strip_prefix(IGNORE));
            let codes = list
                .and_then(|list| list.split_once(']'))
                .map_or("", |(codes, _)| codes);
            codes.split(',').any(|known| known.trim() == code)
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
