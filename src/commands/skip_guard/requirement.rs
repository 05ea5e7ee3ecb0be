//! One prerequisite, as `KIND:VALUE`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::github::{Ask, AskError};
use super::ref_pattern::{NotAGlob, Pattern};
use crate::model::text;
use crate::model::workflow::event;

/// What must be there before a job makes sense.
#[derive(Clone, Debug)]
pub enum Requirement {
    /// A variable that is set and not empty. A missing secret arrives as an empty text.
    Env(String),
    /// A repository or environment variable (`vars.NAME`) mapped into the step: like `env`, but no secret.
    Var(String),
    /// Secrets that belong together: all or none.
    Group(Vec<String>),
    File(PathBuf),
    /// A program, found on the PATH or by its path.
    Command(String),
    /// The run was started by one of these events.
    Event(Vec<String>),
    /// The run's ref matches.
    Ref(Pattern),
    /// Neither a pull request from a fork nor a run inside one.
    NotFork,
    /// It answers, with a status below 500.
    Url(Url),
    /// Something accepts connections there.
    Tcp {
        host: String,
        port: u16,
    },
    /// Nobody has frozen deploys.
    NotFrozen(FreezeIn),
    /// The job may ask GitHub for an OpenID Connect token.
    Oidc,
    /// Something that GitHub's API knows.
    GitHub(Ask),
}

/// Where a freeze is written.
#[derive(Clone, Debug)]
pub enum FreezeIn {
    File(PathBuf),
    Env(String),
}

const KINDS: &str = "env:NAME, var:NAME, group:NAME,NAME, file:PATH, command:NAME, event:LIST, ref:GLOB, not-fork, \
                     url:URL, tcp:HOST:PORT, not-frozen:PATH, not-frozen:env:NAME, oidc, environment:NAME, \
                     token-permission:SCOPE:read, previous-job:NAME, no-other-run, no-other-run:DURATION";

/// Why a text is not a prerequisite.
#[derive(Debug, thiserror::Error)]
pub enum RequirementError {
    #[error("`{0}` is not a prerequisite; did you mean `{1}`?")]
    Misspelled(String, String),
    #[error("`{0}` is not a prerequisite; write one of {KINDS}")]
    UnknownKind(String),
    #[error("`{kind}` needs a value; write {kind}:{form}")]
    NoValue { kind: String, form: &'static str },
    #[error("`{0}` takes no value")]
    TakesNoValue(String),
    #[error("`{0}` is not the name of an environment variable")]
    EnvName(String),
    #[error("`{0}` names one variable; repeat --require for each: --require {0}:A --require {0}:B")]
    Several(String),
    #[error("`{0}` is not a run to fail on; write event:LIST, ref:GLOB or never")]
    FailOn(String),
    #[error("`{0}` is not a list of events; write event:push,workflow_dispatch")]
    Events(String),
    #[error("`{0}` is not an event that starts workflows; {1}")]
    UnknownEvent(String, String),
    #[error("a group has at least two names: group:AWS_KEY_ID,AWS_SECRET")]
    SmallGroup,
    #[error("`{0}` is not a host and a port; write tcp:HOST:PORT")]
    Tcp(String),
    #[error(transparent)]
    Glob(#[from] NotAGlob),
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("`{0}` is not a URL that can be probed: {1}; write http://… or https://… without credentials")]
    Url(String, String),
}

impl Requirement {
    /// The variables it is about whose values are treated as secrets.
    pub fn secret_names(&self) -> &[String] {
        match self {
            Self::Env(name) => std::slice::from_ref(name),
            Self::Group(names) => names,
            _ => &[],
        }
    }
}

/// The nearest kind, or all of them.
fn unknown(text: &str, kind: &str) -> RequirementError {
    let kinds = KINDS.split(", ").map(|form| form.split(':').next().unwrap_or(form));
    match text::nearest(kind, kinds) {
        Some(near @ ("not-fork" | "oidc")) => RequirementError::Misspelled(text.to_owned(), near.to_owned()),
        Some(near) => RequirementError::Misspelled(text.to_owned(), text.replacen(kind, near, 1)),
        None => RequirementError::UnknownKind(text.to_owned()),
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
            "env" | "var" => "NAME",
            "group" => "NAME,NAME",
            "tcp" => "HOST:PORT",
            "not-frozen" => "PATH",
            "file" => "PATH",
            "command" => "NAME",
            "event" => "push,workflow_dispatch",
            "ref" => "main",
            "url" => "https://…",
            "not-fork" if text == "not-fork" => return Ok(Self::NotFork),
            "oidc" if text == "oidc" => return Ok(Self::Oidc),
            "no-other-run" if text == "no-other-run" => return Ok(Self::GitHub(Ask::NoOtherRun(None))),
            "not-fork" | "oidc" => return Err(RequirementError::TakesNoValue(kind.to_owned())),
            "environment" => "staging",
            "token-permission" => "contents:read",
            "previous-job" => "build",
            "no-other-run" => "6h",
            _ => return Err(unknown(text, kind)),
        };
        if value.is_empty() {
            return Err(RequirementError::NoValue {
                kind: kind.to_owned(),
                form,
            });
        }
        if matches!(kind, "env" | "var") && value.contains(',') {
            return Err(RequirementError::Several(kind.to_owned()));
        }
        Ok(match kind {
            "env" => Self::Env(variable(value)?),
            "var" => Self::Var(variable(value)?),
            "group" => Self::Group(group(value)?),
            "tcp" => tcp(value)?,
            "not-frozen" => Self::NotFrozen(match value.strip_prefix("env:") {
                Some(name) => FreezeIn::Env(variable(name)?),
                None => FreezeIn::File(PathBuf::from(value)),
            }),
            "file" => Self::File(PathBuf::from(value)),
            "command" => Self::Command(value.to_owned()),
            "event" => Self::Event(events(value)?),
            "ref" => Self::Ref(value.parse()?),
            "environment" | "token-permission" | "previous-job" | "no-other-run" => {
                Self::GitHub(Ask::parse(kind, value)?)
            }
            _ => Self::Url(url(value)?),
        })
    }
}

