//! Options of `rollback-dry-run`. What only one platform takes is read in the file of that platform.

mod cloud_run;
mod cloudflare;
mod command;
mod compose;
mod ecs;
mod fly;
mod git;
mod helm;
mod heroku;
mod image;
mod kubernetes;
mod platform;
mod rehearsal;
mod vercel;

use std::path::Path;

use clap::{Args, ValueEnum};
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::{Given, Options, Or as _, mergeable, smoke};
use crate::commands::Subcommand;
use crate::commands::rollback_dry_run::{self, Deployments, Placeholder, Plan, Template, What};
use crate::model::TimeSpan;
use crate::world::aws;
use crate::world::registry::Platform;
pub use platform::PlatformName;
pub use rehearsal::Around;

const GITHUB_TOKEN: &str = "GITHUB_TOKEN";

/// Where the platform git finds releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Releases {
    /// Tags that match --tags.
    Tags,
    /// Successful deployments to the environment.
    Deployments,
}

mergeable! {
#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(
    after_help = "Examples:\n  stageproof rollback-dry-run --tags 'v*'\n  stageproof rollback-dry-run --check 'test -s releases/previous' --rollback-command './deploy.sh previous'"
)]
pub struct RollbackDryRunOptions {
    /// Kind of the previous release [default: command with --check, image with --image, fly with --app, kubernetes with
    /// --workload, helm with --helm-release, compose with --compose-file or --state-file, cloudflare with --worker, ecs
    /// with --cluster, else git].
    #[arg(long, value_enum)]
    pub platform: Option<PlatformName>,
    /// git, compose: the release to go back to: a tag, branch or commit [default: the nearest tag in the
    /// history of HEAD that matches --tags].
    #[arg(long = "ref", value_name = "REF")]
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// git: glob of the tags that mark releases [default: *].
    #[arg(long, value_name = "GLOB")]
    pub tags: Option<String>,
    /// git, compose: where to find releases: tags, or successful deployments to the environment on GitHub [default: tags].
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
    /// image, compose, kubernetes, helm, ecs: platform on which the images must run [default: linux/amd64; for kubernetes and
    /// helm that of the pods' nodeSelector and for ecs that of the task definition, if it has one].
    #[arg(long, value_name = "OS/ARCH")]
    pub image_platform: Option<String>,
    /// image, compose, kubernetes, helm, ecs, cloud-run: environment variable that holds user:password of the registry [default: the
    /// credentials in docker's configuration file; for kubernetes and helm the pull secrets of the pods before them].
    #[arg(long, value_name = "VARIABLE")]
    pub registry_auth_env: Option<String>,
    /// fly, heroku: name of the app.
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// kubernetes: what is rolled out, as KIND/NAME: deployment/shop, statefulset/db or daemonset/agent.
    #[arg(long, value_name = "KIND/NAME")]
    pub workload: Option<String>,
    /// helm: name of the release.
    #[arg(long, value_name = "RELEASE")]
    pub helm_release: Option<String>,
    /// kubernetes, helm: namespace [default: that of the context, else default].
    #[arg(long, value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// kubernetes, helm: context of the kubeconfig file [default: its current context].
    #[arg(long, value_name = "CONTEXT")]
    pub kube_context: Option<String>,
    /// vercel: name or id of the project; cloud-run: id of the project [default for cloud-run: CLOUDSDK_CORE_PROJECT, else
    /// GOOGLE_CLOUD_PROJECT].
    #[arg(long, value_name = "PROJECT")]
    pub project: Option<String>,
    /// vercel: id or slug of the team that owns the project.
    #[arg(long, value_name = "TEAM")]
    pub team: Option<String>,
    /// ecs: name of the cluster.
    #[arg(long, value_name = "CLUSTER")]
    pub cluster: Option<String>,
    /// ecs, cloud-run: name of the service.
    #[arg(long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// ecs, cloud-run: region, such as eu-west-1 or europe-west1 [default for ecs: AWS_REGION, else AWS_DEFAULT_REGION; for
    /// cloud-run: CLOUDSDK_RUN_REGION].
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// cloudflare: name of the Worker.
    #[arg(long, value_name = "WORKER")]
    pub worker: Option<String>,
    /// cloudflare: id of the account [default: CLOUDFLARE_ACCOUNT_ID].
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// compose: the compose file, as a path in the repository.
    #[arg(long, value_name = "FILE")]
    pub compose_file: Option<String>,
    /// compose: JSON file that lists the images of each release, newest last.
    #[arg(long, value_name = "FILE")]
    pub state_file: Option<String>,
    /// Environment variable that holds the token of the platform [default: the one that the platform's own command line reads, such as
    /// FLY_API_TOKEN; for kubernetes and helm, the credentials of the kubeconfig file].
    #[arg(long, value_name = "VARIABLE")]
    pub platform_token_env: Option<String>,
    /// Release to go back to, as the platform names it: v12, a revision, shop:7, the id of a deployment or of a version [default: the newest good release that differs from the current one].
    #[arg(long, value_name = "RELEASE")]
    pub to_release: Option<String>,
    /// List every request that stageproof may send for the platform, and send none.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip)]
    pub list_calls: Option<bool>,
    /// Command that would roll back; printed, never run. Placeholders for git: {ref} (the full name, such as refs/tags/v1,
    /// or the commit) and {sha}; for image and fly: {image} (by its digest); for compose: {sha} or
    /// {release}; for helm, heroku, vercel, cloudflare, ecs and cloud-run:
    /// {release} [default for git: git checkout --detach {sha}; for fly: fly deploy --app APP --image {image}; for the others
    /// the rollback command of the platform's own command line].
    #[arg(long, value_name = "TEMPLATE")]
    pub rollback_command: Option<String>,
    /// Glob of the files that change the database, such as db/migrate; repeatable. If some changed
    /// since the release to go back to, a warning lists them: a rollback does not undo them.
    #[arg(long, value_name = "GLOB")]
    pub migrations: Vec<String>,
    /// Command that builds and starts the previous version, to ask it what `smoke` of the configuration asks. It is split
    /// into words as a shell would, but runs without a shell: for git in a temporary checkout; for other platforms write
    /// {image}, as in: docker run --rm --init --network host {image}.
    #[arg(long, value_name = "COMMAND")]
    pub rehearse: Option<String>,
    /// Where the rehearsed version answers, such as http://127.0.0.1:8080 [default: the URL of `smoke`].
    #[arg(long, value_name = "URL")]
    pub rehearse_url: Option<String>,
    /// Variable to pass to the rehearsed version although it could hold credentials; repeatable.
    #[arg(long, value_name = "VARIABLE")]
    pub rehearse_env: Vec<String>,
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
}

