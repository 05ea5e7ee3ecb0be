//! `rehearse`: the whole flow from one file.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::gate::Gate;
use crate::servers::{answer, free_port, hello, runs};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const DOWN: &str = "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops";

fn config(guard: &str, url: &str, check: &str) -> String {
    format!(
        "version: 1
skip-guard:
  require: [{guard}]
smoke:
  url: {url}
  within: 500ms
  interval: 50ms
rollback-dry-run:
  check: {check}
  rollback-command: deploy --release previous
evidence-bundle:
  files: [notes.txt]
"
    )
}

/// What was sealed, by its place in the evidence.
fn sealed(evidence: &Path) -> Vec<String> {
    let manifest = std::fs::read_to_string(evidence.join("sha256_manifest.txt")).unwrap();
    manifest.lines().map(|line| line[66..].to_owned()).collect()
}

fn final_report(gate: &Gate) -> Value {
    let mut name = gate.evidence().into_os_string();
    name.push(".rehearse.json");
    serde_json::from_str(&std::fs::read_to_string(PathBuf::from(name)).unwrap()).unwrap()
}

#[test]
fn a_good_rehearsal_passes_by_stage_and_its_bundle_verifies() {
    let gate = Gate::new().on_runner("push", r#"{"repository":{"fork":false}}"#);
    gate.write("notes.txt", "seen by two people\n");
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}\n  start: {}", hello(port));
    let text = config("not-fork, \"event:push\"", &url, "\"true\"").replace("500ms", "20s");
    gate.write(".github/stageproof.yml", text);
    let ran = gate.run(["rehearse"]);
    ran.code(0).says("Verdict: pass").says("deploy --release previous");
    let out = ran.stdout();
    for stage in ["guard", "smoke", "rollback", "evidence"] {
        assert!(out.contains(&format!("\n{stage}\n  ✓ ")), "{stage}\n{out}");
    }
    assert!(!runs(&hello(port)));
    let names = sealed(&gate.evidence());
    for name in [
        "evidence.json",
        "files/notes.txt",
        "logs/server.log",
        "reports/rehearse.json",
        "reports/rehearse.junit.xml",
    ] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
    let outputs = gate.outputs();
    assert_eq!(outputs["verdict"], "pass");
    assert_eq!(outputs["ready"], "true");
    assert_eq!(outputs["command"], "deploy --release previous");
    for target in [&outputs["bundle"], outputs["bundle"].trim_end_matches(".zip")] {
        gate.run(["verify", target]).code(0).says("Verdict: pass");
    }
    assert_eq!(
        final_report(&gate)["outputs"]["bundle-sha256"],
        outputs["bundle-sha256"].as_str()
    );
}

#[test]
fn a_guard_that_is_not_ready_skips_the_rest_and_the_skip_is_sealed() {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write("notes.txt", "x");
    gate.write("asked", "");
    let asking = "touch was-run";
    gate.write(
        ".github/stageproof.yml",
        config("\"env:FLY_API_TOKEN\"", &answer(OK), asking),
    );
    gate.run(["rehearse"])
        .code(0)
        .says("Verdict: skip")
        .says("FLY_API_TOKEN is not set")
        .says("the guard is not ready");
    assert!(!gate.root().join("was-run").exists(), "the rest is not run");
    assert!(sealed(&gate.evidence()).contains(&"reports/rehearse.json".to_owned()));
    assert_eq!(gate.report("rehearse")["verdict"], "skip");
    assert_eq!(gate.outputs()["ready"], "false");
    gate.run(["rehearse", "--strict"]).code(1).says("Verdict: fail");
}

#[test]
fn a_stage_that_fails_stops_neither_the_next_one_nor_the_evidence() {
    let gate = Gate::new();
    gate.write("notes.txt", "x");
    gate.write(
        ".github/stageproof.yml",
        config("\"file:notes.txt\"", &answer(DOWN), "touch was-run"),
    );
    gate.run(["rehearse"])
        .code(1)
        .says("[app: status-5xx]")
        .says("Verdict: fail");
    assert!(gate.root().join("was-run").exists(), "the rollback was still rehearsed");
    let bundle = gate.evidence().with_extension("zip");
    assert!(bundle.exists(), "{}", gate.listing());
    assert_eq!(gate.report("rehearse")["verdict"], "fail");
}

