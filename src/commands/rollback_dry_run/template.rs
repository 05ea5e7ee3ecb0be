//! The rollback command as it was configured, with places to fill in.

use std::fmt;

/// What can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The full name of the release, or its commit.
    Ref,
    /// The full id of its commit.
    Sha,
    /// The image, by its digest.
    Image,
    /// The release, as the platform calls it.
    Release,
}

impl Placeholder {
    const ALL: [Self; 4] = [Self::Ref, Self::Sha, Self::Image, Self::Release];

    fn name(self) -> &'static str {
        match self {
            Self::Ref => "ref",
            Self::Sha => "sha",
            Self::Image => "image",
            Self::Release => "release",
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
    #[error("unknown placeholder {{{0}}}")]
    Unknown(String),
    #[error("it has an unclosed quote or ends in a backslash")]
    Open,
}

/// A command for a shell, parsed. `${name}` and `{{name}}` are not touched, as shells and Go templates use them.
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

    /// Whether there is a place for this.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.0.contains(&Part::Fill(placeholder))
    }

    /// The exact command. Where in it a value ends up (in quotes, in backticks, in a here-document) is only known to a
    /// shell, so a value must be a word that none of them changes: `None` if one is not.
    pub fn fill(&self, value: impl Fn(Placeholder) -> String) -> Option<String> {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Fill(placeholder) => Some(value(*placeholder)).filter(|word| is_plain(word)),
        });
        parts.collect()
    }
}

/// Whether a shell leaves a word alone, whatever is around it. Of a ref name this allows all but the odd ones.
pub fn is_plain(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._/@+=,:-".contains(c);
    !word.is_empty() && !word.starts_with(['-', ':']) && word.chars().all(is_plain)
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

    fn filled(template: &str, reference: &str) -> Option<String> {
        let template = Template::parse(template, &Placeholder::ALL).unwrap();
        template.fill(|placeholder| match placeholder {
            Placeholder::Ref => reference.to_owned(),
            Placeholder::Sha => "abc".to_owned(),
            Placeholder::Release => "v12".to_owned(),
            Placeholder::Image => format!("ghcr.io:443/a/b@sha256:{}", "0a".repeat(32)),
        })
    }

    #[test]
    fn only_words_that_no_shell_changes_are_filled_in() {
        for (template, command) in [
            ("deploy {ref} {sha}", "deploy refs/tags/v1.2 abc"),
            ("deploy x:{ref}", "deploy x:refs/tags/v1.2"),
            ("sh -c 'deploy \"{ref}\"'", "sh -c 'deploy \"refs/tags/v1.2\"'"),
            ("echo `cat {sha}`", "echo `cat abc`"),
            (
                "run {image}",
                concat!(
                    "run ghcr.io:443/a/b@sha256:",
                    "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
                    "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
                ),
            ),
        ] {
            assert_eq!(filled(template, "refs/tags/v1.2").as_deref(), Some(command));
        }
        for name in [
            "", "-x", "v1;rm", "a'b", "$(b)", "a`b", "a b", "größe", "a!b", "{a}", "a#b", "a&b", "a|b", "a>b", "a%b",
        ] {
            assert_eq!(filled("deploy {ref}", name), None, "{name}");
            assert_eq!(filled("deploy {sha}", name).as_deref(), Some("deploy abc"), "{name}");
        }
    }

    #[test]
    fn what_others_use_braces_for_is_left_alone() {
        for text in [
            "echo ${ref}",
            "docker ps --format '{{ref}} {{.Id}}'",
            "echo {} {A}",
            r"echo \{ref}",
        ] {
            assert_eq!(filled(text, "x").as_deref(), Some(text));
        }
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        let parse = |text: &str| Template::parse(text, &Placeholder::ALL).unwrap_err();
        assert_eq!(parse("go {tag}"), TemplateError::Unknown("tag".to_owned()));
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
        fn what_is_filled_in_is_one_word_wherever_it_is(name in "[!-~]{1,8}") {
            for (template, before, after) in [
                ("go --to={ref} end", "--to=", ""),
                ("go \"x {ref}\" end", "x ", ""),
                ("go 'x {ref} y' end", "x ", " y"),
            ] {
                if let Some(command) = filled(template, &name) {
                    let words = shlex::split(&command).unwrap();
                    prop_assert_eq!(words, ["go".to_owned(), format!("{before}{name}{after}"), "end".to_owned()]);
                }
            }
        }

        #[test]
        fn any_text_is_a_template_or_an_error(text in "([ -~\n]|\\{(ref|sha)\\}){0,9}") {
            if let Ok(template) = Template::parse(&text, &Placeholder::ALL) {
                let filled = template.fill(|_| "abc".to_owned()).unwrap();
                // Each placeholder is two bytes longer than what takes its place.
                prop_assert_eq!(text.len().abs_diff(filled.len()) % 2, 0);
            }
        }
    }
}
