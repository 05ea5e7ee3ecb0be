//! How a cluster is reached, and as whom.

use std::path::Path;

use url::Url;

use super::Asked;
use crate::world::Env;
use crate::world::api::{Api, ApiError};
use crate::world::files::{self, Links};
use crate::world::http::{Header, Settings, is_loopback};
use crate::world::secrets::Secret;

/// Tokens have some kilobytes.
const LARGEST_TOKEN: u64 = 1 << 16;

pub struct Access {
    pub server: Url,
    pub settings: Settings,
    pub headers: Vec<Header>,
    /// Who asks, for sentences.
    pub credentials: String,
    pub namespace: Option<String>,
    pub context: Option<String>,
}

/// The address of an API server. What is sent to it goes over TLS, except to this machine.
pub fn server(address: &str, named: &str) -> Result<Url, ApiError> {
    let is_safe =
        |url: &Url| url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)));
    let plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.query().is_none();
    // kubectl takes an address without a scheme as one of plain HTTP, which only this machine may have.
    Url::parse(address)
        .ok()
        .filter(|url| is_safe(url) && plain(url))
        .ok_or_else(|| {
            ApiError::unasked(
                format!("the server of {named} is not an https:// URL"),
                "correct it: credentials are sent only over TLS, or to this machine",
            )
        })
}

/// The token of the variable that was named for it, and what to call it.
pub fn named_token(asked: &Asked, env: &Env) -> Result<Option<(Header, String)>, ApiError> {
    let Some(name) = &asked.token_env else { return Ok(None) };
    let value = env.filled(name);
    let value = value.ok_or_else(|| {
        ApiError::unasked(
            format!("the cluster cannot be asked: {name} is not set or empty"),
            format!("map a token into the step: `env: {name}: ${{{{ secrets.{name} }}}}`"),
        )
    })?;
    bearer(value, name).map(|header| Some((header, format!("the token of {name}"))))
}

/// `from` is where the token was found.
pub fn bearer(token: &str, from: &str) -> Result<Header, ApiError> {
    Api::bearer(&Secret::new(token.trim()), from)
}

pub fn token_file(path: &Path) -> Result<Header, ApiError> {
    let token = files::read_text(path, LARGEST_TOKEN, Links::Follow).map_err(|error| {
        ApiError::unasked(
            format!("the token cannot be read: {error:#}"),
            "check the path and who may read it",
        )
    })?;
    bearer(&token, &path.display().to_string())
}
