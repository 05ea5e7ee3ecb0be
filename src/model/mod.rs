//! Nouns and rules. Nothing here looks at the world: what is parsed here is text that `world` has read. [`cores`] starts
//! threads, which nobody sees outside of the process: the same text has the same result on any number of them.

pub mod attest;
pub mod capped;
pub mod check;
pub mod cores;
mod counts;
pub mod diagnose;
pub mod evidence;
pub mod exit;
pub mod failure;
pub mod finding;
pub mod heartbeat;
pub mod latency;
pub mod manifest;
pub mod markdown;
pub mod output;
mod redaction;
pub mod report;
pub mod rule;
pub mod scan;
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
pub mod workflow;
pub mod yaml;

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
