//! The whole flow: guard, smoke, rollback rehearsal, evidence.

use super::{Keep, evidence_bundle, rollback_dry_run, skip_guard, smoke};
use crate::model::{Check, Ended, Outcome};
use crate::world::World;

/// The plans of the parts. A part that is not configured is skipped and shown as such.
pub struct Plan {
    pub guard: skip_guard::Plan,
    pub smoke: Option<smoke::Plan>,
    pub rollback: Option<rollback_dry_run::Plan>,
    pub evidence: evidence_bundle::Plan,
}

/// Guard not ready: the rest is skipped, not run, and the evidence of the skip is still sealed. A stage that fails
/// does not stop the evidence.
pub async fn run(plan: &Plan, world: &World, keep: Keep<'_>) -> Outcome {
    let mut outcome = skip_guard::run(&plan.guard, world).await;
    let ready = skip_guard::is_ready(&outcome);
    let stopped = (!ready).then(|| "the guard is not ready".to_owned());
    let parts: [(&str, &str, &str); 2] = [
        ("smoke", "What was deployed answers", "smoke"),
        ("rollback", "The rollback could be carried out", "rollback-dry-run"),
    ];
    for (stage, title, key) in parts {
        let skip = |reason: String| Outcome {
            checks: vec![Check::skipped(stage, stage, title, reason)],
            ..Outcome::default()
        };
        let part = match (&stopped, stage) {
            (Some(reason), _) => skip(reason.clone()),
            (None, "smoke") if plan.smoke.is_some() => match &plan.smoke {
                Some(plan) => smoke::run(plan, world).await,
                None => skip(String::new()),
            },
            (None, "rollback") if plan.rollback.is_some() => match &plan.rollback {
                Some(plan) => rollback_dry_run::run(plan, world).await,
                None => skip(String::new()),
            },
            (None, _) => skip(format!("`{key}` is not configured")),
        };
        outcome.append(part);
    }
    if let Err(error) = keep(&outcome) {
        outcome.checks.push(Check {
            id: "evidence:report".to_owned(),
            stage: "evidence".to_owned(),
            title: "The report is kept".to_owned(),
            ended: Ended::Errored {
                cause: format!("{error:#}"),
                help: Some("name a folder that can be written with --evidence-dir".to_owned()),
            },
            facts: Vec::new(),
            took_ms: 0,
        });
    }
    outcome.append(evidence_bundle::run(&plan.evidence, world).await);
    outcome
}
