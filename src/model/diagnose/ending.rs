//! How a step went on until it was ended, by the times of its lines.

use super::line::{Kind, Time};
use super::log::{Log, Step};
use super::normal;
use super::pace::Pace;
use super::rules::trimmed;
use super::select::Candidate;

/// Seconds without a line that are a silence, if the step was never silent for half as long before.
const SILENCE: u32 = 120;
/// So many seconds before the end, the step may be told to stop (actions/runner, `ProcessInvoker`): what it prints then is no
/// progress.
const STOPPING: u32 = 12;
/// With fewer lines, nothing is known of how it goes on.
const LINES: usize = 3;
/// Words of a line that tells of waiting, whatever its numbers are, and how many such lines take turns.
const WAITS: [&str; 5] = ["waiting", "still ", "attempt", "not ready", "try again"];
const TURNS: usize = 4;
/// The shortest time limit that shows, in seconds.
const LEAST_LIMIT: u32 = 600;
/// Limits are a multiple of this.
const ROUND: u32 = 300;
/// And the job ends at most so much later.
const OVER: u32 = 20;

/// Of a step that was ended at this line. None if the lines have no times, or do not tell.
pub fn pace(step: &Step, end: usize) -> Option<Pace> {
    let ended = step.body.lines().get(end)?.time?;
    let header = step.header.lines.lines().last().map(|line| (&b""[..], line.time));
    let output = step.body.lines()[..end].iter();
    let output = output.filter(|line| matches!(line.kind, Kind::Text | Kind::Warning));
    let output = output.map(|line| (trimmed(step.body.text(line)), line.time));
    let all = header.into_iter().chain(output.filter(|(text, _)| !text.is_empty()));
    // The newest first.
    let mut lines: Vec<(&[u8], Time)> = all.filter_map(|(text, time)| Some((text, time?))).collect();
    lines.reverse();
    let ago = |time: Time| ended.since(time).unwrap_or(0);
    let stopping = lines.iter().take_while(|(_, time)| ago(*time) < STOPPING).count();
    let before = &lines[stopping..];
    let silence = before.first().map_or(0, |(_, time)| ago(*time));
    let pauses = before.windows(2).filter_map(|pair| pair[0].1.since(pair[1].1));
    let longest = pauses.max().unwrap_or(0);
    if silence >= SILENCE && silence / 2 >= longest {
        return Some(Pace::Silent(silence));
    }
    let waits = repeated(before);
    let since = waits.checked_sub(1).map_or(0, |first| ago(before[first].1));
    if waits >= LINES && since >= SILENCE {
        return Some(Pace::Repeats(since));
    }
    (lines.len() > LINES && (silence < SILENCE || silence <= longest)).then_some(Pace::GoesOn)
}

/// The last line before this one is of a download.
pub fn downloads(step: &Step, end: usize) -> bool {
    const STARTS: [&str; 7] = [
        "get:",
        "ign:",
        "err:",
        "downloading",
        "fetching",
        "pulling",
        "collecting",
    ];
    let mut texts = (0..end).rev().map(|index| trimmed(step.body.at(index)));
    let last = texts.find(|text| !text.is_empty());
    let last = String::from_utf8_lossy(last.unwrap_or_default()).to_ascii_lowercase();
    STARTS.iter().any(|start| last.starts_with(start))
}

/// The minutes that a whole job took until this line, if they look like a time limit: people choose round ones, and the
/// runner ends the job some seconds later.
pub fn limit(log: &Log, end: Candidate<'_>) -> Option<u32> {
    let setup = log.steps.first().filter(|step| step.title.is_empty())?;
    let began = setup.body.lines().iter().find_map(|line| line.time)?;
    let ended = log.steps[end.step].body.lines().get(end.index)?.time?;
    let seconds = ended.since(began)?;
    (seconds >= LEAST_LIMIT && seconds % ROUND <= OVER).then_some(seconds / 60)
}

