//! What a server said: its log, which becomes evidence.

use std::path::Path;
use std::time::Duration;

use super::{STAGE, Start};
use crate::model::{Check, Ended};
use crate::world::World;

const LINES_SHOWN: usize = 15;
/// A stack trace may stand below the line that counts.
const LINES_SEARCHED: usize = 60;
const LINES_OF_ERROR: usize = 3;
/// More than as many lines of a log have, most of the time.
const BYTES_SHOWN: usize = 16 << 10;

/// Takes the values of secrets out of the log, which becomes evidence. A log that cannot be cleaned is an error.
pub fn clean(start: &Start, world: &World) -> Option<Check> {
    let error = world.secrets.redact_file(&start.log).err()?;
    let cause = format!("{error:#}");
    let help = Some("check the log before you publish the evidence".to_owned());
    let ended = Ended::Errored { cause, help };
    Some(Check::new(
        STAGE,
        start.log_id(),
        "The server's log contains no secrets",
        ended,
        Duration::ZERO,
    ))
}

/// The last lines of a server's log, if it wrote any, and the error above them.
pub fn last_lines(log: &Path, world: &World) -> Option<String> {
    let last = world.secrets.last_lines_of(log, LINES_SEARCHED, BYTES_SHOWN).ok()?;
    let lines: Vec<&str> = last.lines().collect();
    let (above, end) = lines.split_at(lines.len().saturating_sub(LINES_SHOWN));
    let mut shown = Vec::new();
    if !end.iter().any(|line| is_error(line))
        && let Some(at) = above.iter().rposition(|line| is_error(line))
    {
        shown.extend(&above[at..above.len().min(at + LINES_OF_ERROR)]);
        shown.push("…");
    }
    shown.extend(end);
    Some(shown.join("\n")).filter(|lines| !lines.trim().is_empty())
}

/// A line that says what went wrong, as runtimes write it above a stack trace.
fn is_error(line: &str) -> bool {
    ["Error:", "error:", "Exception", "panic", "Traceback", "fatal"]
        .iter()
        .any(|mark| line.contains(mark))
}
