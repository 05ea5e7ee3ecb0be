//! The binary, run as a user or a runner runs it. One test binary, a file per subcommand or surface.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod gate;
mod servers;

mod inputs;
mod skip_guard;
mod smoke;
mod smoke_nginx;
mod verdict;
