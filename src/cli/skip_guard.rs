//! Options of `skip-guard`.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::UsageError;
use super::{Or as _, merge};
use crate::commands::skip_guard::{Plan, Requirement};

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SkipGuardOptions {
    /// What must be there; repeatable. env:NAME (set and not empty), file:PATH, command:NAME, event:LIST, ref:GLOB,
    /// not-fork, url:URL (answers at all).
    #[arg(long, value_name = "KIND:VALUE")]
    pub require: Vec<Requirement>,
    /// Missing prerequisites fail instead of skipping.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
}

impl SkipGuardOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(self, config, Self { require, strict })
    }

    pub fn plan(self) -> Result<Plan, UsageError> {
        if self.require.is_empty() {
            return Err(UsageError::new("skip-guard has nothing to check: no prerequisite was named").help(
                "give --require env:NAME (repeatable), the input `require`, or `skip-guard.require` in the configuration",
            ));
        }
        Ok(self.plan_unchecked())
    }

    /// For `rehearse`, where a guard without prerequisites is always ready.
    pub fn plan_unchecked(self) -> Plan {
        Plan {
            requirements: self.require,
            strict: self.strict.unwrap_or(false),
        }
    }
}
