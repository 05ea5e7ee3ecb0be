//! Nouns and rules. Nothing here looks at the world: serde (and the schema derive) is all it needs.

pub mod capped;
pub mod check;
mod counts;
pub mod evidence;
pub mod exit;
pub mod failure;
pub mod finding;
pub mod heartbeat;
pub mod latency;
pub mod manifest;
pub mod output;
mod redaction;
pub mod report;
pub mod share;
pub mod staging_status;
pub mod status_set;
pub mod subject;
pub mod text;
pub mod time_span;
pub mod timeline;
pub mod variables;
pub mod verbosity;
pub mod verdict;
pub mod waiver;

pub use check::{Check, Ended, Fact, Status};
pub use counts::Counts;
pub use failure::{Class, Reason};
pub use finding::{Finding, Severity};
pub use output::Output;
pub use report::{Outcome, Report, Skip};
pub use status_set::StatusSet;
pub use subject::Subject;
pub use time_span::TimeSpan;
pub use timeline::Span;
pub use verbosity::Verbosity;
pub use verdict::Verdict;
