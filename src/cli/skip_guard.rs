//! Options of `skip-guard`.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::common::Setting;
use super::error::UsageError;
use super::{Or as _, merge};
use crate::commands::skip_guard::{FailOn, Plan, Prerequisite, Requirement};

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SkipGuardOptions {
    /// What must be there; repeatable. env:NAME (a secret, set and not empty), var:NAME, group:NAME,NAME (all or none),
    /// file:PATH, command:NAME, event:LIST, ref:GLOB, not-fork, url:URL (answers at all), tcp:HOST:PORT,
    /// not-frozen:PATH or not-frozen:env:NAME (a freeze written there has ended).
    #[arg(long, value_name = "KIND:VALUE")]
    pub require: Vec<Prerequisite>,
    /// Missing prerequisites fail instead of skipping.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
    /// Runs in which what should exist and does not is a failure instead of a skip; repeatable. event:LIST, ref:GLOB
    /// or never [default: event:workflow_dispatch, as a person asked for it].
    #[arg(long, value_name = "KIND:VALUE")]
    pub fail_on: Vec<FailOn>,
    /// Run the `fix` that the configuration gives for what is missing, then look again [default: nothing is run].
    // Whoever starts it decides that something is run, and not the file that says what.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    #[serde(skip)]
    #[schemars(skip)]
    pub fix: Option<bool>,
}

impl SkipGuardOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                require,
                strict,
                fail_on,
                fix,
            }
        )
    }

    pub fn plan(self, setting: &Setting) -> Result<Plan, UsageError> {
        if self.require.is_empty() {
            return Err(UsageError::new("skip-guard has nothing to check: no prerequisite was named").help(
                "give --require env:NAME (repeatable), the input `require`, or `skip-guard.require` in the configuration",
            ));
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
            ..self.plan_unchecked(&setting.subject.environment)
        })
    }

    /// For `rehearse`, where a guard without prerequisites is always ready, and where nothing is repaired.
    pub fn plan_unchecked(self, environment: &str) -> Plan {
        Plan {
            prerequisites: self.require,
            strict: self.strict.unwrap_or(false),
            fail_on: match self.fail_on.is_empty() {
                true => vec![FailOn::Event(vec!["workflow_dispatch".to_owned()])],
                false => self.fail_on,
            },
            environment: environment.to_owned(),
            fix_logs: None,
        }
    }
}

/// The variables whose values must not be shown: those that are required as secrets.
pub fn secret_names(options: &SkipGuardOptions) -> Vec<String> {
    let requirements = options.require.iter().map(|prerequisite| &prerequisite.requirement);
    requirements.flat_map(Requirement::secret_names).cloned().collect()
}
