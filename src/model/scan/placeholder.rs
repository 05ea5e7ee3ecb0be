//! What stands in the place of a secret that was masked.

use std::ops::Range;

const START: &[u8] = b"[REDACTED:";
/// Characters of a rule's name in it.
const LONGEST_RULE: usize = 48;
/// Hexadecimal digits of a tag.
pub const TAG: usize = 8;
const LONGEST: usize = START.len() + LONGEST_RULE + 1 + TAG + 1;

/// Nothing in it needs escaping in JSON or XML.
pub fn text(rule: &str, tag: &str) -> String {
    format!("[REDACTED:{}:{tag}]", name(rule))
}

/// The same as a part of a name in XML, which has no brackets.
pub fn in_name(rule: &str, tag: &str) -> String {
    format!("REDACTED-{}-{tag}", name(rule))
}

/// An id can be any text. Two hyphens would end a comment in XML.
pub fn name(rule: &str) -> String {
    let mut name = String::new();
    for c in rule.chars() {
        let c = if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
        if !(c == '-' && name.ends_with('-')) && name.len() < LONGEST_RULE {
            name.push(c);
        }
    }
    name
}

/// Whether there is nothing in `range` but placeholders, or parts of them, up to where a value ends. What was masked is not
/// found again. A rule that nobody knows can be a secret that somebody put there.
pub fn covers(text: &[u8], range: &Range<usize>, is_rule: impl Fn(&str) -> bool) -> bool {
    let mut at = range.start;
    while at < range.end {
        let Some((rule, end)) = around(text, at) else {
            return at > range.start && is_end(&text[at..range.end]);
        };
        let is_inside = rule.start <= range.start && range.end <= rule.end;
        let name = std::str::from_utf8(&text[rule]).unwrap_or_default();
        if !is_rule(name) && (is_inside || !is_words(name)) {
            return false;
        }
        at = end;
    }
    !range.is_empty()
}

/// Whether it reads as the id of a rule. What was masked may have been masked by other rules.
fn is_words(name: &str) -> bool {
    let is_word = |word: &str| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_lower = letters.bytes().all(|byte| byte.is_ascii_lowercase());
        is_lower && !letters.is_empty() && word.len() - letters.len() <= 1
    };
    name.split(['-', '_']).all(is_word)
}

/// Quotes, tags and line ends in XML and HTML.
const ENTITIES: [&[u8]; 10] = [
    b"quot;", b"apos;", b"lt;", b"gt;", b"#34;", b"#39;", b"#x27;", b"#10;", b"#13;", b"#xA;",
];

/// Whether a value ends here, in a format whose quotes and tags stay. A greedy pattern goes on there.
fn is_end(rest: &[u8]) -> bool {
    let after = |byte: &u8| byte.is_ascii_whitespace() || b",;:)]}>/<&\\".contains(byte);
    match rest {
        [b'<' | b'"' | b'\'' | b'\\' | b'&' | b']'] | [b'<', b'/' | b'!', ..] => true,
        [b'"' | b'\'' | b']', next, ..] => after(next),
        [b'\\', letter, ..] => b"nrtu\"'\\".contains(letter),
        // The pattern may end in it.
        [b'&', rest @ ..] => ENTITIES
            .iter()
            .any(|entity| rest.starts_with(entity) || entity.starts_with(rest)),
        _ => false,
    }
}

/// The rule and the end of the placeholder that `at` is in.
fn around(text: &[u8], at: usize) -> Option<(Range<usize>, usize)> {
    let from = at.saturating_sub(LONGEST);
    let to = (at + START.len()).min(text.len());
    let start = from + memchr::memmem::rfind(&text[from..to], START)?;
    let mut rest = &text[start + START.len()..];
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let rule = rest.iter().take_while(|byte| is_part(byte)).count();
    rest = &rest[rule..];
    let is_whole = (1..=LONGEST_RULE).contains(&rule)
        && rest.first() == Some(&b':')
        && rest.get(1..=TAG)?.iter().all(u8::is_ascii_hexdigit)
        && rest.get(TAG + 1) == Some(&b']');
    let rule = start + START.len()..start + START.len() + rule;
    let end = rule.end + TAG + 2;
    (is_whole && at < end).then_some((rule, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_id_makes_a_placeholder_that_is_known_again() {
        for rule in ["github-token", "a\"b<c--d", &"x".repeat(100), "é", "A_1"] {
            let text = text(rule, "0123abcd");
            assert!(
                !text.contains(['"', '<', '>', '&', '\\', '\'']) && !text.contains("--"),
                "{text}"
            );
            let all = format!("a{text}{text}b");
            let end = all.len() - 1;
            for (from, to, expected) in [
                (1, end, true),
                (5, end - 3, true),
                (0, end, false),
                (1, end + 1, false),
                (3, 3, false),
            ] {
                assert_eq!(
                    covers(all.as_bytes(), &(from..to), |_| true),
                    expected,
                    "{all} {from}..{to}"
                );
            }
        }
    }

    #[test]
    fn a_greedy_match_that_goes_on_behind_one_is_covered() {
        let all = format!("{}</a>{0}x", text("a", "0123abcd"));
        assert!(covers(all.as_bytes(), &(0..all.find("a>").unwrap()), |_| true));
        assert!(!covers(all.as_bytes(), &(all.rfind('[').unwrap()..all.len()), |_| true));
        assert!(!covers(all.as_bytes(), &(all.find('<').unwrap()..all.len()), |_| true));
        for (behind, expected) in [
            ("\"", true),
            ("&quot;x", true),
            ("&quo", true),
            ("\\nx", true),
            ("\",\"x", true),
            ("]}", true),
            ("&S3cr3t", false),
            ("<S3cr3t", false),
            ("\"S3cr3t", false),
            ("]S3cr3t", false),
            ("\\S3cr3t", false),
        ] {
            let all = format!("{}{behind}", text("a", "0123abcd"));
            assert_eq!(covers(all.as_bytes(), &(0..all.len()), |_| true), expected, "{all}");
        }
    }

    #[test]
    fn a_secret_in_the_place_of_a_rule_is_none() {
        for (name, by_others) in [
            ("Hunter2", false),
            ("a1b2c3", false),
            ("shop-key", true),
            ("pii-ipv4", true),
        ] {
            let all = text(name, "0123abcd");
            let rule = 10..10 + name.len();
            for range in [rule.clone(), 0..all.len(), 1..all.len() - 1] {
                let covers = |known: &str| covers(all.as_bytes(), &range, |rule| rule == known);
                assert_eq!(covers("other"), by_others && range != rule, "{all} {range:?}");
                assert!(covers(name), "{all} {range:?}");
            }
        }
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        for text in [
            "[REDACTED:hunter2]",
            "[REDACTED::0123abcd]",
            "[REDACTED:a:0123abc]",
            "[REDACTED:a b:0123abcd]",
        ] {
            assert!(!covers(text.as_bytes(), &(0..text.len()), |_| true), "{text}");
        }
    }
}
