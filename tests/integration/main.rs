//! The binary, run as a user or a runner runs it. One test binary, a file per subcommand or surface.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may stop at the first surprise, and says what it left out"
)]
#![allow(clippy::disallowed_methods, reason = "tests prepare and inspect the outside world")]

#[path = "../support/artifacts.rs"]
mod artifacts;
#[path = "../support/aws.rs"]
mod aws;
#[path = "../support/gate.rs"]
mod gate;
#[path = "../support/half_way.rs"]
mod half_way;
#[path = "../support/kubernetes.rs"]
mod kubernetes;
#[path = "../support/platform.rs"]
mod platform;
#[path = "../support/registry.rs"]
mod registry;
#[path = "../support/repo.rs"]
mod repo;
#[path = "../support/s3.rs"]
mod s3;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/shapes.rs"]
mod shapes;
#[path = "../support/skipped.rs"]
mod skipped;
#[path = "../support/tokens.rs"]
mod tokens;

mod attested;
mod check;
mod completions;
mod console;
mod container;
mod diagnose;
mod documents;
mod env_from;
mod evidence_bundle;
mod examples;
mod fetched;
mod foreground_proof;
mod github;
mod heartbeat;
mod init;
mod inputs;
mod install;
mod layers;
mod merge;
mod newcomer;
mod patch;
mod pins;
mod real_artifacts;
mod rehearse;
mod rollback_dry_run;
mod scan;
mod scan_archives;
mod skip_guard;
mod skip_guard_fix;
mod smoke;
mod verdict;
mod verify;
mod workflow;
