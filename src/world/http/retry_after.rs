//! `Retry-After` (RFC 9110 10.2.3): seconds, or a date in one of three forms (5.6.7).

use std::time::{Duration, SystemTime};

/// Nobody who probes waits longer, and a server that asks for years is not believed.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long to wait, seen from `now`; `None` if it is neither.
pub fn parse(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim_matches([' ', '\t']);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are still many seconds.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    Some(until.duration_since(now).unwrap_or_default().min(LONGEST))
}

#[cfg(test)]
mod tests;