/// How many of the newest lines say nothing new.
fn repeated(lines: &[(&[u8], Time)]) -> usize {
    let Some((newest, _)) = lines.first() else { return 0 };
    let (mut count, mut turns) = (0, Vec::new());
    for (text, _) in lines {
        if text != newest {
            let lower = String::from_utf8_lossy(text).to_ascii_lowercase();
            let form = normal::hash(text);
            let is_known = turns.contains(&form);
            let waits = !lower.contains('%') && WAITS.iter().any(|word| lower.contains(word));
            if !waits || !is_known && turns.len() == TURNS {
                break;
            }
            turns.extend((!is_known).then_some(form));
        }
        count += 1;
    }
    // Different lines, each of which came once, are news.
    if count >= LINES * turns.len().max(1) { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::super::Reader;
    use super::*;

    /// Of a step that began at 10:00, with lines at these minutes and seconds, and whose time was up at 10:40.
    fn pace(lines: &[(u32, u32, &str)]) -> Option<Pace> {
        let at =
            |minute: u32, second: u32, text: &str| format!("2026-07-30T10:{minute:02}:{second:02}.1234567Z {text}\n");
        let header = ["##[group]Run ./a.sh", "shell: bash", "##[endgroup]"];
        let header: String = header.iter().map(|text| at(0, 0, text)).collect();
        let lines: String = lines
            .iter()
            .map(|(minute, second, text)| at(*minute, *second, text))
            .collect();
        let end = at(40, 0, "##[error]The action 'a' has timed out after 40 minutes.");
        let mut reader = Reader::default();
        reader.feed(format!("{header}{lines}{end}").as_bytes());
        let log = reader.end();
        let step = log.steps.last().unwrap();
        super::pace(step, step.error_at.unwrap())
    }

    #[test]
    fn a_step_that_hangs_is_told_from_one_that_goes_on() {
        let each = |minutes: std::ops::Range<u32>, text: fn(u32) -> String| -> Vec<(u32, u32, String)> {
            minutes.map(|minute| (minute, 30, text(minute))).collect()
        };
        let of = |lines: &[(u32, u32, String)]| {
            pace(
                &lines
                    .iter()
                    .map(|(minute, second, text)| (*minute, *second, &**text))
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(pace(&[]), Some(Pace::Silent(2400)));
        assert_eq!(pace(&[(0, 1, "a"), (2, 0, "b")]), Some(Pace::Silent(2280)));
        // What it prints when it is told to stop is nothing new.
        assert_eq!(
            pace(&[(2, 0, "b"), (39, 50, "^C"), (39, 59, "KeyboardInterrupt")]),
            Some(Pace::Silent(2280))
        );
        // It was as silent before.
        assert_eq!(pace(&[(12, 0, "a"), (24, 0, "b"), (30, 0, "c")]), Some(Pace::GoesOn));
        assert_eq!(pace(&[(9, 0, "a"), (20, 0, "b"), (28, 0, "c")]), None);
        for (text, expected) in [
            (
                (|n| format!("test_{n} PASSED")) as fn(u32) -> String,
                Some(Pace::GoesOn),
            ),
            (|n| format!("[{n}/900] Building"), Some(Pace::GoesOn)),
            (|n| format!("pending: {n} %"), Some(Pace::GoesOn)),
            (|_| "up?".to_owned(), Some(Pace::Repeats(2370))),
            (
                |n| format!("db {}: Still creating... [{n}m0s elapsed]", ["a", "b"][n as usize % 2]),
                Some(Pace::Repeats(2370)),
            ),
            (
                |n| format!("test_retry_{} PASSED", "x".repeat(n as usize)),
                Some(Pace::GoesOn),
            ),
        ] {
            let lines = each(0..40, text);
            assert_eq!(of(&lines), expected, "{}", text(1));
        }
        let mut lines = each(0..20, |n| format!("test_{n} PASSED"));
        lines.extend(each(20..40, |n| format!("Waiting for the database (attempt {n}/600)")));
        assert_eq!(of(&lines), Some(Pace::Repeats(1170)));
    }

    #[test]
    fn without_times_nothing_is_known() {
        let mut reader = Reader::default();
        reader.feed(b"a\nb\nc\nd\n##[error]The action 'a' has timed out after 40 minutes.\n");
        let log = reader.end();
        assert_eq!(super::pace(&log.steps[0], 4), None);
    }
}
