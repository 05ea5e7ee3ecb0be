//! A record for people.

use std::fmt;
use std::time::Duration;

use super::{Event, Record};
use crate::model::TimeSpan;
use crate::model::text::count;

/// One line, the time first.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempt = match self.attempt {
            0 | 1 => String::new(),
            n => format!(" (attempt {n})"),
        };
        write!(f, "{} heartbeat {}{attempt}: ", self.time, self.label)?;
        let elapsed = span(self.elapsed_ms);
        let mut parts = match &self.event {
            Event::Start { command } => return write!(f, "started {command} (process {})", self.pid),
            Event::Note { text } => return write!(f, "after {elapsed}: {text}"),
            Event::Resumed => return write!(f, "after {elapsed}: active again"),
            Event::Stall { quiet_ms, .. } => {
                let quiet = span(*quiet_ms);
                return write!(
                    f,
                    "STALLED: no output or CPU activity for {quiet}, {elapsed} after its start"
                );
            }
            Event::Beat(beat) => vec![
                format!("running for {elapsed}"),
                format!("process {}", self.pid),
                format!("+{} bytes, +{} lines", beat.bytes, beat.lines),
                format!("last output {} ago", span(beat.quiet_ms)),
            ],
            Event::End(end) => {
                let signal = end.signal.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
                vec![
                    format!("ended after {elapsed}"),
                    format!("exit code {}{signal}", end.exit),
                    format!("{}, {}", counted(end.bytes, "byte"), counted(end.lines, "line")),
                ]
            }
        };
        let (cpu, memory) = match &self.event {
            Event::Beat(beat) => (
                beat.cpu_ms,
                beat.rss_kib.map(|kib| format!("memory {} MiB", kib / 1024)),
            ),
            Event::End(end) => (
                end.cpu_ms,
                end.peak_kib.map(|kib| format!("peak memory {} MiB", kib / 1024)),
            ),
            _ => (None, None),
        };
        parts.extend(cpu.map(|ms| format!("CPU {}", span(ms))));
        parts.extend(memory);
        f.write_str(&parts.join(", "))
    }
}

fn counted(n: u64, noun: &str) -> String {
    count(usize::try_from(n).unwrap_or(usize::MAX), noun)
}

fn span(ms: u64) -> TimeSpan {
    TimeSpan::measured(Duration::from_millis(ms))
}
