//! The platforms by name: what each is asked, which options are its own, and its plan.

use std::path::PathBuf;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Deserialize;

use super::RollbackDryRunOptions;
use crate::cli::error::UsageError;
use crate::commands::rollback_dry_run::{
    self, Calls, CloudRunPlan, CloudflarePlan, Deployments, EcsPlan, HelmPlan, HerokuPlan, Placeholder, Prove,
    VercelPlan,
};

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
    /// The previous release is a revision of a workload in a Kubernetes cluster.
    Kubernetes,
    /// The previous release is a revision of a Helm release in a Kubernetes cluster.
    Helm,
    /// The previous release is the images of a compose file.
    Compose,
    /// The previous release is one that Heroku keeps.
    Heroku,
    /// The previous release is a production deployment on Vercel.
    Vercel,
    /// The previous release is a version of a Cloudflare Worker.
    Cloudflare,
    /// The previous release is a task definition of Amazon ECS.
    Ecs,
    /// The previous release is a revision of a service of Google Cloud Run.
    CloudRun,
}

impl PlatformName {
    /// All that it is ever sent.
    pub fn calls(self) -> Calls {
        match self {
            Self::Git | Self::Command => Vec::new(),
            Self::Image | Self::Compose => rollback_dry_run::image_calls(),
            Self::Fly => rollback_dry_run::fly_calls(),
            Self::Kubernetes => rollback_dry_run::kubernetes_calls(),
            Self::Helm => HelmPlan::calls(),
            Self::Heroku => HerokuPlan::calls(),
            Self::Vercel => VercelPlan::calls(),
            Self::Cloudflare => CloudflarePlan::calls(),
            Self::Ecs => EcsPlan::calls(),
            Self::CloudRun => CloudRunPlan::calls(),
        }
    }

    /// What the command of a rehearsal may have filled in; `None` where there is nothing to start.
    pub fn rehearsed_with(self) -> Option<&'static [Placeholder]> {
        match self {
            Self::Git => Some(&[Placeholder::Ref, Placeholder::Sha]),
            Self::Image | Self::Fly | Self::Compose | Self::Kubernetes | Self::Helm | Self::Ecs | Self::CloudRun => {
                Some(&[Placeholder::Image])
            }
            Self::Heroku | Self::Vercel => Some(&[Placeholder::Release, Placeholder::Sha]),
            Self::Cloudflare => Some(&[Placeholder::Release]),
            Self::Command => None,
        }
    }

    /// The variable that holds its token if none is named.
    pub fn token_env(self) -> Option<&'static str> {
        match self {
            Self::Git | Self::Command | Self::Image | Self::Compose | Self::Kubernetes | Self::Helm | Self::Ecs => None,
            Self::Fly => Some("FLY_API_TOKEN"),
            Self::Heroku => Some("HEROKU_API_KEY"),
            Self::Vercel => Some("VERCEL_TOKEN"),
            Self::Cloudflare => Some("CLOUDFLARE_API_TOKEN"),
            Self::CloudRun => Some("CLOUDSDK_AUTH_ACCESS_TOKEN"),
        }
    }

    /// `folder` is where a command of the user runs.
    pub fn plan(
        self,
        options: &RollbackDryRunOptions,
        deployments: Deployments,
        folder: PathBuf,
    ) -> Result<Box<dyn Prove>, UsageError> {
        Ok(match self {
            Self::Git => Box::new(options.git(deployments)?),
            Self::Command => Box::new(options.command(folder)?),
            Self::Image => Box::new(options.image(deployments)?),
            Self::Fly => Box::new(options.fly()?),
            Self::Compose => Box::new(options.compose(deployments)?),
            Self::Kubernetes => Box::new(options.kubernetes()?),
            Self::Helm => Box::new(options.helm()?),
            Self::Heroku => Box::new(options.heroku()?),
            Self::Vercel => Box::new(options.vercel()?),
            Self::Cloudflare => Box::new(options.cloudflare()?),
            Self::Ecs => Box::new(options.ecs()?),
            Self::CloudRun => Box::new(options.cloud_run()?),
        })
    }

    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Refuses the options of other platforms: one that has no effect would look as if it had.
    pub fn refuse_foreign(self, options: &RollbackDryRunOptions) -> Result<(), UsageError> {
        use PlatformName::{
            CloudRun, Cloudflare, Command, Compose, Ecs, Fly, Git, Helm, Heroku, Image, Kubernetes, Vercel,
        };
        let own: &[(&str, &[Self], bool)] = &[
            ("--ref", &[Git, Compose], options.reference.is_some()),
            ("--tags", &[Git], options.tags.is_some()),
            ("--pre-releases", &[Git], options.pre_releases.is_some()),
            ("--releases", &[Git, Compose], options.releases.is_some()),
            ("--check", &[Command], options.check.is_some()),
            ("--expect-exit", &[Command], options.expect_exit.is_some()),
            ("--expect-output", &[Command], options.expect_output.is_some()),
            ("--check-timeout", &[Command], options.check_timeout.is_some()),
            ("--image", &[Image], options.image.is_some()),
            ("--current-image", &[Image], options.current_image.is_some()),
            (
                "--image-platform",
                &[Image, Compose, Kubernetes, Helm, Ecs],
                options.image_platform.is_some(),
            ),
            (
                "--registry-auth-env",
                &[Image, Compose, Kubernetes, Helm, Ecs, CloudRun],
                options.registry_auth_env.is_some(),
            ),
            ("--app", &[Fly, Heroku], options.app.is_some()),
            ("--compose-file", &[Compose], options.compose_file.is_some()),
            ("--state-file", &[Compose], options.state_file.is_some()),
            ("--workload", &[Kubernetes], options.workload.is_some()),
            ("--helm-release", &[Helm], options.helm_release.is_some()),
            ("--namespace", &[Kubernetes, Helm], options.namespace.is_some()),
            ("--kube-context", &[Kubernetes, Helm], options.kube_context.is_some()),
            ("--cluster", &[Ecs], options.cluster.is_some()),
            ("--service", &[Ecs, CloudRun], options.service.is_some()),
            ("--region", &[Ecs, CloudRun], options.region.is_some()),
            ("--project", &[Vercel, CloudRun], options.project.is_some()),
            ("--team", &[Vercel], options.team.is_some()),
            ("--worker", &[Cloudflare], options.worker.is_some()),
            ("--account", &[Cloudflare], options.account.is_some()),
            (
                "--platform-token-env",
                &[Fly, Kubernetes, Helm, Heroku, Vercel, Cloudflare, CloudRun],
                options.platform_token_env.is_some(),
            ),
            (
                "--to-release",
                &[
                    Fly, Compose, Kubernetes, Helm, Heroku, Vercel, Cloudflare, Ecs, CloudRun,
                ],
                options.to_release.is_some(),
            ),
        ];
        for (flag, of, given) in own {
            if *given && !of.contains(&self) {
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
            (
                self.compose_file.is_some() || self.state_file.is_some(),
                PlatformName::Compose,
            ),
            (self.workload.is_some(), PlatformName::Kubernetes),
            (self.helm_release.is_some(), PlatformName::Helm),
            (self.worker.is_some(), PlatformName::Cloudflare),
            (self.cluster.is_some(), PlatformName::Ecs),
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
