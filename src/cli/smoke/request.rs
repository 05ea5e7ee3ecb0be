//! What is sent, and over which connection.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::options::ProbeOptions;
use super::url::target;
use crate::cli::error::UsageError;
use crate::cli::values::positive;
use crate::model::TimeSpan;
use crate::world::World;
use crate::world::files::{self, Links};
use crate::world::http::{ClientCertificate, Family, Header, HttpVersion, Method, ProxyChoice, Settings};

const CONNECT_TIMEOUT: TimeSpan = TimeSpan::from_secs(5);
/// A body that is sent every second should be small; this is far beyond that.
const LARGEST_BODY: u64 = 16 << 20;

pub fn method(given: Option<&str>) -> Result<Method, UsageError> {
    let Some(given) = given else {
        return Ok(Method::GET);
    };
    // As it was written in earlier versions, and as people type it.
    given
        .to_ascii_uppercase()
        .parse()
        .map_err(|error| UsageError::new(format!("--method: {error}")))
}

/// The headers of a probe; values of variables are secret.
pub fn headers(options: &ProbeOptions, world: &World) -> Result<Vec<Header>, UsageError> {
    let wrong = |flag: &str, error: &dyn std::fmt::Display| UsageError::new(format!("{flag}: {error}"));
    let mut headers = Vec::new();
    for line in &options.header {
        headers.push(Header::parse(line, false).map_err(|error| wrong("--header", &error))?);
    }
    for line in &options.header_env {
        let (name, variable) = header_env(line)?;
        let value = variable_value("--header-env", variable, world)?;
        headers.push(Header::new(name, value, true).map_err(|error| wrong("--header-env", &error))?);
    }
    let authorization = match (&options.bearer_env, &options.basic_env) {
        (Some(_), Some(_)) => {
            return Err(UsageError::new("--bearer-env and --basic-env cannot both be sent").help("drop one of the two"));
        }
        (Some(variable), None) => Some((
            "--bearer-env",
            format!("Bearer {}", variable_value("--bearer-env", variable, world)?),
        )),
        (None, Some(variable)) => {
            let value = variable_value("--basic-env", variable, world)?;
            if !value.contains(':') {
                return Err(UsageError::new(format!(
                    "{variable}, named by --basic-env, is not of the form user:password"
                )));
            }
            Some(("--basic-env", format!("Basic {}", BASE64_STANDARD.encode(value))))
        }
        (None, None) => None,
    };
    if let Some((flag, value)) = authorization {
        headers.push(Header::new("Authorization", &value, true).map_err(|error| wrong(flag, &error))?);
    }
    Ok(headers)
}

/// `NAME: VARIABLE`.
pub fn header_env(line: &str) -> Result<(&str, &str), UsageError> {
    let both = line
        .split_once(':')
        .map(|(name, variable)| (name.trim(), variable.trim()));
    both.filter(|(name, variable)| !name.is_empty() && !variable.is_empty())
        .ok_or_else(|| {
            // Whoever wrote the value there instead of its variable must not find it in a log.
            UsageError::new("--header-env takes a header's name and the variable that holds its value")
                .help("write --header-env 'X-Bypass: BYPASS_TOKEN'")
        })
}

fn variable_value<'w>(flag: &str, variable: &str, world: &'w World) -> Result<&'w str, UsageError> {
    world
        .env
        .get(variable)
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            let shown = if variable.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                variable
            } else {
                "it"
            };
            UsageError::new(format!("{shown}, named by {flag}, is not set or empty")).help(
                "map the secret into the step with `env:`, and let skip-guard require it so that forks are skipped",
            )
        })
}

pub fn body(options: &ProbeOptions, workspace: &Path) -> Result<Option<Bytes>, UsageError> {
    match (&options.body, &options.body_file) {
        (Some(_), Some(_)) => {
            Err(UsageError::new("--body and --body-file cannot both be sent").help("drop one of the two"))
        }
        (Some(text), None) => Ok(Some(text.clone().into())),
        (None, Some(file)) => {
            let wrong = |why: String| UsageError::new(format!("--body-file: {why}"));
            let path = workspace.join(file);
            let bytes = files::read_if_there(&path, LARGEST_BODY, Links::Follow)
                .map_err(|error| wrong(format!("{error:#}")))?;
            let bytes = bytes.ok_or_else(|| wrong(format!("{} does not exist", path.display())))?;
            Ok(Some(bytes.into()))
        }
        (None, None) => Ok(None),
    }
}

pub fn settings(options: &ProbeOptions, follow_redirects: bool, workspace: &Path) -> Result<Settings, UsageError> {
    let names = options.header.iter().chain(&options.header_env);
    let mut names = names.filter_map(|line| line.split_once(':'));
    let two = matches!(options.http_version.as_deref(), Some("2" | "2.0"));
    if two && names.any(|(name, _)| name.trim().eq_ignore_ascii_case("host")) {
        return Err(
            UsageError::new("a Host header cannot be sent over HTTP/2, which has the host in its URL")
                .help("drop the header and give --resolve, or drop --http-version 2"),
        );
    }
    let file = |name: &String| -> PathBuf { workspace.join(name) };
    let resolve = options.resolve.iter().map(|text| {
        text.parse()
            .map_err(|error| UsageError::new(format!("--resolve: {error}")))
    });
    Ok(Settings {
        connect_timeout: positive("--connect-timeout", options.connect_timeout, CONNECT_TIMEOUT)?,
        follow_redirects,
        version: match options.http_version.as_deref() {
            None => HttpVersion::Any,
            Some("1.1" | "1") => HttpVersion::One,
            Some("2" | "2.0") => HttpVersion::Two,
            Some(other) => {
                return Err(UsageError::new(format!(
                    "--http-version {other} is not supported; use 1.1 or 2"
                )));
            }
        },
        family: match (options.ipv4.unwrap_or(false), options.ipv6.unwrap_or(false)) {
            (false, false) => Family::Any,
            (true, false) => Family::V4,
            (false, true) => Family::V6,
            (true, true) => {
                return Err(UsageError::new("--ipv4 and --ipv6 cannot be used together").help("drop one of the two"));
            }
        },
        resolve: resolve.collect::<Result<_, _>>()?,
        ca: options.ca_file.as_ref().map(|path| file(path).into()),
        client_certificate: match (&options.client_cert, &options.client_key) {
            (Some(certificate), Some(key)) => Some(ClientCertificate {
                certificate: file(certificate).into(),
                key: file(key).into(),
            }),
            (None, None) => None,
            _ => {
                return Err(UsageError::new("--client-cert and --client-key must be used together")
                    .help("give both; one PEM file may be named twice if it holds both"));
            }
        },
        insecure: options.insecure.unwrap_or(false),
        proxy: match options.proxy.as_deref() {
            None => ProxyChoice::FromEnvironment,
            Some("none") => ProxyChoice::None,
            Some(url) => ProxyChoice::Url(target(url).map_err(|error| UsageError {
                message: format!("--proxy: {}", error.message),
                help: Some("write http://host:port or none; HTTPS_PROXY may hold credentials".to_owned()),
            })?),
        },
    })
}
