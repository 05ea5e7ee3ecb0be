//! Options of `smoke`.

use std::path::Path;

use clap::{Args, ValueEnum};
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::common::Setting;
use super::error::UsageError;
use super::{Or as _, merge};
use crate::commands::smoke::{Method, Plan, Start};
use crate::model::waiver::Waiver;
use crate::model::{StatusSet, TimeSpan};
use crate::world::http::is_loopback;

const WITHIN: TimeSpan = TimeSpan::from_secs(60);
const INTERVAL: TimeSpan = TimeSpan::from_secs(1);
const CONNECT_TIMEOUT: TimeSpan = TimeSpan::from_secs(5);
const TIMEOUT: TimeSpan = TimeSpan::from_secs(10);
/// Below the 7.5 s between a runner's SIGINT and SIGTERM, so that a cancelled step still ends in order.
const STOP_GRACE: TimeSpan = TimeSpan::from_secs(4);
/// More often than this is a load test, and somebody else may pay for it.
const SHORTEST_INTERVAL: TimeSpan = TimeSpan::from_millis(10);
/// A regular expression whose compiled form is larger was not written by a person.
const LARGEST_REGEX: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[value(rename_all = "UPPER")]
#[serde(rename_all = "UPPERCASE")]
pub enum MethodName {
    Get,
    Head,
}

#[derive(Clone, Debug, Default, Args, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SmokeOptions {
    /// The address of what was deployed: http://host:port or https://host.
    #[arg(value_name = "URL")]
    pub url: Option<String>,
    /// A path to probe; repeatable [default: the URL's own path].
    #[arg(long, value_name = "PATH")]
    pub path: Vec<String>,
    /// Statuses that are right: 200, 2xx or 200,204 [default: 200].
    #[arg(long, value_name = "LIST")]
    pub expect_status: Option<StatusSet>,
    /// A regular expression the body must match, within its first 1 MiB.
    #[arg(long, value_name = "REGEX")]
    pub expect_body: Option<String>,
    /// The request method [default: GET].
    #[arg(long, value_enum, ignore_case = true)]
    pub method: Option<MethodName>,
    /// Follow redirects, ten at most [default: false; a redirect is then an answer like any other].
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub follow_redirects: Option<bool>,
    /// In which it must become healthy, all attempts together [default: 60s].
    #[arg(long, value_name = "TIME")]
    pub within: Option<TimeSpan>,
    /// Between two attempts, at least 10ms [default: 1s].
    #[arg(long, value_name = "TIME")]
    pub interval: Option<TimeSpan>,
    /// For one connection [default: 5s].
    #[arg(long, value_name = "TIME")]
    pub connect_timeout: Option<TimeSpan>,
    /// For one attempt, from the first byte sent to the last byte read; never longer than what is left of --within
    /// [default: 10s].
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<TimeSpan>,
    /// A command that starts the built server, split into words as a shell would, but without a shell.
    #[arg(long, value_name = "COMMAND")]
    pub start: Option<String>,
    /// How long the started server may take to end after SIGTERM, before SIGKILL [default: 4s].
    #[arg(long, value_name = "TIME")]
    pub stop_grace: Option<TimeSpan>,
    /// Waivers do not hold.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub strict: Option<bool>,
}

impl SmokeOptions {
    pub fn or(self, config: Self) -> Self {
        merge!(
            self,
            config,
            Self {
                url,
                path,
                expect_status,
                expect_body,
                method,
                follow_redirects,
                within,
                interval,
                connect_timeout,
                timeout,
                start,
                stop_grace,
                strict,
            }
        )
    }

    pub fn strict(&self) -> bool {
        self.strict.unwrap_or(false)
    }

