//! `foreground-proof`: does the log prove that the long steps ran to their end?

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use serde_json::Value;
use sha2::{Digest as _, Sha256};
use stageproof::model::heartbeat::{Event, Record};

use crate::gate::{Gate, Ran};
use crate::repo::Repo;

const LOG: &str = "proof/heartbeat.log";
const NO_ARGS: [&str; 0] = [];

/// Wraps a script; the log is copied to where a pull request carries it.
fn wrap(gate: &Gate, label: &str, script: &str, options: &[&str]) {
    let home = ["heartbeat", "--every=50ms", "--evidence-dir=run", "--label", label];
    let words = [&home, options, &["--", "sh", "-c", script]].concat();
    let _ = gate
        .command(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    fs::copy(gate.path("run/logs/heartbeat.log"), gate.path(LOG)).unwrap();
}

fn with_log() -> Gate {
    let gate = Gate::new();
    wrap(&gate, "build", "sleep 0.3", &[]);
    gate
}

fn prove<'a>(gate: &'a Gate, options: &[&str]) -> Ran<'a> {
    gate.run([&["foreground-proof", "--log", LOG], options].concat())
}

/// Codes with the lines they name.
fn found(gate: &Gate) -> Vec<(String, Option<u64>)> {
    let report = gate.report("foreground-proof");
    let checks = report["checks"].as_array().unwrap();
    let findings = checks.iter().filter_map(|check| check["findings"].as_array()).flatten();
    let code = |finding: &Value| {
        let place = &finding["location"];
        assert_eq!(place["file"], LOG, "{finding}");
        (finding["code"].as_str().unwrap().to_owned(), place["line"].as_u64())
    };
    findings.map(code).collect()
}

#[track_caller]
fn fails_with(gate: &Gate, options: &[&str], code: &str, line: Option<u64>) {
    let ran = prove(gate, options);
    ran.code(1);
    let found = found(gate);
    assert!(
        found.contains(&(code.to_owned(), line)),
        "{code}: {found:?}\n{}",
        ran.explain()
    );
}

fn lines(gate: &Gate) -> Vec<String> {
    gate.read(LOG).lines().map(str::to_owned).collect()
}

fn write(gate: &Gate, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    gate.write(LOG, text);
}

#[test]
fn a_log_of_steps_that_ran_to_their_end_passes() {
    let gate = with_log();
    prove(&gate, &[]).code(0).says("Verdict: pass");
    prove(&gate, &["--require=build"]).code(0);
    let sha256 = hex::encode(Sha256::digest(gate.read(LOG)));
    let report = gate.report("foreground-proof");
    assert_eq!(report["outputs"]["log-sha256"], sha256);
    assert_eq!(report["counts"]["passed"], 4);
}

