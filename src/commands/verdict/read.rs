//! Reading a status file, fail-closed.

use std::path::Path;
use std::time::Duration;

use super::STAGE;
use super::origin::Origin;
use crate::model::staging_status::{LARGEST, StagingStatus, StatusFile};
use crate::model::{Check, Ended, Finding, Outcome};
use crate::world::World;
use crate::world::files::{self, Links};

pub fn run(path: &Path, origin: &Origin, world: &World) -> Outcome {
    let place = path
        .strip_prefix(&world.workspace)
        .unwrap_or(path)
        .display()
        .to_string();
    let file = files::read_text(path, LARGEST, Links::Follow)
        .map_err(|error| format!("{error:#}"))
        .and_then(|text| StatusFile::read(text.as_bytes()));
    let mut notes = Vec::new();
    let findings = match file {
        Ok(file) => {
            let (findings, note) = judge(&file, &place, origin, world);
            notes.push(note);
            findings
        }
        Err(why) => vec![
            Finding::error("status-unreadable", format!("{place} counts as FAILED: {why}"))
                .help("write it again with `stageproof verdict`; do not edit it"),
        ],
    };
    Outcome {
        checks: vec![Check::new(
            STAGE,
            format!("{STAGE}:status"),
            format!("{place} says SUCCESS for this run and is recent"),
            Ended::Looked(findings),
            Duration::ZERO,
        )],
        notes,
        ..Outcome::default()
    }
}

fn judge(file: &StatusFile, place: &str, origin: &Origin, world: &World) -> (Vec<Finding>, String) {
    let mut findings = Vec::new();
    if file.status == StagingStatus::Failed {
        findings.push(
            Finding::error("staging-failed", format!("{place} says FAILED"))
                .help("its text says why; fix that and run the staging deploy again"),
        );
    }
    let (of_another, mut compared, unknown) = origin.as_far_as_known(place, &file.subject);
    findings.extend(of_another);
    let finished_at = file.finished_at.as_deref().unwrap_or("");
    findings.extend(origin.not_recent(place, finished_at, world.clock.now()));
    if !unknown.is_empty() {
        let message = format!(
            "{place} does not say its {}, so that was not compared",
            unknown.join(" and ")
        );
        findings.push(Finding::warning("not-compared", message).help("write it with `stageproof verdict` in this run"));
    }
    compared.push("age");
    let compared = compared.join(", ");
    let note = match world.runner.run_id() {
        Some(_) => format!("Compared with this run: {compared}."),
        None => format!("Outside of a run only this was compared: {compared}."),
    };
    (findings, note)
}
