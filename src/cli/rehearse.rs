//! Options of `rehearse`.

use clap::Args;

use super::error::UsageError;
use super::evidence_bundle::{EvidenceBundleOptions, UploadWhen};
use super::rollback_dry_run::Around;
use super::{Given, Options};
use super::{env_from, rollback_dry_run, smoke};
use crate::commands::Subcommand;
use crate::commands::rehearse::Plan;
use crate::commands::skip_guard;

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Examples:\n  stageproof rehearse\n  stageproof rehearse --config staging.yml --strict")]
pub struct RehearseOptions {
    /// Fail instead of skipping if prerequisites are missing, and ignore waivers.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
    /// Upload the zip as an artifact of the run, as evidence-bundle does [default: never].
    #[arg(long, value_enum, value_name = "WHEN")]
    pub upload: Option<UploadWhen>,
}

impl Options for RehearseOptions {
    fn is_guard(&self) -> bool {
        true
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let note = env_from::note(given);
        let waivers = given.waivers(self.strict.unwrap_or(false));
        let (config, setting, world) = (&mut given.config, &given.setting, given.world);
        given
            .secret_names
            .extend(config.smoke.iter().flat_map(smoke::secret_names));
        given
            .secret_names
            .extend(config.rollback_dry_run.iter().flat_map(rollback_dry_run::secret_names));
        given.secret_names.extend(
            config
                .evidence_bundle
                .iter()
                .flat_map(EvidenceBundleOptions::secret_names),
        );
        // A part that is written down is meant to run: what is wrong or missing in it is an error, never a skip.
        let smoke = config.smoke.take();
        let around = Around {
            setting,
            world,
            waivers: waivers.clone(),
            unpacked: &given.unpacked,
            smoke: smoke.clone(),
            started_in: &world.workspace,
        };
        let smoke = smoke.map(|smoke| smoke.plan(setting, world, waivers));
        let rollback = config.rollback_dry_run.take();
        let rollback = rollback.map(|rollback| rollback.plan(&world.workspace, around));
        let (smoke, rollback) = (smoke.transpose()?, rollback.transpose()?);
        if smoke.is_none() && rollback.is_none() {
            return Err(UsageError::new(
                "rehearse has nothing to rehearse: neither `smoke` nor `rollback-dry-run` is configured",
            )
            .help(
                "add one of them to .github/stageproof.yml (the README has one to copy), or name a file with --config",
            ));
        }
        let mut evidence = config.evidence_bundle.take().unwrap_or_default();
        evidence.upload = self.upload.or(evidence.upload);
        given.secret_names.extend(evidence.sign_key_env.clone());
        let mut guard = config.skip_guard.take().unwrap_or_default();
        guard.strict = self.strict.or(guard.strict);
        guard.requires_secrets(given.unpacked.drain(..));
        Ok(Box::new(Plan {
            guard: skip_guard::Plan {
                note,
                ..guard.plan_of_any(&setting.subject.environment)?
            },
            smoke,
            rollback,
            evidence: evidence.plan(setting, world)?,
        }))
    }
}
