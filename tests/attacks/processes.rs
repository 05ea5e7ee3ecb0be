//! Processes that outlive, replace or imitate what was started.

mod daemons;
mod heartbeat;
mod owner;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::skipped::not_checked;

/// A process that is killed with the test.
struct Killed(Child);

impl Killed {
    fn start(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program that other users may run as well.
fn tool(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/bin", "/usr/sbin"];
    let found = folders
        .map(|folder| Path::new(folder).join(name))
        .into_iter()
        .find(|path| path.exists());
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        not_checked(&test, &format!("{name} is not installed"), "STAGEPROOF_REQUIRE_TOOLS");
    }
    found
}

/// Whether a process of another user can be started here.
fn may_change_user() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        let test = std::thread::current().name().unwrap_or_default().to_owned();
        not_checked(
            &test,
            "only root can start another user's process",
            "STAGEPROOF_REQUIRE_ROOT",
        );
    }
    root
}

fn is_alive(pid: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())) {
        Ok(stat) => !stat.rsplit(')').next().unwrap().trim().starts_with('Z'),
        Err(_) => false,
    }
}
