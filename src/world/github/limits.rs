//! GitHub's rate limits, from an answer's head.
//!
//! A primary limit is one of requests per hour: `x-ratelimit-remaining: 0`, and `x-ratelimit-reset` says in seconds since
//! 1970 when it ends. A secondary one is against bursts: `retry-after` in seconds, or only a message. Both come as 403 or
//! 429 (docs.github.com, "Rate limits for the REST API").

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;

/// Without a `retry-after` GitHub asks for at least a minute.
const MINUTE: Duration = Duration::from_secs(60);
/// A limit ends in the course of a second.
const REST_OF_SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Primary,
    Secondary,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "rate limit",
            Self::Secondary => "secondary rate limit",
        })
    }
}

/// Which limit an answer speaks of, if it does, and how long it holds from `now` on.
pub fn limit(status: u16, headers: &HeaderMap, message: &str, now: Timestamp) -> Option<(Limit, Duration)> {
    if !matches!(status, 403 | 429) {
        return None;
    }
    let number = |name: &str| -> Option<i64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
    let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    if let Some(after) = number("retry-after") {
        return Some((Limit::Secondary, seconds(after)));
    }
    if number("x-ratelimit-remaining") == Some(0) {
        let wait = number("x-ratelimit-reset").map_or(MINUTE, |reset| {
            seconds(reset.saturating_sub(now.as_second())) + REST_OF_SECOND
        });
        return Some((Limit::Primary, wait));
    }
    let message = message.to_ascii_lowercase();
    let named = message.contains("secondary rate limit") || message.contains("abuse detection");
    (named || status == 429).then_some((Limit::Secondary, MINUTE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&'static str, &str)| (name.parse().unwrap(), value.parse().unwrap());
        pairs.iter().map(header).collect::<HeaderMap>()
    }

    #[test]
    fn each_kind_is_told_apart() {
        let now = Timestamp::from_second(1_000).unwrap();
        let of = |status, pairs: &[(&'static str, &str)], message| limit(status, &headers(pairs), message, now);
        let exhausted = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1009")];
        let secs = Duration::from_secs;
        assert_eq!(of(403, &exhausted, ""), Some((Limit::Primary, secs(10))));
        assert_eq!(of(429, &exhausted, ""), Some((Limit::Primary, secs(10))));
        assert_eq!(of(403, &[("retry-after", "7")], ""), Some((Limit::Secondary, secs(7))));
        let said = "You have exceeded a secondary rate limit.";
        assert_eq!(of(403, &[], said), Some((Limit::Secondary, secs(60))));
        assert_eq!(of(429, &[], ""), Some((Limit::Secondary, secs(60))));
        // A plain 403 is about permissions, and a good answer with nothing left is a good answer.
        assert_eq!(
            of(403, &[("x-ratelimit-remaining", "12")], "Resource not accessible"),
            None
        );
        assert_eq!(of(200, &exhausted, ""), None);
    }

    proptest! {
        #[test]
        fn never_panics(status in 100u16..600, value in "[0-9-]{0,22}", message in "\\PC*", now in 0i64..4_000_000_000) {
            let pairs = [("retry-after", value.as_str()), ("x-ratelimit-reset", &value), ("x-ratelimit-remaining", "0")];
            for pairs in [&pairs[..], &pairs[1..]] {
                let _ = limit(status, &headers(pairs), &message, Timestamp::from_second(now).unwrap());
            }
        }
    }
}
