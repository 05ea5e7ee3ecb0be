//! `--env-from`: several secrets that arrive in one variable, such as those that a workflow passes on to another one.

use std::sync::Arc;

use super::Given;
use super::error::UsageError;
use crate::model::variables;
use crate::world::Env;

/// The environment with the variables that one variable holds in the place of that one, and their names. There are none if
/// it is empty: so a secret arrives that does not exist. If it is not set, a guard requires that it is.
pub fn unpack(holder: &str, env: &Arc<Env>, is_guard: bool) -> Result<(Arc<Env>, Vec<String>), UsageError> {
    if holder.is_empty() || holder.contains(['=', ' ', '\n', '\0']) {
        // The variables themselves may have been given by mistake; they are not repeated.
        return Err(UsageError::new("--env-from is not the name of an environment variable")
            .help("give the name of the variable that holds the others, not its value"));
    }
    let Some(text) = env.raw(holder) else {
        if is_guard {
            return Ok((Arc::clone(env), vec![holder.to_owned()]));
        }
        return Err(
            UsageError::new(format!("{holder}, which --env-from names, is not set")).help(format!(
                "map it into the step: `env: {holder}: ${{{{ secrets.{holder} }}}}`; or leave out --env-from"
            )),
        );
    };
    let text = text
        .to_str()
        .ok_or_else(|| UsageError::new(format!("{holder}, which --env-from names, is not UTF-8")))?;
    let variables = variables::parse(text).map_err(|error| {
        UsageError::new(format!("{holder}, which --env-from names: {error}")).help(
            "write each variable as NAME=VALUE; write a value of several lines as NAME<<END, the lines, and END on a \
             line of its own",
        )
    })?;
    let names = variables.iter().map(|(name, _)| name.clone()).collect();
    Ok((Arc::new(env.unpacked(holder, variables)), names))
}

/// Of a guard that requires no variable of the one that was named: nobody should take that for a check.
pub fn note(given: &Given<'_>) -> Option<String> {
    let holder = given.setting.env_from.as_ref().filter(|_| given.unpacked.is_empty())?;
    Some(format!("{holder} is empty: it holds no variables"))
}
