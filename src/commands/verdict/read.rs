//! Reading a status file, fail-closed.

use std::path::Path;
use std::time::Duration;

use super::STAGE;
use super::origin::Origin;
use crate::model::staging_status::{LARGEST, StagingStatus, StatusFile};
use crate::model::{Check, Ended, Finding, Outcome};
use crate::world::World;
use crate::world::files::{self, Links};
use crate::world::workspace;

pub fn run(path: &Path, origin: &Origin, world: &World) -> Outcome {
    let place = workspace::shown(path, &world.workspace);
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
        let why = file
            .reason
            .as_ref()
            .map_or_else(String::new, |reason| format!(": {reason}"));
        findings.push(
            Finding::error("staging-failed", format!("{place} says FAILED{why}"))
                .help("fix that, and run the staging deploy again"),
        );
    }
    let (of_another, mut compared, unknown) = origin.as_far_as_known(place, &file.subject);
    findings.extend(of_another);
    let finished_at = file.finished_at.as_deref().unwrap_or("");
    findings.extend(origin.not_recent(place, finished_at, world.clock.now()));
    if !unknown.is_empty() {
        let message = format!(
            "{place} does not name its {}, which was not compared",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::verdict::tests::{origin, world, world_with};
    use crate::model::Subject;

    /// What reading a file comes to: the codes of what was found, and the notes. A file without a time gets that of now.
    fn read(text: &str, origin: &Origin, world: &World) -> (Vec<String>, Vec<String>) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = text.replace("NOW", &world.clock.rfc3339());
        std::fs::write(file.path(), text).unwrap();
        let outcome = run(file.path(), origin, world);
        let codes = outcome.checks.iter().flat_map(Check::findings);
        (codes.map(|finding| finding.code.to_string()).collect(), outcome.notes)
    }

    #[test]
    fn only_a_recent_success_that_can_be_read_is_right() {
        let success = "---\nstaging_status: SUCCESS\nfinished_at: \"NOW\"\n---\n";
        for (text, codes) in [
            (success.to_owned(), vec![]),
            (success.replace("SUCCESS", "FAILED"), vec!["staging-failed"]),
            (success.replace("SUCCESS", "MAYBE"), vec!["status-unreadable"]),
            (success.replace("NOW", "2020-01-01T00:00:00Z"), vec!["too-old"]),
            (success.replace("finished_at: \"NOW\"\n", ""), vec!["no-time"]),
            (
                success.replace("SUCCESS", "FAILED").replace("NOW", "today"),
                vec!["staging-failed", "no-time"],
            ),
            (format!("{success}{}", "x".repeat(1_000_000)), vec![]),
            (format!("{success}{}", "x".repeat(1 << 20)), vec!["status-unreadable"]),
        ] {
            let (found, _) = read(&text, &origin(), &world());
            assert_eq!(found, codes, "{}", text.lines().nth(1).unwrap());
        }
    }

    #[test]
    fn what_was_not_compared_is_said() {
        let origin = Origin {
            subject: Subject {
                environment: "staging".to_owned(),
                run_id: Some("7".to_owned()),
                sha: Some("f00".to_owned()),
                ..Subject::default()
            },
            ..origin()
        };
        let text = "---\nstaging_status: SUCCESS\nfinished_at: \"NOW\"\nenvironment: \"staging\"\nrun_id: \"7\"\n\
                    sha: \"f00\"\n---\n";
        let in_a_run = world_with([("GITHUB_ACTIONS", "true"), ("GITHUB_RUN_ID", "7")]);
        let all = "run, commit, environment, age";
        for (world, note) in [
            (&in_a_run, format!("Compared with this run: {all}.")),
            (&world(), format!("Outside of a run only this was compared: {all}.")),
        ] {
            assert_eq!(read(text, &origin, world), (vec![], vec![note]));
        }
        let (codes, notes) = read(&text.replace("sha: \"f00\"\n", ""), &origin, &in_a_run);
        assert_eq!(codes, ["not-compared"]);
        assert_eq!(notes, ["Compared with this run: run, environment, age."]);
        let (codes, _) = read(&text.replace("\"7\"", "\"8\""), &origin, &in_a_run);
        assert_eq!(codes, ["wrong-run"]);
    }
}
