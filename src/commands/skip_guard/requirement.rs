//! One prerequisite, as `KIND:VALUE`.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use url::Url;

/// What must be there before a job makes sense.
#[derive(Clone, Debug)]
pub enum Requirement {
    /// A variable that is set and not empty. A missing secret arrives as an empty text.
    Env(String),
    File(PathBuf),
    /// A program, found on the PATH or by its path.
    Command(String),
    /// The run was started by one of these events.
    Event(Vec<String>),
    /// The run's ref, full or short, matches.
    Ref(Pattern),
    /// Neither a pull request from a fork nor a run inside one.
    NotFork,
    /// It answers at all, with whatever status.
    Url(Url),
}

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

const KINDS: &str = "env:NAME, file:PATH, command:NAME, event:LIST, ref:GLOB, not-fork, url:URL";

/// Why a text is not a prerequisite.
#[derive(Debug, thiserror::Error)]
pub enum RequirementError {
    #[error("`{0}` is not a prerequisite; write one of {KINDS}")]
    UnknownKind(String),
    #[error("`{kind}` needs a value; write {kind}:{form}")]
    NoValue { kind: String, form: &'static str },
    #[error("`not-fork` takes no value")]
    NotForkValue,
    #[error("`{0}` is not the name of an environment variable")]
    EnvName(String),
    #[error("`{0}` is not a glob: {1}")]
    Glob(String, String),
    #[error("`{0}` is not a URL that can be asked: {1}; write http://… or https://… without credentials")]
    Url(String, String),
}

impl Requirement {
    /// The variable it is about, whose value is treated as a secret.
    pub fn env_name(&self) -> Option<&str> {
        match self {
            Self::Env(name) => Some(name),
            _ => None,
        }
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        let text = text.trim();
        let (kind, value) = match text.split_once(':') {
            Some((kind, value)) => (kind, value.trim()),
            None => (text, ""),
        };
        let form = match kind {
            "env" => "NAME",
            "file" => "PATH",
            "command" => "NAME",
            "event" => "push,workflow_dispatch",
            "ref" => "main",
            "url" => "https://…",
            "not-fork" if text == "not-fork" => return Ok(Self::NotFork),
            "not-fork" => return Err(RequirementError::NotForkValue),
            _ => return Err(RequirementError::UnknownKind(text.to_owned())),
        };
        if value.is_empty() {
            return Err(RequirementError::NoValue {
                kind: kind.to_owned(),
                form,
            });
        }
        Ok(match kind {
            "env" if value.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control()) => {
                // The value itself may have been passed by mistake; it is not repeated.
                return Err(RequirementError::EnvName("…".to_owned()));
            }
            "env" => Self::Env(value.to_owned()),
            "file" => Self::File(PathBuf::from(value)),
            "command" => Self::Command(value.to_owned()),
            "event" => Self::Event(
                value
                    .split(',')
                    .map(|event| event.trim().to_owned())
                    .filter(|event| !event.is_empty())
                    .collect(),
            ),
            "ref" => Self::Ref(pattern(value)?),
            _ => Self::Url(url(value)?),
        })
    }
}

fn pattern(text: &str) -> Result<Pattern, RequirementError> {
    let glob = GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map_err(|error| RequirementError::Glob(text.to_owned(), error.kind().to_string()))?;
    Ok(Pattern {
        text: text.to_owned(),
        matcher: glob.compile_matcher(),
    })
}

fn url(text: &str) -> Result<Url, RequirementError> {
    let shown = || text.split('@').next_back().unwrap_or(text).to_owned();
    let url = Url::parse(text).map_err(|error| RequirementError::Url(shown(), error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(RequirementError::Url(
            shown(),
            format!("the scheme is `{}`", url.scheme()),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RequirementError::Url(shown(), "it holds credentials".to_owned()));
    }
    Ok(url)
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Command(name) => write!(f, "command:{name}"),
            Self::Event(events) => write!(f, "event:{}", events.join(",")),
            Self::Ref(pattern) => write!(f, "ref:{}", pattern.text),
            Self::NotFork => f.write_str("not-fork"),
            Self::Url(url) => write!(f, "url:{url}"),
        }
    }
}

impl<'de> Deserialize<'de> for Requirement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Requirement {
    fn schema_name() -> Cow<'static, str> {
        "Requirement".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": format!("One of {KINDS}."),
            "pattern": "^(not-fork|(env|file|command|event|ref|url):.+)$",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ref_matches_full_and_short() {
        let matches = |glob: &str, full: &str| match glob.parse::<Requirement>().unwrap() {
            Requirement::Ref(pattern) => pattern.matches(full),
            other => panic!("{other:?}"),
        };
        assert!(matches("ref:main", "refs/heads/main"));
        assert!(matches("ref:refs/heads/main", "refs/heads/main"));
        assert!(matches("ref:v*", "refs/tags/v1.2"));
        assert!(matches("ref:release/**", "refs/heads/release/a/b"));
        assert!(!matches("ref:release/*", "refs/heads/release/a/b"));
        assert!(!matches("ref:main", "refs/heads/not-main"));
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for (text, says) in [
            ("secret:X", "write one of env:NAME"),
            ("env:", "write env:NAME"),
            ("env", "write env:NAME"),
            ("not-fork:true", "no value"),
            ("url:localhost:80", "scheme"),
            ("url:https://u:p4ssw0rd@h", "credentials"),
            ("ref:[", "not a glob"),
            ("", "write one of"),
        ] {
            let error = text.parse::<Requirement>().unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
            assert!(!error.contains("p4ssw0rd"), "{error}");
        }
        // Somebody wrote the secret instead of its name.
        let error = "env:s3cret value=".parse::<Requirement>().unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