fn events(list: &str) -> Result<Vec<String>, RequirementError> {
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    let plain = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if !names.iter().all(plain) {
        return Err(RequirementError::Events(list.to_owned()));
    }
    let unknown = |name: &String| Some(RequirementError::UnknownEvent(name.clone(), event::correction(name)?));
    names.iter().find_map(unknown).map_or(Ok(names.clone()), Err)
}

fn variable(name: &str) -> Result<String, RequirementError> {
    let odd = |c: char| c == '=' || c == ',' || c.is_whitespace() || c.is_control();
    if name.is_empty() || name.contains(odd) {
        // The value itself may have been passed by mistake; it is not repeated.
        return Err(RequirementError::EnvName("…".to_owned()));
    }
    Ok(name.to_owned())
}

fn group(list: &str) -> Result<Vec<String>, RequirementError> {
    let names = list
        .split(',')
        .map(|name| variable(name.trim()))
        .collect::<Result<Vec<_>, _>>()?;
    if names.len() < 2 {
        return Err(RequirementError::SmallGroup);
    }
    Ok(names)
}

fn tcp(text: &str) -> Result<Requirement, RequirementError> {
    let wrong = || RequirementError::Tcp(text.to_owned());
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(Requirement::Tcp {
        host: host.to_owned(),
        port,
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
            Self::Var(name) => write!(f, "var:{name}"),
            Self::Group(names) => write!(f, "group:{}", names.join(",")),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "tcp:[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "tcp:{host}:{port}"),
            Self::NotFrozen(FreezeIn::File(path)) => write!(f, "not-frozen:{}", path.display()),
            Self::NotFrozen(FreezeIn::Env(name)) => write!(f, "not-frozen:env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Command(name) => write!(f, "command:{name}"),
            Self::Event(events) => write!(f, "event:{}", events.join(",")),
            Self::Ref(pattern) => write!(f, "ref:{pattern}"),
            Self::NotFork => f.write_str("not-fork"),
            Self::Url(url) => write!(f, "url:{url}"),
            Self::Oidc => f.write_str("oidc"),
            Self::GitHub(ask) => write!(f, "{ask}"),
        }
    }
}

text::read_from_text!(Requirement {
    "description": format!("One of {KINDS}."),
    "pattern": "^(not-fork|oidc|no-other-run|(env|var|group|file|command|event|ref|url|tcp|not-frozen|\
                environment|token-permission|previous-job|no-other-run):.+)$",
});

#[cfg(test)]
mod tests {
    use super::*;

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
            ("event:,", "not a list of events"),
            ("event:push,", "not a list of events"),
            ("event:Push", "not a list of events"),
            ("event:psh", "did you mean `push`?"),
            ("event:push,pull_requets", "did you mean `pull_request`?"),
            ("event:workflow_call", "name that one"),
            ("event:deploy_to_the_moon", "the events are branch_protection_rule, "),
            ("group:ONE", "at least two"),
            ("group:ONE,", "is not the name"),
            ("tcp:db", "tcp:HOST:PORT"),
            ("tcp:db:0", "tcp:HOST:PORT"),
            ("tcp:db:99999", "tcp:HOST:PORT"),
            ("not-frozen", "not-frozen:PATH"),
            ("oidc:x", "no value"),
            ("env:A,env:B", "repeat --require"),
            ("var:A,p4ssw0rd", "repeat --require"),
            ("environment:", "environment:staging"),
            ("environment:..", "not the name of an environment"),
            ("token-permission:contents", "SCOPE:read"),
            ("token-permission:contents:write", "check read access"),
            ("token-permission:pages:read", "actions, checks, contents"),
            ("token-permission:id-token:write", "checked by `oidc`"),
            ("no-other-run:2", "has no unit"),
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
