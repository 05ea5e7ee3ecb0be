//! The platforms by name: what each is asked, which options are its own, and its plan.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RollbackDryRunOptions;
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::{self, Calls, Deployments, Placeholder, Prove};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformName {
    /// The previous good release is a commit of the repository.
    Git,
    /// Your own read-only command proves it.
    Command,
    /// The previous release is an image in a registry.
    Image,
    /// The previous release is an image that Fly.io deployed.
    Fly,
}

impl PlatformName {
    /// All that it is ever sent.
    pub fn calls(self) -> Calls {
        match self {
            Self::Git | Self::Command => Vec::new(),
            Self::Image => rollback_dry_run::image_calls(),
            Self::Fly => rollback_dry_run::fly_calls(),
        }
    }

    /// What the command of a rehearsal may have filled in; `None` where there is nothing to start.
    pub fn rehearsed_with(self) -> Option<&'static [Placeholder]> {
        match self {
            Self::Git => Some(&[Placeholder::Ref, Placeholder::Sha]),
            Self::Image | Self::Fly => Some(&[Placeholder::Image]),
            Self::Command => None,
        }
    }

    /// The variable that holds its token if none is named.
    pub fn token_env(self) -> Option<&'static str> {
        match self {
            Self::Git | Self::Command | Self::Image => None,
            Self::Fly => Some("FLY_API_TOKEN"),
        }
    }

    pub fn plan(self, options: RollbackDryRunOptions, deployments: Deployments) -> Result<Box<dyn Prove>, UsageError> {
        Ok(match self {
            Self::Git => Box::new(options.git(deployments)?),
            Self::Command => Box::new(options.command()?),
            Self::Image => Box::new(options.image(deployments)?),
            Self::Fly => Box::new(options.fly()?),
        })
    }

    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Refuses the options of other platforms: one that has no effect would look as if it had.
    pub fn refuse_foreign(self, options: &RollbackDryRunOptions) -> Result<(), UsageError> {
        use PlatformName::{Command, Fly, Git, Image};
        let own: [(&str, &[Self], bool); 15] = [
            ("--ref", &[Git], options.reference.is_some()),
            ("--tags", &[Git], options.tags.is_some()),
            ("--pre-releases", &[Git], options.pre_releases.is_some()),
            ("--releases", &[Git], options.releases.is_some()),
            ("--check", &[Command], options.check.is_some()),
            ("--expect-exit", &[Command], options.expect_exit.is_some()),
            ("--expect-output", &[Command], options.expect_output.is_some()),
            ("--check-timeout", &[Command], options.check_timeout.is_some()),
            ("--image", &[Image], options.image.is_some()),
            ("--current-image", &[Image], options.current_image.is_some()),
            ("--image-platform", &[Image], options.image_platform.is_some()),
            ("--registry-auth-env", &[Image], options.registry_auth_env.is_some()),
            ("--app", &[Fly], options.app.is_some()),
            ("--platform-token-env", &[Fly], options.platform_token_env.is_some()),
            ("--to-release", &[Fly], options.to_release.is_some()),
        ];
        for (flag, of, given) in own {
            if given && !of.contains(&self) {
                let names: Vec<String> = of.iter().map(|platform| format!("`{}`", platform.name())).collect();
                return Err(UsageError::new(format!(
                    "{flag} requires the platform {}, but the platform is `{}`",
                    names.join(" or "),
                    self.name()
                ))
                .help(format!(
                    "drop {flag}, or set --platform {}; check the configuration file too",
                    of.first().map(|platform| platform.name()).unwrap_or_default()
                )));
            }
        }
        Ok(())
    }
}

impl RollbackDryRunOptions {
    /// As it is named, or as what else is given says.
    pub fn platform(&self) -> PlatformName {
        let by_option = [
            (self.check.is_some(), PlatformName::Command),
            (self.image.is_some(), PlatformName::Image),
            (self.app.is_some(), PlatformName::Fly),
        ];
        let told = || {
            by_option
                .into_iter()
                .find(|(given, _)| *given)
                .map(|(_, platform)| platform)
        };
        self.platform.or_else(told).unwrap_or(PlatformName::Git)
    }
}
