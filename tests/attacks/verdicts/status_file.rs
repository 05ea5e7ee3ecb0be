//! Status files: old ones that stay, those of other runs, and large ones.

use std::fs;

use super::{on_runner, verdict, with_reports};
use crate::gate::Gate;

/// What a good verdict of this run wrote.
fn with_status() -> Gate {
    let gate = with_reports();
    verdict(&gate, &[]).code(0);
    gate
}

fn says_success(gate: &Gate, file: &str) -> bool {
    gate.read(file).starts_with("---\nstaging_status: SUCCESS\n")
}

#[test]
fn after_a_usage_error_no_old_success_stays() {
    let usage: [&[&str]; 9] = [
        &["verdict", "--evidence-dir=v", "--max-age=soon"],
        &["verdict", "--max-age=soon", "--evidence-dir", "v"],
        &["--evidence-dir=v", "verdict", "--bogus"],
        &["--evidence-dir", "v", "verdict", "--require=a/b"],
        &[
            "verdict",
            "--evidence-dir=other",
            "--status-file=v/verdict.md",
            "--expect=0",
        ],
        &["verdict", "--nonsense", "--status-file", "v/verdict.md"],
        &["verdict", "--status-file", "v/verdict.md", "--config=none.yml"],
        &["verdict", "--status-file=v/verdict.md", "--label=a/b"],
        &["verdict", "--status-file=v/verdict.md", "--environment="],
    ];
    for words in usage {
        let gate = with_status();
        assert!(says_success(&gate, "v/verdict.md"));
        gate.run(words).code(2);
        assert!(!says_success(&gate, "v/verdict.md"), "{words:?}");
        gate.run(["verdict", "--read=v/verdict.md"]).code(1).says("says FAILED");
    }
}

#[test]
fn nor_after_one_in_an_input_or_in_the_configuration() {
    let none: [&str; 0] = [];
    let gate = with_status()
        .env("INPUT_COMMAND", "verdict")
        .env("INPUT_STATUS-FILE", "v/verdict.md")
        .env("INPUT_URL", "http://x/");
    gate.run(none).code(2);
    assert!(!says_success(&gate, "v/verdict.md"));
    for config in [
        "verdict:\n  status-file: v/verdict.md\n  max-age: soon\n",
        "evidence-dir: v\nbogus: 1\n",
        "evidence-dir: v\nsmoke: 3\n",
    ] {
        let gate = with_status();
        gate.write(".github/stageproof.yml", config);
        gate.run(["verdict", "jobs"]).code(2);
        assert!(!says_success(&gate, "v/verdict.md"), "{config}");
    }
    // A file that other gates do not read as a success is nobody's business.
    let gate = with_status();
    gate.write("notes.md", "mine");
    gate.run(["verdict", "--status-file=notes.md", "--bogus"]).code(2);
    assert_eq!(gate.read("notes.md"), "mine");
    gate.run(["verdict", "--status-file=none.md", "--bogus"]).code(2);
    assert!(!gate.root().join("none.md").exists());
    gate.run(["verdict", "--read=v/verdict.md", "--bogus"]).code(2);
    gate.run(["smoke", "--bogus", "--evidence-dir=v"]).code(2);
    assert!(says_success(&gate, "v/verdict.md"), "they write none");
}

#[test]
fn nor_after_one_in_another_folder_or_under_the_hosts_name_of_the_file() {
    for words in [
        ["verdict", "--bogus", "--evidence-dir=../v"],
        ["verdict", "--bogus", "--status-file=../v/verdict.md"],
    ] {
        let gate = with_status();
        fs::create_dir_all(gate.path("app")).unwrap();
        gate.run_in("app", words).code(2);
        assert!(!says_success(&gate, "v/verdict.md"), "{words:?}");
    }
    for (input, value) in [
        ("STATUS-FILE", "/host/shop/v/verdict.md"),
        ("EVIDENCE-DIR", "/host/shop/v"),
    ] {
        let gate = with_status();
        let root = gate.root().display().to_string();
        let gate = gate
            .env("GITHUB_WORKSPACE", &root)
            .env("INPUT_COMMAND", "verdict")
            .env(&format!("INPUT_{input}"), value)
            .env("INPUT_READ", " ")
            .env("INPUT_CONFIG", "")
            .env("INPUT_EXPECT", "none");
        gate.run(["--host-temp=/host/_temp", "--host-workspace=/host/shop"])
            .code(2);
        assert!(!says_success(&gate, "v/verdict.md"), "{input}");
    }
}

#[test]
fn a_verdict_that_cannot_write_its_report_leaves_no_old_success() {
    let gate = with_status();
    fs::write(gate.path("file"), "").unwrap();
    gate.run([
        "verdict",
        "jobs",
        "--evidence-dir=file/below",
        "--status-file=v/verdict.md",
    ])
    .code(1);
    assert!(!says_success(&gate, "v/verdict.md"));
}

