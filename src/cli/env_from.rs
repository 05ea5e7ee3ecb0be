//! `--env-from`: several secrets that arrive in one variable, such as those that a workflow passes on to another one.

use std::ffi::OsStr;
use std::sync::Arc;

use super::error::UsageError;
use crate::model::variables;
use crate::world::Env;

/// The environment with the variables that one variable holds in the place of that one, and their names. There are none if
/// it is empty or not set.
pub fn unpack(holder: &str, env: &Env) -> Result<(Arc<Env>, Vec<String>), UsageError> {
    if holder.is_empty() || holder.contains(['=', ' ', '\n', '\0']) {
        // The variables themselves may have been given by mistake; they are not repeated.
        return Err(UsageError::new("--env-from is not the name of an environment variable")
            .help("give the name of the variable that holds the others, not its value"));
    }
    let text = env.raw(holder).unwrap_or(OsStr::new("")).to_str();
    let text = text.ok_or_else(|| UsageError::new(format!("{holder}, which --env-from names, is not UTF-8")))?;
    let variables = variables::parse(text).map_err(|error| {
        UsageError::new(format!("{holder}, which --env-from names: {error}")).help(
            "write each variable as NAME=VALUE; write a value of several lines as NAME<<END, the lines, and END on a \
             line of its own",
        )
    })?;
    let names = variables.iter().map(|(name, _)| name.clone()).collect();
    Ok((Arc::new(env.unpacked(holder, variables)), names))
}
