//! One line of a job's log without what the runner and the terminal added to it.

use std::num::NonZeroU32;

use memchr::memchr;

/// Longer lines are cut: what explains a failure is at the beginning of a line.
pub const LONGEST: usize = 16 << 10;
/// And of one that nobody took anything off, no more is kept.
pub const CARRIED: usize = LONGEST + 1024;

/// What the runner made of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Group,
    EndGroup,
    Error,
    Warning,
    Notice,
    Debug,
    /// A command that an action ran, `[command]/usr/bin/git version`.
    Command,
}

/// Marks of actions/runner, `ActionCommandManager` and `ExecutionContext`, as they are in a log.
const MARKS: [(&[u8], Kind); 8] = [
    (b"##[group]", Kind::Group),
    (b"##[endgroup]", Kind::EndGroup),
    (b"##[error]", Kind::Error),
    (b"##[warning]", Kind::Warning),
    (b"##[notice]", Kind::Notice),
    (b"##[debug]", Kind::Debug),
    (b"##[command]", Kind::Command),
    (b"[command]", Kind::Command),
];

/// Seconds since some moment: only the difference of two means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(NonZeroU32);

impl Time {
    /// In seconds. None if the other one is later.
    pub fn since(self, other: Self) -> Option<u32> {
        let seconds = self.0.get().wrapping_sub(other.0.get());
        (seconds <= u32::MAX / 2).then_some(seconds)
    }

    /// Of digits in the places of `0000-00-00T00:00:00`.
    fn of(digits: &[u8]) -> Self {
        let number = |places: std::ops::Range<usize>| {
            let digits = digits[places].iter();
            digits.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'))
        };
        // A year begins in March: its leap day is the last.
        let (year, month) = match (number(0..4), number(5..7)) {
            (year, month @ 3..) => (year, month - 3),
            (year, month) => (year.saturating_sub(1), month + 9),
        };
        let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + number(8..10);
        let seconds = ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19);
        #[expect(clippy::cast_possible_truncation, reason = "only differences count")]
        Self(NonZeroU32::new(seconds as u32).unwrap_or(NonZeroU32::MIN))
    }
}

/// What a line was, apart from its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    pub kind: Kind,
    /// The time that the runner wrote before it. A line without one continues the line before.
    pub time: Option<Time>,
    /// In the colour in which the runner shows the script of a step.
    pub script: bool,
}

impl Read {
    /// The runner wrote this line, or the time before it.
    pub fn is_marked(&self, text: &[u8]) -> bool {
        self.time.is_some() || self.kind != Kind::Text || text.starts_with(b"Process completed with exit code ")
    }
}

const BOM: &[u8] = b"\xef\xbb\xbf";
/// What Windows makes of it where a program's output goes to a file: `∩╗┐`, as its bytes are read in code page 437.
const MISREAD_BOM: &[u8] = "∩╗┐".as_bytes();

/// What the time before a line begins with, for a while.
pub const CENTURY: &[u8] = b"20";

/// `gh run view --log` writes the job and the step before each line, with tabs. The job, the step, and the rest.
pub fn split_prefix(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let job = memchr(b'\t', line)?;
    let step = job + 1 + memchr(b'\t', &line[job + 1..])?;
    let rest = &line[step + 1..];
    let time = without_bom(rest);
    (time.starts_with(CENTURY) && stamp(time).is_some()).then(|| (&line[..job], &line[job + 1..step], rest))
}

/// The line without what `gh` writes before it.
pub fn bare(line: &[u8], is_of_gh: bool) -> &[u8] {
    let line = &line[..line.len().min(CARRIED)];
    let split = if is_of_gh { split_prefix(line) } else { None };
    split.map_or(line, |(_, _, rest)| rest)
}

/// Appends the text of a raw line, which holds no line feed.
pub fn read(line: &[u8], out: &mut Vec<u8>) -> Read {
    let line = without_bom(line);
    let after = stamp(line);
    let time = after.map(|(time, _)| time);
    let line = without_bom(after.map_or(line, |(_, rest)| rest));
    let line = &line[..line.len().min(LONGEST)];
    // The runner's `\e[36;1m`, in which it echoes a script.
    let script = line.starts_with(b"\x1b[36;1m");
    let start = out.len();
    if memchr(0x1b, line).is_some() {
        without_codes(line, out);
    } else {
        out.extend_from_slice(line);
    }
    overwritten(start, out);
    let mut kind = Kind::Text;
    let may_have_mark = matches!(out.get(start), Some(b'#' | b'['));
    for (mark, marked) in MARKS.into_iter().filter(|_| may_have_mark) {
        if out[start..].starts_with(mark) {
            kind = marked;
            out.drain(start..start + mark.len());
            break;
        }
    }
    if let Some(length) = buildkit(&out[start..]) {
        out.drain(start..start + length);
    }
    Read { kind, time, script }
}

fn without_bom(line: &[u8]) -> &[u8] {
    let without = line.strip_prefix(BOM).or_else(|| line.strip_prefix(MISREAD_BOM));
    without.unwrap_or(line)
}

