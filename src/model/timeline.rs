//! What happened when, for a picture of a run.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What happened during a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SpanState {
    /// Work that succeeded.
    Done,
    /// Work that failed.
    Failed,
    /// Present, but idle.
    Stalled,
    /// An intended wait.
    Waited,
}

impl SpanState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stalled => "stalled",
            Self::Waited => "waited",
        }
    }
}

/// One period of time. Spans may overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// What it was: `attempt 1`.
    pub name: String,
    /// Milliseconds since the report's `started_at`.
    pub from_ms: u64,
    /// Milliseconds since the report's `started_at`; not before `from_ms`.
    pub to_ms: u64,
    pub state: SpanState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_as_it_is_written_down() {
        for state in [
            SpanState::Done,
            SpanState::Failed,
            SpanState::Stalled,
            SpanState::Waited,
        ] {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }
}