#[test]
fn steps_that_ran_at_the_same_time_are_told_apart() {
    let gate = Gate::new();
    let start = |label: &str, script: &str| {
        let words = [
            "heartbeat",
            "--every=20ms",
            "--evidence-dir=run",
            "--label",
            label,
            "--",
            "sh",
            "-c",
            script,
        ];
        gate.command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children = [
        start("one", "sleep 0.4"),
        start("two", "sleep 0.5"),
        start("bad", "sleep 0.2; exit 3"),
    ];
    for child in &mut children {
        child.wait().unwrap();
    }
    fs::copy(gate.path("run/logs/heartbeat.log"), gate.path(LOG)).unwrap();
    prove(&gate, &["--require=one", "--require=two"]).code(0);
    prove(&gate, &[])
        .code(1)
        .says("the last attempt of `bad` exited with code 3");
    prove(&gate, &["--require=three"])
        .code(1)
        .says("there is no record of `three`; it has records of bad, one, two");
    // A label alone is the command's, and not only the report's.
    prove(&gate, &["--label=one"]).code(0);
    prove(&gate, &["--label=three"])
        .code(1)
        .says("there is no record of `three`");
    prove(&gate, &["--label=three", "--require=one"]).code(0);
}

#[test]
fn a_second_attempt_and_a_second_run_count_as_the_last() {
    let gate = Gate::new();
    let flaky = "test -e once && exit 0; touch once; exit 7";
    wrap(&gate, "build", flaky, &["--retries=2", "--retry-wait=100ms"]);
    prove(&gate, &[]).code(0);
    // The same command again, into the same log, later than any gap allows.
    wrap(&gate, "build", "true", &[]);
    prove(&gate, &["--max-gap=1s"]).code(0);
    wrap(&gate, "build", "exit 9", &[]);
    fails_with(&gate, &[], "exit-code", Some(lines(&gate).len() as u64));
    wrap(&gate, "lost", "true", &["--timeout=1s"]);
    fs::write(gate.path(LOG), gate.read(LOG).replace("label=build", "label=lost")).unwrap();
    prove(&gate, &["--require=lost"]).code(0);
}

#[test]
fn what_cannot_be_started_has_no_start() {
    let gate = Gate::new();
    let words = [
        "heartbeat",
        "--evidence-dir=proof",
        "--label=gone",
        "--",
        "/no/such/program",
    ];
    gate.run(words).code(127);
    fs::copy(gate.path("proof/logs/heartbeat.log"), gate.path(LOG)).unwrap();
    prove(&gate, &[])
        .code(1)
        .says("the command of `gone` could not be started (exit code 127)")
        .says("the note above that line says why");
    assert_eq!(found(&gate), [("exit-code".to_owned(), Some(2))]);
    // Nothing but a failure could do without a process.
    let lines: Vec<String> = lines(&gate)
        .iter()
        .map(|line| line.replace("exit=127", "exit=0"))
        .collect();
    write(&gate, &lines);
    fails_with(&gate, &[], "no-record", Some(2));
}

#[test]
fn each_line_that_is_missing_moved_or_twice_is_missed() {
    let gate = with_log();
    let good = lines(&gate);
    let last = good.len();
    assert!(last >= 4, "{good:?}");
    for at in 0..last {
        let mut fewer = good.clone();
        fewer.remove(at);
        write(&gate, &fewer);
        // Only the last beat leaves no number behind it.
        if at != last - 2 {
            prove(&gate, &[]).code(1);
        }
        let mut more = good.clone();
        more.insert(at, good[at].clone());
        write(&gate, &more);
        prove(&gate, &[]).code(1);
    }
    write(&gate, &good[1..]);
    fails_with(&gate, &[], "no-start", Some(1));
    write(&gate, &good[..last - 1]);
    fails_with(&gate, &[], "no-end", Some(1));
    write(&gate, &[&good[..1], &good[..]].concat());
    fails_with(&gate, &[], "started-twice", Some(2));
}

#[test]
fn a_writer_that_was_killed_leaves_no_proof() {
    let gate = Gate::new();
    let words = [
        "heartbeat",
        "--every=20ms",
        "--evidence-dir=run",
        "--label=build",
        "--",
        "sh",
        "-c",
        "sleep 60",
    ];
    let mut child = gate
        .command(words)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let log = gate.path("run/logs/heartbeat.log");
    while !fs::read_to_string(&log).is_ok_and(|text| text.contains("event=beat")) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(&log).unwrap();
    let pid = Record::parse(text.lines().next().unwrap()).unwrap().pid;
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process_group(pid, rustix::process::Signal::KILL).unwrap();
    gate.write(LOG, &text);
    fails_with(&gate, &[], "no-end", Some(1));
    gate.write(LOG, &text[..text.len() - 5]);
    fails_with(&gate, &[], "torn-line", Some(text.lines().count() as u64));
}

#[test]
fn silence_age_and_impossible_times_are_found() {
    let gate = with_log();
    // On purpose between the beats of the log and any test machine's hiccups.
    fails_with(&gate, &["--max-gap=1ms"], "gap", Some(2));
    let good = gate.read(LOG);
    let records: Vec<Record> = good.lines().map(|line| Record::parse(line).unwrap()).collect();
    let day = &records[0].time[..10];
    let last = records.len() as u64;
    gate.write(LOG, good.replace(day, "2020-02-02"));
    fails_with(&gate, &[], "too-old", Some(last));
    gate.write(LOG, good.replace(day, "2999-02-02"));
    fails_with(&gate, &[], "in-the-future", Some(1));
    let mut slow = records.clone();
    slow[1].elapsed_ms += 60_000;
    write(&gate, &slow.iter().map(Record::to_line).collect::<Vec<_>>());
    fails_with(&gate, &[], "elapsed-differs", Some(2));
    let mut back = records;
    back[2].time = back[0].time.clone();
    back[1].time = back[3].time.clone();
    write(&gate, &back.iter().map(Record::to_line).collect::<Vec<_>>());
    fails_with(&gate, &[], "time-goes-back", Some(3));
}

#[test]
fn what_is_no_log_is_never_green() {
    let gate = Gate::new();
    fails_with(&gate, &["--in-pr-body", "--committed-since=main"], "missing-log", None);
    gate.write(LOG, "");
    fails_with(&gate, &[], "empty-log", None);
    for (bytes, code) in [
        (&b"hello\n"[..], "no-record"),
        (&b"\xff\xfe\n"[..], "not-utf8"),
        (&b"\n"[..], "no-record"),
        (&b"no end"[..], "torn-line"),
        (&b"\r\n"[..], "carriage-return"),
    ] {
        gate.write(LOG, bytes);
        fails_with(&gate, &[], code, Some(1));
    }
    fs::remove_file(gate.path(LOG)).unwrap();
    fs::create_dir(gate.path(LOG)).unwrap();
    fails_with(&gate, &[], "not-a-file", None);
    fs::remove_dir(gate.path(LOG)).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        gate.path(LOG),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fails_with(&gate, &[], "not-a-file", None);
    gate.run(["foreground-proof"]).code(2).says("no log was given");
    prove(&gate, &["--require=a b"]).code(2).says("is not a label");
    prove(&gate, &["--committed-since="])
        .code(2)
        .says("--committed-since is empty");
    prove(&gate, &["--max-gap=0s"]).code(2);
}

#[test]
fn a_log_elsewhere_is_not_followed() {
    let gate = Gate::new();
    let other = with_log();
    let theirs = other.root().join(LOG);
    symlink(&theirs, gate.path(LOG)).unwrap();
    fails_with(&gate, &[], "not-a-file", None);
    fs::remove_file(gate.path(LOG)).unwrap();
    fs::remove_dir(gate.root().join("proof")).unwrap();
    symlink(other.root().join("proof"), gate.root().join("proof")).unwrap();
    fails_with(&gate, &[], "outside-workspace", None);
    let path = theirs.to_str().unwrap();
    gate.run(["foreground-proof", "--log", path])
        .code(1)
        .says("outside the workspace");
}

#[test]
fn git_that_turned_the_line_ends_is_told_once() {
    let gate = with_log();
    gate.write(LOG, gate.read(LOG).replace('\n', "\r\n"));
    fails_with(&gate, &[], "carriage-return", Some(1));
    assert_eq!(found(&gate).len(), 1, "the records behind are read all the same");
}

/// Both large and without a line end, in little memory.
#[test]
fn a_huge_log_is_read_in_flat_memory() {
    let gate = with_log();
    let file = fs::OpenOptions::new().append(true).open(gate.path(LOG)).unwrap();
    let size = file.metadata().unwrap().len();
    file.set_len(size + (300 << 20)).unwrap();
    let words = [
        "-c",
        "ulimit -v 800000; exec \"$@\"",
        "sh",
        assert_cmd::cargo::cargo_bin!("stageproof").to_str().unwrap(),
        "foreground-proof",
        "--log",
        LOG,
    ];
    let mut command = std::process::Command::new("sh");
    let output = command.args(words).current_dir(gate.root()).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let codes: Vec<String> = found(&gate).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, ["torn-line", "long-line"]);
}

