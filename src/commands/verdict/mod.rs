//! What do all reports together amount to?
//!
//! Folds the reports of several steps and jobs. Every required report must be there, parse, belong to this run and
//! commit, and be recent; anything else fails, by name.

mod fold;

use std::path::PathBuf;
use std::time::Duration;

use crate::model::staging_status::StagingStatus;
use crate::model::waiver::Waiver;
use crate::model::{Check, Ended, Finding, Outcome, Subject};
use crate::world::World;
use crate::world::files::{self, Links};

const STAGE: &str = "verdict";
/// A status file is a page of text.
const LARGEST_STATUS: u64 = 4 << 20;

pub enum Plan {
    Fold(Box<Fold>),
    /// Reads a status file, fail-closed.
    Read(PathBuf),
}

pub struct Fold {
    /// Where reports are looked for, in each folder and below it.
    pub folders: Vec<PathBuf>,
    /// Reports that must be there.
    pub require: Vec<String>,
    pub max_age: Duration,
    pub waivers: Vec<Waiver>,
    /// Waivers that a report has applied do not hold either.
    pub strict: bool,
    /// This run.
    pub subject: Subject,
    pub status_file: PathBuf,
    pub workspace: PathBuf,
}

impl Plan {
    /// Where the verdict is written for other gates.
    pub fn status_file(&self) -> Option<&PathBuf> {
        match self {
            Self::Fold(fold) => Some(&fold.status_file),
            Self::Read(_) => None,
        }
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    match plan {
        Plan::Fold(fold) => fold::run(fold, world),
        Plan::Read(path) => read(path),
    }
}

fn read(path: &std::path::Path) -> Outcome {
    let status = files::read_text(path, LARGEST_STATUS, Links::Follow)
        .map_err(|error| format!("{error:#}"))
        .and_then(|text| StagingStatus::read(text.as_bytes()));
    let findings = match status {
        Ok(StagingStatus::Success) => Vec::new(),
        Ok(StagingStatus::Failed) => vec![
            Finding::error("staging-failed", format!("{} says FAILED", path.display()))
                .help("its text says why; mend that and run the staging deploy again"),
        ],
        Err(why) => vec![
            Finding::error(
                "status-unreadable",
                format!("{} counts as FAILED: {why}", path.display()),
            )
            .help("have `stageproof verdict` write it anew; it is not meant to be edited"),
        ],
    };
    Outcome {
        checks: vec![Check::new(
            STAGE,
            format!("{STAGE}:status"),
            format!("{} says SUCCESS", path.display()),
            Ended::Looked(findings),
            Duration::ZERO,
        )],
        ..Outcome::default()
    }
}
