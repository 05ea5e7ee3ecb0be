//! Where matches can begin. Most keywords are in the beginning of what their rule matches: where they are is known from the
//! one search for all keywords, and a match is looked for nowhere else.

use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

/// A match of the rule begins with these bytes and the keyword after them, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Its number among those of the rule.
    pub keyword: usize,
    pub before: Vec<u8>,
}

/// Where a match begins whose keyword is at this place, if one can begin so.
pub fn of_keyword(before: &[u8], text: &[u8], keyword: usize) -> Option<usize> {
    let start = keyword.checked_sub(before.len())?;
    text[start..keyword].eq_ignore_ascii_case(before).then_some(start)
}

/// For each keyword, all there are. `None` if a match can begin otherwise, or a keyword is not about the beginning.
/// `insensitive` is an expression that differs from the rule's only in case.
pub fn of(insensitive: &Hir, keywords: &[String]) -> Option<Vec<Start>> {
    let mut starts = Vec::new();
    for literal in Extractor::new().extract(insensitive).literals()? {
        let literal = literal.as_bytes().to_ascii_lowercase();
        let found = keywords.iter().enumerate().find_map(|(keyword, word)| {
            let at = memchr::memmem::find(&literal, word.as_bytes())?;
            let before = literal[..at].to_vec();
            Some(Start { keyword, before })
        })?;
        if !starts.contains(&found) {
            starts.push(found);
        }
    }
    let is_used = |keyword| starts.iter().any(|start| start.keyword == keyword);
    (0..keywords.len()).all(is_used).then_some(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(expression: &str, keywords: &[&str]) -> Option<Vec<(usize, String)>> {
        let keywords: Vec<String> = keywords.iter().map(|&word| word.to_owned()).collect();
        let starts = of(&regex_syntax::parse(expression).unwrap(), &keywords)?;
        let text = |start: Start| (start.keyword, String::from_utf8(start.before).unwrap());
        Some(starts.into_iter().map(text).collect())
    }

    #[test]
    fn a_match_begins_before_a_keyword_that_all_beginnings_have() {
        for (expression, keywords, expected) in [
            (r"\bgh[op]_[0-9]{4}", &["ghp_", "gho_"][..], vec![(1, ""), (0, "")]),
            (
                "api_?key|TOKEN",
                &["key", "token"],
                vec![(0, "api_"), (0, "api"), (1, "")],
            ),
            ("[A-C]key", &["key"], vec![(0, "a"), (0, "b"), (0, "c")]),
        ] {
            let expected = expected
                .into_iter()
                .map(|(keyword, before)| (keyword, before.to_owned()))
                .collect();
            assert_eq!(starts(expression, keywords), Some(expected), "{expression}");
        }
        for (expression, keywords) in [
            (r"\w*key", &["key"][..]),
            ("key|word", &["key"]),
            ("key", &["key", "elsewhere"]),
            ("[0-9]{4}", &["key"]),
            ("key|", &["key"]),
        ] {
            assert_eq!(starts(expression, keywords), None, "{expression}");
        }
        assert_eq!(of_keyword(b"api_", b"my API_key", 7), Some(3));
        assert_eq!(of_keyword(b"api_", b"my apikey", 6), None);
        assert_eq!(of_keyword(b"api_", b"key", 0), None);
    }
}
