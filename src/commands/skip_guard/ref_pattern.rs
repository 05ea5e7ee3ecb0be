//! Which refs are meant.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

const ANY: &str = "refs/";
const BRANCH: &str = "refs/heads/";
const TAG: &str = "refs/tags/";

/// A text that is no pattern, and what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a glob: {1}")]
pub struct NotAGlob(String, String);

/// A glob over full ref names, as branch filters are written: `*` stays between slashes, `**` does not. One that does not
/// begin with `refs/` is about branches: whoever may push could call a tag or a branch like anything else.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    matcher: GlobMatcher,
}

impl Pattern {
    pub fn matches(&self, full_ref: &str) -> bool {
        self.matcher.is_match(full_ref)
    }

    /// How the pattern would be written for the tag that this is, if it only fits a branch of that name.
    pub fn for_tag(&self, full_ref: &str) -> Option<String> {
        let name = full_ref.strip_prefix(TAG)?;
        let as_branch = !self.text.starts_with(ANY) && self.matches(&format!("{BRANCH}{name}"));
        as_branch.then(|| format!("{TAG}{}", self.text))
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
        let full = match text.starts_with(ANY) {
            true => text.to_owned(),
            false => format!("{BRANCH}{text}"),
        };
        let glob = GlobBuilder::new(&full)
            .literal_separator(true)
            .build()
            .map_err(|error| NotAGlob(text.to_owned(), error.kind().to_string()))?;
        Ok(Pattern {
            text: text.to_owned(),
            matcher: glob.compile_matcher(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(glob: &str, full: &str) -> bool {
        glob.parse::<Pattern>().unwrap().matches(full)
    }

    #[test]
    fn a_bare_name_is_a_branch_and_only_a_branch() {
        for (glob, full, expected) in [
            ("main", "refs/heads/main", true),
            ("refs/heads/main", "refs/heads/main", true),
            ("refs/tags/v*", "refs/tags/v1.2", true),
            ("refs/**", "refs/tags/v1.2", true),
            ("release/**", "refs/heads/release/a/b", true),
            ("release/*", "refs/heads/release/a/b", false),
            ("main", "refs/heads/not-main", false),
            ("main", "refs/heads/x/main", false),
            ("main", "refs/tags/main", false),
            ("v*", "refs/tags/v1.2", false),
            ("main", "refs/heads/refs/heads/main", false),
            ("refs/heads/main", "refs/heads/refs/heads/main", false),
            ("refs/heads/*", "refs/heads/refs/heads/main", false),
            ("refs/tags/v1", "refs/heads/refs/tags/v1", false),
            ("7/merge", "refs/pull/7/merge", false),
            ("*", "refs/heads/main", true),
            ("**", "refs/tags/main", false),
            ("{main,staging}", "refs/heads/staging", true),
            ("heads/main", "refs/heads/main", false),
            ("main", "main", false),
            ("main", "", false),
        ] {
            assert_eq!(matches(glob, full), expected, "{glob} {full}");
        }
    }

    #[test]
    fn a_tag_that_is_called_like_the_branch_is_told_how_it_is_written() {
        let told = |glob: &str, full: &str| glob.parse::<Pattern>().unwrap().for_tag(full);
        assert_eq!(told("v*", "refs/tags/v1").unwrap(), "refs/tags/v*");
        assert_eq!(told("v*", "refs/heads/v1"), None);
        assert_eq!(told("refs/heads/v*", "refs/tags/v1"), None);
        assert_eq!(told("main", "refs/tags/v1"), None);
    }

    proptest! {
        #[test]
        fn a_name_meets_its_own_branch_and_no_other_ref(name in "[a-z0-9][a-z0-9./_-]{0,20}", other in "\\PC{0,30}") {
            prop_assume!(!name.starts_with(ANY));
            let branch = format!("{BRANCH}{name}");
            for glob in [&name, &branch] {
                prop_assert!(matches(glob, &branch));
                for full in [format!("{TAG}{name}"), format!("{BRANCH}{branch}"), format!("refs/pull/{name}"), name.clone()] {
                    prop_assert!(!matches(glob, &full), "{} {}", glob, full);
                }
                prop_assert!(other == branch || !matches(glob, &other));
            }
        }

        #[test]
        fn a_pattern_of_branches_meets_branches_only(glob in "[a-z*?/{},\\[\\]!-]{1,15}", full in "refs/(tags|pull|notes)/[a-z/]{1,10}") {
            if let Ok(pattern) = glob.parse::<Pattern>() {
                prop_assert!(glob.starts_with(ANY) || !pattern.matches(&full), "{} {}", glob, full);
            }
        }
    }
}
