//! Who asks a registry: a variable that was named, or docker's configuration file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::world::Env;
use crate::world::files::{self, Links};
use crate::world::secrets::Secret;

/// Docker's own files have some lines for each registry.
const LARGEST: u64 = 1 << 20;
/// The key under which docker keeps what is for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What a registry is told of who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    None,
    /// `user:password`, and where it is from.
    Basic(Secret, String),
}

impl Credentials {
    /// Where they are from, for sentences.
    pub fn told(&self) -> String {
        match self {
            Self::None => "without credentials".to_owned(),
            Self::Basic(_, from) => format!("with the credentials of {from}"),
        }
    }

    /// The value of `Authorization`.
    pub fn basic(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Basic(pair, _) => Some(format!("Basic {}", STANDARD.encode(pair.reveal()))),
        }
    }
}

/// Why credentials that are there cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("{0} is not set or empty")]
    Unset(String),
    #[error("the value of {0} is not of the form user:password")]
    NoPair(String),
    #[error("{0} names the credential helper `{1}` for {2}, and stageproof runs no helper")]
    Helper(String, String, String),
    #[error("{0} cannot be read: {1}")]
    File(String, String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DockerConfig {
    auths: BTreeMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// Those for this host. A named variable wins over docker's file.
pub fn find(host: &str, variable: Option<&str>, env: &Env) -> Result<Credentials, Unusable> {
    if let Some(name) = variable {
        let value = env.filled(name);
        let value = value.ok_or_else(|| Unusable::Unset(name.to_owned()))?;
        if !value.contains(':') {
            return Err(Unusable::NoPair(name.to_owned()));
        }
        return Ok(Credentials::Basic(Secret::new(value), name.to_owned()));
    }
    let folder = match (env.get("DOCKER_CONFIG"), env.get("HOME")) {
        (Some(folder), _) => PathBuf::from(folder),
        (None, Some(home)) => PathBuf::from(home).join(".docker"),
        (None, None) => return Ok(Credentials::None),
    };
    let path = folder.join("config.json");
    let told = path.display().to_string();
    let wrong = |why: String| Unusable::File(told.clone(), why);
    let Some(bytes) =
        files::read_if_there(&path, LARGEST, Links::Follow).map_err(|error| wrong(format!("{error:#}")))?
    else {
        return Ok(Credentials::None);
    };
    in_json(&bytes, host, &told)
}

/// Those for this host in the JSON of docker's file. `told` names the file for sentences.
pub fn in_json(json: &[u8], host: &str, told: &str) -> Result<Credentials, Unusable> {
    let config: DockerConfig = serde_json::from_slice(json)
        // Its text could repeat a part of the file.
        .map_err(|error| {
            let why = format!(
                "it is not docker's JSON at line {}, column {}",
                error.line(),
                error.column()
            );
            Unusable::File(told.to_owned(), why)
        })?;
    in_docker_config(&config, host, told)
}

/// The host of a key in docker's file, with a path if it has one.
pub fn bare(key: &str) -> &str {
    let bare = key.strip_prefix("https://").or(key.strip_prefix("http://"));
    let bare = bare.unwrap_or(key).trim_end_matches('/');
    bare.trim_end_matches("/v1").trim_end_matches("/v2")
}

fn in_docker_config(config: &DockerConfig, host: &str, told: &str) -> Result<Credentials, Unusable> {
    // Docker writes the host; older files have a URL.
    let is_host = |key: &str| bare(key) == host || (host == "docker.io" && key == DOCKER_HUB_KEY);
    let helper = |name: &str| Unusable::Helper(told.to_owned(), name.to_owned(), host.to_owned());
    if let Some((_, name)) = config.cred_helpers.iter().find(|(key, _)| is_host(key)) {
        return Err(helper(name));
    }
    let Some((_, auth)) = config.auths.iter().find(|(key, _)| is_host(key)) else {
        return Ok(Credentials::None);
    };
    let pair = match (&auth.auth, &auth.username, &auth.password) {
        (Some(encoded), _, _) if !encoded.is_empty() => STANDARD
            .decode(encoded)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .filter(|pair| pair.contains(':'))
            .ok_or_else(|| {
                Unusable::File(
                    told.to_owned(),
                    format!("`auth` of {host} is not base64 of user:password"),
                )
            })?,
        (_, Some(user), Some(password)) => format!("{user}:{password}"),
        // Docker leaves an empty entry where a store has the values.
        _ => match &config.creds_store {
            Some(store) => return Err(helper(store)),
            None => return Ok(Credentials::None),
        },
    };
    Ok(Credentials::Basic(
        Secret::new(pair.trim_end_matches('\0')),
        told.to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, host: &str) -> Result<Option<String>, String> {
        let config: DockerConfig = serde_json::from_str(json).unwrap();
        match in_docker_config(&config, host, "config.json") {
            Ok(Credentials::None) => Ok(None),
            Ok(Credentials::Basic(pair, _)) => Ok(Some(pair.reveal().to_owned())),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_docker_login_writes_is_read_for_its_host_only() {
        let auth = STANDARD.encode("ann:s3cret:x");
        let json = format!(
            r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}},"https://index.docker.io/v1/":{{"auth":"{auth}"}}}}}}"#
        );
        let pair = Ok(Some("ann:s3cret:x".to_owned()));
        assert_eq!(found(&json, "ghcr.io"), pair);
        assert_eq!(found(&json, "docker.io"), pair);
        assert_eq!(found(&json, "evil-ghcr.io"), Ok(None));
        assert_eq!(found(&json, "ghcr.io.evil.example"), Ok(None));
        let old = format!(r#"{{"auths":{{"https://registry.acme.example/v2/":{{"auth":"{auth}"}}}}}}"#);
        assert_eq!(found(&old, "registry.acme.example"), pair);
    }

    #[test]
    fn a_helper_is_named_and_not_run() {
        for json in [
            r#"{"credHelpers":{"ghcr.io":"gcloud"}}"#,
            r#"{"auths":{"ghcr.io":{}},"credsStore":"gcloud"}"#,
        ] {
            let error = found(json, "ghcr.io").unwrap_err();
            assert!(error.contains("`gcloud`"), "{error}");
        }
        // A store that holds nothing for this host is no obstacle.
        assert_eq!(found(r#"{"credsStore":"desktop"}"#, "ghcr.io"), Ok(None));
    }

    #[test]
    fn what_is_no_pair_is_an_error_without_the_value() {
        let json = format!(
            r#"{{"auths":{{"ghcr.io":{{"auth":"{}"}}}}}}"#,
            STANDARD.encode("s3cret")
        );
        let error = found(&json, "ghcr.io").unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
        let env: Env = [("REGISTRY_AUTH", "s3cret")].into_iter().collect();
        let error = find("ghcr.io", Some("REGISTRY_AUTH"), &env).unwrap_err();
        assert_eq!(error, Unusable::NoPair("REGISTRY_AUTH".to_owned()));
        let error = find("ghcr.io", Some("OTHER"), &env).unwrap_err();
        assert_eq!(error, Unusable::Unset("OTHER".to_owned()));
    }
}
