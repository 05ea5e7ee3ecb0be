use proptest::prelude::*;

use super::super::parts::{FAILED_STEP, FAILED_STEPS, HEADERS, MOST_STEPS};
use super::*;

fn read(text: impl AsRef<[u8]>) -> Log {
    let mut reader = Reader::default();
    reader.feed(text.as_ref());
    reader.end()
}

fn stamped(lines: &str) -> String {
    lines
        .lines()
        .map(|line| format!("2026-07-30T10:33:37.0347135Z {line}\n"))
        .collect()
}

fn titles(log: &Log) -> Vec<&str> {
    log.steps.iter().map(|step| &*step.title).collect()
}

fn body(step: &Step) -> Vec<String> {
    let lines = step.body.lines().iter();
    lines
        .map(|line| String::from_utf8_lossy(step.body.text(line)).into_owned())
        .collect()
}

const TWO_STEPS: &str = "\
Prepare all required actions
##[group]Run actions/checkout@v4
with:
  token: ***
  ssh-key: 
env:
  STAGING_URL: 
##[endgroup]
checked out
##[group]Run npm test
\u{1b}[36;1mnpm test\u{1b}[0m
shell: /usr/bin/bash -e {0}
##[endgroup]
boom
##[error]Process completed with exit code 7.
Post job cleanup.
##[error]the cleanup fails, too
";

#[test]
fn a_log_is_split_at_the_headers_of_its_steps() {
    let log = read(stamped(TWO_STEPS));
    assert_eq!(titles(&log), ["", "actions/checkout@v4", "npm test", ""]);
    let [setup, checkout, test, cleanup] = &*log.steps else {
        panic!()
    };
    assert_eq!(body(setup), ["Prepare all required actions"]);
    let empty: Vec<_> = checkout
        .header
        .empty()
        .map(|value| (&*value.name, value.is_input, value.line))
        .collect();
    assert_eq!(empty, [("ssh-key", true, 5), ("STAGING_URL", false, 7)]);
    assert_eq!(checkout.header.values.len(), 3);
    assert_eq!(test.header.script, ["npm test"]);
    assert_eq!(test.header.shell.as_deref(), Some("/usr/bin/bash -e {0}"));
    assert_eq!((test.exit, test.error_at), (Some(7), Some(1)));
    assert_eq!(test.body.lines()[0].number, 14);
    assert!(test.ends_with_error() && !checkout.ends_with_error());
    assert!(cleanup.is_cleanup && cleanup.error_at.is_some());
}

#[test]
fn a_header_that_was_printed_by_a_command_is_output() {
    let forged = "##[group]Run make\nshell: bash\n##[endgroup]\none\n##[group]Run rm -rf\nsome output\n##[endgroup]\ntwo\n\
        ##[group]Run never ends\nthree\n##[error]Process completed with exit code 1.\n";
    let log = read(stamped(forged));
    assert_eq!(titles(&log), ["", "make"]);
    assert_eq!(log.steps[1].exit, Some(1));
    assert_eq!(body(&log.steps[1])[1], "Run rm -rf");
    assert_eq!(log.steps[1].body.lines().last().unwrap().number, 11);
}

#[test]
fn a_cleanup_that_a_step_printed_is_output() {
    for printed in ["Post job cleanup.", "Cleaning up orphan processes"] {
        let text = format!("##[group]Run make\nshell: bash\n##[endgroup]\none\n{printed}\ntwo\n");
        let log = read(stamped(&format!(
            "{text}##[error]Process completed with exit code 1.\n{printed}\n"
        )));
        assert_eq!(titles(&log), ["", "make", ""]);
        assert_eq!((log.steps[1].exit, log.steps[1].body.left_out), (Some(1), 0));
        assert_eq!(
            body(&log.steps[1]),
            ["one", printed, "two", "Process completed with exit code 1."]
        );
        assert!(log.steps[2].is_cleanup);
        let log = read(stamped(&format!(
            "{text}##[group]Run next\nshell: bash\n##[endgroup]\nthree\n"
        )));
        assert_eq!(titles(&log), ["", "make", "next"]);
        assert_eq!(body(&log.steps[1]), ["one", printed, "two"]);
    }
    let log = read(stamped(
        "##[group]Run make\nshell: bash\n##[endgroup]\none\nPost job cleanup.\n##[error]no space\n",
    ));
    assert!(!log.steps[2].is_cleanup && log.steps[2].error_at.is_some());
}

#[test]
fn an_empty_group_is_the_header_of_an_action_alone() {
    let begins = |title: &str| {
        let log = read(stamped(&format!("one\n##[group]Run {title}\n##[endgroup]\ntwo\n")));
        log.steps.len() == 2
    };
    for title in ["actions/checkout@v4", "./.github/actions/a", "docker://alpine:3"] {
        assert!(begins(title), "{title}");
    }
    for title in ["migrations", "a/b", "npm i a/b@1"] {
        assert!(!begins(title), "{title}");
    }
}

#[test]
fn output_that_looks_as_gh_writes_it_begins_no_step() {
    let log = read(stamped("one\npod\tweb-1\t2026-07-30T10:33:37Z started\ntwo\n"));
    assert_eq!(titles(&log), [""]);
    assert_eq!(body(&log.steps[0])[1], "pod\tweb-1\t2026-07-30T10:33:37Z started");
}

#[test]
fn an_exit_code_of_zero_is_none() {
    let log = read(stamped(
        "##[error]Process completed with exit code 3.\n##[error]Process completed with exit code 0.\n",
    ));
    assert_eq!(log.steps[0].exit, Some(3));
}

#[test]
fn what_is_kept_of_headers_has_a_limit() {
    let script = format!("\u{1b}[36;1m{}\u{1b}[0m\n", "x".repeat(10_000)).repeat(20);
    let step =
        |number: usize| format!("##[group]Run echo {number}\n{script}shell: bash\nenv:\n  A: \n##[endgroup]\none\n");
    let log = read((0..200).map(step).collect::<String>());
    let kept: usize = log.steps.iter().map(|step| step.header.size()).sum();
    assert!(kept <= HEADERS, "{kept}");
    let last = &log.steps[log.steps.len() - 1];
    assert_eq!((&*last.title, last.header.empty().count()), ("echo 199", 1));
    assert_eq!(log.steps[1].header.size(), 0);
}

#[test]
fn of_a_green_log_each_line_is_known() {
    let step = "##[group]Run make\nshell: bash\n##[endgroup]\n";
    let lines = |step: usize| {
        (0..3000).map(move |line| format!("2026-07-30T10:33:37.0Z line of {}\n", "ab".repeat(step + line % 60)))
    };
    let text = (0..40)
        .map(|at| step.to_owned() + &lines(at).collect::<String>())
        .collect::<String>();
    let mut reader = Reader::of_green();
    reader.feed(format!("first\n{text}the last").as_bytes());
    let known = reader.end_of_green();
    for line in [
        "first".to_owned(),
        "line of abab".to_owned(),
        format!("line of {}", "ab".repeat(90)),
        "the last".to_owned(),
    ] {
        assert!(known.has(line.as_bytes()), "{line}");
    }
    assert!(!known.has(b"another"));
}

#[test]
fn the_steps_that_gh_names_are_taken() {
    let log = read(
        "job\tSet up job\t2026-07-30T10:33:37.0347135Z Secret source: None\n\
         job\tTest\t2026-07-30T10:33:38.0347135Z ##[group]Run make\n\
         job\tTest\t2026-07-30T10:33:38.0347135Z shell: bash\n\
         job\tTest\t2026-07-30T10:33:38.0347135Z ##[endgroup]\n\
         job\tTest\t2026-07-30T10:33:39.0347135Z ##[error]Process completed with exit code 2.\n",
    );
    assert_eq!(log.steps.last().unwrap().exit, Some(2));
    assert!(titles(&log).contains(&"Set up job"));
}

#[test]
fn hostile_lines_are_lines() {
    let mut text = b"\xef\xbb\xbfone\0two\n\xff\xfe\n\x1b[31m".to_vec();
    text.extend(std::iter::repeat_n(b'x', 10 << 20));
    text.extend_from_slice(b"\r\nlast");
    let log = read(&text);
    assert_eq!(log.lines, 4);
    let lines = body(&log.steps[0]);
    assert_eq!((&*lines[0], &*lines[3]), ("one\0two", "last"));
    assert!(lines[2].len() <= line::LONGEST);
}

proptest! {
    #[test]
    fn how_a_log_arrives_does_not_matter(
        lines in proptest::collection::vec(prop_oneof![
            Just("##[group]Run a".to_owned()), Just("##[endgroup]".to_owned()), Just("shell: b".to_owned()),
            Just("##[error]Process completed with exit code 1.".to_owned()), Just("Post job cleanup.".to_owned()),
            "[a-z\u{1b}\\[\r\t]{0,30}",
        ], 0..40),
        size in 1usize..60,
    ) {
        let text = lines.join("\n");
        let whole = read(&text);
        let mut reader = Reader::default();
        text.as_bytes().chunks(size).for_each(|block| reader.feed(block));
        let parts = reader.end();
        prop_assert_eq!(whole.lines, parts.lines);
        prop_assert_eq!(titles(&whole), titles(&parts));
        prop_assert_eq!(
            whole.steps.iter().map(body).collect::<Vec<_>>(),
            parts.steps.iter().map(body).collect::<Vec<_>>()
        );
        let numbers: Vec<usize> =
            whole.steps.iter().flat_map(|step| step.body.lines().iter().map(|line| line.number)).collect();
        prop_assert!(numbers.is_sorted(), "{:?}", numbers);
    }
}

#[test]
fn where_a_block_ends_does_not_matter() {
    let text = stamped(TWO_STEPS);
    let whole = read(&text);
    let bodies = |log: &Log| log.steps[1..].iter().map(body).collect::<Vec<_>>();
    for end in (1..text.len()).step_by(11) {
        let log = read("x".repeat(BLOCK - 1 - end) + "\n" + &text);
        assert_eq!((titles(&log), bodies(&log)), (titles(&whole), bodies(&whole)), "{end}");
        assert_eq!((log.steps[2].exit, log.lines), (Some(7), whole.lines + 1));
        assert_eq!(log.steps[2].body.lines()[0].number, 15);
    }
}

/// Of a step that writes a lot after its error, lines are left out: the error is still where it is said to be.
#[test]
fn an_error_before_a_flood_is_found_again() {
    let flood = "nothing to see in this line of a step that goes on and on\n".repeat(400_000);
    let log = read(format!(
        "##[group]Run make\nshell: bash\n##[endgroup]\n{flood}##[error]boom\n{flood}"
    ));
    let step = log.steps.last().unwrap();
    assert!(step.body.left_out > 0);
    assert_eq!(step.body.at(step.error_at.unwrap()), b"boom");
}

/// Many steps that failed are kept in as much memory as few.
#[test]
fn what_is_kept_of_steps_that_failed_has_a_limit() {
    let line = "what this step wrote before it failed, again and again\n".repeat(20_000);
    let step =
        format!("##[group]Run make\nshell: bash\n##[endgroup]\n{line}##[error]Process completed with exit code 1.\n");
    let log = read(step.repeat(40));
    let kept: usize = log.steps.iter().map(|step| step.body.bytes().len()).sum();
    assert!(kept < FAILED_STEPS + 40 * FAILED_STEP + step.len(), "{kept}");
    assert!(
        log.steps
            .iter()
            .skip(1)
            .all(|step| step.exit == Some(1) && step.error_at.is_some())
    );
}

#[test]
fn of_more_steps_than_any_job_has_the_first_and_the_last_are_kept() {
    let step = |code: usize| {
        format!(
            "##[group]Run echo {code}\nshell: bash\n##[endgroup]\n##[error]Process completed with exit code {code}.\n"
        )
    };
    let all = 3 * MOST_STEPS;
    let log = read(format!("setup\n{}", (1..=all).map(step).collect::<String>()));
    assert!(log.steps.len() <= MOST_STEPS, "{}", log.steps.len());
    assert_eq!(body(&log.steps[0]), ["setup"]);
    let last: Vec<_> = log.steps.iter().rev().take(100).map(|step| step.exit).collect();
    assert_eq!(
        last,
        (0..100).map(|back| i32::try_from(all - back).ok()).collect::<Vec<_>>()
    );
    assert_eq!(log.lines, 1 + 4 * all);
}
