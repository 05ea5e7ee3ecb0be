//! What became of the command, as findings.

use super::Plan;
use super::attempt::{Attempt, Limit};
use crate::model::text::count;
use crate::model::{Finding, TimeSpan, exit};
use crate::world::process::Ending;
use crate::world::process::{StartError, is_assignment};

/// Names of processes that a finding mentions.
const NAMED: usize = 3;

/// Of the last attempt, the one that counts.
pub fn last(plan: &Plan, attempt: &Attempt) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(how_it_ended(plan, attempt));
    if let (None, Some(first)) = (attempt.limit, attempt.told.first()) {
        let names: Vec<&str> = attempt.told.iter().map(|told| told.name()).collect();
        let held = match (plan.critical, attempt.told.len()) {
            (Some(_), 1) if attempt.ending.is_some_and(|ending| ending.exit_code() == 0) => {
                "; the signal was held back until the step had ended"
            }
            _ => "",
        };
        findings.push(
            Finding::warning(
                "asked-to-stop",
                format!("it was asked to stop by {}{held}", names.join(", then ")),
            )
            .help(format!(
                "find out who sent {}: a cancelled run, a time limit of the job?",
                first.name()
            )),
        );
    }
    if attempt.limit != Some(Limit::Stall) {
        let limit = TimeSpan(plan.stall_after.unwrap_or_default());
        findings.extend(attempt.stalls.first().map(|(from, until)| {
            let (from, until) = (TimeSpan::measured(*from), TimeSpan::measured(*until));
            let times = count(attempt.stalls.len(), "time");
            Finding::warning(
                "stalled",
                format!("it was idle for longer than {limit}, {times}, first from {from} to {until} after its start"),
            )
            .help("heartbeat.log lists the processes at that time")
        }));
    }
    if attempt.cut {
        findings.push(
            Finding::warning(
                "output-cut",
                "its output was cut: another process still held it open after the command had ended",
            )
            .help("redirect the output of background processes: `server > server.log 2>&1 &`"),
        );
    }
    if !attempt.survivors.is_empty() {
        let named = attempt.survivors.iter().take(NAMED).cloned().collect::<Vec<_>>();
        findings.push(
            Finding::warning(
                "survivors",
                format!("processes could not be ended: {}", named.join("; ")),
            )
            .help(
                "stageproof may not end processes of another user (sudo); processes in state D wait for a device or a \
                 network file system",
            ),
        );
    }
    if !attempt.left_behind.is_empty() {
        let named = attempt.left_behind.iter().take(NAMED).cloned().collect::<Vec<_>>();
        let number = count(attempt.left_behind.len(), "process");
        findings.push(Finding::note(
            "left-behind",
            format!("it left {number} behind, still running: {}", named.join("; ")),
        ));
    }
    findings
}

fn how_it_ended(plan: &Plan, attempt: &Attempt) -> Option<Finding> {
    let by_force = if attempt.killed {
        "; ended by SIGKILL, as SIGTERM had no effect"
    } else {
        ""
    };
    match (attempt.limit, attempt.ending) {
        (Some(Limit::Time), _) => {
            let limit = TimeSpan(plan.timeout.unwrap_or_default());
            let message = format!("timed out after {limit}{by_force}");
            let help = "find out what it was waiting for, or raise --timeout";
            Some(Finding::error("timed-out", message).help(help))
        }
        (Some(Limit::Stall), _) => {
            let limit = TimeSpan(plan.stall_after.unwrap_or_default());
            let message = format!("stalled: no output or CPU activity for {limit}{by_force}");
            let help = "heartbeat.log lists the processes; find out what they were waiting for";
            Some(Finding::error("stalled", message).help(help))
        }
        (None, Some(Ending::Code(0))) => None,
        (None, Some(ending @ Ending::Code(code))) => {
            let finding = Finding::error("failed", format!("it {ending}"));
            Some(match code {
                137 => finding.help(out_of_memory(attempt)),
                _ if attempt.reading.bytes == 0 => finding.help("it printed nothing; run it with its own --verbose"),
                _ => finding.help("check its last lines"),
            })
        }
        (None, Some(ending @ Ending::Signal(9))) => {
            let finding = Finding::error("killed", format!("it {ending}"));
            Some(if attempt.killed {
                finding
            } else {
                finding.help(out_of_memory(attempt))
            })
        }
        (None, Some(ending @ Ending::Signal(_))) => Some(Finding::error("killed", format!("it {ending}"))),
        (None, None) => Some(Finding::error("survived", "it did not end, not even by SIGKILL")),
    }
}