/// `2026-07-30T10:33:37.0347135Z `, and what follows it.
fn stamp(line: &[u8]) -> Option<(Time, &[u8])> {
    let shape = b"0000-00-00T00:00:00";
    let head = line.get(..shape.len())?;
    let fits = head.iter().zip(shape).all(|(byte, form)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == form,
    });
    if !fits {
        return None;
    }
    let rest = &line[shape.len()..];
    let end = rest.iter().take(14).position(|byte| *byte == b'Z')?;
    let fraction = rest[..end].iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let rest = &rest[end + 1..];
    fraction.then(|| (Time::of(head), rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// Leaves out terminal codes: CSI, OSC and those of two characters.
fn without_codes(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = memchr(0x1b, rest) {
        out.extend_from_slice(&rest[..at]);
        let code = &rest[at + 1..];
        let length = match code.first() {
            Some(b'[') => code[1..]
                .iter()
                .position(|b| (0x40..=0x7e).contains(b))
                .map(|end| end + 2),
            Some(b']') => osc(code),
            Some(_) => Some(1),
            None => Some(0),
        };
        rest = &code[length.unwrap_or(code.len())..];
    }
    out.extend_from_slice(rest);
}

fn osc(code: &[u8]) -> Option<usize> {
    let end = code.iter().position(|byte| matches!(byte, 0x07 | 0x1b))?;
    let is_pair = code[end] == 0x1b && code.get(end + 1) == Some(&b'\\');
    Some(end + if is_pair { 2 } else { 1 })
}

/// A carriage return begins the line anew: the last part that is not empty is what was seen.
fn overwritten(start: usize, out: &mut Vec<u8>) {
    while out.len() > start && matches!(out[out.len() - 1], b'\r' | b' ' | b'\t') {
        out.pop();
    }
    if let Some(at) = memchr::memrchr(b'\r', &out[start..]) {
        out.drain(start..=start + at);
    }
}

/// The length of `#12 3.456 `, which BuildKit writes before the output of a build step.
fn buildkit(text: &[u8]) -> Option<usize> {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = 1 + digits(text.strip_prefix(b"#")?);
    at += text.get(at).filter(|byte| **byte == b' ').map(|_| 1)?;
    let whole = digits(&text[at..]);
    at += whole;
    at += text.get(at).filter(|byte| **byte == b'.' && whole > 0).map(|_| 1)?;
    at += digits(&text[at..]);
    text.get(at).filter(|byte| **byte == b' ').map(|_| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(line: &[u8]) -> (String, Kind, bool) {
        let mut out = b"before".to_vec();
        let read = read(line, &mut out);
        let text = String::from_utf8_lossy(&out[6..]).into_owned();
        (text, read.kind, read.time.is_some())
    }

    #[test]
    fn what_the_runner_and_the_terminal_add_is_taken_off() {
        for (line, expected, kind, stamped) in [
            (
                &b"2026-07-30T10:33:37.0347135Z ##[error]boom\r"[..],
                "boom",
                Kind::Error,
                true,
            ),
            (b"\xef\xbb\xbf2026-07-30T10:33:37.0347135Z x", "x", Kind::Text, true),
            (b"2026-07-30T10:33:37Z x", "x", Kind::Text, true),
            (b"2026-07-30 10:33:37 x", "2026-07-30 10:33:37 x", Kind::Text, false),
            (b"\x1b[1m\x1b[31merror\x1b[0m: a", "error: a", Kind::Text, false),
            (b"\x1b]8;;http://h\x1b\\link\x1b]8;;\x07", "link", Kind::Text, false),
            (b"cut\x1b[3", "cut", Kind::Text, false),
            (b" 10 %\r 20 %\rdone\r", "done", Kind::Text, false),
            (b"#12 3.456 npm error x", "npm error x", Kind::Text, false),
            (b"#12 ERROR: failed", "#12 ERROR: failed", Kind::Text, false),
            (b"#12", "#12", Kind::Text, false),
            (
                b"[command]/usr/bin/git version",
                "/usr/bin/git version",
                Kind::Command,
                false,
            ),
            (b"say ##[error]x", "say ##[error]x", Kind::Text, false),
        ] {
            let found = text(line);
            assert_eq!(
                found,
                (expected.to_owned(), kind, stamped),
                "{}",
                String::from_utf8_lossy(line)
            );
        }
    }

    #[test]
    fn times_differ_by_their_seconds() {
        let time = |text: &str| read(format!("{text}Z x").as_bytes(), &mut Vec::new()).time.unwrap();
        for (from, to, seconds) in [
            ("2026-07-30T10:33:37.9", "2026-07-30T11:34:38.0", Some(3661)),
            ("2024-02-28T23:59:59", "2024-03-01T00:00:00", Some(86_401)),
            ("2025-02-28T23:59:59", "2025-03-01T00:00:00", Some(1)),
            ("2025-12-31T23:59:58", "2026-01-01T00:00:01", Some(3)),
            ("2026-07-30T10:33:37", "2026-07-30T10:33:36", None),
            ("9999-99-99T99:99:99", "9999-99-99T99:99:99", Some(0)),
            ("0000-00-00T00:00:00", "0000-00-00T00:00:00", Some(0)),
        ] {
            assert_eq!(time(to).since(time(from)), seconds, "{from} {to}");
        }
    }

    #[test]
    fn the_prefix_of_gh_is_a_step_only_before_a_time() {
        let line = b"build\tRun tests\t2026-07-30T10:33:37.0347135Z x";
        assert_eq!(split_prefix(line).unwrap().1, b"Run tests");
        let misread = [b"build\tRun tests\t", MISREAD_BOM, b"2026-07-30T10:33:37.0347135Z x"].concat();
        assert_eq!(split_prefix(&misread).unwrap().1, b"Run tests");
        assert_eq!(split_prefix(b"a\tb\tc"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_growing(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            read(&line, &mut out);
            prop_assert!(out.len() <= line.len());
            prop_assert!(memchr(b'\r', &out).is_none());
        }
    }
}
