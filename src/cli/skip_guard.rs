//! Options of `skip-guard`.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::{Or as _, merge};
use crate::commands::skip_guard::{FailOn, Plan, Requirement};

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SkipGuardOptions {
    /// What must be there; repeatable. env:NAME (a secret, set and not empty), var:NAME, group:NAME,NAME (all or none),
    /// file:PATH, command:NAME, event:LIST, ref:GLOB, not-fork, url:URL (answers at all), tcp:HOST:PORT,
    /// not-frozen:PATH or not-frozen:env:NAME (a freeze written there has ended).
    #[arg(long, value_name = "KIND:VALUE")]
    pub require: Vec<Requirement>,
    /// Missing prerequisites fail instead of skipping.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
    /// Runs in which what should exist and does not is a failure instead of a skip; repeatable. event:LIST, ref:GLOB
    /// or never [default: event:workflow_dispatch, as a person asked for it].
    #[arg(long, value_name = "KIND:VALUE")]
    pub fail_on: Vec<FailOn>,
}

impl SkipGuardOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                require,
                strict,
                fail_on
            }
        )
    }

    pub fn plan(self, environment: &str) -> Result<Plan, UsageError> {
        if self.require.is_empty() {
            return Err(UsageError::new("skip-guard has nothing to check: no prerequisite was named").help(
                "give --require env:NAME (repeatable), the input `require`, or `skip-guard.require` in the configuration",
            ));
        }
        Ok(self.plan_unchecked(environment))
    }

    /// For `rehearse`, where a guard without prerequisites is always ready.
    pub fn plan_unchecked(self, environment: &str) -> Plan {
        Plan {
            requirements: self.require,
            strict: self.strict.unwrap_or(false),
            fail_on: match self.fail_on.is_empty() {
                true => vec![FailOn::Event(vec!["workflow_dispatch".to_owned()])],
                false => self.fail_on,
            },
            environment: environment.to_owned(),
        }
    }
}

/// The variables whose values must not be shown: those that are required as secrets.
pub fn secret_names(options: &SkipGuardOptions) -> Vec<String> {
    let names = options.require.iter().flat_map(Requirement::secret_names);
    names.cloned().collect()
}
