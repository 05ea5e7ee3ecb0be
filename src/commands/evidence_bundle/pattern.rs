//! What is named on the command line: paths and globs, relative to the workspace.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use globset::{Glob, GlobBuilder, GlobMatcher, GlobSet, GlobSetBuilder};

/// A path or a glob that stays inside the workspace.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was given.
    pub text: String,
    /// Relative to the workspace, in its shortest form. Empty for the workspace itself.
    pub path: PathBuf,
    /// Set if it can be read as a glob. A file of exactly that name comes first.
    pub glob: Option<GlobMatcher>,
}

/// Why a text is not a pattern.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    #[error("an empty path names nothing")]
    Empty,
    #[error("`{0}` is outside the workspace, but only files in the workspace can be evidence of this run")]
    Outside(String),
    #[error("`{0}` is not a glob: {1}")]
    Glob(String, String),
}

impl Pattern {
    pub fn parse(text: &str, workspace: &Path) -> Result<Self, PatternError> {
        let path = inside(text, workspace)?;
        let glob = match path.to_str() {
            Some(path) if has_magic(path) => Some(glob(path, text)?.compile_matcher()),
            _ => None,
        };
        Ok(Self {
            text: text.to_owned(),
            path,
            glob,
        })
    }

    /// Whether a path is what it names, or lies in it.
    pub fn covers(&self, path: &Path) -> bool {
        let is_named = |part: &Path| part == self.path || self.glob.as_ref().is_some_and(|glob| glob.is_match(part));
        path.ancestors().any(is_named)
    }

    /// Whether it says itself that it means something hidden.
    pub fn names_hidden(&self) -> bool {
        self.path.components().any(|part| is_hidden(part.as_os_str()))
    }

    /// The folder below which everything lies that the glob can match.
    pub fn base(&self) -> PathBuf {
        self.path
            .components()
            .take_while(|part| !part.as_os_str().to_str().is_some_and(has_magic))
            .collect()
    }
}

/// What is left out. A folder that matches is left out whole.
#[derive(Clone, Debug, Default)]
pub struct Exclude(GlobSet);

impl Exclude {
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>, workspace: &Path) -> Result<Self, PatternError> {
        let mut set = GlobSetBuilder::new();
        for text in texts {
            let path = inside(text, workspace)?;
            let path = path.to_str().unwrap_or_default();
            set.add(glob(path, text)?);
            // What excludes everything in a folder excludes the folder, which then need not be walked.
            if let Some(folder) = path.strip_suffix("/**") {
                set.add(glob(folder, text)?);
            }
        }
        let set = set
            .build()
            .map_err(|error| PatternError::Glob("--exclude".to_owned(), error.to_string()))?;
        Ok(Self(set))
    }

    /// Whether it, or a folder it lies in, is left out.
    pub fn covers(&self, path: &Path) -> bool {
        !self.0.is_empty() && path.ancestors().any(|part| self.0.is_match(part))
    }
}

pub fn is_hidden(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".")
}

/// Whether a text is a glob, and not only a path.
pub fn has_magic(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

fn glob(path: &str, text: &str) -> Result<Glob, PatternError> {
    GlobBuilder::new(path)
        .literal_separator(true)
        .build()
        .map_err(|error| PatternError::Glob(text.to_owned(), error.kind().to_string()))
}

/// Relative to the workspace, without `.` and `..`.
fn inside(text: &str, workspace: &Path) -> Result<PathBuf, PatternError> {
    let outside = || PatternError::Outside(text.to_owned());
    if text.trim().is_empty() {
        return Err(PatternError::Empty);
    }
    let path = Path::new(text);
    let relative = match path.is_absolute() {
        true => path.strip_prefix(workspace).map_err(|_| outside())?,
        false => path,
    };
    let mut short = PathBuf::new();
    for part in relative.components() {
        match part {
            Component::Normal(name) => short.push(name),
            Component::CurDir => {}
            Component::ParentDir if short.pop() => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return Err(outside()),
        }
    }
    Ok(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Pattern, PatternError> {
        Pattern::parse(text, Path::new("/w"))
    }

    #[test]
    fn paths_are_brought_into_their_shortest_form() {
        for (text, path) in [
            ("./a//b/", "a/b"),
            ("a/../b", "b"),
            ("/w/a", "a"),
            (".", ""),
            ("/w", ""),
        ] {
            assert_eq!(pattern(text).unwrap().path, Path::new(path), "{text}");
        }
    }

    #[test]
    fn what_is_outside_is_refused() {
        for text in ["..", "../x", "a/../../x", "/etc/passwd", "/work"] {
            assert!(matches!(pattern(text), Err(PatternError::Outside(_))), "{text}");
        }
        assert!(matches!(pattern(" "), Err(PatternError::Empty)));
        assert!(matches!(pattern("a[.log"), Err(PatternError::Glob(..))));
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        let logs = pattern("logs/*.log").unwrap();
        let glob = logs.glob.as_ref().unwrap();
        assert!(glob.is_match("logs/a.log") && !glob.is_match("logs/x/a.log"));
        assert_eq!(logs.base(), Path::new("logs"));
        assert_eq!(pattern("**/*.xml").unwrap().base(), Path::new(""));
    }

    #[test]
    fn an_excluded_folder_is_excluded_whole() {
        let exclude = Exclude::parse(["build/**", "**/node_modules", "*.tmp"], Path::new("/w")).unwrap();
        for path in ["build", "build/a", "x/node_modules/y", "a.tmp"] {
            assert!(exclude.covers(Path::new(path)), "{path}");
        }
        for path in ["x/build", "x/a.tmp", "buildx"] {
            assert!(!exclude.covers(Path::new(path)), "{path}");
        }
        assert!(!Exclude::default().covers(Path::new("a")));
    }
}
