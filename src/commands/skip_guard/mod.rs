//! Checks whether this job can run here: ready, or skipped with the reason.
//!
//! Three situations are told apart: what is missing *cannot* exist here (skip, nothing to do), *should* exist (skip
//! with a warning, or fail where the configuration says so), or exists *partly* (always a failure). Every missing item is
//! named at once, and never a value.

mod answer;
mod fail_on;
mod fix;
mod freeze;
mod github;
mod machine;
mod network;
mod oidc;
mod prerequisite;
mod probe;
mod ref_pattern;
mod repair;
mod requirement;
mod run_context;
mod situation;
mod skips;
mod value;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use fail_on::FailOn;
pub use freeze::{Freeze, read as read_freeze};
pub use github::Ask;
pub use prerequisite::Prerequisite;
pub use requirement::Requirement;
pub use situation::fork_behind;
pub use skips::Limits as SkipLimits;

use crate::commands::{Keep, Running, Subcommand};
use crate::engine;
use crate::model::{Check, Fact, Finding, Outcome, Output, Skip, Status};
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
    pub prerequisites: Vec<Prerequisite>,
    /// Fail instead of skipping if prerequisites are missing.
    pub strict: bool,
    /// Runs in which what should exist and does not is a failure.
    pub fail_on: Vec<FailOn>,
    /// What is deployed to, to name it in the reason.
    pub environment: String,
    /// The variable that holds the token for GitHub's API.
    pub github_token_env: String,
    /// How long skipping what should run may go on.
    pub skips: SkipLimits,
    /// What is missing is repaired where a fix is configured, and the logs go here: `-1.log` and so on is appended, for
    /// the place in the list of prerequisites. `None`: nothing is run.
    pub fix_logs: Option<PathBuf>,
    /// What a reader needs to know beside the checks.
    pub note: Option<String>,
}

/// What looking one prerequisite up brought.
struct Seen {
    check: Check,
    missing: Option<Missing>,
}

impl Subcommand for Plan {
    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let mut outcome = guard(plan, world).await;
    outcome.notes.extend(plan.note.clone());
    outcome
}

async fn guard(plan: &Plan, world: &World) -> Outcome {
    if plan.prerequisites.is_empty() {
        let check = Check::skipped(
            STAGE,
            STAGE,
            "The prerequisites are met",
            "no prerequisites are configured",
        );
        return outcome(vec![check], &[], None, true);
    }
    let everything: Vec<usize> = (0..plan.prerequisites.len()).collect();
    let first = look(plan, &everything, world).await;
    let (seen, repaired) = match &plan.fix_logs {
        Some(logs) => {
            let (seen, repaired) = repair::repair(plan, logs, first, world).await;
            (seen, Some(repaired))
        }
        None => (first, None),
    };
    let (mut checks, mut names, mut missing, mut without) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (prerequisite, seen) in plan.prerequisites.iter().zip(seen) {
        checks.push(seen.check);
        if let Some(one) = seen.missing {
            names.push(prerequisite.requirement.to_string());
            without.push(prerequisite);
            missing.push(one);
        }
    }
    let decided = checks.iter().all(|c| c.status() != Status::Errored);
    let mut skip = (decided && !missing.is_empty()).then(|| Skip {
        reason: sentence(&plan.environment, &names, &missing),
        // What should exist and does not is worth a warning; what cannot is not.
        expected: missing.iter().all(|m| m.situation == Situation::CannotExist),
    });
    // A fix that failed is a failure, also if what it was for is there by now.
    let right = checks.iter().all(|c| c.status() != Status::Failed);
    if let Some(skip) = skip.as_mut().filter(|skip| !skip.expected && right) {
        checks.extend(skips::count(plan, skip, world).await);
    }
    let mut outcome = outcome(checks, &names, skip, missing.is_empty() && decided && right);
    match repaired {
        Some(repaired) => {
            outcome
                .outputs
                .insert("fixed".to_owned(), Output::exact(list(&repaired.fixed)));
            outcome.notes.extend(repaired.note);
        }
        None => outcome.notes.extend(repair::offer(&without)),
    }
    outcome
}

