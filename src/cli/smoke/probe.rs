//! One probe, from its options.

use std::time::Duration;

use url::Url;

use super::options::ProbeOptions;
use super::request;
use super::url::{host, target, with_path};
use crate::cli::error::UsageError;
use crate::cli::values::{positive, regex};
use crate::commands::smoke::expect::{Expected, Version, VersionFrom};
use crate::commands::smoke::{Goal, LatencyLimits, Limits, Probe, STAGE};
use crate::model::share::Share;
use crate::model::{StatusSet, TimeSpan};
use crate::world::World;
use crate::world::http::check_proxy;

const WITHIN: TimeSpan = TimeSpan::from_secs(60);
const INTERVAL: TimeSpan = TimeSpan::from_secs(1);
const TIMEOUT: TimeSpan = TimeSpan::from_secs(10);
/// More often than this is a load test, and somebody else may pay for it.
const SHORTEST_INTERVAL: TimeSpan = TimeSpan::from_millis(10);
const MAX_FAILURES: u32 = 3;
const MAX_TRANSPORT_ERRORS: u32 = 5;
const MAX_ERROR_RATIO: Share = Share::percent(5);
const MIN_SAMPLES: u32 = 60;
/// The largest gap between the samples of a window, in intervals, and at least [`SHORTEST_GAP`] for busy machines.
const GAP_INTERVALS: u32 = 3;
const SHORTEST_GAP: Duration = Duration::from_secs(1);
/// It stands in reports and in annotations.
const LONGEST_NAME: usize = 100;

/// The probes that options amount to: one for each path.
pub fn plan(options: &ProbeOptions, world: &World) -> Result<Vec<Probe>, UsageError> {
    let url = options.url.as_ref().ok_or_else(|| {
        let whose = options.name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        UsageError::new(format!("smoke has no URL to probe{whose}"))
            .help("give `stageproof smoke URL`, the input `url`, or `smoke.url` in the configuration")
    })?;
    let url = target(url)?;
    if options.path.is_empty() {
        return Ok(vec![probe(options, url, options.name.clone(), world)?]);
    }
    let several = options.path.len() > 1;
    let one = |path: &String| {
        let name = options.name.as_ref().map(|name| match several {
            true => format!("{name} {path}"),
            false => name.clone(),
        });
        probe(options, with_path(&url, path)?, name, world)
    };
    options.path.iter().map(one).collect()
}

fn probe(options: &ProbeOptions, url: Url, name: Option<String>, world: &World) -> Result<Probe, UsageError> {
    let method = request::method(options.method.as_deref())?;
    let leads = !options.expect_redirect.is_empty() || options.expect_final_host.is_some();
    let follows = match options.follow_redirects {
        Some(false) if leads => {
            return Err(UsageError::new(
                "--expect-redirect and --expect-final-host need redirects to be followed, but --follow-redirects is \
                 false",
            )
            .help("drop one of the two"));
        }
        given => given.unwrap_or(leads),
    };
    let within = positive("--within", options.within, WITHIN)?;
    let interval = interval(options.interval.unwrap_or(INTERVAL))?;
    let expected = expected(options, &url)?;
    if method.is_head() && expected.reads_body() {
        return Err(
            UsageError::new("responses to --method HEAD have no body, but a body is expected")
                .help("drop one of the two"),
        );
    }
    let settings = request::settings(options, follows, &world.workspace)?;
    check_proxy(&world.env, &settings, &url)
        .map_err(|wrong| UsageError::new(wrong.to_string()).help("correct or unset it, or give --proxy none"))?;
    Ok(Probe {
        name: name.map(checked_name).transpose()?,
        stage: stage(options.stage.as_deref())?,
        headers: request::headers(options, world)?,
        body: request::body(options, &world.workspace)?,
        settings,
        expected,
        slow: LatencyLimits {
            warn: options.warn_latency.clone(),
            fail: options.max_latency.clone(),
        },
        min_certificate_days: options.min_certificate_days,
        retry_on_status: options.retry_on_status.clone(),
        within,
        interval,
        timeout: positive("--timeout", options.timeout, TIMEOUT)?,
        window: window(options, within, interval)?,
        control: control(options.control.as_deref(), &url)?,
        url,
        method,
    })
}

