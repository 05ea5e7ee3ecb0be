//! A folder per subcommand: its plan, its checks, its finding codes. No folder uses another's; `rehearse` and `merge` alone
//! call them in turn. A subcommand is a function from a plan to an outcome: it never prints, never exits, never reads the
//! environment behind the world's back.

pub mod artifacts;
pub mod check;
pub mod diagnose;
pub mod evidence_bundle;
pub mod foreground_proof;
pub mod heartbeat;
pub mod init;
pub mod install;
pub mod merge;
pub mod rehearse;
pub mod rollback_dry_run;
pub mod scan;
pub mod skip_guard;
pub mod smoke;
pub mod verdict;
pub mod verify;

use std::path::{Path, PathBuf};
use std::pin::Pin;

use crate::model::rule::Rules;
use crate::model::{Outcome, exit};
use crate::world::{World, files};

/// What to do if a report or a log cannot be written, by what the error says.
pub fn advice(error: &str) -> &'static str {
    match error.contains(files::NOT_OURS) {
        true => "give it to the user of this step (chown), or name another folder with --evidence-dir",
        false => "free some space, or write it elsewhere (--evidence-dir, --report, --sarif)",
    }
}

/// A subcommand that was told what to do: all that the rest of the program knows of it.
pub trait Subcommand {
    /// Where its report belongs.
    fn report_home(&self) -> ReportHome {
        ReportHome::Inside
    }

    /// The file that its report goes to, if it was named and has no other place.
    fn report_file(&self) -> Option<&Path> {
        None
    }

    /// It is made anew each time: its report replaces that of an earlier call in the same run.
    fn replaces_its_report(&self) -> bool {
        false
    }

    /// What it writes beside its report, and the flag that names it.
    fn writes(&self) -> Option<(&'static str, &Path)> {
        None
    }

    /// Where the verdict is written for other gates, if it is.
    fn status_file(&self) -> Option<&Path> {
        None
    }

    /// Where its findings go for code scanning, if they do, and what their codes stand for.
    fn sarif(&self) -> Option<(&Path, &Rules)> {
        None
    }

    /// Whether it shows logs of other jobs, in which there may be secrets that nobody named.
    fn shows_logs(&self) -> bool {
        false
    }

    /// Whether it stands for a command of somebody: standard output is that command's, and it runs whatever becomes of
    /// the report.
    fn is_wrapper(&self) -> bool {
        false
    }

    /// Runs it. `keep` is called by what seals, just before it seals.
    fn run<'a>(&'a self, world: &'a World, keep: Keep<'a>) -> Running<'a>;

    /// The exit code if stageproof itself fails.
    fn failure_code(&self) -> u8 {
        if self.is_wrapper() {
            exit::OWN_FAILURE
        } else {
            exit::FAIL
        }
    }
}

pub type Running<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;

/// Keeps the report of what was found so far in the evidence directory.
pub type Keep<'a> = &'a (dyn Fn(&Outcome) -> anyhow::Result<()> + Sync);

/// Starts a version of the application and asks whether it answers. `smoke` can, and `rollback-dry-run` is handed it for the
/// previous version: neither knows the other.
pub trait Trial {
    /// Runs `command` in `folder`, in place of the command that is configured.
    fn of<'a>(&'a self, command: Vec<String>, folder: PathBuf, world: &'a World) -> Running<'a>;
}

/// Where a subcommand's report belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportHome {
    /// Into the evidence directory, to be sealed with it.
    Inside,
    /// Beside the evidence directory: what is sealed must not change any more.
    Beside,
    /// What there is to report before the sealing goes inside, the whole beside.
    InsideThenBeside,
    /// Nowhere, unless a file is named for it: it only reads.
    None,
}
