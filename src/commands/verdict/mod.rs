//! Folds all reports into one verdict.
//!
//! Folds the reports of several steps and jobs. Every required report must be there, parse, belong to this run and
//! commit, and be recent; anything else fails, by name.

mod fold;
mod origin;
mod read;
#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::artifacts::{self, Wanted};
use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::waiver::Waiver;
use crate::model::{Check, Ended, Outcome};
use crate::world::artifacts::Fetched;
use crate::world::{World, bundles};
pub use origin::Origin;

const STAGE: &str = "verdict";

#[derive(Clone)]
pub enum Plan {
    Fold(Box<Fold>),
    /// Reads a status file.
    Read {
        file: PathBuf,
        origin: Box<Origin>,
    },
}

#[derive(Clone)]
pub struct Fold {
    /// Where reports are looked for, in each folder and below it.
    pub folders: Vec<PathBuf>,
    /// Bundles of other jobs or of another run, whose reports count as well.
    pub artifacts: Option<Wanted>,
    /// Reports that must be there.
    pub require: Vec<String>,
    pub expect: Vec<Expect>,
    pub origin: Origin,
    pub waivers: Vec<Waiver>,
    /// Waivers that a report has applied do not hold either.
    pub strict: bool,
    /// Where this verdict's own report goes: that of an earlier try is not evidence for the next.
    pub own_report: PathBuf,
    /// `None`: the reports are of another run.
    pub status_file: Option<PathBuf>,
    pub workspace: PathBuf,
}

/// How many reports there must be, as a matrix writes one in each of its legs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Of this name; otherwise of each that is required, or, if none is, of all names together.
    pub name: Option<String>,
    pub count: NonZeroU32,
}

impl Subcommand for Plan {
    fn report_home(&self) -> ReportHome {
        match self {
            Self::Fold(_) => ReportHome::Inside,
            Self::Read { .. } => ReportHome::None,
        }
    }

    fn replaces_its_report(&self) -> bool {
        true
    }

    fn status_file(&self) -> Option<&Path> {
        match self {
            Self::Fold(fold) => fold.status_file.as_deref(),
            Self::Read { .. } => None,
        }
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

const READABLE: &str = "The reports can be read";

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let fetched = match plan {
        Plan::Fold(fold) => match &fold.artifacts {
            Some(wanted) => match artifacts::fetch(STAGE, wanted, world).await {
                (_, Some(fetched)) => Some(fetched),
                // Without them nothing can be said.
                (check, None) => {
                    return Outcome {
                        checks: vec![check],
                        ..Outcome::default()
                    };
                }
            },
            None => None,
        },
        Plan::Read { .. } => None,
    };
    let (plan, world) = (plan.clone(), world.clone());
    let work = move || match (plan, fetched) {
        (Plan::Fold(fold), Some(fetched)) => of_artifacts(*fold, &fetched, &world),
        (Plan::Fold(fold), None) => fold::run(&fold, &world),
        (Plan::Read { file, origin }, _) => read::run(&file, &origin, &world),
    };
    engine::blocking((STAGE, "verdict", READABLE), work).await
}

fn of_artifacts(mut fold: Fold, fetched: &Fetched, world: &World) -> Outcome {
    let stop = || world.interrupt.received().is_some();
    let mut unpacked = Vec::new();
    for bundle in &fetched.bundles {
        let folder = fetched.folder().join(&bundle.name);
        if let Err(error) = bundles::put(&bundle.zip, &folder, &stop) {
            let help = "upload it with stageproof evidence-bundle, or download and unpack it, and name its folder";
            let ended = Ended::with_help(format!("the artifact {}: {error:#}", bundle.name), help);
            let check = Check::new(STAGE, "verdict:artifacts", READABLE, ended, Duration::ZERO);
            let mut outcome = Outcome {
                checks: vec![check],
                ..Outcome::default()
            };
            artifacts::without_folder(&mut outcome, fetched.folder());
            return outcome;
        }
        unpacked.push(bundles::Bundle::of(folder, &bundle.name));
    }
    let (newest, earlier) = bundles::newest(unpacked, &[]);
    let notes = newest
        .iter()
        .map(|bundle| format!("The artifact {} was downloaded.", bundle.name));
    let notes: Vec<String> = notes.chain(earlier).collect();
    fold.folders.extend(newest.into_iter().map(|bundle| bundle.folder));
    let mut outcome = fold::run(&fold, world);
    outcome.notes.splice(0..0, notes);
    artifacts::without_folder(&mut outcome, fetched.folder());
    outcome
}
