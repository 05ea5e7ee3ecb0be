//! A folder per subcommand: its plan, its checks, its finding codes. No folder uses another's; `rehearse` alone calls
//! them in turn. A subcommand is a function from a plan to an outcome: it never prints, never exits, never reads the
//! environment behind the world's back.

pub mod evidence_bundle;
pub mod foreground_proof;
pub mod heartbeat;
pub mod install;
pub mod rehearse;
pub mod rollback_dry_run;
pub mod skip_guard;
pub mod smoke;
pub mod verdict;
pub mod verify;

use std::path::{Path, PathBuf};

use crate::model::{Outcome, exit};
use crate::world::World;

/// What a subcommand was told to do, typed and complete.
pub enum Plan {
    SkipGuard(skip_guard::Plan),
    Smoke(smoke::Plan),
    RollbackDryRun(rollback_dry_run::Plan),
    Heartbeat(heartbeat::Plan),
    ForegroundProof(foreground_proof::Plan),
    Install(install::Plan),
    EvidenceBundle(Box<evidence_bundle::Plan>),
    Verify(verify::Plan),
    Verdict(verdict::Plan),
    Rehearse(Box<rehearse::Plan>),
}

/// Where a subcommand's report belongs.
pub enum ReportHome {
    /// Into the evidence directory, to be sealed with it.
    Inside(PathBuf),
    /// Beside the evidence directory: what is sealed must not change any more.
    Beside(PathBuf),
    /// What there is to report before the sealing goes inside, the whole beside.
    InsideThenBeside(PathBuf),
    /// Nowhere: it only reads.
    None,
}

impl Plan {
    pub fn report_home(&self, evidence_dir: &Path) -> ReportHome {
        match self {
            Self::SkipGuard(_)
            | Self::Smoke(_)
            | Self::RollbackDryRun(_)
            | Self::Heartbeat(_)
            | Self::ForegroundProof(_)
            | Self::Install(_) => ReportHome::Inside(evidence_dir.to_owned()),
            Self::EvidenceBundle(_) => ReportHome::Beside(evidence_dir.to_owned()),
            Self::Rehearse(_) => ReportHome::InsideThenBeside(evidence_dir.to_owned()),
            Self::Verdict(verdict::Plan::Fold(_)) => ReportHome::Inside(evidence_dir.to_owned()),
            Self::Verify(_) | Self::Verdict(verdict::Plan::Read { .. }) => ReportHome::None,
        }
    }
}

impl Plan {
    /// Where the verdict is written for other gates, if it is.
    pub fn status_file(&self) -> Option<&PathBuf> {
        match self {
            Self::Verdict(plan) => plan.status_file(),
            _ => None,
        }
    }

    /// What it writes, and what that is called.
    pub fn written(&self, evidence_dir: &Path) -> Vec<(&'static str, PathBuf)> {
        let mut written = Vec::new();
        if !matches!(self.report_home(evidence_dir), ReportHome::None) {
            written.push(("--evidence-dir", evidence_dir.to_owned()));
        }
        if let Self::EvidenceBundle(plan) = self {
            written.push(("--output", plan.output.clone()));
        }
        written.extend(self.status_file().map(|file| ("--status-file", file.clone())));
        written
    }

    /// Whether it stands for a command of somebody: standard output is that command's, and it runs whatever becomes of
    /// the report.
    pub fn is_wrapper(&self) -> bool {
        matches!(self, Self::Heartbeat(_))
    }

    /// The exit code if stageproof itself fails.
    pub fn failure_code(&self) -> u8 {
        if self.is_wrapper() {
            exit::OWN_FAILURE
        } else {
            exit::FAIL
        }
    }
}

/// Keeps the report of what was found so far in the evidence directory.
pub type Keep<'a> = &'a (dyn Fn(&Outcome) -> anyhow::Result<()> + Sync);

/// Runs a plan. `keep` is called by what seals, just before it seals.
pub async fn run(plan: &Plan, world: &World, keep: Keep<'_>) -> Outcome {
    match plan {
        Plan::SkipGuard(plan) => skip_guard::run(plan, world).await,
        Plan::Smoke(plan) => smoke::run(plan, world).await,
        Plan::RollbackDryRun(plan) => rollback_dry_run::run(plan, world).await,
        Plan::Heartbeat(plan) => heartbeat::run(plan, world).await,
        Plan::ForegroundProof(plan) => foreground_proof::run(plan, world).await,
        Plan::Install(plan) => install::run(plan, world).await,
        Plan::EvidenceBundle(plan) => evidence_bundle::run(plan, world).await,
        Plan::Verify(plan) => verify::run(plan, world).await,
        Plan::Verdict(plan) => verdict::run(plan, world).await,
        Plan::Rehearse(plan) => rehearse::run(plan, world, keep).await,
    }
}
