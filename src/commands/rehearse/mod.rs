//! The whole flow: guard, smoke, rollback rehearsal, evidence.

use std::time::Duration;

use crate::commands::{
    Keep, ReportHome, Running, Subcommand, advice, evidence_bundle, rollback_dry_run, skip_guard, smoke,
};
use crate::model::{Check, Ended, Outcome};
use crate::world::World;

/// How long after a signal the sealing may still go on. A runner sends SIGTERM 7.5 s after SIGINT and kills 2.5 s later
/// (actions/runner, `ProcessInvoker`), and up to 4 s of that are the started server's.
const SEALING: Duration = Duration::from_secs(6);

/// The plans of the parts. A part that is not configured is skipped and shown as such.
pub struct Plan {
    pub guard: skip_guard::Plan,
    pub smoke: Option<smoke::Plan>,
    pub rollback: Option<rollback_dry_run::Plan>,
    pub evidence: evidence_bundle::Plan,
}

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        ReportHome::InsideThenBeside
    }

    fn run<'a>(&'a self, world: &'a World, keep: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world, keep))
    }
}

/// Guard not ready: the rest is skipped, not run, and the evidence of the skip is still sealed. A stage that fails
/// does not stop the next one, and nothing stops the evidence.
pub async fn run(plan: &Plan, world: &World, keep: Keep<'_>) -> Outcome {
    let mut outcome = skip_guard::run(&plan.guard, world).await;
    // What was found until somebody asked to stop is evidence too.
    let sealing = World {
        interrupt: world.interrupt.delayed(SEALING),
        ..world.clone()
    };
    let ready = skip_guard::is_ready(&outcome);
    outcome.append(match (&plan.smoke, ready) {
        (Some(plan), true) => smoke::run(plan, world).await,
        (part, _) => left_out("smoke", "The deployment answers", part.is_some()),
    });
    outcome.append(match (&plan.rollback, ready) {
        (Some(plan), true) => rollback_dry_run::run(plan, world).await,
        (part, _) => left_out("rollback", "The rollback is possible", part.is_some()),
    });
    if let Err(error) = keep(&outcome) {
        let cause = format!("{error:#}");
        let help = advice(&cause);
        let ended = Ended::with_help(cause, help);
        let title = "The report so far is kept";
        let check = Check::new("evidence", "evidence:report", title, ended, Duration::ZERO);
        outcome.checks.push(check);
    }
    outcome.append(evidence_bundle::run(&plan.evidence, &sealing).await);
    outcome
}

fn left_out(stage: &str, title: &str, configured: bool) -> Outcome {
    let reason = if configured {
        "the guard is not ready"
    } else {
        "it is not configured"
    };
    Outcome {
        checks: vec![Check::skipped(stage, stage, title, reason)],
        ..Outcome::default()
    }
}
