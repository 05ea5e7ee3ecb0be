//! A report as text, one file per format. No format judges anything: all of them show the same report.

pub mod annotations;
pub mod console;
pub mod json;
pub mod junit;
mod latency;
pub mod outputs;
pub mod sarif;
mod skip;
pub mod staging_status;
pub mod summary;
#[cfg(test)]
mod tests;
mod timeline;
