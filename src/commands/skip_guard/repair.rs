//! Repairs what is missing: runs the configured commands one after the other, and looks again.
//!
//! Each prerequisite that was missing ends *fixed* (its command ended with 0, and it is there now), *manual* (it is
//! still missing, and there is no command for it) or *failed* (the command failed, or did and changed nothing). What was
//! there at the first look is not touched. In a run that cannot go on anyhow, or that comes from a fork, nothing is run:
//! there the commands would be a stranger's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::answer::{Answer, Missing};
use super::fix::{self, Tried};
use super::prerequisite::{Fix, Prerequisite};
use super::situation::Situation;
use super::{Plan, Seen, look, run_context};
use crate::model::{Ended, Fact, Status};
use crate::world::World;

/// What the repair as a whole came to.
#[derive(Default)]
pub struct Repaired {
    /// What was missing and is there now.
    pub fixed: Vec<String>,
    /// Why nothing was run, if that needs to be said.
    pub note: Option<String>,
}

/// What could be repaired, if somebody asked for it.
pub fn offer(missing: &[&Prerequisite]) -> Option<String> {
    let fixable = missing.iter().filter(|prerequisite| prerequisite.fix.is_some());
    let names: Vec<String> = fixable
        .map(|prerequisite| prerequisite.requirement.to_string())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "`stageproof skip-guard --fix` would run the configured fix of {}.",
            names.join(", ")
        )
    })
}

/// Runs the fixes of what `first` misses. `logs` is the beginning of their logs' names.
pub async fn repair(plan: &Plan, logs: &Path, mut first: Vec<Seen>, world: &World) -> (Vec<Seen>, Repaired) {
    let fixable: Vec<(usize, &Fix)> = plan
        .prerequisites
        .iter()
        .zip(&first)
        .enumerate()
        .filter_map(|(index, (prerequisite, seen))| {
            seen.missing.as_ref()?;
            Some((index, prerequisite.fix.as_ref()?))
        })
        .collect();
    if fixable.is_empty() {
        return (first, Repaired::default());
    }
    if let Some(why) = refusal(&first, world) {
        for (index, _) in &fixable {
            first[*index].check.facts.push(Fact::new("repair", "not tried"));
        }
        let repaired = Repaired {
            note: Some(format!("No fix was run: {why}.")),
            ..Repaired::default()
        };
        return (first, repaired);
    }
    let tried = run_all(plan, fixable, logs, world).await;
    let interrupted = world.interrupt.received();
    let again = match interrupted {
        Some(_) => Vec::new(),
        None => look(plan, &(0..first.len()).collect::<Vec<_>>(), world).await,
    };
    let mut again = again.into_iter();
    let mut repaired = Repaired::default();
    let mut seen = Vec::with_capacity(first.len());
    for (index, (prerequisite, first)) in plan.prerequisites.iter().zip(first).enumerate() {
        let attempt = prerequisite.fix.as_ref().zip(tried.get(&index));
        let was_missing = first.missing.is_some();
        let mut now = match (again.next(), interrupted) {
            (Some(again), _) => again,
            (None, Some(signal)) if was_missing && prerequisite.fix.is_some() => {
                stopped(first, signal, attempt.is_some())
            }
            (None, _) => first,
        };
        if let Some((fix, tried)) = attempt {
            let missing = now.missing.as_ref().map(|missing| missing.message.as_str());
            let looked_again = interrupted.is_none();
            fix::judge(
                &mut now.check,
                missing,
                (prerequisite, fix),
                tried,
                looked_again,
                &world.secrets,
            );
            now.check.facts.retain(|fact| fact.name != "fix");
            let log = log_path(logs, index);
            now.check.facts.extend(fix::facts(fix, tried, &log, world));
        }
        if was_missing {
            let repair = match now.check.status() {
                Status::Passed => "fixed",
                Status::Errored => "not known",
                _ if attempt.is_some() => "failed",
                _ if prerequisite.fix.is_some() => "not tried",
                _ => "manual",
            };
            now.check.facts.push(Fact::new("repair", repair));
            if now.check.status() == Status::Passed {
                repaired.fixed.push(prerequisite.requirement.to_string());
            }
        }
        seen.push(now);
    }
    (seen, repaired)
}

/// Runs them in the order they are written, until somebody asks to stop.
async fn run_all(plan: &Plan, fixable: Vec<(usize, &Fix)>, logs: &Path, world: &World) -> BTreeMap<usize, Tried> {
    let mut tried = BTreeMap::new();
    for (index, fix) in fixable {
        if world.interrupt.received().is_some() {
            break;
        }
        // The fix before may have met it, and what is there is not touched.
        let still = tried.is_empty()
            || look(plan, &[index], world)
                .await
                .iter()
                .any(|seen| seen.missing.is_some());
        if still {
            let _fixing = world
                .progress
                .doing(&format!("fixing {}: {fix}", plan.prerequisites[index].requirement));
            let log = log_path(logs, index);
            tried.insert(index, fix::run(fix, &log, world).await);
        }
    }
    tried
}

/// Why nothing is run in this run.
fn refusal(seen: &[Seen], world: &World) -> Option<String> {
    let impossible = |missing: &&Missing| missing.situation == Situation::CannotExist;
    if let Some(missing) = seen.iter().filter_map(|seen| seen.missing.as_ref()).find(impossible) {
        return Some(format!("{}, which no command can fix", missing.message));
    }
    match run_context::not_fork(world) {
        Ok(Answer::Met(_) | Answer::DoesNotApply(_)) => None,
        Ok(Answer::Missing(missing)) => Some(format!("{}, whose commands are not run", missing.message)),
        Err(_) => Some("cannot tell whether the run comes from a fork".to_owned()),
    }
}

fn log_path(logs: &Path, index: usize) -> PathBuf {
    let mut path = logs.as_os_str().to_owned();
    path.push(format!("-{}.log", index + 1));
    PathBuf::from(path)
}

/// Somebody asked to stop, so what was missing was not looked at again.
fn stopped(mut first: Seen, signal: &str, tried: bool) -> Seen {
    let cause = match tried {
        false => format!("interrupted by {signal} before its fix ran"),
        true => format!("interrupted by {signal} before it was checked again"),
    };
    first.check.ended = Ended::errored(cause);
    first
}
