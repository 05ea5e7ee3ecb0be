use super::*;
use proptest::prelude::*;

fn record(event: Event) -> Record {
    Record {
        time: "2026-01-31T12:00:15.000Z".to_owned(),
        label: "build".to_owned(),
        pid: 17,
        attempt: 1,
        elapsed_ms: 15_000,
        event,
    }
}

#[test]
fn a_line_is_what_others_may_rely_on() {
    let beat = Beat {
        beat: 1,
        bytes: 90,
        lines: 2,
        cpu_ms: Some(120),
        rss_kib: Some(2048),
        quiet_ms: 400,
    };
    let line = record(Event::Beat(beat)).to_line();
    assert_eq!(
        line,
        "time=2026-01-31T12:00:15.000Z event=beat label=build pid=17 attempt=1 elapsed_ms=15000 beat=1 bytes=90 \
         lines=2 cpu_ms=120 rss_kib=2048 quiet_ms=400"
    );
    let line = record(Event::Start {
        command: "sh -c 'a \"b\"\n\u{1b}[1m'".to_owned(),
    })
    .to_line();
    assert!(line.ends_with(r#"command="sh -c 'a \"b\"\n\u001b[1m'""#), "{line}");
}

#[test]
fn a_text_that_is_not_plain_is_quoted_and_one_that_is_too_long_is_cut() {
    let written = |text: String| {
        let line = record(Event::Note { text }).to_line();
        line.split_once(" text=").unwrap().1.to_owned()
    };
    let plain = "a".repeat(LONGEST_LABEL);
    assert_eq!(written(plain.clone()), plain);
    for quoted in [String::new(), "a b".to_owned(), plain + "a"] {
        assert_eq!(written(quoted.clone()), format!("\"{quoted}\""));
    }
    let fits = "a".repeat(LONGEST_TEXT - 1);
    assert_eq!(written(fits.clone()), format!("\"{fits}\""));
    assert_eq!(written(format!("{fits}a")), format!("\"{fits}…\""));
}

#[test]
fn for_people_it_is_one_line_with_the_time_first() {
    let end = record(Event::End(End {
        exit: 137,
        signal: Some("SIGKILL".to_owned()),
        bytes: 1,
        lines: 3,
        cpu_ms: Some(61_250),
        peak_kib: Some(10_240),
        records: 3,
    }));
    assert_eq!(
        end.to_string(),
        "2026-01-31T12:00:15.000Z heartbeat build: ended after 15s, exit code 137 (SIGKILL), 1 byte, 3 lines, CPU \
         1m1s, peak memory 10 MiB"
    );
}

#[test]
fn each_event_is_told_with_what_is_known_of_it() {
    let beat = Beat {
        beat: 1,
        bytes: 90,
        lines: 2,
        cpu_ms: Some(1_250),
        rss_kib: Some(2_048),
        quiet_ms: 400,
    };
    let unknown = Beat {
        cpu_ms: None,
        rss_kib: None,
        ..beat.clone()
    };
    for (event, expected) in [
        (
            Event::Start {
                command: "make all".to_owned(),
            },
            "started make all (process 17)",
        ),
        (
            Event::Note {
                text: "it got SIGTERM".to_owned(),
            },
            "after 15s: it got SIGTERM",
        ),
        (Event::Resumed, "after 15s: active again"),
        (
            Event::Stall {
                quiet_ms: 61_999,
                processes: 2,
            },
            "STALLED: no output or CPU activity for 1m1s, 15s after its start",
        ),
        (
            Event::Beat(beat),
            "running for 15s, process 17, +90 bytes, +2 lines, last output 400ms ago, CPU 1.2s, memory 2 MiB",
        ),
        (
            Event::Beat(unknown),
            "running for 15s, process 17, +90 bytes, +2 lines, last output 400ms ago",
        ),
        (
            Event::End(End::default()),
            "ended after 15s, exit code 0, 0 bytes, 0 lines",
        ),
    ] {
        let first = record(event);
        let time = "2026-01-31T12:00:15.000Z";
        assert_eq!(first.to_string(), format!("{time} heartbeat build: {expected}"));
        let second = Record { attempt: 2, ..first };
        assert_eq!(
            second.to_string(),
            format!("{time} heartbeat build (attempt 2): {expected}")
        );
    }
}

#[test]
fn a_time_is_shown_as_exactly_as_it_matters() {
    for (elapsed_ms, expected) in [
        (0, "0s"),
        (999, "999ms"),
        (1_000, "1s"),
        (1_099, "1s"),
        (59_999, "59.9s"),
        (60_000, "1m"),
        (60_999, "1m"),
        (3_661_500, "1h1m"),
    ] {
        let record = Record {
            elapsed_ms,
            ..record(Event::Resumed)
        };
        let expected = format!("after {expected}: ");
        assert!(record.to_string().contains(&expected), "{record}");
    }
}

#[test]
fn what_no_writer_writes_is_refused() {
    let good = record(Event::Resumed).to_line();
    assert!(Record::parse(&good).is_ok());
    assert!(
        Record::parse(&format!("{good} later=addition")).is_ok(),
        "additions are passed over"
    );
    let quoted = format!(r#"{good} x="a b" y="a\" b" z="\\" last_one=1"#);
    assert_eq!(Record::parse(&quoted), Record::parse(&good), "quoted ones as well");
    for bad in [
        "",
        "x",
        "time=2026-01-31T12:00:15.000Z",
        &good.replace("resumed", "gone"),
        &good.replace("pid=17", "pid=-1"),
        &good.replace("pid=17", "pid=4294967296"),
        &good.replace("pid=17", "pid="),
        &good.replace("pid=17", "pid=17 pid=17"),
        &good.replace("T12", " 12"),
        &good.replace("T12", "-12"),
        &good.replace("15.000Z", "15Z"),
        &good.replace("2026", "two"),
        &good.replace("label=build", "label="),
        &good.replace("label=build", "label=bu\"ild"),
        &format!("{good} =x"),
        &format!("{good} Later=addition"),
        &format!("{good} later"),
        &format!("{good} x=\"\\\\\"y\""),
        &good.replace("label=build", "label=\"build"),
        &format!("{good} "),
        &format!("{good} x=\"a\"b"),
        &format!("{good} x={}", "a".repeat(LONGEST)),
    ] {
        assert!(Record::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    let end = |exit: u8, signal: &str, pid: u32| {
        let end = End {
            exit,
            signal: (!signal.is_empty()).then(|| signal.to_owned()),
            records: 2,
            ..End::default()
        };
        let record = Record {
            pid,
            ..record(Event::End(end))
        };
        Record::parse(&record.to_line())
    };
    for (exit, signal, pid, is_possible) in [
        (0, "", 17, true),
        (137, "SIGKILL", 17, true),
        (124, "SIGTERM", 17, true),
        (192, "signal 64", 17, true),
        (127, "", 0, true),
        (0, "SIGKILL", 17, false),
        (1, "SIGKILL", 17, false),
        (139, "SIGKILL", 17, false),
        (15, "signal 64", 17, false),
        (128, "signal 64", 17, false),
        (129, "signal 64", 17, true),
        (0, "", 0, false),
    ] {
        assert_eq!(end(exit, signal, pid).is_ok(), is_possible, "{exit} {signal} {pid}");
    }
    let good = record(Event::Resumed).to_line();
    for (there, instead) in [("pid=17", "pid=0"), ("attempt=1", "attempt=0")] {
        assert!(Record::parse(&good.replace(there, instead)).is_err(), "{instead}");
    }
    let beat = |beat| {
        let beat = Beat {
            beat,
            ..Beat::default()
        };
        Record::parse(&record(Event::Beat(beat)).to_line())
    };
    assert!(beat(0).is_err() && beat(1).is_ok(), "the first is 1");
}

#[test]
fn an_end_that_does_not_count_its_records_is_of_an_older_version() {
    let line = record(Event::End(End::default())).to_line();
    let error = Record::parse(&line.replace(" records=0", "")).unwrap_err();
    assert_eq!(
        error,
        "it has no `records`: it was written by an older stageproof; run the step again with this one"
    );
}

fn events() -> impl Strategy<Value = Event> {
    let optional = || proptest::option::of(any::<u64>());
    prop_oneof![
        any::<String>().prop_map(|command| Event::Start { command }),
        any::<String>().prop_map(|text| Event::Note { text }),
        Just(Event::Resumed),
        any::<(u64, u64)>().prop_map(|(quiet_ms, processes)| Event::Stall { quiet_ms, processes }),
        (any::<[u64; 3]>(), 1u64.., optional(), optional()).prop_map(
            |([bytes, lines, quiet_ms], beat, cpu_ms, rss_kib)| {
                Event::Beat(Beat {
                    beat,
                    bytes,
                    lines,
                    cpu_ms,
                    rss_kib,
                    quiet_ms,
                })
            }
        ),
        (
            any::<u8>(),
            any::<[u64; 3]>(),
            optional(),
            optional(),
            "(SIG[A-Z]{2,6})?"
        )
            .prop_map(|(exit, [bytes, lines, records], cpu_ms, peak_kib, signal)| {
                Event::End(End {
                    exit,
                    records,
                    signal: (exit > 200 && !signal.is_empty()).then_some(signal),
                    bytes,
                    lines,
                    cpu_ms,
                    peak_kib,
                })
            }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        event in events(), label in "[a-zA-Z0-9._-]{1,100}", pid in 1u32.., attempt in 1u32.., elapsed_ms: u64,
    ) {
        let time = "2026-01-31T12:00:15.000Z".to_owned();
        let record = Record { time, label, pid, attempt, elapsed_ms, event };
        let line = record.to_line();
        prop_assert!(!line.chars().any(char::is_control), "{line}");
        prop_assert_eq!(Record::parse(&line), Ok(record));
    }

    #[test]
    fn a_line_is_written_in_one_piece_however_long_the_command_is(
        command in "([\\PC\n\u{1b}\"é]{0,40}){0,400}", label in "[a-z]{100}",
    ) {
        let mut record = record(Event::Start { command: command.clone() });
        record.label = label;
        let line = record.to_line();
        prop_assert!(line.len() < LONGEST, "{}", line.len());
        let Event::Start { command: read } = Record::parse(&line).unwrap().event else {
            return Err(TestCaseError::fail(line));
        };
        prop_assert!(read == command || command.starts_with(read.trim_end_matches('…')));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(record) = Record::parse(&text) {
            prop_assert_eq!(Record::parse(&record.to_line()), Ok(record));
        }
    }
}
