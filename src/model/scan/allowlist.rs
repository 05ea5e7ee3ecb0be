//! What is not reported although a rule matches it.

use regex::bytes::Regex;

/// One `[[allowlists]]` entry.
#[derive(Clone, Debug, Default)]
pub struct Allowlist {
    /// Every kind of criterion that it has must hold, and not only one.
    pub all: bool,
    pub paths: Vec<Regex>,
    pub regexes: Vec<Regex>,
    pub target: Target,
    /// In lower case.
    pub stopwords: Vec<String>,
    /// It has commits, which a file has none of.
    pub has_commits: bool,
}

/// What the regular expressions of an allowlist are searched in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    #[default]
    Secret,
    Match,
    Line,
}

/// What was matched, and where.
#[derive(Clone, Copy)]
pub struct Matched<'a> {
    pub path: &'a str,
    pub secret: &'a [u8],
    pub whole: &'a [u8],
    /// Looked for only if it is asked for: it can be as long as the file.
    pub line: &'a dyn Fn() -> &'a [u8],
}

impl Allowlist {
    fn has_path(&self, path: &str) -> bool {
        self.paths.iter().any(|regex| regex.is_match(path.as_bytes()))
    }

    /// Whether nothing in this file is reported.
    pub fn allows_file(&self, path: &str) -> bool {
        let others = !self.regexes.is_empty() || !self.stopwords.is_empty() || self.has_commits;
        self.has_path(path) && !(self.all && others)
    }

    pub fn allows(&self, found: Matched<'_>) -> bool {
        let by_regex = || {
            let target = match self.target {
                _ if self.regexes.is_empty() => return false,
                Target::Secret => found.secret,
                Target::Match => found.whole,
                Target::Line => (found.line)(),
            };
            self.regexes.iter().any(|regex| regex.is_match(target))
        };
        let by_word = || {
            let secret = found.secret.to_ascii_lowercase();
            let holds = |word: &String| memchr::memmem::find(&secret, word.as_bytes()).is_some();
            self.stopwords.iter().any(holds)
        };
        if !self.all {
            return self.has_path(found.path) || by_regex() || by_word();
        }
        !self.has_commits
            && (self.paths.is_empty() || self.has_path(found.path))
            && (self.regexes.is_empty() || by_regex())
            && (self.stopwords.is_empty() || by_word())
    }
}