/// Looks up the prerequisites at these places of the list, in this order.
async fn look(plan: &Plan, which: &[usize], world: &World) -> Vec<Seen> {
    let clients = Arc::new(Clients {
        http: LazyHttp::default(),
        github: LazyGitHub::new(&plan.github_token_env),
    });
    let found = Arc::new(Mutex::new(vec![None; plan.prerequisites.len()]));
    let must = plan.strict || plan.fail_on.iter().any(|fail_on| fail_on.matches(&world.runner));
    let tasks = which
        .iter()
        .filter_map(|&index| Some((index, plan.prerequisites.get(index)?)))
        .map(|(index, prerequisite)| {
            let (requirement, world) = (prerequisite.requirement.clone(), world.clone());
            let (clients, found) = (Arc::clone(&clients), Arc::clone(&found));
            let advice = fix::advice(prerequisite.fix.as_ref(), plan.fix_logs.is_some());
            let id = format!("{STAGE}:{requirement}");
            let strict = plan.strict;
            engine::Task::new(STAGE, id, probe::title(&requirement), DEADLINE, async move {
                let mut missing = match probe::look(&requirement, &world, &clients).await? {
                    Answer::Met(observed) => return Ok(observed),
                    Answer::DoesNotApply(why) => {
                        return Ok(engine::Observation::found(Finding::note("does-not-apply", why)));
                    }
                    Answer::Missing(missing) => missing,
                };
                let fails = match missing.situation {
                    Situation::CannotExist => strict,
                    Situation::ShouldExist => must,
                    Situation::Partly => true,
                };
                if missing.situation != Situation::CannotExist {
                    missing.help.push_str(&advice);
                } else if fails {
                    // What cannot exist is no reason to fail, unless somebody asked for that.
                    missing.help = "It fails because of --strict; drop it to skip such runs.".to_owned();
                }
                let looked = match (fails, &missing.situation) {
                    (true, _) => Ok(engine::Observation::found(
                        Finding::error("missing-prerequisite", &missing.message).help(&missing.help),
                    )),
                    (false, Situation::CannotExist) => Err(engine::NotChecked::Skipped {
                        reason: missing.message.clone(),
                    }),
                    (false, _) => Err(engine::NotChecked::Skipped {
                        reason: format!("{}. {}", missing.message, missing.help),
                    }),
                };
                found.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(missing);
                looked
            })
        })
        .collect();
    let checks = engine::run(tasks, AT_ONCE, &world.interrupt).await;
    let mut found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    let seen = which.iter().zip(checks).map(|(&index, mut check)| {
        let missing = found.get_mut(index).and_then(Option::take);
        if let (Some(_), Some(fix)) = (&missing, &plan.prerequisites[index].fix) {
            check.facts.push(Fact::new("fix", fix.to_string()));
        }
        Seen { check, missing }
    });
    seen.collect()
}

/// For readers without context: what is missing, and what to do about each.
fn sentence(environment: &str, names: &[String], missing: &[Missing]) -> String {
    let messages: Vec<&str> = missing.iter().map(|m| m.message.as_str()).collect();
    let all = || names.iter().zip(missing);
    let mut to_do: Vec<(&String, &Missing)> = all().filter(|(_, m)| m.situation != Situation::CannotExist).collect();
    if to_do.is_empty() {
        to_do = all().take(1).collect();
    }
    let help: Vec<String> = match to_do.as_slice() {
        [(_, one)] => vec![one.help.clone()],
        several => several.iter().map(|(name, m)| format!("{name}: {}", m.help)).collect(),
    };
    format!(
        "{} was skipped: {}. {}",
        capitalised(environment),
        messages.join("; "),
        help.join(" ")
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
    outcome
        .outputs
        .insert("ready".to_owned(), Output::exact(ready.to_string()));
    outcome
        .outputs
        .insert("missing".to_owned(), Output::exact(list(missing)));
    outcome
}

/// As JSON.
fn list(names: &[String]) -> String {
    // A list of texts always serialises.
    serde_json::to_string(names).unwrap_or_default()
}

/// Whether what a guard found lets the rest run.
pub fn is_ready(outcome: &Outcome) -> bool {
    outcome.outputs.get("ready").is_some_and(|ready| &**ready == "true")
}

#[cfg(test)]
mod tests;
