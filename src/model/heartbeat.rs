//! One record of `logs/heartbeat.log`: the writer and the reader of a line, side by side.
//!
//! ```text
//! time=2026-01-31T12:00:00.000Z event=start label=build pid=17 attempt=1 elapsed_ms=0 command="make all"
//! time=2026-01-31T12:00:15.000Z event=beat label=build pid=17 attempt=1 elapsed_ms=15000 beat=1 bytes=90 lines=2 …
//! ```
//!
//! A line is `key=value` pairs with one space between them. A value that is not plain is quoted and escaped as in JSON.
//! Several processes append to one file at once, so a record is written in one piece and is shorter than what the system
//! writes in one piece; a command that is too long for that is cut.

mod possible;
mod shown;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::text::is_spelled_out;

/// Bytes of a line with its end. Linux writes so much (`PIPE_BUF`) in one piece even to a pipe.
pub const LONGEST: usize = 4096;
/// What is left of a line for a text, behind everything else.
const LONGEST_TEXT: usize = LONGEST - 1024;
/// Labels are parts of file names.
pub const LONGEST_LABEL: usize = 100;

/// Something that happened to a wrapped command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// RFC 3339, UTC, milliseconds: `2026-01-31T12:00:00.000Z`.
    pub time: String,
    /// Which wrapped command: letters, digits, `.`, `_` and `-`.
    pub label: String,
    /// The command's process id; 0 if it was not started.
    pub pid: u32,
    /// 1 is the first.
    pub attempt: u32,
    /// Milliseconds since the attempt began.
    pub elapsed_ms: u64,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was started. The command is without secrets, and cut if it is long.
    Start { command: String },
    /// It still runs.
    Beat(Beat),
    /// For so long there was neither output nor work.
    Stall { quiet_ms: u64, processes: u64 },
    /// There is output or work again.
    Resumed,
    /// What was done to it, and why.
    Note { text: String },
    /// It is over.
    End(End),
}

/// What a running command did since the record before. What this system does not tell is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beat {
    /// 1 is the first of an attempt.
    pub beat: u64,
    /// Bytes and lines of output since the last beat.
    pub bytes: u64,
    pub lines: u64,
    /// CPU time of the whole tree since the attempt began, milliseconds.
    pub cpu_ms: Option<u64>,
    /// Resident memory of the whole tree, KiB.
    pub rss_kib: Option<u64>,
    /// Milliseconds since the last output.
    pub quiet_ms: u64,
}

/// How an attempt ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// What this attempt means as an exit code.
    pub exit: u8,
    /// The name of the signal that ended it.
    pub signal: Option<String>,
    /// Bytes and lines of output in all.
    pub bytes: u64,
    pub lines: u64,
    pub cpu_ms: Option<u64>,
    /// The most resident memory that was seen at once, KiB.
    pub peak_kib: Option<u64>,
    /// Records of this attempt, from its start to this one, so that none can be taken out unnoticed.
    pub records: u64,
}

impl Record {
    /// The line, without its end.
    pub fn to_line(&self) -> String {
        let mut line = String::new();
        let mut put = |key: &str, value: &str| {
            let space = if line.is_empty() { "" } else { " " };
            let _ = write!(line, "{space}{key}={}", quoted(value));
        };
        put("time", &self.time);
        put("event", self.event.name());
        put("label", &self.label);
        put("pid", &self.pid.to_string());
        put("attempt", &self.attempt.to_string());
        put("elapsed_ms", &self.elapsed_ms.to_string());
        let mut number = |key: &str, value: Option<u64>| {
            if let Some(value) = value {
                put(key, &value.to_string());
            }
        };
        match &self.event {
            Event::Start { command } => put("command", command),
            Event::Note { text } => put("text", text),
            Event::Resumed => {}
            Event::Stall { quiet_ms, processes } => {
                number("quiet_ms", Some(*quiet_ms));
                number("processes", Some(*processes));
            }
            Event::Beat(beat) => {
                number("beat", Some(beat.beat));
                number("bytes", Some(beat.bytes));
                number("lines", Some(beat.lines));
                number("cpu_ms", beat.cpu_ms);
                number("rss_kib", beat.rss_kib);
                number("quiet_ms", Some(beat.quiet_ms));
            }
            Event::End(end) => {
                number("exit", Some(end.exit.into()));
                number("bytes", Some(end.bytes));
                number("lines", Some(end.lines));
                number("cpu_ms", end.cpu_ms);
                number("peak_kib", end.peak_kib);
                number("records", Some(end.records));
                if let Some(signal) = &end.signal {
                    put("signal", signal);
                }
            }
        }
        line
    }

