//! How slow is too slow.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::commands::smoke::timing::{Statistic, Timing};
use crate::model::time_span::TimeSpanError;
use crate::model::{TimeSpan, text};

/// `median=200ms` or `p95=1s`: a limit for that number over all good responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyLimit {
    statistic: Statistic,
    limit: Duration,
}

/// Why a text is not a limit of latency.
#[derive(Debug, thiserror::Error)]
pub enum LatencyLimitError {
    #[error("`{0}` is not a limit of latency; write median=200ms or p95=1s")]
    Form(String),
    #[error(transparent)]
    Time(#[from] TimeSpanError),
}

impl LatencyLimit {
    /// What is wrong, if anything.
    pub fn check(&self, timing: &Timing) -> Result<(), String> {
        let Some(measured) = timing.statistic(self.statistic) else {
            return Ok(());
        };
        if measured <= self.limit {
            return Ok(());
        }
        // As it is shown elsewhere, but not as the limit that it exceeds.
        let millis = measured.as_micros().div_ceil(1_000);
        let shown = match TimeSpan::measured(measured) {
            shown if shown.0 > self.limit => shown,
            _ => TimeSpan::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)),
        };
        Err(format!(
            "the {} latency is {shown}, more than {}",
            self.statistic.as_str(),
            TimeSpan(self.limit)
        ))
    }
}

impl FromStr for LatencyLimit {
    type Err = LatencyLimitError;

    fn from_str(given: &str) -> Result<Self, LatencyLimitError> {
        let wrong = || LatencyLimitError::Form(given.trim().to_owned());
        let (name, limit) = given.split_once('=').ok_or_else(wrong)?;
        let statistic = match name.trim() {
            "median" | "p50" => Statistic::Median,
            "p95" => Statistic::P95,
            _ => return Err(wrong()),
        };
        let limit: TimeSpan = limit.trim().parse()?;
        if limit.0.is_zero() {
            return Err(wrong());
        }
        Ok(Self {
            statistic,
            limit: limit.0,
        })
    }
}

impl fmt::Display for LatencyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.statistic.as_str(), TimeSpan(self.limit))
    }
}

text::read_from_text!(LatencyLimit {
    "description": "A limit for the median or the 95th percentile: median=200ms, p95=1s.",
    "pattern": "^(median|p50|p95)=.+$",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_passed_by_more_and_not_by_as_much() {
        let mut timing = Timing::new(Duration::from_secs(1));
        let limit: LatencyLimit = "p95=100ms".parse().unwrap();
        assert!(limit.check(&timing).is_ok(), "nothing was measured");
        for _ in 0..19 {
            timing.add(Duration::ZERO, Some(Duration::from_millis(100)));
        }
        assert!(limit.check(&timing).is_ok());
        timing.add(Duration::ZERO, Some(Duration::from_millis(900)));
        assert!(limit.check(&timing).is_ok(), "one of twenty is above p95");
        timing.add(Duration::ZERO, Some(Duration::from_millis(900)));
        let wrong = limit.check(&timing).unwrap_err();
        assert!(wrong.starts_with("the p95 latency is 89"), "{wrong}");
        assert!("median=100ms".parse::<LatencyLimit>().unwrap().check(&timing).is_ok());
        let mut timing = Timing::new(Duration::from_secs(1));
        timing.add(Duration::ZERO, Some(Duration::from_micros(1_240)));
        let wrong = "p95=1ms".parse::<LatencyLimit>().unwrap().check(&timing).unwrap_err();
        assert_eq!(wrong, "the p95 latency is 1.2ms, more than 1ms");
        let mut timing = Timing::new(Duration::from_secs(1));
        timing.add(Duration::ZERO, Some(Duration::from_micros(1_000_050)));
        let wrong = "p95=1s".parse::<LatencyLimit>().unwrap().check(&timing).unwrap_err();
        assert_eq!(wrong, "the p95 latency is 1.001s, more than 1s");
    }

    #[test]
    fn what_is_written_wrong_says_how_it_is_written() {
        for text in ["100ms", "p99=1s", "p95=", "p95=0s", "p95=100", "p95 1s", ""] {
            assert!(text.parse::<LatencyLimit>().is_err(), "{text}");
        }
        assert_eq!("p50=1500ms".parse::<LatencyLimit>().unwrap().to_string(), "median=1.5s");
    }
}
