//! The rollback command as it was configured, with places to fill in.

use std::fmt;

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The name of the release.
    Ref,
    /// The full id of its commit.
    Sha,
}

impl Placeholder {
    const ALL: [Self; 2] = [Self::Ref, Self::Sha];

    fn name(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Sha => "sha",
        }
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.name())
    }
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("it is empty")]
    Empty,
    #[error("there is no placeholder {{{0}}} here")]
    Unknown(String),
    #[error("{{ref}} stands inside quotes, where a name with special characters could not be made safe")]
    Quoted,
    #[error("it has a quote that is not closed, or ends in a backslash")]
    Open,
}

/// A command for a shell, parsed. `${name}` and `{{name}}` are left alone, as shells and Go templates use them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Fill(Placeholder),
}

impl Template {
    pub fn parse(text: &str, known: &[Placeholder]) -> Result<Self, TemplateError> {
        if text.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut quote = Quote::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let guarded = plain.ends_with(['$', '{']) || quote.escaped;
            if c == '{'
                && !guarded
                && let Some(name) = placeholder(rest)
            {
                let found = Placeholder::ALL
                    .into_iter()
                    .find(|p| p.name() == name && known.contains(p));
                let found = found.ok_or_else(|| TemplateError::Unknown(name.to_owned()))?;
                // A commit id is harmless anywhere.
                if found == Placeholder::Ref && quote.open.is_some() {
                    return Err(TemplateError::Quoted);
                }
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Fill(found));
                rest = &rest[name.len() + 2..];
                continue;
            }
            quote.next(c);
            plain.push(c);
            rest = &rest[c.len_utf8()..];
        }
        if quote.open.is_some() || quote.escaped {
            return Err(TemplateError::Open);
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The exact command: every value is quoted for a shell where it needs to be.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Fill(placeholder) => quoted(&value(*placeholder)),
        });
        parts.collect()
    }
}

/// A word for a shell. Only a NUL cannot be quoted, and neither a ref nor an argument can hold one.
pub fn quoted(word: &str) -> String {
    shlex::try_quote(word)
        .map(std::borrow::Cow::into_owned)
        .unwrap_or_default()
}

/// The name in `{name}` at the beginning of `text`.
fn placeholder(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_');
    is_name.then_some(name)
}

/// Where in a shell's quoting we are.
#[derive(Default)]
struct Quote {
    open: Option<char>,
    escaped: bool,
}

impl Quote {
    fn next(&mut self, c: char) {
        match (self.open, c) {
            _ if self.escaped => self.escaped = false,
            (None | Some('"'), '\\') => self.escaped = true,
            (None, '\'' | '"') => self.open = Some(c),
            (Some(open), c) if open == c => self.open = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filled(template: &str, reference: &str) -> String {
        let template = Template::parse(template, &Placeholder::ALL).unwrap();
        template.fill(|placeholder| match placeholder {
            Placeholder::Ref => reference.to_owned(),
            Placeholder::Sha => "abc".to_owned(),
        })
    }

    #[test]
    fn values_are_quoted_where_they_need_to_be() {
        assert_eq!(filled("deploy {ref} {sha}", "v1.2"), "deploy v1.2 abc");
        assert_eq!(filled("deploy x:{ref}", "v1;rm"), "deploy x:'v1;rm'");
        assert_eq!(filled("deploy {ref}", "a'$(b)"), r#"deploy "a'"'$(b)'"#);
        assert_eq!(filled("sh -c 'deploy {sha}'", ""), "sh -c 'deploy abc'");
    }

    #[test]
    fn what_others_use_braces_for_is_left_alone() {
        for text in [
            "echo ${ref}",
            "docker ps --format '{{ref}} {{.Id}}'",
            "echo {} {A}",
            r"echo \{ref}",
        ] {
            assert_eq!(filled(text, "x"), text);
        }
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        let parse = |text: &str| Template::parse(text, &Placeholder::ALL).unwrap_err();
        assert_eq!(parse("go {tag}"), TemplateError::Unknown("tag".to_owned()));
        assert_eq!(parse("sh -c 'go {ref}'"), TemplateError::Quoted);
        assert_eq!(parse("go \"{ref}\""), TemplateError::Quoted);
        assert_eq!(parse("go 'x"), TemplateError::Open);
        assert_eq!(parse("go \\"), TemplateError::Open);
        assert_eq!(parse("  "), TemplateError::Empty);
        assert_eq!(
            Template::parse("go {ref}", &[]).unwrap_err(),
            TemplateError::Unknown("ref".to_owned())
        );
    }

    proptest! {
        #[test]
        fn a_shell_reads_the_value_as_one_word(reference in "[!-~]{1,30}") {
            let words = shlex::split(&filled("go --to={ref} end", &reference)).unwrap();
            prop_assert_eq!(words, ["go".to_owned(), format!("--to={reference}"), "end".to_owned()]);
        }
    }
}
