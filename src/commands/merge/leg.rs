//! One bundle: verified, copied, and the copy verified, since somebody may have changed the original meanwhile.

use std::path::Path;
use std::time::Instant;

use super::{STAGE, errored};
use crate::commands::{advice, verify};
use crate::engine;
use crate::model::capped::Capped;
use crate::model::scan::Unscannable;
use crate::model::{Check, Ended, Fact, Outcome, Status};
use crate::world::{World, bundles};

/// What verifying came to. If nothing is wrong, the copy is there.
pub async fn verified(name: &str, path: &Path, copy: &Path, world: &World) -> Check {
    let started = Instant::now();
    let mut outcome = verify::run(&plan(path), world).await;
    let facts: Vec<Fact> = outcome
        .outputs
        .iter()
        .map(|(name, value)| Fact::new(name, &**value))
        .collect();
    if outcome.checks.iter().all(is_good) {
        let (from, to, own) = (path.to_owned(), copy.to_owned(), world.clone());
        let title = format!("{name} can be copied");
        let copied = engine::blocking((STAGE, "merge:copy", "It can be copied"), move || {
            let stop = || own.interrupt.received().is_some();
            let failed = bundles::put(&from, &to, &stop).err();
            Outcome {
                checks: failed
                    .map(|error| errored("merge:copy", &title, &error, advice(&format!("{error:#}"))))
                    .into_iter()
                    .collect(),
                ..Outcome::default()
            }
        });
        outcome.append(copied.await);
    }
    if outcome.checks.iter().all(is_good) {
        outcome = verify::run(&plan(copy), world).await;
    }
    let title = format!("The bundle {name} is whole and unchanged");
    let mut check = Check::new(
        STAGE,
        format!("merge:{name}"),
        title,
        ended(outcome.checks),
        started.elapsed(),
    );
    check.facts = facts;
    check
}

fn plan(path: &Path) -> verify::Plan {
    verify::Plan {
        target: verify::Target::Path(path.to_owned()),
        manifest_sha256: None,
        bundle_sha256: None,
        rescan: false,
        unscannable: Unscannable::default(),
        signer: None,
        report: None,
    }
}

pub fn is_good(check: &Check) -> bool {
    !matches!(check.status(), Status::Failed | Status::Errored)
}

/// Several checks as one.
fn ended(checks: Vec<Check>) -> Ended {
    let mut findings = Capped::default();
    let mut blind = None;
    for check in checks {
        match check.ended {
            Ended::Looked(found) => found.into_iter().for_each(|finding| findings.add(finding)),
            Ended::Errored { .. } => blind = Some(check.ended),
            Ended::Skipped { .. } => {}
        }
    }
    match blind {
        Some(blind) if !findings.fails() => blind,
        _ => Ended::Looked(findings.into_vec()),
    }
}