fn pull_request(event: &str, body: &Value) -> Gate {
    let payload = serde_json::json!({"pull_request": {"body": body, "number": 7}});
    let gate = Gate::new().on_runner(event, &payload.to_string());
    wrap(&gate, "build", "true", &[]);
    gate
}

#[test]
fn the_pull_requests_text_names_the_log_by_path_or_hash() {
    for event in ["pull_request", "pull_request_target"] {
        let gate = pull_request(event, &"It ran: `proof/heartbeat.log`.".into());
        prove(&gate, &["--in-pr-body"]).code(0);
    }
    let gate = pull_request("pull_request", &Value::Null);
    fails_with(&gate, &["--in-pr-body"], "not-in-pull-request", None);
    let sha256 = gate.outputs()["log-sha256"].clone();
    for (body, code) in [
        (format!("hash: {}", sha256.to_uppercase()), 0),
        (format!("<!-- {sha256} {LOG} -->"), 1),
        ("other/my-proof/heartbeat.log".to_owned(), 0),
        ("proof/heartbeat.log.old".to_owned(), 1),
    ] {
        let payload = serde_json::json!({"pull_request": {"body": &body}});
        gate.write("runner/event.json", payload.to_string());
        // A path behind a slash may be the end of a URL; behind a letter or a dash it is another one.
        let expected = if body.contains("my-proof") { 1 } else { code };
        prove(&gate, &["--in-pr-body"]).code(expected);
    }
    prove(&gate, &[]).code(0);
}