    pub fn plan(self, setting: &Setting, workspace: &Path, waivers: Vec<Waiver>) -> Result<Plan, UsageError> {
        let url = self.url.ok_or_else(|| {
            UsageError::new("smoke has no URL to probe")
                .help("give `stageproof smoke URL`, the input `url`, or `smoke.url` in the configuration")
        })?;
        let url = target(&url)?;
        let targets = if self.path.is_empty() {
            vec![url]
        } else {
            self.path
                .iter()
                .map(|path| with_path(&url, path))
                .collect::<Result<_, _>>()?
        };
        let head = self.method == Some(MethodName::Head);
        if head && self.expect_body.is_some() {
            return Err(
                UsageError::new("--expect-body cannot be met with --method HEAD, whose answers have no body")
                    .help("drop one of the two"),
            );
        }
        if self.start.is_some() && !is_loopback(&targets[0]) {
            return Err(UsageError::new(format!(
                "--start starts a server on this machine, and {} is another one",
                targets[0].host_str().unwrap_or_default()
            ))
            .help("probe http://127.0.0.1:PORT, or drop --start"));
        }
        let start = self
            .start
            .map(|command| {
                Ok::<_, UsageError>(Start {
                    command: words("--start", &command)?,
                    log: setting
                        .evidence_dir
                        .join("logs")
                        .join(log_name(setting.label.as_deref())),
                    grace: self.stop_grace.unwrap_or(STOP_GRACE).0,
                    workspace: workspace.to_owned(),
                })
            })
            .transpose()?;
        Ok(Plan {
            targets,
            expect_status: self.expect_status.unwrap_or_else(StatusSet::ok),
            expect_body: self.expect_body.map(|text| regex("--expect-body", &text)).transpose()?,
            method: if head { Method::Head } else { Method::Get },
            follow_redirects: self.follow_redirects.unwrap_or(false),
            within: positive("--within", self.within, WITHIN)?,
            interval: interval(self.interval.unwrap_or(INTERVAL))?,
            connect_timeout: positive("--connect-timeout", self.connect_timeout, CONNECT_TIMEOUT)?,
            timeout: positive("--timeout", self.timeout, TIMEOUT)?,
            start,
            waivers,
        })
    }
}

/// Each label has a log of its own, as it has a report: a second smoke of a job must not empty the first one's.
fn log_name(label: Option<&str>) -> String {
    label.map_or_else(|| "server.log".to_owned(), |label| format!("server-{label}.log"))
}

fn interval(given: TimeSpan) -> Result<std::time::Duration, UsageError> {
    if given < SHORTEST_INTERVAL {
        return Err(UsageError::new(format!(
            "--interval {given} asks too often: the shortest is {SHORTEST_INTERVAL}"
        )));
    }
    Ok(given.0)
}

fn positive(flag: &str, given: Option<TimeSpan>, default: TimeSpan) -> Result<std::time::Duration, UsageError> {
    match given.unwrap_or(default).0 {
        span if span.is_zero() => Err(UsageError::new(format!("{flag} must be longer than 0s"))),
        span => Ok(span),
    }
}

/// A URL that can be probed, or what is wrong with it.
pub fn target(text: &str) -> Result<Url, UsageError> {
    let shown = text.split('@').next_back().unwrap_or(text);
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err(UsageError::new(format!("`{shown}` has no scheme"))
                .help(format!("write https://{shown} or http://{shown}")));
        }
        Err(error) => {
            return Err(UsageError::new(format!("`{shown}` is not a URL: {error}"))
                .help("write it like https://staging.example.com or http://127.0.0.1:8080"));
        }
    };
    if !matches!(url.scheme(), "http" | "https") {
        let help = match url.host_str() {
            // `localhost:8080` reads as the scheme `localhost`.
            None => format!("write http://{shown} if `{}` is the host", url.scheme()),
            Some(_) => "write http:// or https://".to_owned(),
        };
        return Err(UsageError::new(format!(
            "`{shown}` has the scheme `{}`, and only http and https can be probed",
            url.scheme()
        ))
        .help(help));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UsageError::new(format!(
            "the URL of {} holds credentials, which would end up in logs and reports",
            url.host_str().unwrap_or_default()
        ))
        .help("take them out of the URL"));
    }
    Ok(url)
}

fn with_path(url: &Url, path: &str) -> Result<Url, UsageError> {
    if !path.starts_with('/') || path.starts_with("//") {
        return Err(UsageError::new(format!("--path `{path}` is not a path")).help("begin it with one slash: /healthz"));
    }
    url.join(path)
        .map_err(|error| UsageError::new(format!("--path `{path}` does not fit the URL: {error}")))
}

/// Splits a command as a shell would, without running one.
pub fn words(flag: &str, command: &str) -> Result<Vec<String>, UsageError> {
    match shlex::split(command) {
        Some(words) if !words.is_empty() => Ok(words),
        Some(_) => Err(UsageError::new(format!("{flag} must not be empty"))),
        None => Err(UsageError::new(format!(
            "{flag} `{command}` has a quote that is not closed, or ends in a backslash"
        ))),
    }
}

pub fn regex(flag: &str, text: &str) -> Result<Regex, UsageError> {
    if text.is_empty() {
        return Err(
            UsageError::new(format!("{flag} is empty, which matches everything")).help("write what must be there")
        );
    }
    RegexBuilder::new(text)
        .size_limit(LARGEST_REGEX)
        .build()
        .map_err(|error| UsageError::new(format!("{flag} is not a regular expression: {error}")))
}