/// What is known of a SIGKILL that was not ours.
fn out_of_memory(attempt: &Attempt) -> String {
    match attempt.out_of_memory {
        Some(0) => "the kernel reports no OOM kill: another process sent SIGKILL".to_owned(),
        Some(n) => format!(
            "the kernel's OOM killer ended {n} of this control group's processes meanwhile: give it more memory, or \
             less to do at once"
        ),
        None => "this is usually the kernel's OOM killer, which could not be checked here".to_owned(),
    }
}

/// Why nothing was run, and the exit code that `timeout(1)` has for it.
pub fn not_started(error: &StartError, program: &str) -> (Finding, u8) {
    let (code, number, help) = match error {
        StartError::NotInPath(_) | StartError::NoFile(_) if is_assignment(program) => (
            "not-found",
            exit::NOT_FOUND,
            "it runs without a shell: put `env` before the variable, as in `heartbeat -- env NAME=VALUE COMMAND`",
        ),
        StartError::NotInPath(_) | StartError::NoFile(_) if program.contains(|c: char| " ;|&<>".contains(c)) => (
            "not-found",
            exit::NOT_FOUND,
            "a script in one word needs --shell before the `--`: `heartbeat --shell -- 'a && b'`",
        ),
        StartError::NotInPath(_) => ("not-found", exit::NOT_FOUND, "install it, or give its path"),
        StartError::NoFile(_) => (
            "not-found",
            exit::NOT_FOUND,
            "check the path, which is relative to the working folder",
        ),
        StartError::NotExecutable(_) => ("not-executable", exit::NOT_EXECUTABLE, "make it executable: `chmod +x`"),
        StartError::NoInterpreter(_) => (
            "not-executable",
            exit::NOT_EXECUTABLE,
            "install the interpreter its first line names",
        ),
        StartError::Other { .. } => (
            "not-executable",
            exit::NOT_EXECUTABLE,
            "a script needs a first line like `#!/bin/sh`; shell code needs --shell",
        ),
        StartError::Interrupted(_) | StartError::System(_) => ("own-failure", exit::OWN_FAILURE, "try it again"),
    };
    (Finding::error(code, error.to_string()).help(help), number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn killed(out_of_memory: Option<u64>, ours: bool) -> String {
        let attempt = Attempt {
            ending: Some(Ending::Signal(9)),
            killed: ours,
            out_of_memory,
            ..Attempt::default()
        };
        let finding = how_it_ended(&Plan::of_tests(), &attempt).unwrap();
        assert_eq!((finding.code.as_ref(), attempt.exit_code()), ("killed", 137));
        finding.help.unwrap_or_default()
    }

    #[test]
    fn a_sigkill_that_was_not_ours_is_looked_up() {
        assert!(killed(Some(1), false).contains("ended 1 of"));
        assert!(killed(Some(0), false).contains("no OOM kill"));
        assert!(killed(None, false).contains("could not be checked"));
        assert_eq!(killed(Some(0), true), "");
    }

    #[test]
    fn a_limit_counts_more_than_how_the_command_took_it() {
        let attempt = Attempt {
            ending: Some(Ending::Code(0)),
            limit: Some(Limit::Time),
            ..Attempt::default()
        };
        assert_eq!(attempt.exit_code(), 124);
        assert_eq!(last(&Plan::of_tests(), &attempt)[0].code, "timed-out");
    }
}
