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

use crate::commands::{Keep, ReportHome, Running, Subcommand};
use crate::engine;
use crate::model::Outcome;
use crate::model::waiver::Waiver;
use crate::world::World;
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
    /// Reports that must be there.
    pub require: Vec<String>,
    pub expect: Vec<Expect>,
    pub origin: Origin,
    pub waivers: Vec<Waiver>,
    /// Waivers that a report has applied do not hold either.
    pub strict: bool,
    /// Where this verdict's own report goes: that of an earlier try is not evidence for the next.
    pub own_report: PathBuf,
    pub status_file: PathBuf,
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
            Self::Fold(fold) => Some(&fold.status_file),
            Self::Read { .. } => None,
        }
    }

    fn run<'a>(&'a self, world: &'a World, _: Keep<'a>) -> Running<'a> {
        Box::pin(run(self, world))
    }
}

pub async fn run(plan: &Plan, world: &World) -> Outcome {
    let (plan, world) = (plan.clone(), world.clone());
    let work = move || match &plan {
        Plan::Fold(fold) => fold::run(fold, &world),
        Plan::Read { file, origin } => read::run(file, origin, &world),
    };
    engine::blocking((STAGE, "verdict", "The reports can be read"), work).await
}
