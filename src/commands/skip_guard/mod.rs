//! May this job run here at all? Ready, or skipped with the reason.
//!
//! Every missing item is named at once, and never a value.

mod probe;
mod requirement;

use std::sync::Arc;

pub use requirement::Requirement;

use crate::engine;
use crate::model::{Check, Finding, Outcome, Status};
use crate::world::World;
use probe::{Answer, STAGE};

/// Checks read variables, files and one URL each; more at once would not end sooner.
const AT_ONCE: usize = 8;

pub struct Plan {
    pub requirements: Vec<Requirement>,
    /// Missing prerequisites fail instead of skipping.
    pub strict: bool,
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
    let http = Arc::new(probe::LazyHttp::default());
    let missing = Arc::new(std::sync::Mutex::new(Vec::new()));
    let strict = plan.strict;
    let tasks = plan
        .requirements
        .iter()
        .enumerate()
        .map(|(index, requirement)| {
            let (requirement, world) = (requirement.clone(), world.clone());
            let (http, missing) = (Arc::clone(&http), Arc::clone(&missing));
            let id = format!("{STAGE}:{requirement}");
            engine::Task::new(STAGE, id, probe::title(&requirement), probe::DEADLINE, async move {
                match probe::look(&requirement, &world, &http).await? {
                    Answer::Met(observed) => Ok(observed),
                    Answer::DoesNotApply(reason) => Err(engine::Blind::Skipped { reason }),
                    Answer::Missing { message, help } => {
                        missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((
                            index,
                            requirement.to_string(),
                            message.clone(),
                        ));
                        if strict {
                            let finding = Finding::error("missing-prerequisite", message).help(help);
                            Ok(engine::Observed::found(finding))
                        } else {
                            Err(engine::Blind::Skipped { reason: message })
                        }
                    }
                }
            })
        })
        .collect();
    let checks = engine::run(tasks, AT_ONCE, &world.interrupt).await;
    let mut missing = std::mem::take(&mut *missing.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    missing.sort();
    let names: Vec<String> = missing.iter().map(|(_, name, _)| name.clone()).collect();
    let decided = checks.iter().all(|c| c.status() != Status::Errored);
    let skip = (!strict && decided && !missing.is_empty()).then(|| {
        let messages: Vec<&str> = missing.iter().map(|(_, _, message)| message.as_str()).collect();
        format!("Skipped: {}.", messages.join("; "))
    });
    let ready = missing.is_empty() && decided;
    outcome(checks, &names, skip, ready)
}

fn outcome(checks: Vec<Check>, missing: &[String], skip: Option<String>, ready: bool) -> Outcome {
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
mod tests {
    use super::*;
    use crate::model::Ended;
    use crate::world::{Clock, Env, Interrupt, Progress, Runner};

    fn world(env: &[(&str, &str)]) -> World {
        let env: Env = env.iter().copied().collect();
        World {
            runner: Arc::new(Runner::from_env(&env)),
            env: Arc::new(env),
            clock: Clock::default(),
            interrupt: Interrupt::never(),
            progress: Progress::silent(),
            workspace: std::env::temp_dir(),
        }
    }

    fn plan(requirements: &[&str], strict: bool) -> Plan {
        Plan {
            requirements: requirements.iter().map(|r| r.parse().unwrap()).collect(),
            strict,
        }
    }

    #[tokio::test]
    async fn every_missing_item_is_named_in_order() {
        let plan = plan(&["env:A", "env:HERE", "file:no/such/file", "env:B"], false);
        let outcome = run(&plan, &world(&[("HERE", "x"), ("B", "")])).await;
        assert_eq!(outcome.outputs["missing"], r#"["env:A","file:no/such/file","env:B"]"#);
        assert_eq!(outcome.outputs["ready"], "false");
        let skip = outcome.skip.unwrap();
        assert!(skip.contains("A is not set") && skip.contains("B is not set"), "{skip}");
    }

    #[tokio::test]
    async fn a_guard_that_cannot_decide_is_not_a_skip() {
        let plan = plan(&["env:A", "not-fork"], false);
        let on_runner = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request")];
        let outcome = run(&plan, &world(&on_runner)).await;
        assert!(outcome.skip.is_none(), "{outcome:?}");
        assert!(!is_ready(&outcome));
        assert!(outcome.checks.iter().any(|c| matches!(c.ended, Ended::Errored { .. })));
    }
}