#[test]
fn a_status_file_of_another_run_commit_place_or_time_is_no_success() {
    let good = with_status();
    let good_text = good.read("v/verdict.md");
    good.run(["verdict", "--read=v/verdict.md"])
        .code(0)
        .says("Compared with this run: repository, run, attempt, commit, environment, age");
    let cases = [
        ("run_id: \"77\"", "run_id: \"76\"", "another run: 76"),
        ("sha: \"0123456789abcdef", "sha: \"ffff456789abcdef", "another commit"),
        (
            "repository: \"acme/shop\"",
            "repository: \"eve/shop\"",
            "another repository",
        ),
        (
            "environment: \"staging\"",
            "environment: \"production\"",
            "another environment",
        ),
        ("run_attempt: \"1\"", "run_attempt: \"3\"", "another attempt"),
        ("finished_at: \"20", "finished_at: \"19", "is older than 1d"),
        ("finished_at: \"20", "finished_at: \"29", "ended in the future"),
        ("finished_at: \"20", "finished_at: \"x", "does not say when it ended"),
        ("finished_at: ", "finished: ", "does not say when it ended"),
    ];
    for (from, to, says) in cases {
        let text = good_text.replacen(from, to, 1);
        assert_ne!(text, good_text, "{from}");
        good.write("other.md", &text);
        good.run(["verdict", "--read=other.md"]).code(1).says(says);
    }
    good.run(["verdict", "--read=v/verdict.md", "--environment=production"])
        .code(1);
    good.run(["verdict", "--read=v/verdict.md", "--max-age=1ms"])
        .code(1)
        .says("is older than");
    let second = good.env("GITHUB_RUN_ATTEMPT", "2");
    second
        .run(["verdict", "--read=v/verdict.md"])
        .code(1)
        .says("another attempt: 1");
    second.run(["verdict", "--read=v/verdict.md", "--any-attempt"]).code(0);
}

#[test]
fn outside_of_a_run_it_is_said_that_less_was_compared() {
    let text = with_status().read("v/verdict.md");
    let laptop = Gate::new();
    laptop.write("verdict.md", &text);
    laptop
        .run(["verdict", "--read=verdict.md"])
        .code(0)
        .says("Outside of a run only this was compared: environment, age");
    laptop
        .run(["verdict", "--read=verdict.md", "--environment=production"])
        .code(1);
    // And in a run, of a file that was written outside of one.
    let own: String = text
        .lines()
        .filter(|line| {
            !["run_id:", "run_attempt:", "sha:"]
                .iter()
                .any(|key| line.starts_with(key))
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let run = on_runner();
    run.write("verdict.md", own);
    run.run(["verdict", "--read=verdict.md"])
        .code(0)
        .says("Verdict: pass-weak")
        .says("does not name its run and commit");
}

#[test]
fn a_status_file_of_many_keys_is_read_at_once_and_one_too_large_not_at_all() {
    let gate = Gate::new();
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let mut keys = String::new();
    for a in letters.chars() {
        for b in letters.chars() {
            for c in letters.chars() {
                for d in ["aa", "bb", "cc", "dd"] {
                    keys.push_str(&format!("{a}{b}{c}{d}: 1\n"));
                }
            }
        }
    }
    gate.write("many.md", format!("---\n{keys}staging_status: SUCCESS\n---\n"));
    gate.run(["verdict", "--read=many.md"])
        .code(1)
        .says("does not say when it ended");
    gate.write(
        "large.md",
        format!("---\n{}staging_status: SUCCESS\n---\n", keys.repeat(5)),
    );
    gate.run(["verdict", "--read=large.md"]).code(1).says("is larger than");
    gate.write(
        ".github/stageproof.yml",
        format!("verdict:\n  require: [{}x]\n", "x,".repeat(200_000)),
    );
    gate.run(["verdict", "--read=many.md"]).code(1);
}

#[test]
fn a_file_that_is_no_status_file_is_not_replaced() {
    for (file, text) in [
        ("notes.md", "notes\n"),
        ("v/reports/other.json", "{}"),
        ("binary", "\u{0}\u{1}"),
    ] {
        let gate = with_reports();
        gate.write(file, text);
        verdict(&gate, &[&format!("--status-file={file}")])
            .code(1)
            .says("is not a status file");
        assert_eq!(gate.read(file), text);
    }
    let gate = with_reports();
    gate.write("empty.md", "");
    verdict(&gate, &["--status-file=empty.md"]).code(0);
    verdict(&gate, &["--status-file=empty.md"]).code(0);
}
