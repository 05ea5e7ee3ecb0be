//! What was tried against the binary, a file per area. `cargo test --test attacks -- --list` lists the cases.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise, and says what it left out"
)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and inspect the outside world")]
#![allow(dead_code, reason = "what both test binaries use is written for both")]

#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/github.rs"]
mod github;
#[path = "../support/repo.rs"]
mod repo;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/skipped.rs"]
mod skipped;

mod answers;
mod bundles;
mod files;
mod guard;
mod leaks;
mod processes;
mod proofs;
mod releases;
mod runner;
mod verdicts;
mod windows;
mod zips;
