//! Options of `init`.

use clap::Args;

use super::error::UsageError;
use super::{CONFIG, Given, Options, schema_id};
use crate::commands::Subcommand;
use crate::commands::init::{Plan, is_name};
use crate::model::text::is_hex;

#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Examples:\n  stageproof init --diff\n  stageproof init --environment preview")]
pub struct InitOptions {
    /// Show what would be written, as a patch, and write nothing.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub diff: Option<bool>,
    /// Replace the files if they exist and differ.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub force: Option<bool>,
    /// Commit of this version's release, to pin in the workflow: 40 hexadecimal digits [default: ask GitHub; without an
    /// answer, write the tag, marked CHANGE].
    #[arg(long, value_name = "SHA")]
    pub pin: Option<String>,
}

impl Options for InitOptions {
    /// It writes it.
    fn reads_config(&self) -> bool {
        false
    }

    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        if given.config_file.is_some() {
            return Err(UsageError::new("init does not read a configuration").help("leave out --config"));
        }
        let environment = given.environment.clone();
        if let Some(name) = environment.as_deref().filter(|name| !is_name(name)) {
            return Err(
                UsageError::new(format!("--environment `{name}` cannot be written into a workflow"))
                    .help("use letters, digits, `.`, `_`, `-` and `/`"),
            );
        }
        Ok(Box::new(Plan {
            config: CONFIG.to_owned(),
            schema: schema_id("config"),
            environment,
            pin: self.pin.map(commit).transpose()?,
            diff: self.diff.unwrap_or(false),
            force: self.force.unwrap_or(false),
        }))
    }
}

fn commit(given: String) -> Result<String, UsageError> {
    let commit = given.to_ascii_lowercase();
    if is_hex(&commit, 40) {
        Ok(commit)
    } else {
        Err(UsageError::new(format!("--pin `{given}` is not a commit"))
            .help("write its 40 hexadecimal digits; a tag or a short id does not hold an action to its content"))
    }
}
