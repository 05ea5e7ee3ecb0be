//! Options of `rehearse`.

use clap::Args;

use super::common::Setting;
use super::error::UsageError;
use super::evidence_bundle::EvidenceBundleOptions;
use super::rollback_dry_run::RollbackDryRunOptions;
use super::skip_guard::SkipGuardOptions;
use super::smoke::SmokeOptions;
use crate::commands::rehearse::Plan;
use crate::model::waiver::Waiver;
use crate::world::World;

#[derive(Clone, Debug, Default, Args)]
pub struct RehearseOptions {
    /// Missing prerequisites fail instead of skipping, and waivers do not hold.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
}

/// What the configuration says about each part.
pub struct Parts {
    pub waivers: Vec<Waiver>,
    pub skip_guard: Option<SkipGuardOptions>,
    pub smoke: Option<SmokeOptions>,
    pub rollback_dry_run: Option<RollbackDryRunOptions>,
    pub evidence_bundle: Option<EvidenceBundleOptions>,
}

impl RehearseOptions {
    pub fn strict(&self) -> bool {
        self.strict.unwrap_or(false)
    }

    pub fn plan(self, parts: Parts, setting: Setting, world: &World) -> Result<Box<Plan>, UsageError> {
        // A part that is written down is meant to run: what is wrong or missing in it is an error, never a skip.
        let smoke = parts
            .smoke
            .map(|smoke| smoke.plan(&setting, world, parts.waivers))
            .transpose()?;
        let rollback = parts
            .rollback_dry_run
            .map(|rollback| rollback.plan(&world.workspace))
            .transpose()?;
        if smoke.is_none() && rollback.is_none() {
            return Err(UsageError::new(
                "rehearse has nothing to rehearse: neither `smoke` nor `rollback-dry-run` is configured",
            )
            .help("write .github/stageproof.yml (the README has one to copy), or name a file with --config"));
        }
        let mut guard = parts.skip_guard.unwrap_or_default();
        guard.strict = self.strict.or(guard.strict);
        Ok(Box::new(Plan {
            guard: guard.plan_of_any(&setting.subject.environment)?,
            smoke,
            rollback,
            evidence: parts.evidence_bundle.unwrap_or_default().plan(&setting, world)?,
        }))
    }
}
