//! Who asks AWS: the variables that `aws-actions/configure-aws-credentials` sets.

use crate::world::Env;
use crate::world::api::ApiError;
use crate::world::secrets::Secret;

pub const KEY_ID: &str = "AWS_ACCESS_KEY_ID";
pub const SECRET_KEY: &str = "AWS_SECRET_ACCESS_KEY";
pub const SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";

/// Where the tools of AWS find credentials otherwise. All of these need files, a browser or further requests.
const OTHERS: [(&str, &str); 5] = [
    ("AWS_PROFILE", "a profile"),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", "a web identity"),
    (
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "the credentials of a container",
    ),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "the credentials of a container"),
    ("AWS_BEARER_TOKEN", "a bearer token"),
];
const HOW: &str = "add a step aws-actions/configure-aws-credentials before this one; on a laptop, `eval \"$(aws configure \
                   export-credentials --format env)\"` sets these variables from a profile, SSO or a role";

#[derive(Clone, Debug)]
pub struct Credentials {
    pub key_id: String,
    pub secret_key: Secret,
    pub session_token: Option<Secret>,
}

impl Credentials {
    pub fn of(env: &Env) -> Result<Self, ApiError> {
        let set = |name: &str| env.filled(name);
        let (Some(key_id), Some(secret_key)) = (set(KEY_ID), set(SECRET_KEY)) else {
            return Err(ApiError::unasked(missing(env, set(KEY_ID).is_some()), HOW));
        };
        let is_id = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if !key_id.bytes().all(is_id) {
            return Err(ApiError::unasked(
                format!("the value of {KEY_ID} is not the id of an access key"),
                HOW,
            ));
        }
        let session_token = set(SESSION_TOKEN).map(Secret::new);
        // IAM User Guide, "IAM identifiers": ASIA is the prefix of temporary keys.
        if key_id.starts_with("ASIA") && session_token.is_none() {
            return Err(ApiError::unasked(
                format!("AWS cannot be asked: {KEY_ID} is a temporary key, and {SESSION_TOKEN} is not set or empty"),
                HOW,
            ));
        }
        Ok(Self {
            key_id: key_id.to_owned(),
            secret_key: Secret::new(secret_key),
            session_token,
        })
    }
}

fn missing(env: &Env, has_id: bool) -> String {
    let name = if has_id { SECRET_KEY } else { KEY_ID };
    let why = format!("AWS cannot be asked: {name} is not set or empty");
    match OTHERS.iter().find(|(other, _)| env.get(other).is_some()) {
        Some((other, what)) => format!("{why}; {other} names {what}, which stageproof does not use"),
        None => why,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_enough_says_why() {
        for (variables, why) in [
            (&[][..], "AWS_ACCESS_KEY_ID is not set or empty"),
            (
                &[("AWS_ACCESS_KEY_ID", "AKIA1")],
                "AWS_SECRET_ACCESS_KEY is not set or empty",
            ),
            (
                &[("AWS_PROFILE", "staging")],
                "AWS_PROFILE names a profile, which stageproof does not use",
            ),
            (
                &[("AWS_ACCESS_KEY_ID", "ASIA1"), ("AWS_SECRET_ACCESS_KEY", "s")],
                "is a temporary key, and AWS_SESSION_TOKEN is not set or empty",
            ),
            (
                &[("AWS_ACCESS_KEY_ID", "AKIA 1"), ("AWS_SECRET_ACCESS_KEY", "s")],
                "is not the id of an access key",
            ),
        ] {
            let error = Credentials::of(&variables.iter().copied().collect()).unwrap_err();
            assert!(error.unknown.why.contains(why), "{}", error.unknown.why);
            assert!(error.unknown.help.contains("configure-aws-credentials"));
        }
    }
}
