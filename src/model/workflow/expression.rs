//! GitHub's expressions, as far as it matters which outputs they name and how these are used.

/// What is named in an expression: `needs.guard.outputs.ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub parts: Vec<String>,
    pub used: Used,
    /// The text it is compared with by `==` or `!=`.
    pub compared: Option<String>,
}

/// How a named value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// By itself as a condition, where every text but the empty one is true.
    Bare,
    /// Compared with `true` or `false`, which no text equals.
    WithBoolean,
    Otherwise,
}

impl Named {
    /// The job or step and the output, of `context.ID.outputs.NAME`.
    pub fn output_of(&self, context: &str) -> Option<(&str, &str)> {
        match self.parts.as_slice() {
            [first, id, outputs, name, ..]
                if first.eq_ignore_ascii_case(context) && outputs.eq_ignore_ascii_case("outputs") =>
            {
                Some((id, name))
            }
            _ => None,
        }
    }
}

/// The insides of all `${{ … }}` of a text.
pub fn insides(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${{") {
        let end = end_of(after);
        let Some((inside, behind)) = end.and_then(|end| Some((after.get(..end)?, after.get(end + 2..)?))) else {
            break;
        };
        found.push(inside);
        rest = behind;
    }
    found
}

/// Where the `}}` is that is in no text.
fn end_of(text: &str) -> Option<usize> {
    let mut in_text = false;
    text.bytes().zip(text.bytes().skip(1)).position(|(byte, next)| {
        in_text ^= byte == b'\'';
        !in_text && (byte, next) == (b'}', b'}')
    })
}

/// The text of a condition: `if:` takes an expression with or without `${{ }}` around it.
pub fn condition(text: &str) -> &str {
    let text = text.trim();
    match insides(text).as_slice() {
        [inside] if text.starts_with("${{") && text.ends_with("}}") => inside,
        _ => text,
    }
}

/// Whether a condition is true whatever its expressions say: with any text around `${{ }}`, even a line break, it is put
/// together as a text, and a text that is not empty is true.
pub fn is_always_true(condition: &str) -> bool {
    match insides(condition).as_slice() {
        [] => false,
        [inside] => inside.len() + "${{}}".len() != condition.len(),
        _ => true,
    }
}

/// Whether a text is only known when the workflow runs.
pub fn is_dynamic(text: &str) -> bool {
    text.contains("${{")
}

/// Whether a condition calls a status function, without which it is false once something failed.
pub fn minds_failure(condition: &str) -> bool {
    let tokens = tokens(condition);
    let calls = tokens.iter().zip(tokens.iter().skip(1));
    calls.into_iter().any(|(name, open)| {
        *open == Token::Open
            && matches!(name, Token::Word(name) if ["always", "cancelled", "failure"].iter().any(|f| name.eq_ignore_ascii_case(f)))
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Dot,
    Open,
    Close,
    OpenIndex,
    CloseIndex,
    /// `&&`, `||`, `!`
    Logic,
    /// `==`, `!=`
    Equal,
    Other,
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            c if c.is_whitespace() => continue,
            '\'' => {
                let mut inside = String::new();
                while let Some(c) = chars.next() {
                    // Two quotes are one of the text.
                    if c == '\'' && chars.next_if_eq(&'\'').is_none() {
                        break;
                    }
                    inside.push(c);
                }
                Token::Text(inside)
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = c.to_string();
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) {
                    word.push(c);
                }
                Token::Word(word)
            }
            '*' => Token::Word("*".to_owned()),
            '.' => Token::Dot,
            '(' => Token::Open,
            ')' => Token::Close,
            '[' => Token::OpenIndex,
            ']' => Token::CloseIndex,
            '!' | '=' if chars.next_if_eq(&'=').is_some() => Token::Equal,
            '!' => Token::Logic,
            '&' | '|' if chars.next_if_eq(&c).is_some() => Token::Logic,
            _ => Token::Other,
        });
    }
    tokens
}