fn expected(options: &ProbeOptions, url: &Url) -> Result<Expected, UsageError> {
    let version = options.expect_version.as_ref().map(|expected| {
        let expected = expected.trim().to_owned();
        if expected.is_empty() {
            return Err(UsageError::new("--expect-version is empty").help("give the version"));
        }
        let from = options.version_from.clone().unwrap_or(VersionFrom::Anywhere);
        Ok(Version { expected, from })
    });
    let redirects = options.expect_redirect.iter().map(|to| {
        let shown = to.split('@').next_back().unwrap_or(to);
        let to = url
            .join(to)
            .map_err(|error| UsageError::new(format!("--expect-redirect `{shown}` is not a URL: {error}")))?;
        target(to.as_str()).map_err(|error| UsageError {
            message: format!("--expect-redirect: {}", error.message),
            ..error
        })
    });
    Ok(Expected {
        statuses: options.expect_status.clone().unwrap_or_else(StatusSet::ok),
        final_host: options
            .expect_final_host
            .as_ref()
            .map(|name| host("--expect-final-host", name))
            .transpose()?,
        redirects: redirects.collect::<Result<_, _>>()?,
        version: version.transpose()?,
        headers: options.expect_header.clone(),
        body: options
            .expect_body
            .as_ref()
            .map(|text| regex("--expect-body", text))
            .transpose()?,
        json: options.expect_json.clone(),
    })
}

fn window(options: &ProbeOptions, within: Duration, interval: Duration) -> Result<Option<(Goal, Limits)>, UsageError> {
    let zero = TimeSpan::from_secs(0);
    let goal = match (options.steady, options.watch) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(UsageError::new("--steady and --watch cannot be used together").help("drop one of the two"));
        }
        (steady @ Some(_), None) => Goal::Steady(positive("--steady", steady, zero)?),
        (None, watch) => Goal::Watch(positive("--watch", watch, zero)?),
    };
    let count = |flag: &str, given: Option<u32>, default: u32| match given.unwrap_or(default) {
        0 => Err(UsageError::new(format!(
            "{flag} must be at least 1: the first failure ends the window"
        ))),
        n => Ok(u64::from(n)),
    };
    let limits = Limits {
        failures: count("--max-failures", options.max_failures, MAX_FAILURES)?,
        transport_errors: count(
            "--max-transport-errors",
            options.max_transport_errors,
            MAX_TRANSPORT_ERRORS,
        )?,
        error_ratio: options.max_error_ratio.unwrap_or(MAX_ERROR_RATIO),
        min_samples: u64::from(options.min_samples.unwrap_or(MIN_SAMPLES)),
        deadline: goal.lasts() + within,
        longest_gap: (interval * GAP_INTERVALS).max(SHORTEST_GAP),
    };
    Ok(Some((goal, limits)))
}

/// What is probed cannot be the independent sign that somebody else is at fault.
fn control(given: Option<&str>, probed: &Url) -> Result<Option<Url>, UsageError> {
    let control = given.map(target).transpose()?;
    if let Some(same) = control.as_ref().filter(|control| control.origin() == probed.origin()) {
        return Err(UsageError::new(format!(
            "the control {same} is the probed {probed}, so it fails whenever the probe does"
        ))
        .help("name a URL that is independent of the deployment"));
    }
    Ok(control)
}

fn checked_name(name: String) -> Result<String, UsageError> {
    if name.trim().is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(UsageError::new(format!(
            "the probe's name `{name}` is not one line of at most {LONGEST_NAME} bytes"
        )));
    }
    Ok(name)
}

fn stage(given: Option<&str>) -> Result<String, UsageError> {
    let stage = given.unwrap_or(STAGE);
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if stage.is_empty() || stage.len() > 40 || !stage.bytes().all(plain) {
        return Err(UsageError::new(format!(
            "the stage `{stage}` is not a name: use lower-case letters, digits and `-`"
        )));
    }
    Ok(stage.to_owned())
}

fn interval(given: TimeSpan) -> Result<Duration, UsageError> {
    if given < SHORTEST_INTERVAL {
        return Err(UsageError::new(format!(
            "--interval {given} is too short: the minimum is {SHORTEST_INTERVAL}"
        )));
    }
    Ok(given.0)
}
