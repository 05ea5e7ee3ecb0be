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

/// All that can be written. Errors and the schema are made of it, and the help and the guide describe each.
const FORMS: [&str; 18] = [
    "env:NAME",
    "var:NAME",
    "group:NAME,NAME",
    "file:PATH",
    "command:NAME",
    "event:LIST",
    "ref:GLOB",
    "not-fork",
    "url:URL",
    "tcp:HOST:PORT",
    "not-frozen:PATH",
    "not-frozen:env:NAME",
    "oidc",
    "environment:NAME",
    "token-permission:SCOPE:read",
    "previous-job:NAME",
    "no-other-run",
    "no-other-run:DURATION",
];

/// How a kind is written with a value, if it can have one.
fn with_value(kind: &str) -> Option<&'static str> {
    let of_kind = |form: &&str| form.split_once(':').is_some_and(|(name, _)| name == kind);
    FORMS.into_iter().find(of_kind)
}

/// Why a text is not a prerequisite.
#[derive(Debug, thiserror::Error)]
pub enum RequirementError {
    #[error("`{0}` is not a prerequisite; did you mean `{1}`?")]
    Misspelled(String, String),
    #[error("`{0}` is not a prerequisite; write one of {forms}", forms = FORMS.join(", "))]
    UnknownKind(String),
    #[error("`{0}` needs a value; write {1}")]
    NoValue(String, &'static str),
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
    let kinds = FORMS.iter().map(|form| form.split(':').next().unwrap_or(form));
    match text::nearest(kind, kinds) {
        Some(near) if with_value(near).is_none() => RequirementError::Misspelled(text.to_owned(), near.to_owned()),
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
        match with_value(kind) {
            Some(form) if value.is_empty() && !FORMS.contains(&text) => {
                return Err(RequirementError::NoValue(kind.to_owned(), form));
            }
            None if !FORMS.contains(&kind) => return Err(unknown(text, kind)),
            None if text != kind => return Err(RequirementError::TakesNoValue(kind.to_owned())),
            _ => {}
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
            "not-fork" => Self::NotFork,
            "url" => Self::Url(url(value)?),
            "oidc" => Self::Oidc,
            "environment" | "token-permission" | "previous-job" | "no-other-run" => {
                Self::GitHub(Ask::parse(kind, value)?)
            }
            _ => return Err(unknown(text, kind)),
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
    "description": format!("One of {}.", FORMS.join(", ")),
    "pattern": pattern(),
});

/// What an editor accepts.
fn pattern() -> String {
    let (valued, bare): (Vec<&str>, Vec<&str>) = FORMS.into_iter().partition(|form| form.contains(':'));
    let mut kinds: Vec<&str> = valued.iter().filter_map(|form| form.split(':').next()).collect();
    kinds.dedup();
    format!("^({}|({}):.+)$", bare.join("|"), kinds.join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_parsed_as_its_kind() {
        let kind = |text: &str| text.split(':').next().unwrap().to_owned();
        for form in FORMS {
            match form.parse::<Requirement>() {
                Ok(requirement) => assert_eq!(kind(&requirement.to_string()), kind(form)),
                Err(RequirementError::Misspelled(..) | RequirementError::UnknownKind(_)) => {
                    panic!("`from_str` has no arm for {form}")
                }
                // What stands for a value is none.
                Err(_) => {}
            }
        }
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for (text, says) in [
            ("secret:X", "write one of env:NAME"),
            ("env:", "write env:NAME"),
            ("env", "write env:NAME"),
            ("not-fork:true", "no value"),
            ("not-fork:", "no value"),
            ("no-other-run:", "write no-other-run:DURATION"),
            ("not-frok", "did you mean `not-fork`?"),
            ("evn:KEY", "did you mean `env:KEY`?"),
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
            ("environment:", "environment:NAME"),
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
