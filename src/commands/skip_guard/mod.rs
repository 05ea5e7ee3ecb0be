//! May this job run here at all? Ready, or skipped with the reason.
//!
//! Three situations are told apart: what is missing *cannot* exist here (skip, nothing to do), *should* exist (skip
//! with a warning, or fail where the configuration says so), or exists *partly* (always a failure). Every missing item is
//! named at once, and never a value.

mod answer;
mod fail_on;
mod freeze;
mod github;
mod machine;
mod network;
mod oidc;
mod probe;
mod ref_pattern;
mod requirement;
mod run_context;
mod situation;
mod skips;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use fail_on::FailOn;
pub use requirement::Requirement;
pub use skips::Limits as SkipLimits;

use crate::engine;
use crate::model::{Check, Finding, Outcome, Skip, Status};
use crate::world::World;
use answer::{Answer, Missing};
use github::LazyGitHub;
use network::LazyHttp;
use probe::Clients;
use situation::Situation;

const STAGE: &str = "guard";
/// The last resort; the slow kinds, on the network, have limits of their own below it.
const DEADLINE: Duration = Duration::from_secs(60);
/// Checks read variables, files and one address each; more at once would not end sooner.
const AT_ONCE: usize = 8;

pub struct Plan {
    pub requirements: Vec<Requirement>,
    /// Missing prerequisites fail instead of skipping.
    pub strict: bool,
    /// Runs in which what should exist and does not is a failure.
    pub fail_on: Vec<FailOn>,
    /// What is deployed to, to name it in the reason.
    pub environment: String,
    /// The variable that holds the token for GitHub's API.
    pub github_token_env: String,
    /// How long skipping what should run may go on.
    pub skips: SkipLimits,
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    if plan.requirements.is_empty() {
        let check = Check::skipped(
            STAGE,
            STAGE,
            "The prerequisites are met",
            "no prerequisites are configured",
        );
        return outcome(vec![check], &[], None, true);
    }
    let clients = Arc::new(Clients {
        http: LazyHttp::default(),
        github: LazyGitHub::new(&plan.github_token_env),
    });
    let found = Arc::new(Mutex::new(Vec::new()));
    let must = plan.strict || plan.fail_on.iter().any(|fail_on| fail_on.matches(&world.runner));
    let tasks = plan
        .requirements
        .iter()
        .enumerate()
        .map(|(index, requirement)| {
            let (requirement, world) = (requirement.clone(), world.clone());
            let (clients, found) = (Arc::clone(&clients), Arc::clone(&found));
            let id = format!("{STAGE}:{requirement}");
            let strict = plan.strict;
            engine::Task::new(STAGE, id, probe::title(&requirement), DEADLINE, async move {
                let missing = match probe::look(&requirement, &world, &clients).await? {
                    Answer::Met(observed) => return Ok(observed),
                    Answer::DoesNotApply(why) => {
                        return Ok(engine::Observed::found(Finding::note("does-not-apply", why)));
                    }
                    Answer::Missing(missing) => missing,
                };
                let fails = match missing.situation {
                    Situation::CannotExist => strict,
                    Situation::ShouldExist => must,
                    Situation::Partly => true,
                };
                let message = missing.message.clone();
                let finding = Finding::error("missing-prerequisite", &message).help(&missing.help);
                found
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((index, requirement.to_string(), missing));
                if fails {
                    Ok(engine::Observed::found(finding))
                } else {
                    Err(engine::Blind::Skipped { reason: message })
                }
            })
        })
        .collect();
    let mut checks = engine::run(tasks, AT_ONCE, &world.interrupt).await;
    let mut found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    found.sort_by_key(|(index, ..)| *index);
    let (names, missing): (Vec<String>, Vec<Missing>) =
        found.into_iter().map(|(_, name, missing)| (name, missing)).unzip();
    let decided = checks.iter().all(|c| c.status() != Status::Errored);
    let mut skip = (decided && !missing.is_empty()).then(|| Skip {
        reason: sentence(&plan.environment, &missing),
        // What should exist and does not is worth a warning; what cannot is not.
        expected: missing.iter().all(|m| m.situation == Situation::CannotExist),
    });
    let fails = checks.iter().any(|c| c.status() == Status::Failed);
    if let Some(skip) = skip.as_mut().filter(|skip| !skip.expected && !fails) {
        checks.extend(skips::count(plan, skip, world).await);
    }
    outcome(checks, &names, skip, missing.is_empty() && decided)
}

/// One sentence that a stranger understands: what is missing, and what to do.
fn sentence(environment: &str, missing: &[Missing]) -> String {
    let messages: Vec<&str> = missing.iter().map(|m| m.message.as_str()).collect();
    let help = missing
        .iter()
        .find(|m| m.situation != Situation::CannotExist)
        .or(missing.first())
        .map_or("", |m| m.help.as_str());
    format!(
        "{} was skipped: {}. {help}",
        capitalised(environment),
        messages.join("; ")
    )
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn outcome(checks: Vec<Check>, missing: &[String], skip: Option<Skip>, ready: bool) -> Outcome {
    let mut outcome = Outcome {
        checks,
        skip,
        ..Outcome::default()
    };
    outcome.outputs.insert("ready".to_owned(), ready.to_string());
    // A list of texts always serialises.
    let missing = serde_json::to_string(missing).unwrap_or_default();
    outcome.outputs.insert("missing".to_owned(), missing);
    outcome
}

/// Whether what a guard found lets the rest run.
pub fn is_ready(outcome: &Outcome) -> bool {
    outcome.outputs.get("ready").is_some_and(|ready| ready == "true")
}

#[cfg(test)]
mod tests;
