//! What can be done to a good log makes it worse.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::model::heartbeat::{Beat, End, Event, Record};

const START: &str = "2026-01-31T12:00:00Z";
const SECOND: u64 = 1000;

fn rules(labels: &[&str]) -> Rules {
    Rules {
        secrets: Arc::default(),
        place: "heartbeat.log".to_owned(),
        labels: labels.iter().map(ToString::to_string).collect(),
        max_gap: Duration::from_secs(60),
        max_age: Duration::from_secs(86_400),
        now: at(3_600 * SECOND),
    }
}

fn at(ms: u64) -> Timestamp {
    let start: Timestamp = START.parse().unwrap();
    start + SignedDuration::from_millis(i64::try_from(ms).unwrap())
}

fn record(label: &str, attempt: u32, began: u64, now: u64, event: Event) -> (u64, String) {
    let record = Record {
        time: format!("{:.3}", at(now)),
        label: label.to_owned(),
        pid: attempt * 10,
        attempt,
        elapsed_ms: now - began,
        event,
    };
    (now, record.to_line())
}

/// An attempt: how many beats it had, how far they are apart in ms, and its exit code.
type Attempted = (u64, u64, u8);

/// The records of one label with their times.
fn run(label: &str, from: u64, attempts: &[Attempted]) -> Vec<(u64, String)> {
    let mut lines = Vec::new();
    let mut now = from;
    for (number, (beats, every, exit)) in (1u32..).zip(attempts) {
        let began = now;
        let command = "make \"all\"".to_owned();
        lines.push(record(label, number, began, now, Event::Start { command }));
        for beat in 1..=*beats {
            now += every;
            let beat = Beat {
                beat,
                ..Beat::default()
            };
            lines.push(record(label, number, began, now, Event::Beat(beat)));
        }
        now += every;
        let end = End {
            exit: *exit,
            records: beats + 2,
            ..End::default()
        };
        lines.push(record(label, number, began, now, Event::End(end)));
        if *exit != 0 {
            let text = "worth another attempt".to_owned();
            lines.push(record(label, number, began, now, Event::Note { text }));
        }
        now += 7;
    }
    lines
}

/// Several wrapped commands, whose records stand in the log as they came.
fn good() -> impl Strategy<Value = Vec<String>> {
    let attempt = |exit: std::ops::RangeInclusive<u8>| (0u64..4, 1u64..50_000, exit);
    let label = (
        proptest::collection::vec(attempt(1..=255), 0..3),
        attempt(0..=0),
        0u64..100_000,
    );
    proptest::collection::vec(label, 1..4).prop_map(|labels| {
        let mut lines: Vec<(u64, String)> = Vec::new();
        for ((failed, last, from), name) in labels.into_iter().zip(["build", "test", "deploy"]) {
            let attempts: Vec<Attempted> = failed.into_iter().chain([last]).collect();
            lines.extend(run(name, from, &attempts));
        }
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line).collect()
    })
}

fn codes_of(text: &[u8], rules: &Rules) -> Vec<String> {
    let looked = look(&mut Lines::new(text, LONGEST), rules, &|| false).unwrap();
    let stories = looked.stories.iter().flat_map(Check::findings);
    let findings = looked.log.iter().chain(stories);
    findings.filter(|f| f.fails()).map(|f| f.code.to_string()).collect()
}

fn codes(lines: &[String]) -> Vec<String> {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    codes_of(text.as_bytes(), &rules(&[]))
}

fn label(line: &str) -> &str {
    line.split(' ').find(|pair| pair.starts_with("label=")).unwrap()
}

proptest! {
    #[test]
    fn a_good_log_is_good_and_nothing_that_is_done_to_its_lines_improves_it(
        lines in good(), pick in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
    ) {
        prop_assert_eq!(codes(&lines), Vec::<String>::new());
        let at = pick.index(lines.len());
        let counts = !lines[at].contains(" event=note ");
        let mut fewer = lines.clone();
        let line = fewer.remove(at);
        // A note between two attempts says nothing that the rest depends on; everything else is missed.
        let found = codes(&fewer);
        prop_assert!(!counts || !found.is_empty(), "without {line}");
        let mut more = lines.clone();
        more.insert(at, line.clone());
        prop_assert_eq!(codes(&more).is_empty(), !counts, "twice: {}", &line);
        let mut moved = fewer;
        moved.insert(to.index(lines.len()), line.clone());
        // What belongs to different labels may stand in any order; of the same it may not, notes apart.
        let order = |lines: &[String]| -> Vec<String> {
            let of_label = |other: &&String| label(other) == label(&line) && !other.contains(" event=note ");
            lines.iter().filter(of_label).cloned().collect()
        };
        let changed = counts && order(&moved) != order(&lines);
        prop_assert!(!changed || !codes(&moved).is_empty(), "moved: {}", &line);
    }

    /// Whatever of a start or an end is lost, the log is not green.
    #[test]
    fn a_log_cut_anywhere_is_not_good(lines in good(), pick in any::<prop::sample::Index>()) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let cut = pick.index(text.len());
        let labels = ["build"];
        let found = codes_of(&text.as_bytes()[..cut], &rules(&labels));
        let whole = text[..cut].ends_with('\n') || cut == 0;
        let ended = text[..cut].lines().filter(|l| l.contains("label=build ")).count()
            == lines.iter().filter(|l| l.contains("label=build ")).count();
        prop_assert!(!found.is_empty() || (whole && ended), "cut at {cut}");
    }

    #[test]
    fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(!codes_of(&bytes, &rules(&[])).is_empty());
    }
}

