//! Options about what lies between two releases, and about starting the earlier one.

use std::path::Path;

use super::{RollbackDryRunOptions, secret_names};
use crate::cli::common::Setting;
use crate::cli::error::UsageError;
use crate::cli::smoke::SmokeOptions;
use crate::cli::values::words;
use crate::commands::rollback_dry_run::{Migrations, Placeholder, Rehearsal, Template};
use crate::model::waiver::Waiver;
use crate::world::World;

/// What a rehearsal takes from outside of these options.
pub struct Around<'a> {
    pub setting: &'a Setting,
    pub world: &'a World,
    pub waivers: Vec<Waiver>,
    /// Variables that arrived in one variable.
    pub unpacked: &'a [String],
    /// The section of the configuration.
    pub smoke: Option<SmokeOptions>,
    /// Where the command is run, or in a checkout the same place.
    pub started_in: &'a Path,
}

impl RollbackDryRunOptions {
    pub(super) fn migrations(&self) -> Result<Vec<Migrations>, UsageError> {
        let platform = self.platform();
        if !self.migrations.is_empty() && platform.rehearsed_with().is_none() {
            return Err(UsageError::new(format!(
                "--migrations compares the commits of two releases, and the platform `{}` names none",
                platform.name()
            ))
            .help("drop it, or let your check compare them"));
        }
        let parse = |text: &String| {
            text.parse().map_err(|error| {
                UsageError::new(format!("--migrations `{text}`: {error}")).help(
                    "write a path or a glob from the top of the repository, like db/migrate or **/migrations/*.py",
                )
            })
        };
        self.migrations.iter().map(parse).collect()
    }

    pub(super) fn rehearsal(&self, around: Around<'_>) -> Result<Option<Rehearsal>, UsageError> {
        let Some(text) = &self.rehearse else {
            let alone = [
                ("--rehearse-url", self.rehearse_url.is_some()),
                ("--rehearse-env", !self.rehearse_env.is_empty()),
            ];
            return match alone.into_iter().find(|(_, given)| *given) {
                Some((flag, _)) => Err(UsageError::new(format!("{flag} needs --rehearse"))
                    .help(format!("give --rehearse COMMAND, or drop {flag}"))),
                None => Ok(None),
            };
        };
        let platform = self.platform();
        let known = platform.rehearsed_with().ok_or_else(|| {
            UsageError::new(format!(
                "--rehearse starts a previous version, and the platform `{}` names none",
                platform.name()
            ))
            .help("start it in your own --check, or drop --rehearse")
        })?;
        words("--rehearse", text)?;
        let command = Template::parse(text, known).map_err(|error| {
            let names: Vec<String> = known.iter().map(ToString::to_string).collect();
            UsageError::new(format!("--rehearse `{text}`: {error}"))
                .help(format!("the placeholders are {}", names.join(" and ")))
        })?;
        if known.contains(&Placeholder::Image) && !command.has(Placeholder::Image) {
            return Err(
                UsageError::new(format!("--rehearse `{text}` does not say where the image goes"))
                    .help("write {image} there, as in: docker run --rm --init --network host {image}"),
            );
        }
        let smoke = around.smoke.ok_or_else(|| {
            UsageError::new("--rehearse needs the section `smoke` of the configuration, which says what must answer")
                .help("add it to .github/stageproof.yml, or name a file with --config")
        })?;
        let not_asked = smoke.expects_version().then(|| {
            "the version that the previous version answers with: `expect-version` of smoke is that of the current one"
                .to_owned()
        });
        let trial = smoke.of_previous(
            text,
            self.rehearse_url.as_deref(),
            around.setting,
            around.world,
            around.waivers,
        )?;
        let mut secrets = secret_names(self);
        secrets.push(self.github_token_env().to_owned());
        secrets.extend(around.unpacked.iter().cloned());
        Ok(Some(Rehearsal {
            command,
            trial: Box::new(trial),
            folder: around.started_in.to_owned(),
            secrets,
            allowed: self.rehearse_env.clone(),
            not_asked: not_asked.into_iter().collect(),
        }))
    }
}
