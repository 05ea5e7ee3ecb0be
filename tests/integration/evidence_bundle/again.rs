//! A directory that was sealed before.

use super::{DIR, paths, seal, verified, workspace};
use crate::gate::Gate;
use crate::servers::answer;

#[test]
fn sealing_again_copies_again_and_tidies_up() {
    let gate = workspace();
    gate.write("a.txt", "a").write("b.txt", "b");
    seal(&gate, &["a.txt", "b.txt"]).code(0);
    gate.write("a.txt", "changed").write("evidence/new.log", "n");
    // What a seal leaves that was killed.
    gate.write("evidence/.stageproof-seal-Ab12Cd/files/x", "half");
    seal(&gate, &["a.txt"]).code(0);
    assert_eq!(
        paths(&gate),
        ["evidence.json", "files/a.txt", "files/b.txt", "new.log", "smoke.log"]
    );
    assert_eq!(gate.read("evidence/files/a.txt"), "changed");
    assert!(!gate.root().join("evidence/.stageproof-seal-Ab12Cd").exists());
    verified(&gate, "evidence");
    seal(&gate, &["--exclude=*.txt"]).code(0);
    assert!(!gate.root().join("evidence/files").exists());
    verified(&gate, "evidence");
}

#[test]
fn what_is_not_ours_is_not_overwritten() {
    let gate = workspace();
    gate.write("evidence/files/precious.txt", "p").write("a.txt", "a");
    seal(&gate, &["a.txt"]).code(4).says("was never sealed");
    assert_eq!(gate.read("evidence/files/precious.txt"), "p");
    let gate = workspace();
    gate.write("evidence/evidence.json", "{\"mine\":1}");
    seal(&gate, &[]).code(4).says("not the index of an earlier seal");
    assert_eq!(gate.read("evidence/evidence.json"), "{\"mine\":1}");
}