fn joined(lines: &[(u64, String)]) -> String {
    lines.iter().map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn each_thing_that_can_be_wrong_has_its_name_and_line() {
    let good = joined(&run("build", 0, &[(2, 1000, 0)]));
    let line = |number: usize| good.lines().nth(number - 1).unwrap().to_owned() + "\n";
    let (start, beat1, beat2, end) = (line(1), line(2), line(3), line(4));
    let cases: [(&str, String, &str); 12] = [
        ("empty-log", String::new(), "heartbeat.log: it is empty"),
        (
            "torn-line",
            good.trim_end().to_owned(),
            "heartbeat.log:4: the last line",
        ),
        (
            "carriage-return",
            good.replace('\n', "\r\n"),
            "heartbeat.log:1: the line ends",
        ),
        (
            "no-record",
            format!("{good}hello\n"),
            "heartbeat.log:5: the line is not a record",
        ),
        (
            "no-record",
            good.replace("2026-01-31T12:00:00.000Z", "2026-02-31T12:00:00.000Z"),
            ":1: ",
        ),
        (
            "no-record",
            good.replace("label=build", "label=\"../x y\""),
            "its label",
        ),
        ("started-twice", format!("{start}{good}"), ":2: `build` starts again"),
        ("no-start", format!("{beat1}{beat2}{end}"), ":1: a beat of `build`"),
        ("no-end", format!("{start}{beat1}{beat2}"), ":1: attempt 1"),
        ("beat-missing", format!("{start}{beat2}{end}"), ":2: beat 2"),
        ("time-goes-back", format!("{start}{beat2}{beat1}{end}"), ":3: the time"),
        (
            "elapsed-differs",
            good.replace("elapsed_ms=3000", "elapsed_ms=9000"),
            ":4: `build` claims",
        ),
    ];
    for (code, text, words) in cases {
        let looked = look(&mut Lines::new(text.as_bytes(), LONGEST), &rules(&[]), &|| false).unwrap();
        let all: Vec<Finding> = looked
            .log
            .into_iter()
            .chain(looked.stories.iter().flat_map(|check| check.findings().to_vec()))
            .collect();
        let hit = all.iter().find(|f| f.code == code && f.message.contains(words));
        assert!(hit.is_some(), "{code}: {all:#?}");
        assert_eq!(hit.unwrap().location.as_ref().unwrap().file, "heartbeat.log");
    }
}

#[test]
fn silence_counts_while_it_runs_and_between_attempts_but_not_between_runs() {
    let of = |lines: Vec<(u64, String)>| codes_of(joined(&lines).as_bytes(), &rules(&[]));
    assert_eq!(of(run("build", 0, &[(1, 61_000, 0)])), ["gap", "gap"]);
    let mut twice = run("build", 0, &[(1, 1000, 0)]);
    twice.extend(run("build", 600_000, &[(1, 1000, 0)]));
    assert_eq!(of(twice), [""; 0]);
    // The wait before the second attempt.
    let mut retried = run("build", 0, &[(0, 1000, 7)]);
    let last = run("build", 0, &[(0, 1000, 7), (0, 1000, 0)]);
    let later = last[3..].iter().map(|(_, line)| line.replace("T12:00:0", "T12:02:0"));
    retried.extend(later.map(|line| (0, line)));
    assert_eq!(of(retried), ["gap"]);
}

#[test]
fn the_last_attempt_counts_and_an_old_or_future_log_does_not() {
    let of = |attempts: &[Attempted], now: u64| {
        let rules = Rules {
            now: at(now),
            ..rules(&[])
        };
        codes_of(joined(&run("build", 0, attempts)).as_bytes(), &rules)
    };
    let ok = [(1, 1000, 75), (1, 1000, 0)];
    assert_eq!(of(&ok, 3_600 * SECOND), [""; 0]);
    assert_eq!(of(&[(1, 1000, 0), (1, 1000, 0)], 3_600 * SECOND), ["attempt-missing"]);
    assert_eq!(of(&[(1, 1000, 75)], 3_600 * SECOND), ["exit-code"]);
    assert_eq!(of(&ok, 90_000 * SECOND), ["too-old"]);
    let before: Rules = Rules {
        now: at(0) - SignedDuration::from_mins(6),
        ..rules(&[])
    };
    let future = codes_of(joined(&run("build", 0, &[(0, 1, 0)])).as_bytes(), &before);
    assert_eq!(future, ["in-the-future", "in-the-future"]);
}

#[test]
fn a_named_label_must_be_there_and_others_do_not_count_then() {
    let mut lines = run("build", 0, &[(1, 1000, 0)]);
    lines.extend(run("lint", 10_000, &[(1, 1000, 3)]));
    let of = |labels: &[&str]| codes_of(joined(&lines).as_bytes(), &rules(labels));
    assert_eq!(of(&["build"]), [""; 0]);
    assert_eq!(of(&["deploy", "build"]), ["missing-label"]);
    assert_eq!(of(&[]), ["exit-code"]);
}

#[test]
fn labels_without_end_do_not_fill_the_memory() {
    let many: String = (0..1000)
        .map(|n| joined(&run(&format!("l{n}"), 0, &[(0, 1, 0)])))
        .collect();
    assert_eq!(codes_of(many.as_bytes(), &rules(&[])), ["too-many-labels"]);
}
