//! Whether an older run of this workflow is still going on, on any branch: then somebody else is deploying.
//!
//! A run whose state has not changed for long is called stale, named, and does not hold this one up. The state changes when
//! a job begins or ends, and on GitHub's own runners a job may take 6 hours (docs.github.com, "Actions limits"): a shorter limit
//! would take a long deploy for a dead one.

use std::time::Duration;

use crate::commands::skip_guard::answer::{Answer, should};
use crate::engine::{NotChecked, Observation};
use crate::model::text::one_line;
use crate::model::{Finding, TimeSpan};
use crate::world::World;
use crate::world::github::{Run, Session};

const STALE_AFTER: TimeSpan = TimeSpan::from_secs(6 * 60 * 60);
/// Every status of a run that has not ended (docs.github.com, "List workflow runs for a workflow"), in the order in which a
/// run has them: one that goes on to the next between two questions is still met there.
const GOING_ON: [&str; 5] = ["requested", "pending", "waiting", "queued", "in_progress"];
/// So many are named.
const NAMED: usize = 3;

pub async fn no_other_run(
    stale: Option<TimeSpan>,
    session: &Session<'_>,
    this: u64,
    world: &World,
) -> Result<Answer, NotChecked> {
    let limit = stale.unwrap_or(STALE_AFTER);
    let this = session.run(this).await?;
    let mut older: Vec<Run> = Vec::new();
    let mut whole = true;
    for status in GOING_ON {
        let listed = session.runs_of_status(this.workflow_id, status).await?;
        whole &= listed.whole;
        let runs = listed.items.into_iter();
        // For the same reason a run may be met twice.
        let mut new: Vec<Run> = runs
            .filter(|run| run.run_number < this.run_number && older.iter().all(|known| known.id != run.id))
            .collect();
        older.append(&mut new);
    }
    older.sort_by_key(|run| run.run_number);
    let silent_for = |run: &Run| {
        let silent = world.clock.now().duration_since(run.updated_at);
        Duration::try_from(silent).unwrap_or_default()
    };
    let (stale, alive): (Vec<&Run>, Vec<&Run>) = older.iter().partition(|run| silent_for(run) > limit.0);
    if !alive.is_empty() {
        return Ok(should(
            match alive.as_slice() {
                [run] => format!("an older run of this workflow is still going on: {}", name(run)),
                runs => format!(
                    "{} older runs of this workflow are still going on: {}",
                    runs.len(),
                    named(runs)
                ),
            },
            "Wait for it to end, or cancel it; with `concurrency:` in the workflow, runs wait for each other.",
        ));
    }
    // The newest come first, so the ones that were not read are the older ones.
    if !whole {
        return Err(NotChecked::with_help(
            "too many runs of this workflow are in progress to read them all",
            "cancel those that are no longer needed",
        ));
    }
    let mut observed = Observation::nothing_wrong();
    for run in stale {
        let since = TimeSpan::measured(silent_for(run));
        observed = observed.with(
            Finding::warning(
                "stale-run",
                format!("{} has been silent for {since} and is not waited for", name(run)),
            )
            .help("check it, and cancel it if it is no longer needed"),
        );
    }
    Ok(Answer::Met(observed))
}

fn named(runs: &[&Run]) -> String {
    let mut names: Vec<String> = runs.iter().take(NAMED).map(|run| name(run)).collect();
    if runs.len() > NAMED {
        names.push(format!("and {} more", runs.len() - NAMED));
    }
    names.join(", ")
}

fn name(run: &Run) -> String {
    let status = run.status.as_deref().unwrap_or("unknown").replace('_', " ");
    let (status, url) = (one_line(&status), one_line(&run.html_url));
    format!("run {} ({status}, {url})", run.run_number)
}