/// Evidence that was sealed once stays, and so does what somebody put where copies go.
#[test]
fn sealing_again_keeps_earlier_copies_and_refuses_to_lose_what_is_not_its_own() {
    let gate = Gate::new();
    gate.write("one/x.txt", "1").write("two/y.txt", "2");
    seal(&gate, &["one"]).code(0);
    seal(&gate, &["two"]).code(0);
    assert_eq!(paths(&gate), ["evidence.json", "files/one/x.txt", "files/two/y.txt"]);
    gate.run(["verify", "evidence.zip"]).code(0);
    // What is named again is copied again.
    gate.write("one/x.txt", "new");
    seal(&gate, &["one"]).code(0);
    assert_eq!(gate.read("evidence/files/one/x.txt"), "new");
    seal(&gate, &[]).code(0);
    gate.write("evidence/files/mine.txt", "precious");
    seal(&gate, &["one"])
        .code(4)
        .says("evidence/files/mine.txt was not put there by stageproof");
    assert_eq!(gate.read("evidence/files/mine.txt"), "precious");
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

#[test]
fn no_command_writes_into_what_is_sealed() {
    let gate = Gate::new();
    let url = answer(OK);
    gate.run(["smoke", &url, DIR]).code(0);
    seal(&gate, &[]).code(0);
    let commands: [&[&str]; 4] = [
        &["skip-guard", "--require=command:sh"],
        &["smoke", &url, "--label=again"],
        &["rollback-dry-run", "--check=true"],
        &["heartbeat", "--", "true"],
    ];
    for command in commands {
        let (name, rest) = command.split_first().unwrap();
        gate.run([&[*name, DIR], rest].concat()).code(0);
    }
    // They have one folder together, and it is what is judged and sealed next.
    gate.run(["verdict", DIR, "--require=smoke-again", "--require=heartbeat-true"])
        .code(0);
    gate.run(["verdict", DIR, "--require=smoke"]).code(1);
    gate.run(["verdict", DIR]).code(0);
    seal(&gate, &[]).code(0);
    gate.run(["verify", "evidence"]).code(0);
    gate.run(["verify", "evidence-2"]).code(0);
    assert!(gate.root().join("evidence-2/reports/verdict.json").exists());
    assert!(!gate.root().join("evidence-3").exists(), "{}", gate.listing());
}

/// As after a rehearsal, which seals what it finds.
#[test]
fn a_verdict_about_sealed_evidence_does_not_change_it() {
    let gate = Gate::new();
    gate.run(["smoke", &answer(OK), DIR]).code(0);
    seal(&gate, &[]).code(0);
    for _ in 0..2 {
        gate.run(["verdict", DIR, "--require=smoke"]).code(0);
    }
    gate.run(["verify", "evidence"]).code(0);
    assert!(gate.root().join("evidence-2/verdict.md").exists());
}

#[test]
fn a_report_replaces_no_other_one_of_the_same_run() {
    let gate = Gate::new().on_runner("push", "{}");
    let url = answer(OK);
    let down = answer("HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    gate.run(["smoke", &down, DIR, "--within=100ms"]).code(1);
    gate.run(["smoke", &url, DIR]).code(0).says("reports/smoke-2.json");
    gate.run(["smoke", &url, DIR, "--label=blue"]).code(0);
    gate.run(["smoke", &url, DIR, "--label=blue"]).code(0);
    for said in ["one", "two"] {
        gate.run(["heartbeat", DIR, "--label=true", "--", "echo", said]).code(0);
        gate.run(["verdict", DIR]).code(1);
    }
    assert_eq!(gate.read("evidence/logs/true.log"), "one\n");
    assert_eq!(gate.read("evidence/logs/true-2.log"), "two\n");
    for name in [
        "smoke",
        "smoke-2",
        "smoke-blue",
        "smoke-blue-2",
        "heartbeat-true",
        "heartbeat-true-2",
        "verdict",
    ] {
        let report = gate.read(&format!("evidence/reports/{name}.json"));
        assert!(report.contains("stageproof.report/v1"), "{name}");
    }
    assert!(!gate.root().join("evidence/reports/verdict-2.json").exists());
    // Another attempt is not the same run.
    gate.run_with(&[("GITHUB_RUN_ATTEMPT", "2")], "", ["smoke", &url, DIR])
        .code(0);
    assert!(
        gate.read("evidence/reports/smoke.json")
            .contains("\"verdict\": \"pass\"")
    );
}

/// A seal in the middle of a run takes nothing out of the run.
#[test]
fn a_verdict_sees_a_failure_that_was_sealed_before_the_last_good_report() {
    let gate = Gate::new().on_runner("push", "{}");
    let [good, bad] = [200, 500].map(|status| {
        let text = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        answer(Box::leak(text.into_boxed_str()))
    });
    let evidence = "--evidence-dir=evidence";
    gate.run(["smoke", &bad, "--within=100ms", evidence]).code(1);
    seal(&gate, &[]).code(0);
    gate.run(["smoke", &good, evidence]).code(0);
    gate.run(["verdict", evidence])
        .code(1)
        .says("evidence/reports/smoke.json");
}

/// A hash that somebody recorded is worth nothing once its bundle is gone.
#[test]
fn what_a_seal_replaces_and_where_reports_go_after_it_is_said() {
    let gate = workspace();
    seal(&gate, &[]).code(0).never_says("replaces a bundle");
    let sha256 = |text: &str| text.split("SHA-256 ").nth(1).unwrap()[..64].to_owned();
    let first = sha256(&seal(&gate, &["--output=other.zip"]).stdout());
    gate.write("evidence/more.log", "more\n");
    seal(&gate, &["--output=other.zip"])
        .code(0)
        .says(&format!("other.zip replaces a bundle with SHA-256 {first}"));
    let guard = ["skip-guard", "--require=env:PATH", DIR];
    gate.run(guard)
        .says("evidence is sealed: new reports go to evidence-2.");
    gate.run(guard).never_says("is sealed");
    seal(&gate, &["--output=evidence.tar.gz"])
        .code(2)
        .says("the bundle is a zip");
}

#[test]
fn paths_are_shown_from_the_current_folder_and_the_default_one_stays_out_of_commits() {
    let gate = Gate::new();
    gate.write(".git/HEAD", "").write("sub/a.log", "a\n");
    let bundle = gate.run_in("sub", ["evidence-bundle", "a.log"]);
    let out = bundle.code(0).stdout();
    let path = out.split("Bundle: ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(path.starts_with("../artifacts/staging/"), "{out}");
    gate.run_in("sub", ["verify", path]).code(0);
    assert_eq!(gate.read("artifacts/.gitignore"), "*\n");
}

/// A manifest in the workspace, as from evidence that was unpacked there, does not make it an evidence directory.
#[test]
fn the_workspace_is_not_taken_for_sealed_evidence() {
    let gate = workspace();
    gate.write("sha256_manifest.txt", "");
    let workspace = format!("--evidence-dir={}", gate.root().display());
    gate.run(["evidence-bundle", &workspace])
        .code(2)
        .says("is or holds the workspace");
}
