//! Prerequisites that GitHub's API knows.

mod ask;
mod environment;
mod job_names;
mod other_runs;
mod permission;
mod previous_job;

use std::time::Duration;

use tokio::sync::OnceCell;

pub use ask::{Ask, AskError};
pub use job_names::JobNames;

use super::answer::Answer;
use crate::engine::NotChecked;
use crate::world::World;
use crate::world::github::{GitHub, Session};

/// For all questions of one prerequisite, below the deadline of a check.
const TIME: Duration = Duration::from_secs(50);

/// One client for all questions, made only if there is one.
pub struct LazyGitHub {
    token_env: String,
    github: OnceCell<GitHub>,
}

impl LazyGitHub {
    pub fn new(token_env: &str) -> Self {
        Self {
            token_env: token_env.to_owned(),
            github: OnceCell::new(),
        }
    }

    /// A session, or why GitHub cannot be asked. That is never a reason to skip, nor to go on.
    pub async fn session(&self, world: &World) -> Result<Session<'_>, NotChecked> {
        let connect = || async {
            GitHub::connect(&world.env, world.clock, world.progress.clone(), &self.token_env)
                .map_err(|no| NotChecked::with_help(no.to_string(), no.help()))
        };
        Ok(self.github.get_or_try_init(connect).await?.within(TIME))
    }
}

pub async fn look(ask: &Ask, world: &World, github: &LazyGitHub) -> Result<Answer, NotChecked> {
    let in_this_run = matches!(ask, Ask::PreviousJob(_) | Ask::NoOtherRun(_));
    if in_this_run && !world.runner.active && world.runner.run_id().is_none() {
        return Ok(Answer::DoesNotApply(
            "not in a workflow run: there are no other jobs or runs".to_owned(),
        ));
    }
    let session = github.session(world).await?;
    match ask {
        Ask::Environment(name) => environment::environment(name, &session).await,
        Ask::TokenPermission(scope) => permission::permission(scope, &session, world).await,
        Ask::PreviousJob(name) => previous_job::previous_job(name, &session, run_id(world)?, world).await,
        Ask::NoOtherRun(stale) => other_runs::no_other_run(*stale, &session, run_id(world)?, world).await,
    }
}

/// This run's number.
pub fn run_id(world: &World) -> Result<u64, NotChecked> {
    world.runner.run_id().ok_or_else(|| {
        NotChecked::with_help(
            "GITHUB_RUN_ID is not set or not a number, so this run cannot be found",
            "run it in a job of a workflow",
        )
    })
}

/// Known names that look like one that was written, the nearest first.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&lower, &known.to_lowercase());
    let mut near: Vec<(usize, &str)> = known.into_iter().map(|known| (distance(known), known)).collect();
    near.retain(|(distance, known)| *distance <= (known.chars().count().max(lower.chars().count()) / 3).max(2));
    near.sort();
    near.dedup();
    near.into_iter().take(3).map(|(_, known)| known).collect()
}

/// `a`, `b` or `c`, in backquotes.
pub fn quoted<'a>(names: impl IntoIterator<Item = &'a str>, joint: &str) -> String {
    let names = names.into_iter().map(crate::model::text::one_line);
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(joint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_in_any_case_and_far_ones_are_not() {
        let known = ["production", "staging", "Stage", "qa"];
        assert_eq!(nearest("stagin", known), ["staging", "Stage"]);
        assert_eq!(nearest("PRODUCTOIN", known), ["production"]);
        assert!(nearest("europe-west", known).is_empty());
    }
}