/// Variables whose values must be shown nowhere.
pub fn secret_names(options: &RollbackDryRunOptions) -> Vec<String> {
    let github = options.github_token_env.clone();
    platform_secrets(options).into_iter().chain(github).collect()
}

/// Those that the platform is asked with.
pub fn platform_secrets(options: &RollbackDryRunOptions) -> Vec<String> {
    let registry = options.registry_auth_env.clone();
    let aws = match options.platform() {
        PlatformName::Ecs => &[aws::KEY_ID, aws::SECRET_KEY, aws::SESSION_TOKEN][..],
        _ => &[],
    };
    let aws = aws.iter().map(|name| (*name).to_owned());
    registry
        .into_iter()
        .chain(options.platform_token_env())
        .chain(aws)
        .collect()
}

impl Options for RollbackDryRunOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let world = given.world;
        // A command that was typed runs where it was typed, one of the configuration in the workspace.
        let folder = if self.check.is_some() {
            &world.folder
        } else {
            &world.workspace
        };
        let started_in = if self.rehearse.is_some() {
            &world.folder
        } else {
            &world.workspace
        };
        let options = self.or(given.config.rollback_dry_run.take().unwrap_or_default());
        given.secret_names.extend(secret_names(&options));
        let smoke = given.config.smoke.take();
        if options.rehearse.is_some() {
            given.secret_names.extend(smoke.iter().flat_map(smoke::secret_names));
        }
        let around = Around {
            setting: &given.setting,
            world,
            waivers: given.waivers(false),
            unpacked: &given.unpacked,
            smoke,
            started_in,
        };
        Ok(Box::new(options.plan(folder, around)?))
    }
}

