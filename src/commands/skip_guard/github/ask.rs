//! What can be asked, as it is written.

use std::fmt;

use crate::model::TimeSpan;
use crate::model::time_span::TimeSpanError;
use crate::world::github::readable_scopes;

/// A prerequisite that GitHub's API knows.
#[derive(Clone, Debug)]
pub enum Ask {
    /// The environment exists. A job that names another makes GitHub create it, without secrets or protection.
    Environment(String),
    /// The token has this permission, for reading.
    TokenPermission(String),
    /// A job of this run succeeded: the one of this name, or all of a matrix of this name.
    PreviousJob(String),
    /// No older run of this workflow is still going on. After how long of silence one no longer counts.
    NoOtherRun(Option<TimeSpan>),
}

/// Why a text is nothing that can be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("`{0}` is not the name of an environment")]
    Environment(String),
    #[error("`{0}` is not a permission; write token-permission:SCOPE:read, where SCOPE is one of {scopes}", scopes = readable_scopes().join(", "))]
    Permission(String),
    #[error("write access cannot be checked without writing; check read access with token-permission:{0}:read")]
    Write(String),
    #[error("`id-token: write` is checked by `oidc`: require that")]
    IdToken,
    #[error("`{scope}: read` cannot be checked; these can: {scopes}", scopes = readable_scopes().join(", "))]
    Unreadable { scope: String },
    #[error(transparent)]
    Stale(#[from] TimeSpanError),
}

impl Ask {
    /// `value` is empty only where a kind needs none.
    pub fn parse(kind: &str, value: &str) -> Result<Self, AskError> {
        Ok(match kind {
            // As a part of an address these would be another address.
            "environment" if matches!(value, "." | "..") => return Err(AskError::Environment(value.to_owned())),
            "environment" => Self::Environment(value.to_owned()),
            "token-permission" => Self::TokenPermission(scope(value)?),
            "previous-job" => Self::PreviousJob(value.to_owned()),
            _ if value.is_empty() => Self::NoOtherRun(None),
            _ => Self::NoOtherRun(Some(value.parse()?)),
        })
    }

    /// The claim that is looked up, as a sentence.
    pub fn title(&self) -> String {
        match self {
            Self::Environment(name) => format!("The environment {name} exists"),
            Self::TokenPermission(scope) => format!("The token has the permission {scope}: read"),
            Self::PreviousJob(name) => format!("The job {name} succeeded"),
            Self::NoOtherRun(_) => "No older run of this workflow is still going on".to_owned(),
        }
    }
}

fn scope(text: &str) -> Result<String, AskError> {
    let (scope, level) = text
        .split_once(':')
        .ok_or_else(|| AskError::Permission(text.to_owned()))?;
    let plain = !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    match (scope, level) {
        ("id-token", _) => Err(AskError::IdToken),
        (scope, "write") if plain => Err(AskError::Write(scope.to_owned())),
        (scope, "read") if readable_scopes().contains(&scope) => Ok(scope.to_owned()),
        (scope, "read") if plain => Err(AskError::Unreadable {
            scope: scope.to_owned(),
        }),
        _ => Err(AskError::Permission(text.to_owned())),
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment:{name}"),
            Self::TokenPermission(scope) => write!(f, "token-permission:{scope}:read"),
            Self::PreviousJob(name) => write!(f, "previous-job:{name}"),
            Self::NoOtherRun(None) => f.write_str("no-other-run"),
            Self::NoOtherRun(Some(stale)) => write!(f, "no-other-run:{stale}"),
        }
    }
}
