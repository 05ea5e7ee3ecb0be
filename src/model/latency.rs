//! How long answers took, over all of them and over time. Bounded, however many there were.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a probe measured. Times are those of whole attempts with good responses, in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// Good responses.
    pub count: u64,
    /// At most 1 % below the true one.
    pub median_us: u64,
    /// The 95th percentile of good responses; at most 1 % below the true one.
    pub p95_us: u64,
    pub max_us: u64,
    /// From the first attempt to the last, in order, at most 60 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub points: Vec<Point>,
}

/// The attempts in one period.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Point {
    /// Milliseconds from the first attempt to the beginning of this period.
    pub at_ms: u64,
    /// Good responses.
    pub good: u64,
    /// Attempts that failed, for any reason.
    pub failed: u64,
    /// Of good responses, microseconds; 0 without any.
    pub mean_us: u64,
    /// Of good responses, microseconds; 0 without any.
    pub max_us: u64,
}