impl RollbackDryRunOptions {
    fn calls(&self) -> rollback_dry_run::Calls {
        let mut calls = self.platform().calls();
        if self.asks_github().is_some() {
            calls.extend(rollback_dry_run::deployment_calls());
        }
        calls
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

    /// The variable that holds the token of the platform, where it has one.
    fn platform_token_env(&self) -> Option<String> {
        let default = self.platform().token_env().map(str::to_owned);
        self.platform_token_env.clone().or(default)
    }

    /// What the images must run on, if that is said.
    fn image_on(&self) -> Result<Option<Platform>, UsageError> {
        let on = self.image_platform.as_deref().map(str::parse).transpose();
        on.map_err(|error| UsageError::new(format!("--image-platform: {error}")))
    }

    /// The number of the release to go back to, as `list` shows it.
    fn revision(&self, list: &str) -> Result<Option<u64>, UsageError> {
        let Some(text) = &self.to_release else { return Ok(None) };
        match text.trim().parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(UsageError::new(format!("--to-release `{text}` is not a revision"))
                .help(format!("write its number, as `{list}` shows it"))),
        }
    }

    /// The command that would roll back, if it is not the platform's own.
    fn own_command(&self, known: &[Placeholder]) -> Result<Option<Template>, UsageError> {
        let own = self.rollback_command.as_deref();
        own.map(|text| rollback_command(text, known)).transpose()
    }

    pub fn plan(self, folder: &Path, around: Around<'_>) -> Result<Plan, UsageError> {
        let deployments = Deployments {
            environment: around.setting.subject.environment.clone(),
            token_env: self.github_token_env().to_owned(),
        };
        let platform = self.platform();
        platform.refuse_foreign(&self)?;
        let migrations = self.migrations()?;
        let (rehearsal, what) = if self.list_calls == Some(true) {
            (None, What::ListCalls(self.calls()))
        } else {
            let rehearsal = self.rehearsal(around)?;
            (
                rehearsal,
                What::Prove(platform.plan(&self, deployments, folder.to_owned())?),
            )
        };
        Ok(Plan {
            what,
            migrations,
            rehearsal,
        })
    }
}

/// A name that the platform needs.
fn named(platform: &str, flag: &str, what: &str, name: &Option<String>) -> Result<String, UsageError> {
    plain_name(flag, name)?.ok_or_else(|| {
        let key = flag.trim_start_matches('-');
        UsageError::new(format!("the platform `{platform}` needs the name of the {what}")).help(format!(
            "give {flag} NAME, or `rollback-dry-run.{key}` in the configuration"
        ))
    })
}

/// A name that is a word of a shell and of a URL.
fn plain_name(flag: &str, name: &Option<String>) -> Result<Option<String>, UsageError> {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    match name {
        Some(name) if name.is_empty() || name.starts_with(['.', '-']) || !name.bytes().all(is_plain) => {
            Err(UsageError::new(format!("{flag} `{name}` is not a valid name"))
                .help("names have letters, digits, hyphens, dots and underscores"))
        }
        name => Ok(name.clone()),
    }
}

fn rollback_command(text: &str, known: &[Placeholder]) -> Result<Template, UsageError> {
    Template::parse(text, known).map_err(|error| {
        let names: Vec<String> = known.iter().map(ToString::to_string).collect();
        let help = if known.is_empty() {
            "this platform has no placeholders; write the command as it is run".to_owned()
        } else {
            format!("the placeholders are {}", names.join(" and "))
        };
        UsageError::new(format!("--rollback-command `{text}`: {error}")).help(help)
    })
}