    /// Reads a line back. Keys that are not known are passed over; anything else that is not as it is written, or that
    /// contradicts itself, is an error.
    pub fn parse(line: &str) -> Result<Self, String> {
        let pairs = Pairs::read(line)?;
        let time = pairs.text("time")?;
        if !is_time(time) {
            return Err(format!("`{time}` is not a time like 2026-01-31T12:00:00.000Z"));
        }
        let event = match pairs.text("event")? {
            "start" => Event::Start {
                command: pairs.text("command")?.to_owned(),
            },
            "note" => Event::Note {
                text: pairs.text("text")?.to_owned(),
            },
            "resumed" => Event::Resumed,
            "stall" => Event::Stall {
                quiet_ms: pairs.number("quiet_ms")?,
                processes: pairs.number("processes")?,
            },
            "beat" => Event::Beat(Beat {
                beat: pairs.number("beat")?,
                bytes: pairs.number("bytes")?,
                lines: pairs.number("lines")?,
                cpu_ms: pairs.number_if_there("cpu_ms")?,
                rss_kib: pairs.number_if_there("rss_kib")?,
                quiet_ms: pairs.number("quiet_ms")?,
            }),
            "end" => Event::End(End {
                exit: small(pairs.number("exit")?, "exit")?,
                signal: pairs.0.get("signal").cloned(),
                bytes: pairs.number("bytes")?,
                lines: pairs.number("lines")?,
                cpu_ms: pairs.number_if_there("cpu_ms")?,
                peak_kib: pairs.number_if_there("peak_kib")?,
                records: pairs.number("records").map_err(|why| {
                    format!("{why}: it was written by an older stageproof; run the step again with this one")
                })?,
            }),
            other => return Err(format!("there is no event `{other}`")),
        };
        let record = Self {
            time: time.to_owned(),
            label: pairs.text("label")?.to_owned(),
            pid: small(pairs.number("pid")?, "pid")?,
            attempt: small(pairs.number("attempt")?, "attempt")?,
            elapsed_ms: pairs.number("elapsed_ms")?,
            event,
        };
        record.possible().map(|()| record)
    }
}

impl Event {
    fn name(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Beat(_) => "beat",
            Self::Stall { .. } => "stall",
            Self::Resumed => "resumed",
            Self::Note { .. } => "note",
            Self::End(_) => "end",
        }
    }
}

/// Plain as it is, anything else as a JSON text in which nothing but visible characters is left. What is too long for a
/// line ends in `…`.
fn quoted(value: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'/' | b'+');
    if !value.is_empty() && value.len() <= LONGEST_LABEL && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    let mut out = String::from("\"");
    for c in value.chars() {
        let before = out.len();
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_spelled_out(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
        if out.len() > LONGEST_TEXT {
            out.truncate(before);
            out.push('…');
            break;
        }
    }
    out.push('"');
    out
}

fn is_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00.000Z";
    text.len() == SHAPE.len()
        && text.bytes().zip(SHAPE).all(|(byte, shape)| match shape {
            b'0' => byte.is_ascii_digit(),
            shape => byte == *shape,
        })
}

fn small<T: TryFrom<u64>>(number: u64, key: &str) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("`{key}` is {number}, which is too large"))
}

/// The keys of a line and their values.
struct Pairs(BTreeMap<String, String>);

impl Pairs {
    fn read(line: &str) -> Result<Self, String> {
        if line.len() >= LONGEST {
            return Err(format!("a line of {} bytes is too long for a record", line.len()));
        }
        let mut pairs = BTreeMap::new();
        let mut rest = line;
        loop {
            let (key, after) = rest.split_once('=').ok_or("a key has no value")?;
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
                return Err("a key is not a lower-case word".to_owned());
            }
            let length = value_length(after);
            let (raw, after) = after.split_at(length);
            let value = if raw.starts_with('"') {
                serde_json::from_str::<String>(raw).map_err(|error| format!("the value of `{key}`: {error}"))?
            } else if raw.is_empty() || raw.contains('"') {
                return Err(format!("the value of `{key}` is empty or holds a quote"));
            } else {
                raw.to_owned()
            };
            if pairs.insert(key.to_owned(), value).is_some() {
                return Err(format!("duplicate `{key}`"));
            }
            match after.strip_prefix(' ') {
                Some(more) => rest = more,
                None if after.is_empty() => return Ok(Self(pairs)),
                None => return Err(format!("there is no space after the value of `{key}`")),
            }
        }
    }

    fn text(&self, key: &str) -> Result<&str, String> {
        self.0.get(key).map(String::as_str).ok_or(format!("it has no `{key}`"))
    }

    fn number(&self, key: &str) -> Result<u64, String> {
        let text = self.text(key)?;
        let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok());
        number.flatten().ok_or(format!("`{key}` is not a number: {text}"))
    }

    fn number_if_there(&self, key: &str) -> Result<Option<u64>, String> {
        self.0.contains_key(key).then(|| self.number(key)).transpose()
    }
}

/// Up to the space behind it, or the quote that ends it.
fn value_length(text: &str) -> usize {
    if !text.starts_with('"') {
        return text.find(' ').unwrap_or(text.len());
    }
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}
