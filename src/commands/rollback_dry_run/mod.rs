//! Could we go back right now? Proved read-only.

use std::path::PathBuf;
use std::time::Duration;

use regex::Regex;

use crate::model::Outcome;
use crate::world::World;

pub struct Plan {
    /// The folder of the repository, or the working folder of the command.
    pub workspace: PathBuf,
    pub platform: Platform,
}

/// What is rolled back, and so how to prove that it can be.
pub enum Platform {
    Git {
        /// A given ref; otherwise the newest tag that matches `tags`.
        reference: Option<String>,
        /// Glob over tag names.
        tags: String,
        /// The command that would roll back, with `{ref}` and `{sha}`.
        rollback_command: String,
    },
    Command {
        /// The user's own read-only check, as words.
        check: Vec<String>,
        expect_exit: i32,
        expect_output: Option<Regex>,
        timeout: Duration,
        rollback_command: Option<String>,
    },
}

pub async fn run(_plan: &Plan, _world: &World) -> Outcome {
    Outcome::default()
}
