//! Everything outside the process, and the only code that touches it.

pub mod api;
pub mod archive;
pub mod artifacts;
pub mod aws;
pub mod binary;
pub mod bundles;
pub mod calls;
pub mod clock;
pub mod copy;
pub mod dns;
pub mod download;
pub mod env;
pub mod files;
pub mod follow;
pub mod git;
pub mod github;
pub mod hash;
pub mod host;
pub mod http;
pub mod interrupt;
pub mod job_log;
pub mod kubernetes;
pub mod lines;
pub mod mounts;
pub mod output;
pub mod panics;
pub mod paths;
pub mod ports;
pub mod process;
pub mod progress;
pub mod random;
pub mod registry;
pub mod reports;
pub mod runner;
pub mod s3;
pub mod scan;
pub mod scratch;
pub mod secrets;
pub mod signing;
pub mod sockets;
pub mod stamp;
pub mod supervisor;
pub mod unpack;
pub mod walk;
pub mod workspace;
pub mod wrap;

use std::path::PathBuf;
use std::sync::Arc;

pub use clock::Clock;
pub use env::Env;
pub use host::Host;
pub use interrupt::Interrupt;
pub use progress::Progress;
pub use runner::Runner;

/// What a subcommand may reach. Cheap to clone into the checks it starts.
#[derive(Clone)]
pub struct World {
    pub env: Arc<Env>,
    pub runner: Arc<Runner>,
    pub clock: Clock,
    pub interrupt: Interrupt,
    pub progress: Progress,
    /// What must never be shown.
    pub secrets: Arc<secrets::Redactor>,
    /// The workspace: what the paths of the configuration and of defaults are relative to ([`workspace::find`]).
    pub workspace: PathBuf,
    /// The current folder: where commands run, and what git is asked about.
    pub folder: PathBuf,
    pub host: Arc<Host>,
}

#[cfg(test)]
impl World {
    /// One with these variables and nothing else: in the temporary folder, silent, never interrupted.
    pub fn of(env: Env) -> Self {
        Self {
            runner: Arc::new(Runner::from_env(&env)),
            env: Arc::new(env),
            clock: Clock::default(),
            interrupt: Interrupt::never(),
            progress: Progress::silent(),
            secrets: Arc::default(),
            workspace: std::env::temp_dir(),
            folder: std::env::temp_dir(),
            host: Arc::default(),
        }
    }
}