#[test]
fn a_run_without_a_pull_request_cannot_answer_for_its_text() {
    let gate = pull_request("push", &LOG.into());
    prove(&gate, &["--in-pr-body"]).code(4).says("the event is push");
    gate.write("runner/event.json", "{}");
    let gate = gate.env("GITHUB_EVENT_NAME", "pull_request");
    prove(&gate, &["--in-pr-body"])
        .code(4)
        .says("does not hold the pull request's text");
    gate.write("runner/event.json", "no json");
    prove(&gate, &["--in-pr-body"]).code(4).says("is not JSON");
}

#[test]
fn annotations_lead_to_the_line() {
    let gate = pull_request("pull_request", &LOG.into());
    let good = lines(&gate);
    write(&gate, &good[..1]);
    prove(&gate, &[])
        .code(1)
        .says(&format!("::error file={LOG},line=1,title="));
}

/// A repository whose main has a log and whose branch, which is checked out, brought another one.
fn branch() -> Repo {
    let repo = Repo::empty();
    repo.gate.write(".git/info/exclude", "/artifacts\n/run\n");
    repo.commit("app", "one");
    wrap(&repo.gate, "build", "true", &[]);
    repo.git(&["add", "-f", LOG]);
    repo.git(&["commit", "--quiet", "-m", "log of main"]);
    repo.git(&["checkout", "--quiet", "-b", "change"]);
    repo.commit("app", "two");
    repo
}

fn commit_new_log(repo: &Repo) {
    wrap(&repo.gate, "build", "true", &[]);
    repo.git(&["add", "-f", LOG]);
    repo.git(&["commit", "--quiet", "-m", "log"]);
}

const SINCE_MAIN: &[&str] = &["--committed-since=main"];

