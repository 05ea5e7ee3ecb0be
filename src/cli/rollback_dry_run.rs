//! Options of `rollback-dry-run`.

use std::path::Path;

use clap::{Args, ValueEnum};
use globset::GlobBuilder;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::merge;
use super::values::{regex, words};
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::rollback_dry_run::{
    self, CommandPlan, Deployments, FlyPlan, GitPlan, ImagePlan, NamedImage, Placeholder, Plan, Platform, Template,
};
use crate::model::TimeSpan;

const CHECK_TIMEOUT: TimeSpan = TimeSpan::from_secs(60);
const GITHUB_TOKEN: &str = "GITHUB_TOKEN";
const FLY_TOKEN: &str = "FLY_API_TOKEN";
const GIT_ROLLBACK: &str = "git checkout --detach {sha}";

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
    fn calls(self) -> rollback_dry_run::Calls {
        match self {
            Self::Git | Self::Command => Vec::new(),
            Self::Image => rollback_dry_run::image_calls(),
            Self::Fly => rollback_dry_run::fly_calls(),
        }
    }
}

/// Where the platform git finds releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Releases {
    /// Tags that match --tags.
    Tags,
    /// Successful deployments to the environment.
    Deployments,
}

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(
    after_help = "Examples:\n  stageproof rollback-dry-run --tags 'v*'\n  stageproof rollback-dry-run --check 'test -s releases/previous' --rollback-command './deploy.sh previous'"
)]
pub struct RollbackDryRunOptions {
    /// Kind of the previous release [default: command with --check, image with --image, fly with --app, else git].
    #[arg(long, value_enum)]
    pub platform: Option<PlatformName>,
    /// git: the release to go back to: a tag, branch or commit [default: the nearest tag in the
    /// history of HEAD that matches --tags].
    #[arg(long = "ref", value_name = "REF")]
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// git: glob of the tags that mark releases [default: *].
    #[arg(long, value_name = "GLOB")]
    pub tags: Option<String>,
    /// git: where to find releases: tags, or successful deployments to the environment on GitHub [default: tags].
    #[arg(long, value_enum)]
    pub releases: Option<Releases>,
    /// Environment variable that holds the token for GitHub's API, to look up deployments [default: GITHUB_TOKEN].
    #[arg(long, value_name = "VARIABLE")]
    pub github_token_env: Option<String>,
    /// git: count pre-releases such as v2.0.0-rc.1 as releases.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub pre_releases: Option<bool>,
    /// image: the image to go back to, with a tag or, better, a digest. {sha} in the tag is the commit of the successful
    /// deployment before this one.
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// image: the image that runs now; the previous image must differ from it. {sha} in the tag is the commit of the run.
    #[arg(long, value_name = "IMAGE")]
    pub current_image: Option<String>,
    /// image: platform on which the image must run [default: linux/amd64].
    #[arg(long, value_name = "OS/ARCH")]
    pub image_platform: Option<String>,
    /// image: environment variable that holds user:password of the registry [default: the credentials in docker's
    /// configuration file].
    #[arg(long, value_name = "VARIABLE")]
    pub registry_auth_env: Option<String>,
    /// fly: name of the app.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// fly: environment variable that holds the token [default: FLY_API_TOKEN].
    #[arg(long, value_name = "VARIABLE")]
    pub platform_token_env: Option<String>,
    /// fly: release to go back to, such as v12 [default: the newest complete release with another image].
    #[arg(long, value_name = "RELEASE")]
    pub to_release: Option<String>,
    /// List every request that stageproof may send for the platform, and send none.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip)]
    pub list_calls: Option<bool>,
    /// Command that would roll back; printed, never run. Placeholders for git: {ref} (the full name, such as refs/tags/v1,
    /// or the commit) and {sha}; for image and fly: {image} (by its digest) [default for git: git checkout --detach {sha};
    /// for fly: fly deploy --app APP --image {image}].
    #[arg(long, value_name = "TEMPLATE")]
    pub rollback_command: Option<String>,
    /// command: your own read-only check, split into words as a shell would, but run without a shell. It runs with
    /// STAGEPROOF_DRY_RUN=1.
    #[arg(long, value_name = "COMMAND")]
    pub check: Option<String>,
    /// command: exit code that means success [default: 0].
    #[arg(long, value_name = "CODE")]
    pub expect_exit: Option<i32>,
    /// command: regular expression its output must match.
    #[arg(long, value_name = "REGEX")]
    pub expect_output: Option<String>,
    /// command: time limit of the check [default: 60s].
    #[arg(long, value_name = "TIME")]
    pub check_timeout: Option<TimeSpan>,
}

/// Variables whose values must be shown nowhere.
pub fn secret_names(options: &RollbackDryRunOptions) -> Vec<String> {
    let github = options.github_token_env.clone();
    platform_secrets(options).into_iter().chain(github).collect()
}

