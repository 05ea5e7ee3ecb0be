//! Showing less than all of a text that others wrote. This is the only way to: what is shortened before its secrets are
//! taken out may hold a half of one, which nobody would know again.

use std::path::Path;

use super::{Redactor, files};
use crate::model::text::{cut, one_line, printable};

/// A text that others wrote, or a part of one: at an open edge it went on, so a value may be cut there.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) open_start: bool,
    pub(super) open_end: bool,
}

impl<'a> Part<'a> {
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            open_start: false,
            open_end: false,
        }
    }

    /// More came after it, or may have.
    pub fn beginning(bytes: &'a [u8]) -> Self {
        Self {
            open_end: true,
            ..Self::whole(bytes)
        }
    }

    /// More came before it.
    pub fn end(bytes: &'a [u8]) -> Self {
        Self {
            open_start: true,
            ..Self::whole(bytes)
        }
    }

    /// More came before it, and after it.
    pub fn middle(bytes: &'a [u8]) -> Self {
        Self {
            open_end: true,
            ..Self::end(bytes)
        }
    }
}

impl<'a> From<&'a str> for Part<'a> {
    fn from(text: &'a str) -> Self {
        Self::whole(text.as_bytes())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the place that shortens")]
impl Redactor {
    /// On one line, and at most `max` bytes of it.
    pub fn shorten<'a>(&self, text: impl Into<Part<'a>>, max: usize) -> String {
        cut(&one_line(&self.redact_part(text.into())), max)
    }

    /// The first `max` bytes, with their lines.
    pub fn first_bytes<'a>(&self, text: impl Into<Part<'a>>, max: usize) -> String {
        cut(&printable(&self.redact_part(text.into())), max)
    }

    /// The last lines: so many of them, and at most `max` bytes.
    pub fn last_lines<'a>(&self, text: impl Into<Part<'a>>, lines: usize, max: usize) -> String {
        let text = printable(&self.redact_part(text.into()));
        let all: Vec<&str> = text.trim_end().lines().collect();
        let last = all[all.len().saturating_sub(lines)..].join("\n");
        let mut start = last.len().saturating_sub(max);
        while !last.is_char_boundary(start) {
            start += 1;
        }
        last[start..].to_owned()
    }

    /// The last lines of a file, however large it is and whether or not it is still written.
    pub fn last_lines_of(&self, file: &Path, lines: usize, max: usize) -> anyhow::Result<String> {
        let (bytes, whole) = files::tail(file)?;
        let part = match whole {
            true => Part::beginning(&bytes),
            false => Part::middle(&bytes),
        };
        Ok(self.last_lines(part, lines, max))
    }

    /// A command as one would type it.
    pub fn command_line<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        // Before they are quoted, which changes a value with a quote in it; and one may stretch over several words.
        let quoted = |word: &str| {
            let word = self.redact(word);
            shlex::try_quote(&word).map_or_else(|_| word.clone(), std::borrow::Cow::into_owned)
        };
        let words: Vec<String> = words.into_iter().map(quoted).collect();
        self.redact(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Env;

    fn redactor(value: &str) -> Redactor {
        let env: Env = [("MY_TOKEN", value)].into_iter().collect();
        Redactor::new(&env, [])
    }

    #[test]
    fn a_part_at_an_open_edge_is_hidden_and_at_a_closed_one_is_text() {
        let secrets = redactor("abcdefghijkl");
        let text = b"ghijkl and abcdef";
        assert_eq!(secrets.redact_part(Part::middle(text)), "*** and ***");
        assert_eq!(secrets.redact_part(Part::end(text)), "*** and abcdef");
        assert_eq!(secrets.redact_part(Part::beginning(text)), "ghijkl and ***");
        assert_eq!(secrets.redact_part(Part::whole(text)), "ghijkl and abcdef");
    }

    #[test]
    fn what_is_shortened_holds_no_part_of_a_secret() {
        let secrets = redactor("abcdefghijkl");
        assert_eq!(secrets.shorten("1234567 abcdefghijkl", 12), "1234567 ***");
        assert_eq!(secrets.shorten("1234567 abcdefghijkl\n9", 12), "1234567 ***\\…");
        assert_eq!(secrets.first_bytes("1\nabcdefghijkl\n9", 5), "1\n***…");
        assert_eq!(secrets.last_lines("1\n2\nabcdefghijkl\n4\n\n", 2, 100), "***\n4");
        assert_eq!(secrets.last_lines("12345 abcdefghijkl", 9, 6), "45 ***");
        assert_eq!(secrets.last_lines("\u{e4}bc", 9, 3), "bc", "at a character");
    }

    #[test]
    fn a_file_of_which_the_end_is_shown_may_begin_and_end_inside_of_a_secret() {
        let secrets = redactor("abcdefghijkl");
        let file = tempfile::NamedTempFile::new().unwrap();
        let shown = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            secrets.last_lines_of(file.path(), 1, 1 << 20).unwrap()
        };
        assert_eq!(shown("efghijkl.\nlast\n"), "last");
        assert_eq!(shown("efghijkl."), "efghijkl.", "it is whole");
        assert_eq!(shown("written abcdefg"), "written ***", "it may go on");
        let dots = ".".repeat((64 << 10) - 8);
        assert_eq!(shown(&format!("abcdefghijkl{dots}")), format!("***{dots}"));
    }

    #[test]
    fn a_command_is_quoted_after_its_secrets_are_taken_out() {
        let secrets = redactor("it's $ecret \"x\"");
        let words = ["curl", "-H", "X: it's $ecret \"x\"", "a b"];
        assert_eq!(secrets.command_line(words), "curl -H 'X: ***' 'a b'");
        let secrets = redactor("two words");
        assert_eq!(secrets.command_line(["echo", "two", "words"]), "echo ***");
    }
}
