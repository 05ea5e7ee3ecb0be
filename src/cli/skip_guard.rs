//! Options of `skip-guard`.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Setting;
use super::error::UsageError;
use super::{Given, Options, env_from};
use super::{Or as _, mergeable};
use crate::commands::Subcommand;
use crate::commands::skip_guard::{FailOn, Plan, Prerequisite, Requirement, SkipLimits};
use crate::model::TimeSpan;

mergeable! {
#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[command(
    after_help = "Examples:\n  stageproof skip-guard --require env:STAGING_URL --require not-fork\n  stageproof skip-guard --require file:dist/app.js --strict"
)]
pub struct SkipGuardOptions {
    /// Prerequisite to check; repeatable. env:NAME (a secret, set and not empty), var:NAME, group:NAME,NAME (all or
    /// none), file:PATH, command:NAME, event:LIST, ref:GLOB, not-fork, url:URL (answers below 500), tcp:HOST:PORT,
    /// not-frozen:PATH or not-frozen:env:NAME (no freeze is in force), oidc (the job may get a token), and, through
    /// GitHub's API, environment:NAME, token-permission:SCOPE:read, previous-job:NAME (succeeded in this run) and
    /// no-other-run or no-other-run:DURATION (no older run is in progress; a run without activity for longer than
    /// DURATION, 6h by default, does not count).
    #[arg(long, value_name = "KIND:VALUE")]
    pub require: Vec<Prerequisite>,
    /// Fail instead of skipping if prerequisites are missing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
    /// Runs in which a missing prerequisite fails the guard instead of skipping the job; repeatable. event:LIST,
    /// ref:GLOB or never [default: event:workflow_dispatch, because a person asked for that run].
    #[arg(long, value_name = "KIND:VALUE")]
    pub fail_on: Vec<FailOn>,
    /// Environment variable that holds the token for GitHub's API [default: GITHUB_TOKEN]. Its value is masked.
    #[arg(long, value_name = "NAME")]
    pub github_token_env: Option<String>,
    /// Maximum number of skips in a row, counted on the default branch; one more fails.
    #[arg(long, value_name = "N")]
    #[schemars(range(min = 1, max = 100))]
    pub max_skips: Option<u32>,
    /// Maximum age of the first skip in a row, such as 14d.
    #[arg(long, value_name = "DURATION")]
    pub max_skip_age: Option<TimeSpan>,
    /// Job that is skipped if the guard is not ready, to count the skips of that job [default: count the skips that
    /// earlier guards reported].
    #[arg(long, value_name = "NAME")]
    pub skipped_job: Option<String>,
    /// Run the configured `fix` of each missing prerequisite, then check again [default: false].
    // Whoever starts it decides that something is run, and not the file that says what.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip)]
    #[schemars(skip)]
    pub fix: Option<bool>,
}
}

impl Options for SkipGuardOptions {
    fn is_guard(&self) -> bool {
        true
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        given.number_label();
        given.secret_names.extend(secret_names(&self));
        let mut options = self.or(given.config.skip_guard.take().unwrap_or_default());
        let note = env_from::note(given);
        options.requires_secrets(given.unpacked.drain(..));
        Ok(Box::new(Plan {
            note,
            ..options.plan(&given.setting)?
        }))
    }
}

impl SkipGuardOptions {
    pub fn plan(self, setting: &Setting) -> Result<Plan, UsageError> {
        if self.require.is_empty() {
            return Err(
                UsageError::new("skip-guard has nothing to check: no prerequisite was given").help(
                    "give --require env:NAME (repeatable), the input `require`, or `skip-guard.require` in the \
                 configuration",
                ),
            );
        }
        let fixes = self.fix.unwrap_or(false);
        if fixes && self.require.iter().all(|prerequisite| prerequisite.fix.is_none()) {
            return Err(UsageError::new("--fix has nothing to run: no prerequisite has a `fix`").help(
                "write `{require: …, fix: COMMAND}` under `skip-guard.require` in the configuration; --require on the \
                 command line replaces that list",
            ));
        }
        let logs = setting.evidence_dir.join("logs");
        let label = setting.label.as_deref();
        Ok(Plan {
            fix_logs: fixes.then(|| logs.join(label.map_or_else(|| "fix".to_owned(), |label| format!("fix-{label}")))),
            ..self.plan_of_any(&setting.subject.environment)?
        })
    }

    /// Adds these variables to what is required.
    pub fn requires_secrets(&mut self, names: impl Iterator<Item = String>) {
        self.require.extend(names.map(Prerequisite::secret));
    }

    /// For `rehearse`, where a guard without prerequisites is always ready, and where nothing is repaired.
    pub fn plan_of_any(self, environment: &str) -> Result<Plan, UsageError> {
        let github_token_env = self.token_env().to_owned();
        if !is_variable(&github_token_env) {
            // The token itself may have been given by mistake; it is not repeated.
            return Err(
                UsageError::new("--github-token-env is not the name of an environment variable")
                    .help("give the name of the variable that holds the token, not the token"),
            );
        }
        Ok(Plan {
            github_token_env,
            skips: skip_limits(self.max_skips, self.max_skip_age, self.skipped_job)?,
            prerequisites: self.require,
            strict: self.strict.unwrap_or(false),
            fail_on: match self.fail_on.is_empty() {
                true => vec![FailOn::Event(vec!["workflow_dispatch".to_owned()])],
                false => self.fail_on,
            },
            environment: environment.to_owned(),
            fix_logs: None,
            note: None,
        })
    }

    pub fn token_env(&self) -> &str {
        self.github_token_env.as_deref().map_or("GITHUB_TOKEN", str::trim)
    }
}

/// A variable's name, and no token by GitHub's prefixes for them.
pub fn is_variable(name: &str) -> bool {
    let token = ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"];
    !name.is_empty() && !name.contains(['=', ' ', '\0']) && !token.iter().any(|prefix| name.starts_with(prefix))
}

/// So many earlier runs are looked at.
const MOST_SKIPS: u32 = 100;

fn skip_limits(most: Option<u32>, age: Option<TimeSpan>, job: Option<String>) -> Result<SkipLimits, UsageError> {
    if most == Some(0) {
        return Err(UsageError::new("--max-skips 0 allows no skip at all").help("use --strict for that"));
    }
    if let Some(most) = most.filter(|most| *most > MOST_SKIPS) {
        return Err(
            UsageError::new(format!("--max-skips {most} is too large")).help(format!(
                "only the newest {MOST_SKIPS} runs are counted; give a smaller number"
            )),
        );
    }
    if job.is_some() && most.is_none() && age.is_none() {
        return Err(UsageError::new("--skipped-job needs a limit").help("give --max-skips or --max-skip-age as well"));
    }
    Ok(SkipLimits { most, age, job })
}

/// The variables whose values must not be shown: those that are required as secrets, and the token.
pub fn secret_names(options: &SkipGuardOptions) -> Vec<String> {
    let requirements = options.require.iter().map(|prerequisite| &prerequisite.requirement);
    let names = requirements.flat_map(Requirement::secret_names).cloned();
    names.chain([options.token_env().to_owned()]).collect()
}