/// Everything that is named in an expression. `is_condition` tells whether its value is taken for true or false.
pub fn named(expression: &str, is_condition: bool) -> Vec<Named> {
    let tokens = tokens(expression);
    let mut found = Vec::new();
    // For each open parenthesis: whether it is a call's, whose arguments are no conditions.
    let mut calls: Vec<bool> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begin = at;
        match &tokens[at] {
            Token::Open => {
                let is_call = at
                    .checked_sub(1)
                    .is_some_and(|before| matches!(tokens[before], Token::Word(_)));
                calls.push(is_call);
            }
            Token::Close => {
                calls.pop();
            }
            Token::Word(first) => {
                let mut parts = vec![first.clone()];
                loop {
                    match &tokens[at + 1..] {
                        [Token::Dot, Token::Word(part), ..] => {
                            parts.push(part.clone());
                            at += 2;
                        }
                        [Token::OpenIndex, Token::Text(part), Token::CloseIndex, ..] => {
                            parts.push(part.clone());
                            at += 3;
                        }
                        _ => break,
                    }
                }
                if parts.len() > 1 {
                    let before = begin.checked_sub(1).map(|before| &tokens[before]);
                    let used = used(before, &tokens[at + 1..], is_condition && !calls.contains(&true));
                    let compared = compared(begin, at, &tokens);
                    found.push(Named { parts, used, compared });
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// The text on the other side of `==` or `!=`, of what is named from `begin` to `end`.
fn compared(begin: usize, end: usize, tokens: &[Token]) -> Option<String> {
    let before = tokens.get(..begin).unwrap_or_default();
    let after = tokens.get(end + 1..).unwrap_or_default();
    match (before, after) {
        (_, [Token::Equal, Token::Text(text), ..]) | ([.., Token::Text(text), Token::Equal], _) => Some(text.clone()),
        _ => None,
    }
}

fn used(before: Option<&Token>, after: &[Token], is_condition: bool) -> Used {
    let is_boolean = |token: &Token| matches!(token, Token::Word(word) if word == "true" || word == "false");
    let stands_alone = matches!(before, None | Some(Token::Logic | Token::Open))
        && matches!(after.first(), None | Some(Token::Logic | Token::Close));
    match after {
        [Token::Equal, value, ..] if is_boolean(value) => Used::WithBoolean,
        _ if is_condition && stands_alone => Used::Bare,
        _ => Used::Otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn how_an_output_is_used() {
        for (text, expected) in [
            ("needs.a.outputs.ready", Used::Bare),
            ("!needs.a.outputs.ready", Used::Bare),
            ("!cancelled() && needs.a.outputs.ready", Used::Bare),
            ("(needs.a.outputs.ready || failure())", Used::Bare),
            ("needs['a'].outputs['ready']", Used::Bare),
            ("needs.a.outputs.ready == true", Used::WithBoolean),
            ("needs.a.outputs.ready != false", Used::WithBoolean),
            ("needs.a.outputs.ready == 'true'", Used::Otherwise),
            ("'true' == needs.a.outputs.ready", Used::Otherwise),
            ("fromJSON(needs.a.outputs.ready)", Used::Otherwise),
            ("contains('x', (needs.a.outputs.ready))", Used::Otherwise),
        ] {
            let named = named(text, true);
            assert_eq!(named[0].output_of("needs"), Some(("a", "ready")), "{text}");
            assert_eq!(named[0].used, expected, "{text}");
        }
        assert_eq!(named("needs.a.outputs.ready", false)[0].used, Used::Otherwise);
        assert!(named("'needs.a.outputs.ready'", true).is_empty());
        for (text, expected) in [
            ("needs.a.result == 'it''s'", Some("it's")),
            ("x || 'no' != needs.a.result", Some("no")),
            ("needs.a.result == x", None),
            ("'no' && needs.a.result", None),
        ] {
            assert_eq!(named(text, true)[0].compared.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn expressions_are_found_in_texts() {
        assert_eq!(insides("a ${{ b }} ${{ 'x}}' }}c ${{ open"), [" b ", " 'x}}' "]);
        assert_eq!(condition(" ${{ a == 'b' }} "), " a == 'b' ");
        assert_eq!(condition("${{ a }} && ${{ b }}"), "${{ a }} && ${{ b }}");
        assert_eq!(condition("a"), "a");
        for (text, expected) in [
            ("${{ a }} == 'true'", true),
            ("${{ a }} && ${{ b }}", true),
            ("!${{ a }}", true),
            ("${{ a }}\n", true),
            ("${{ a == '}}' }}", false),
            ("a == 'true'", false),
        ] {
            assert_eq!(is_always_true(text), expected, "{text}");
        }
    }

    #[test]
    fn status_functions_are_calls() {
        for (text, expected) in [
            ("always()", true),
            ("!cancelled() && x", true),
            ("Failure()", true),
            ("success()", false),
            ("'always()'", false),
            ("steps.always.outputs.x", false),
        ] {
            assert_eq!(minds_failure(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "(needs|steps|\\$\\{\\{|\\}\\}|[.'()\\[\\]!&|= é*a-])*") {
            for inside in insides(&text) {
                let _ = (named(inside, true), minds_failure(condition(inside)));
            }
        }
    }
}
