//! The `filter` and `prefilter` of betterleaks, as far as they say what an entropy and allowlists say: what is compared, in a
//! row of alternatives (`config/betterleaks.toml` of github.com/betterleaks/betterleaks). True means that it is skipped.

/// One alternative.
#[derive(Debug, PartialEq)]
pub enum Term {
    /// What is not more random than this.
    Entropy(f64),
    /// One of these expressions matches.
    Any(Of, Vec<String>),
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Secret,
    Match,
    Line,
    Path,
}

/// # Errors
/// Names what cannot be evaluated.
pub fn parse(text: &str) -> Result<Vec<Term>, String> {
    let mut parser = Parser { rest: text };
    let mut terms = Vec::new();
    parser.alternatives(&mut terms, 0)?;
    if parser.rest.trim_start().is_empty() {
        Ok(terms)
    } else {
        Err(parser.wrong())
    }
}

/// Parentheses in one another.
const DEEPEST: usize = 16;

struct Parser<'t> {
    rest: &'t str,
}

impl Parser<'_> {
    fn wrong(&self) -> String {
        let rest = self.rest.trim_start();
        let end = rest.char_indices().find(|(at, c)| *at > 0 && !c.is_alphanumeric());
        match &rest[..end.map_or(rest.len(), |(at, _)| at)] {
            "" => "it ends too early".to_owned(),
            word => format!("`{word}` cannot be evaluated"),
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        self.eat(token).then_some(()).ok_or_else(|| self.wrong())
    }

    fn alternatives(&mut self, terms: &mut Vec<Term>, depth: usize) -> Result<(), String> {
        loop {
            if depth < DEEPEST && self.eat("(") {
                self.alternatives(terms, depth + 1)?;
                self.expect(")")?;
            } else {
                terms.push(self.term()?);
            }
            if !self.eat("||") {
                return Ok(());
            }
        }
    }

    fn term(&mut self) -> Result<Term, String> {
        self.eat("filter.");
        if self.eat("entropy(") {
            self.expect("finding")?;
            self.expect("[\"secret\"]")?;
            self.expect(")")?;
            let includes = self.eat("<=");
            if !includes {
                self.expect("<")?;
            }
            let number = self.rest.trim_start();
            let end = number
                .find(|c: char| !c.is_ascii_digit() && c != '.')
                .unwrap_or(number.len());
            let most: f64 = number[..end].parse().map_err(|_| self.wrong())?;
            self.rest = &number[end..];
            return Ok(Term::Entropy(if includes { most } else { most.next_down() }));
        }
        let is_literal = self.eat("containsAny(");
        if !is_literal {
            self.expect("matchesAny(")?;
        }
        let of = self.of()?;
        self.expect(",")?;
        self.expect("[")?;
        let mut texts = Vec::new();
        while !self.eat("]") {
            let text = self.text()?;
            if text.is_empty() {
                return Err("an empty text in a list matches everything".to_owned());
            }
            // betterleaks compares with what is searched in lower case.
            if is_literal && text.contains(char::is_uppercase) {
                return Err(format!(
                    "`{text}` in `containsAny` never matches, because it is not in lower case"
                ));
            }
            texts.push(if is_literal {
                format!("(?i:{})", regex::escape(&text))
            } else {
                text
            });
            if !self.eat(",") {
                self.expect("]")?;
                break;
            }
        }
        self.expect(")")?;
        Ok(Term::Any(of, texts))
    }

    fn of(&mut self) -> Result<Of, String> {
        const KNOWN: [(&str, Of); 6] = [
            ("finding[\"secret\"]", Of::Secret),
            ("finding[\"match\"]", Of::Match),
            ("finding[\"line\"]", Of::Line),
            ("attributes[\"path\"]", Of::Path),
            ("attributes[?\"path\"].orValue(\"\")", Of::Path),
            ("get(attributes, \"path\", \"\")", Of::Path),
        ];
        let known = KNOWN.into_iter().find(|(text, _)| self.eat(text));
        known.map(|(_, of)| of).ok_or_else(|| self.wrong())
    }

    /// In backquotes or raw as it is, or in quotes with escapes.
    fn text(&mut self) -> Result<String, String> {
        let rest = self.rest.trim_start();
        // Three quotes begin like one.
        for (start, end) in [
            ("`", "`"),
            ("r\"\"\"", "\"\"\""),
            ("r'''", "'''"),
            ("r\"", "\""),
            ("r'", "'"),
        ] {
            if let Some(rest) = rest.strip_prefix(start) {
                let (text, rest) = rest.split_once(end).ok_or("it ends too early")?;
                self.rest = rest;
                return Ok(text.to_owned());
            }
        }
        let mut texts = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        let text = texts.next().and_then(Result::ok).ok_or_else(|| self.wrong())?;
        self.rest = &rest[texts.byte_offset()..];
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_read_and_anything_else_is_named() {
        let secret = |texts: &[&str]| Term::Any(Of::Secret, texts.iter().map(|&text| text.to_owned()).collect());
        assert_eq!(
            parse(
                "\n(filter.entropy(finding[\"secret\"]) <= 3.5 || matchesAny(finding[\"secret\"], [\n `a`,\n \"b\\\\d\",\n]))\n"
            ),
            Ok(vec![Term::Entropy(3.5), secret(&["a", "b\\d"])])
        );
        assert_eq!(
            parse("containsAny(finding[\"secret\"], [\"a.b\"])"),
            Ok(vec![secret(&["(?i:a\\.b)"])])
        );
        let raw = r#"matchesAny(attributes[?"path"].orValue(""), [r"""a"\.b$""", r'''c"''', r"\d", r'e'])"#;
        let texts = ["a\"\\.b$", "c\"", "\\d", "e"].map(str::to_owned);
        assert_eq!(parse(raw), Ok(vec![Term::Any(Of::Path, texts.into())]));
        let path = "matchesAny(get(attributes, \"path\", \"\"), [`x$`]) || entropy(finding[\"secret\"]) < 2";
        let [Term::Any(Of::Path, _), Term::Entropy(most)] = parse(path).unwrap()[..] else {
            panic!("{path}")
        };
        assert!(most < 2.0 && most > 1.999);
        for (text, wrong) in [
            ("filter.tokenRatio(finding[\"secret\"]) >= 2.5", "`tokenRatio`"),
            ("!matchesAny(finding[\"secret\"], [`x`])", "`!"),
            ("entropy(finding[\"secret\"]) <= 3 && true", "`&"),
            ("entropy(finding[\"match\"]) <= 3", "`[`"),
            ("matchesAny(finding[\"secret\"], [`x`", "ends too early"),
            ("matchesAny(finding[\"secret\"], [r\"\"\"x\"", "ends too early"),
            ("matchesAny(finding[\"secret\"], [`x`, ``])", "an empty text"),
            ("containsAny(finding[\"secret\"], [\"\"])", "an empty text"),
            (
                "containsAny(finding[\"secret\"], [\"Example\"])",
                "`Example` in `containsAny`",
            ),
            ("", "ends too early"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(wrong), "{text}: {error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(entropy\\(|finding|\\[\"secret\"\\]|\\)|\\(|\\|\\||<=? ?|3|matchesAny\\(|,|`a`|\"|\\\\| ){0,12}") {
            let _ = parse(&text);
        }
    }
}
