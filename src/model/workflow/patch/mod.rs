//! The smallest change of a workflow, as a patch: comments, layout, quotes and anchors stay, and nothing else changes.
//!
//! A change is made of edits of the text (`editor`). Each says what it means, and the edited text is read again: if it
//! does not say exactly that, or if the change would not work on GitHub, there is no patch but a reason.

mod condition;
mod editor;
mod guard;
mod needed;
mod path;
mod permission;
pub mod propose;
pub mod pull_request;
mod retry;
mod secret;
mod source;
mod target;
mod trigger;
mod unified;
mod value;
mod with;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use condition::Condition;
pub use guard::{Pin, requirement};
pub use permission::may_name as may_name_permission;
pub use target::At;
pub use trigger::events;
pub use unified::diff;

use super::Access;
use editor::Editor;

/// What is to be different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The job or step only runs if this holds, besides what its `if` says already.
    Only {
        at: At,
        condition: Condition,
    },
    /// A `skip-guard` in front of the step, for values that are missing. That step and all behind it run only if the
    /// guard is ready, and so do jobs that need this one.
    SkipGuard {
        at: At,
        /// Variables or inputs of the step, or secrets.
        names: Vec<String>,
        /// How stageproof is named, where the file does not name it already.
        pin: Option<Pin>,
    },
    /// This event starts the workflow in place of that one.
    Trigger {
        from: String,
        to: String,
    },
    /// One more permission of the job's token; what it has now, it keeps.
    Permission {
        job: String,
        scope: String,
        access: Access,
        /// What the token had by the log of the run, for a workflow that does not say.
        granted: Option<Vec<(String, Access)>>,
    },
    /// The last checkout up to the step fetches the whole history.
    FetchDepth(At),
    TimeLimit {
        at: At,
        minutes: u32,
    },
    /// The script runs again if it fails.
    Retry {
        at: At,
        retries: u32,
        pin: Option<Pin>,
    },
    /// Another name for a secret, in the whole job.
    SecretName {
        job: String,
        from: String,
        to: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The whole file.
    pub text: String,
    /// For `git apply`.
    pub diff: String,
}

/// Why there is no patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no patch: {0}")]
pub struct Refusal(pub String);

impl Refusal {
    const NOTHING: &str = " already; nothing to change";

    pub fn new(why: &str) -> Self {
        Self(why.to_owned())
    }

    /// The file has the change. It may have been made since the run.
    fn already(what: &str) -> Self {
        Self(what.to_owned() + Self::NOTHING)
    }

    pub fn is_there(&self) -> bool {
        self.0.ends_with(Self::NOTHING)
    }
}

/// The file at `path` (from the repository's top, with `/`) with the change.
pub fn patch(bytes: &[u8], path: &str, change: &Change) -> Result<Patch, Refusal> {
    let old = str::from_utf8(bytes).map_err(|_| Refusal::new("the file is not UTF-8"))?;
    let mut editor = Editor::new(old)?;
    match change {
        Change::Only { at, condition } => condition::add(&mut editor, at, condition)?,
        Change::SkipGuard { at, names, pin } => guard::add(&mut editor, at, names, pin.as_ref())?,
        Change::Trigger { from, to } => trigger::replace(&mut editor, from, to)?,
        Change::Permission {
            job,
            scope,
            access,
            granted,
        } => {
            permission::add(&mut editor, job, (scope, *access), granted.as_deref())?;
        }
        Change::FetchDepth(at) => with::whole_history(&mut editor, at)?,
        Change::TimeLimit { at, minutes } => with::time_limit(&mut editor, at, *minutes)?,
        Change::Retry { at, retries, pin } => retry::add(&mut editor, at, *retries, pin.as_ref())?,
        Change::SecretName { job, from, to } => secret::rename(&mut editor, job, from, to)?,
    }
    let text = editor.finish()?;
    let diff = diff(old, &text, path)?;
    Ok(Patch { text, diff })
}