/// Those that the platform is asked with.
pub fn platform_secrets(options: &RollbackDryRunOptions) -> Vec<String> {
    let token = match (&options.platform_token_env, options.platform()) {
        (None, PlatformName::Fly) => Some(FLY_TOKEN.to_owned()),
        (named, _) => named.clone(),
    };
    options.registry_auth_env.clone().into_iter().chain(token).collect()
}

impl Options for RollbackDryRunOptions {
    fn name(&self) -> &'static str {
        "rollback-dry-run"
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let world = given.world;
        // A command that was typed runs where it was typed, one of the configuration in the workspace.
        let folder = if self.check.is_some() {
            &world.folder
        } else {
            &world.workspace
        };
        let options = self.or(given.config.rollback_dry_run.take().unwrap_or_default());
        given.secret_names.extend(secret_names(&options));
        Ok(Box::new(options.plan(folder, &given.setting.subject.environment)?))
    }
}

impl RollbackDryRunOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                platform,
                reference,
                tags,
                pre_releases,
                releases,
                github_token_env,
                image,
                current_image,
                image_platform,
                registry_auth_env,
                app,
                platform_token_env,
                to_release,
                list_calls,
                rollback_command,
                check,
                expect_exit,
                expect_output,
                check_timeout,
            }
        )
    }

    /// What GitHub is asked for, if anything.
    pub fn asks_github(&self) -> Option<&'static str> {
        let has_commit = self.image.as_ref().is_some_and(|image| image.contains("{sha}"));
        match self.releases {
            Some(Releases::Deployments) => Some("releases: deployments"),
            _ if has_commit => Some("{sha} in image"),
            _ => None,
        }
    }

    pub fn github_token_env(&self) -> &str {
        self.github_token_env.as_deref().unwrap_or(GITHUB_TOKEN)
    }

    /// As it is named, or as what else is given says.
    pub fn platform(&self) -> PlatformName {
        match self.platform {
            Some(platform) => platform,
            None if self.check.is_some() => PlatformName::Command,
            None if self.image.is_some() => PlatformName::Image,
            None if self.app.is_some() => PlatformName::Fly,
            None => PlatformName::Git,
        }
    }

    pub fn plan(self, folder: &Path, environment: &str) -> Result<Plan, UsageError> {
        let deployments = Deployments {
            environment: environment.to_owned(),
            token_env: self.github_token_env().to_owned(),
        };
        let platform = self.platform();
        self.refuse_foreign(platform)?;
        if self.list_calls == Some(true) {
            return Ok(Plan {
                folder: folder.to_owned(),
                platform: Platform::Calls(platform.calls()),
            });
        }
        let platform = match platform {
            PlatformName::Git => Platform::Git(self.git(deployments)?),
            PlatformName::Command => Platform::Command(self.command()?),
            PlatformName::Image => Platform::Image(self.image(deployments)?),
            PlatformName::Fly => Platform::Fly(self.fly()?),
        };
        Ok(Plan {
            folder: folder.to_owned(),
            platform,
        })
    }

    /// Refuses the options of other platforms: one that has no effect would look as if it had.
    fn refuse_foreign(&self, platform: PlatformName) -> Result<(), UsageError> {
        use PlatformName::{Command, Fly, Git, Image};
        for (flag, of, given) in [
            ("--ref", Git, self.reference.is_some()),
            ("--tags", Git, self.tags.is_some()),
            ("--pre-releases", Git, self.pre_releases.is_some()),
            ("--releases", Git, self.releases.is_some()),
            ("--check", Command, self.check.is_some()),
            ("--expect-exit", Command, self.expect_exit.is_some()),
            ("--expect-output", Command, self.expect_output.is_some()),
            ("--check-timeout", Command, self.check_timeout.is_some()),
            ("--image", Image, self.image.is_some()),
            ("--current-image", Image, self.current_image.is_some()),
            ("--image-platform", Image, self.image_platform.is_some()),
            ("--registry-auth-env", Image, self.registry_auth_env.is_some()),
            ("--app", Fly, self.app.is_some()),
            ("--platform-token-env", Fly, self.platform_token_env.is_some()),
            ("--to-release", Fly, self.to_release.is_some()),
        ] {
            if given && of != platform {
                let name =
                    |platform: PlatformName| platform.to_possible_value().map(|value| value.get_name().to_owned());
                let (of, platform) = (name(of).unwrap_or_default(), name(platform).unwrap_or_default());
                return Err(UsageError::new(format!(
                    "{flag} requires the platform `{of}`, but the platform is `{platform}`"
                ))
                .help(format!(
                    "drop {flag}, or set --platform {of}; check the configuration file too"
                )));
            }
        }
        Ok(())
    }

    fn image(self, deployments: Deployments) -> Result<ImagePlan, UsageError> {
        let image = self.image.ok_or_else(|| {
            UsageError::new("the platform `image` needs the image to go back to")
                .help("give --image NAME@sha256:…, the input `image`, or `rollback-dry-run.image` in the configuration")
        })?;
        let parsed = |flag: &str, text: &str| {
            text.trim().parse::<NamedImage>().map_err(|error| {
                UsageError::new(format!("{flag}: {error}"))
                    .help("write it like ghcr.io/acme/shop:v1.4.1 or ghcr.io/acme/shop@sha256:…")
            })
        };
        let on = self.image_platform.as_deref().unwrap_or("linux/amd64");
        Ok(ImagePlan {
            image: parsed("--image", &image)?,
            current: (self.current_image.as_deref())
                .map(|text| parsed("--current-image", text))
                .transpose()?,
            on: on
                .parse()
                .map_err(|error| UsageError::new(format!("--image-platform: {error}")))?,
            deployments,
            auth_env: self.registry_auth_env,
            rollback_command: (self.rollback_command.as_deref())
                .map(|text| rollback_command(text, &ImagePlan::PLACEHOLDERS))
                .transpose()?,
        })
    }

    fn fly(self) -> Result<FlyPlan, UsageError> {
        let app = self.app.ok_or_else(|| {
            UsageError::new("the platform `fly` needs the name of the app")
                .help("give --app NAME, or `rollback-dry-run.app` in the configuration")
        })?;
        let is_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if app.is_empty() || !app.bytes().all(is_name) {
            return Err(UsageError::new(format!("--app `{app}` is not the name of an app"))
                .help("names of Fly.io have lower-case letters, digits and hyphens, as `app` in fly.toml"));
        }
        let command = self.rollback_command.unwrap_or_else(|| FlyPlan::default_command(&app));
        Ok(FlyPlan {
            rollback_command: rollback_command(&command, &FlyPlan::PLACEHOLDERS)?,
            app,
            token_env: self.platform_token_env.unwrap_or_else(|| FLY_TOKEN.to_owned()),
            to: self.to_release,
        })
    }

    fn git(self, deployments: Deployments) -> Result<GitPlan, UsageError> {
        if self.releases == Some(Releases::Deployments) && (self.reference.is_some() || self.tags.is_some()) {
            return Err(
                UsageError::new("--releases deployments finds the release, and --ref or --tags names it")
                    .help("drop one of them"),
            );
        }
        if self
            .reference
            .as_deref()
            .is_some_and(|reference| reference.trim().is_empty())
        {
            return Err(UsageError::new("--ref must not be empty").help("leave it out to take the nearest earlier tag"));
        }
        let tags = self.tags.as_deref().unwrap_or("*");
        // As `git tag --list` reads patterns: `*` goes past slashes.
        let glob = GlobBuilder::new(tags)
            .literal_separator(false)
            .build()
            .map_err(|error| {
                UsageError::new(format!("--tags `{tags}` is not a pattern: {}", error.kind()))
                    .help("write it like v* or release/*")
            })?;
        let template = self.rollback_command.as_deref().unwrap_or(GIT_ROLLBACK);
        Ok(GitPlan {
            tags: glob.compile_matcher(),
            pre_releases: self.pre_releases.unwrap_or(false),
            deployments: (self.releases == Some(Releases::Deployments)).then_some(deployments),
            reference: self.reference,
            rollback_command: rollback_command(template, &[Placeholder::Ref, Placeholder::Sha])?,
        })
    }

    fn command(self) -> Result<CommandPlan, UsageError> {
        let check = self.check.ok_or_else(|| {
            UsageError::new("the platform `command` needs a command that proves the rollback")
                .help("give --check COMMAND, the input `check`, or `rollback-dry-run.check` in the configuration")
        })?;
        let expect_exit = self.expect_exit.unwrap_or(0);
        if !(0..=255).contains(&expect_exit) {
            return Err(UsageError::new(format!(
                "--expect-exit {expect_exit}: exit codes range from 0 to 255"
            )));
        }
        let timeout = self.check_timeout.unwrap_or(CHECK_TIMEOUT).0;
        if timeout.is_zero() {
            return Err(UsageError::new("--check-timeout must be longer than 0s"));
        }
        let rollback = self.rollback_command.as_deref();
        Ok(CommandPlan {
            check: words("--check", &check)?,
            expect_exit,
            expect_output: self
                .expect_output
                .map(|text| regex("--expect-output", &text))
                .transpose()?,
            timeout,
            rollback_command: rollback.map(|text| rollback_command(text, &[])).transpose()?,
        })
    }
}

fn rollback_command(text: &str, known: &[Placeholder]) -> Result<Template, UsageError> {
    Template::parse(text, known).map_err(|error| {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let help = if known.is_empty() {
            "the platform `command` has no placeholders; write the command as it is run".to_owned()
        } else {
            format!("the placeholders are {}", names.join(" and "))
        };
        UsageError::new(format!("--rollback-command `{text}`: {error}")).help(help)
    })
}
