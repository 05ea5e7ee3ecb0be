//! Options of `heartbeat`. They are flags only: the container of the action holds nothing that could be run, and a
//! configuration that several steps share says nothing about one step's command.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use clap::Args;

use super::common::{Setting, path_part};
use super::error::UsageError;
use super::{Given, Options};
use crate::commands::Subcommand;
use crate::commands::heartbeat::{Codes, Plan};
use crate::model::TimeSpan;
use crate::model::heartbeat::LONGEST_LABEL;
use crate::world::World;

const EVERY: TimeSpan = TimeSpan::from_secs(15);
/// More often than this the log says more about stageproof than about the command.
const SHORTEST_EVERY: TimeSpan = TimeSpan::from_millis(10);
const GRACE: TimeSpan = TimeSpan::from_secs(10);
const CRITICAL_GRACE: TimeSpan = TimeSpan::from_secs(300);
const MOST_RETRIES: u32 = 100;

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  stageproof heartbeat --timeout 30m --stall-after 5m -- ./deploy.sh staging\n  stageproof heartbeat --label deploy --shell -- './build.sh && ./deploy.sh staging'"
)]
pub struct HeartbeatOptions {
    /// Interval between two heartbeats, at least 10ms [default: 15s].
    #[arg(long, value_name = "TIME")]
    pub every: Option<TimeSpan>,
    /// Warn, and list the processes, after this long without output or CPU activity (about 3 % of one core).
    #[arg(long, value_name = "TIME")]
    pub stall_after: Option<TimeSpan>,
    /// End the command when it stalls, with exit code 124.
    #[arg(long, requires = "stall_after")]
    pub stall_kill: bool,
    /// Time limit of each attempt. Then end the command and all processes that it started, with exit code 124.
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<TimeSpan>,
    /// Time between SIGTERM and SIGKILL [default: 10s]. After a signal from outside, at most 7s, the time a runner waits.
    #[arg(long, value_name = "TIME")]
    pub grace: Option<TimeSpan>,
    /// Hold back the first SIGINT, SIGTERM, SIGHUP or SIGQUIT until the command has ended or --critical-grace is over.
    /// A second signal is passed on. GitHub still kills a cancelled job 10 s after its first signal.
    #[arg(long)]
    pub critical: bool,
    /// Maximum time --critical holds a signal back [default: 5m].
    #[arg(long, value_name = "TIME", requires = "critical")]
    pub critical_grace: Option<TimeSpan>,
    /// Number of retries after a failed attempt.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(MOST_RETRIES)))]
    pub retries: Option<u32>,
    /// Exit codes to retry, such as 1,75-78, or 124 for a time limit [default: all but 126 and 127].
    #[arg(long, value_name = "CODES", requires = "retries")]
    pub retry_on: Option<Codes>,
    /// Wait between two attempts [default: 0s].
    #[arg(long, value_name = "TIME", requires = "retries")]
    pub retry_wait: Option<TimeSpan>,
    /// Run the command on a terminal, for programs that otherwise buffer their output or drop colors. Standard error is
    /// then merged into standard output.
    #[arg(long)]
    pub pty: bool,
    /// Run the command, given as one word, as a script with `bash -e -o pipefail -c`, or with `sh -e -c` if there is no
    /// bash.
    #[arg(long)]
    pub shell: bool,
    /// Command and its arguments, after `--`. It runs without a shell unless --shell is given.
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

impl Options for HeartbeatOptions {
    fn into_plan(self: Box<Self>, given: &mut Given<'_>) -> Result<Box<dyn Subcommand>, UsageError> {
        let mut plan = self.clone().plan(&given.setting, given.world)?;
        // A step that went well must not replace the report and log of another one that did not.
        given.setting.label = Some(plan.label.clone());
        given.number_label();
        plan.log = given.setting.label.clone().unwrap_or_default();
        Ok(Box::new(plan))
    }
}

impl HeartbeatOptions {
    pub fn plan(self, setting: &Setting, world: &World) -> Result<Plan, UsageError> {
        let every = self.every.unwrap_or(EVERY);
        if every < SHORTEST_EVERY {
            return Err(UsageError::new(format!(
                "--every {every} is too short: the minimum is {SHORTEST_EVERY}"
            )));
        }
        if self.shell && self.command.len() != 1 {
            return Err(UsageError::new(format!(
                "--shell takes the command as one word, a script, but got {}",
                self.command.len()
            ))
            .help("quote the script: --shell -- 'make build | tee build.txt'"));
        }
        let label = match &setting.label {
            Some(label) => chosen(label)?,
            None if self.shell => "shell".to_owned(),
            None => of_command(&self.command),
        };
        Ok(Plan {
            log: label.clone(),
            label,
            shell: self.shell,
            every: every.0,
            stall_after: positive("--stall-after", self.stall_after)?,
            stall_kill: self.stall_kill,
            timeout: positive("--timeout", self.timeout)?,
            grace: self.grace.unwrap_or(GRACE).0,
            critical: self.critical.then(|| self.critical_grace.unwrap_or(CRITICAL_GRACE).0),
            pty: self.pty,
            retries: self.retries.unwrap_or(0),
            retry_on: self.retry_on.unwrap_or_else(Codes::failures),
            retry_wait: self.retry_wait.map_or(Duration::ZERO, |wait| wait.0),
            logs: setting.evidence_dir.join("logs"),
            folder: world.folder.clone(),
            verbosity: setting.verbosity,
            color: setting.color,
            command: self.command,
        })
    }
}

fn positive(flag: &str, given: Option<TimeSpan>) -> Result<Option<Duration>, UsageError> {
    match given {
        Some(TimeSpan(Duration::ZERO)) => {
            Err(UsageError::new(format!("{flag} must be longer than 0s")).help("leave it out for no limit"))
        }
        given => Ok(given.map(|span| span.0)),
    }
}

/// Logs of these names belong to others: the records of all wrapped commands, and the servers that smoke starts.
fn is_taken(label: &str) -> bool {
    let label = label.to_ascii_lowercase();
    let of_others = ["server", "fix"].iter().any(|log| {
        let rest = label.strip_prefix(log);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
    });
    label == "heartbeat" || of_others
}

fn chosen(label: &str) -> Result<String, UsageError> {
    if is_taken(label) {
        return Err(UsageError::new(format!(
            "--label `{label}` would write logs/{label}.log, which is reserved for another log"
        ))
        .help(format!("choose another label, such as run-{label}")));
    }
    if label.len() > LONGEST_LABEL {
        return Err(UsageError::new(format!(
            "--label is {} characters long; it becomes a file name of at most {LONGEST_LABEL}",
            label.len()
        )));
    }
    Ok(label.to_owned())
}

/// The program's name without its folders.
fn of_command(command: &[OsString]) -> String {
    let name = command.first().and_then(|program| Path::new(program).file_name());
    let label = path_part(&name.unwrap_or_default().to_string_lossy());
    let words = label
        .split('-')
        .enumerate()
        .filter(|(index, word)| *index == 0 || !word.is_empty());
    let mut label = words.map(|(_, word)| word).collect::<Vec<_>>().join("-");
    // All of it is ASCII.
    label.truncate(LONGEST_LABEL - "run-".len());
    if label.is_empty() || is_taken(&label) || label.starts_with('-') || label.starts_with('.') {
        return format!("run-{}", label.trim_start_matches(['-', '.']));
    }
    label
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_named_after_the_program_and_is_nobody_elses() {
        for (program, label) in [
            ("make", "make"),
            ("./scripts/deploy.sh", "deploy.sh"),
            ("/", "run-"),
            ("..", "run-"),
            ("heartbeat", "run-heartbeat"),
            ("server", "run-server"),
            ("server-blue", "run-server-blue"),
            ("a && b", "a-b"),
            ("-x", "run-x"),
        ] {
            assert_eq!(of_command(&[program.into()]), label, "{program}");
        }
        assert!(of_command(&["x".repeat(300).into()]).len() <= LONGEST_LABEL);
        assert!(chosen("heartbeat").is_err() && chosen("Server-1").is_err());
        assert_eq!(chosen("build").unwrap(), "build");
    }
}