#[test]
fn the_previous_version_is_rehearsed_too_and_its_log_is_sealed() {
    let repo = crate::repo::Repo::empty();
    let gate = &repo.gate;
    let port = free_port();
    let start = hello(port);
    gate.write(
        ".github/stageproof.yml",
        format!(
            "smoke:
  url: http://127.0.0.1:{port}
  start: {start}
  interval: 50ms
rollback-dry-run:
  rehearse: {start}
  migrations: [db/migrate]
"
        ),
    );
    repo.commit("db/migrate/1.sql", "one");
    repo.git(&["tag", "v1"]);
    repo.commit("db/migrate/2.sql", "two");
    let evidence = repo.outside("evidence");
    let flag = format!("--evidence-dir={}", evidence.display());
    gate.run(["rehearse", &flag, "--verbose"])
        .code(0)
        .says("✓ The previous version was started and answered")
        .says("1 migration changed since that release, and going back does not undo them: db/migrate/2.sql (added)")
        .says("Verdict: pass-weak");
    assert!(!runs(&start));
    for log in ["logs/server.log", "logs/server-previous.log"] {
        assert!(sealed(&evidence).iter().any(|name| name == log), "{log}");
    }
    // What is wrong with the previous version alone is found.
    let text = gate.read(".github/stageproof.yml");
    gate.write(
        ".github/stageproof.yml",
        text.replace(&format!("rehearse: {start}"), "rehearse: sh -c 'exit 7'"),
    );
    gate.run(["rehearse", "--evidence-dir", repo.outside("second").to_str().unwrap()])
        .code(1)
        .says("exited with code 7");
}

#[test]
fn sealed_evidence_is_never_written_into_again() {
    let gate = Gate::new();
    gate.write("notes.txt", "x");
    gate.write(
        ".github/stageproof.yml",
        config("\"file:notes.txt\"", &answer(OK), "\"true\""),
    );
    gate.run(["rehearse", "--evidence-dir=proof"]).code(0);
    let first = gate.read("proof/sha256_manifest.txt");
    gate.run(["rehearse", "--evidence-dir=proof"])
        .code(0)
        .says("proof-2.zip");
    assert_eq!(gate.read("proof/sha256_manifest.txt"), first);
    gate.run(["verify", "proof"]).code(0);
    gate.run(["verify", "proof-2.zip"]).code(0);
}

#[test]
fn nothing_to_rehearse_is_a_usage_error() {
    let gate = Gate::new();
    gate.run(["rehearse"]).code(2).says("nothing to rehearse");
    gate.write(".github/stageproof.yml", "skip-guard:\n  require: [not-fork]\n");
    gate.run(["rehearse"]).code(2).says("nothing to rehearse");
}

#[test]
fn a_rehearsal_that_is_cancelled_still_seals_what_it_found() {
    let gate = Gate::new();
    gate.write("notes.txt", "x");
    let hanging = crate::servers::serve(crate::servers::hang);
    let text = config("\"file:notes.txt\"", &hanging, "touch was-run").replace("500ms", "60s\n  timeout: 60s");
    gate.write(".github/stageproof.yml", text);
    let mut child = gate
        .command(["rehearse"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Its handlers are in place before it writes the first report.
    crate::servers::eventually("it has begun", || gate.root().join("artifacts/staging").exists());
    let began = std::time::Instant::now();
    let kill = std::process::Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(4));
    assert!(began.elapsed().as_secs() < 7, "{:?}", began.elapsed());
    assert!(
        !gate.root().join("was-run").exists(),
        "nothing is started after the signal"
    );
    let bundle = gate.evidence().with_extension("zip");
    gate.run(["verify", bundle.to_str().unwrap()]).code(0);
    assert_eq!(gate.report("rehearse")["verdict"], "inconclusive");
}