#[test]
fn a_log_that_came_with_the_change_passes_and_one_that_was_there_does_not() {
    let repo = branch();
    fails_with(&repo.gate, SINCE_MAIN, "not-changed", None);
    commit_new_log(&repo);
    prove(&repo.gate, SINCE_MAIN).code(0);
    repo.commit("app", "three");
    prove(&repo.gate, SINCE_MAIN).code(0);
    // As GitHub checks a pull request out: the merge of it into main.
    repo.git(&["checkout", "--quiet", "--detach", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "change"]);
    prove(&repo.gate, SINCE_MAIN).code(0);
    prove(&repo.gate, &["--committed-since=HEAD^1"]).code(0);
    prove(&repo.gate, &["--committed-since=HEAD"]).code(1);
    prove(&repo.gate, &["--committed-since=change"]).code(1);
}

#[test]
fn a_log_that_only_came_from_main_by_a_merge_is_not_the_changes() {
    let repo = branch();
    repo.git(&["checkout", "--quiet", "main"]);
    commit_new_log(&repo);
    repo.git(&["checkout", "--quiet", "change"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "main"]);
    fails_with(&repo.gate, SINCE_MAIN, "not-changed", None);
}

#[test]
fn a_log_that_was_changed_and_changed_back_is_no_new_one() {
    let repo = branch();
    let old = repo.gate.read(LOG);
    commit_new_log(&repo);
    repo.gate.write(LOG, old);
    repo.git(&["commit", "--quiet", "-am", "back"]);
    fails_with(&repo.gate, SINCE_MAIN, "not-changed", None);
}

#[test]
fn what_is_not_committed_as_it_is_fails() {
    let repo = branch();
    wrap(&repo.gate, "build", "true", &[]);
    fails_with(&repo.gate, SINCE_MAIN, "dirty", None);
    // Also in the index it is in no commit.
    repo.git(&["add", "-f", LOG]);
    fails_with(&repo.gate, SINCE_MAIN, "dirty", None);
    repo.git(&["commit", "--quiet", "-m", "log"]);
    prove(&repo.gate, SINCE_MAIN).code(0);
    repo.git(&["rm", "--quiet", "--cached", LOG]);
    repo.git(&["commit", "--quiet", "-m", "gone"]);
    fails_with(&repo.gate, SINCE_MAIN, "untracked", None);
}

#[test]
fn a_history_that_cannot_answer_says_what_to_fetch() {
    let repo = branch();
    commit_new_log(&repo);
    prove(&repo.gate, &["--committed-since=nowhere"])
        .code(4)
        .says("there is no commit `nowhere`");
    let clone = repo.outside("clone");
    let from = format!("file://{}", repo.root().display());
    repo.git(&["clone", "--quiet", "--depth=2", &from, clone.to_str().unwrap()]);
    let prove = |base: &str| {
        let words = ["foreground-proof", "--log", LOG, &format!("--committed-since={base}")].map(str::to_owned);
        let output = repo.gate.command(words).current_dir(&clone).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, said) = prove("HEAD~1");
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("has an incomplete history") && said.contains("fetch-depth: 0"),
        "{said}"
    );
    let bare = Gate::new();
    wrap(&bare, "build", "true", &[]);
    self::prove(&bare, SINCE_MAIN)
        .code(4)
        .says("is not in a git repository");
}

#[test]
fn the_configuration_and_the_inputs_say_the_same_as_the_flags() {
    let gate = with_log();
    gate.write(
        ".github/stageproof.yml",
        "version: 1\nforeground-proof:\n  log: proof/heartbeat.log\n  require: [build]\n  max-gap: 1m\n  max-age: 1h\n",
    );
    gate.run(["foreground-proof"]).code(0);
    let gate = with_log()
        .on_runner("push", "{}")
        .env("INPUT_COMMAND", "foreground-proof")
        .env("INPUT_LOG", LOG)
        .env("INPUT_REQUIRE", "build\ntest\n")
        .env("INPUT_IN-PR-BODY", "")
        .env("INPUT_COMMITTED-SINCE", "-");
    gate.run(NO_ARGS).code(1).says("there is no record of `test`");
    let ended = |record: &Record| matches!(record.event, Event::End(_));
    assert!(lines(&gate).iter().any(|line| ended(&Record::parse(line).unwrap())));
}
