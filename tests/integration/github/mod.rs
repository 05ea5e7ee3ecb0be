//! What is asked of GitHub, against a server that is as strict.

mod access;
mod deployments;
mod diagnose;
mod environment;
#[path = "../../support/github.rs"]
pub mod mock;
mod oidc;
mod other_runs;
mod permission;
mod previous_job;
mod skips;
