//! Why is it red? The log of a job that failed, split into its steps, searched by rules, and judged.
//!
//! Nothing in a log is trusted: lines are bytes, memory is bounded, and no pattern takes more than linear time.

mod absent;
mod cause;
mod context;
mod culprit;
mod ending;
mod excerpt;
mod finder;
mod fix;
mod header;
mod heed;
mod hollow;
mod judge;
mod line;
mod log;
mod normal;
mod pace;
mod parts;
mod phrases;
mod proof;
mod raw;
mod reader;
mod rule;
mod rule_file;
mod rules;
mod scope;
mod select;
mod service;
mod step_kind;
mod verdict;
mod words;
mod worth;

pub use cause::{Cause, Confidence};
pub use context::Context;
pub use fix::Fix;
pub use header::{Header, Value};
pub use judge::{Diagnosis, NOT_GREEN, Shown, diagnose, judge};
pub use log::{Log, Piece, Step};
pub use normal::Known;
pub use pace::Pace;
pub use reader::Reader;
pub use rule::RuleError;
pub use rules::{Match, Rules};

#[cfg(test)]
mod measure;
#[cfg(test)]
mod tests;
