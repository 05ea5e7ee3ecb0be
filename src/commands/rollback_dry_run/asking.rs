//! What it takes to ask a platform, and what to make of it when it does not answer.

use crate::engine::{NotChecked, Observation};
use crate::model::Finding;
use crate::world::Env;
use crate::world::api::ApiError;
use crate::world::kubernetes::Status;
use crate::world::secrets::Secret;

/// The token in `variable`. `make` says where people get one.
pub fn token(platform: &str, variable: &str, make: &str, env: &Env) -> Result<Secret, NotChecked> {
    let token = env.filled(variable);
    token.map(Secret::new).ok_or_else(|| {
        NotChecked::with_help(
            format!("{platform} cannot be asked: {variable} is not set or empty"),
            format!("map a token into the step: `env: {variable}: ${{{{ secrets.{variable} }}}}`; {make}"),
        )
    })
}

/// The platform has nothing of this name, or hides it.
pub fn not_there(code: &'static str, of: &str, error: &ApiError) -> Observation {
    let ApiError { unknown, .. } = error;
    Observation::found(Finding::error(code, format!("{of}: {}", unknown.why)).help(unknown.help.clone()))
}

/// What could not be found out, with what a Kubernetes cluster says about it.
impl From<&ApiError> for NotChecked {
    fn from(error: &ApiError) -> Self {
        let said = Status::of(error).map(|status| format!(": {}", status.message()));
        let why = format!("{}{}", error.unknown.why, said.unwrap_or_default());
        Self::with_help(why, error.unknown.help.clone())
    }
}

impl From<ApiError> for NotChecked {
    fn from(error: ApiError) -> Self {
        Self::from(&error)
    }
}
