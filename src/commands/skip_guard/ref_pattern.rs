//! Which refs are meant.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

/// A text that is no pattern, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a glob: {1}")]
pub struct NotAGlob(String, String);

/// A glob over ref names, as branch filters are written: `*` stays between slashes, `**` does not.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub fn matches(&self, full_ref: &str) -> bool {
        let short = ["refs/heads/", "refs/tags/", "refs/pull/"]
            .iter()
            .find_map(|prefix| full_ref.strip_prefix(prefix));
        self.matcher.is_match(full_ref) || short.is_some_and(|short| self.matcher.is_match(short))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = NotAGlob;

    fn from_str(text: &str) -> Result<Self, NotAGlob> {
        let glob = GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .map_err(|error| NotAGlob(text.to_owned(), error.kind().to_string()))?;
        Ok(Pattern {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }
}
