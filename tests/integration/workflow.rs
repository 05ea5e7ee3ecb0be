//! The jobs `deploy` and `prove` of the workflow to copy, step by step with the very commands and inputs that are written
//! there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::gate::Gate;
use crate::servers::answer;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
const DOWN: &str = "HTTP/1.1 503 Oops\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";
pub const TOKEN: &str = "fo1_VerySecretValue99";

#[test]
fn what_was_proved_is_one_verdict_in_one_sealed_place() {
    let (codes, gate) = prove(OK, "30s");
    assert_eq!(codes, [0, 0, 0, 0, 0], "{}", gate.listing());
    for name in [
        "skip-guard",
        "heartbeat-build",
        "heartbeat-deploy",
        "smoke",
        "rollback-dry-run",
        "verdict",
    ] {
        let report = gate.read(&format!("artifacts/staging/77/reports/{name}.json"));
        assert!(report.contains(r#""verdict": "pass"#), "{name}: {report}");
    }
    let manifest = gate.read("artifacts/staging/77/sha256_manifest.txt");
    for file in [
        "reports/skip-guard.json",
        "reports/verdict.json",
        "logs/heartbeat.log",
        "logs/deploy.log",
        "verdict.md",
    ] {
        assert!(manifest.contains(file), "{file} in {manifest}");
    }
    assert!(gate.root().join("artifacts/staging/77.zip").is_file());
}

#[test]
fn what_failed_is_sealed_too() {
    let (codes, gate) = prove(DOWN, "300ms");
    assert_eq!(codes, [0, 1, 0, 1, 0], "{}", gate.listing());
    assert!(gate.read("artifacts/staging/77/verdict.md").contains("FAILED"));
}

#[test]
fn a_deploy_that_failed_is_no_pass_whatever_answers() {
    let (codes, gate) = prove_after("exit 3", OK, "30s");
    assert_eq!(codes, [0, 0, 0, 1, 0], "{}", gate.listing());
    let verdict = gate.read("artifacts/staging/77/verdict.md");
    assert!(
        verdict.contains("FAILED") && verdict.contains("heartbeat-deploy"),
        "{verdict}"
    );
}

/// GitHub's "Re-run failed jobs" runs `prove` alone, in an attempt of its own.
#[test]
fn a_proof_that_is_run_again_alone_takes_over_the_deploy_as_it_was() {
    let (codes, gate) = prove_in_attempt("2", "echo deployed", OK, "30s");
    assert_eq!(codes, [0, 0, 0, 0, 0], "{}", gate.listing());
    let workflow = example();
    let (deploy, prove) = (&workflow["jobs"]["deploy"], &workflow["jobs"]["prove"]);
    assert_eq!(deploy["outputs"]["attempt"], "${{ github.run_attempt }}");
    let artifact = |job: &Value, action: &str| {
        let steps = job["steps"].as_array().unwrap();
        let is_one = |step: &&Value| step["uses"].as_str().is_some_and(|uses| uses.starts_with(action));
        steps.iter().find(is_one).unwrap()["with"]["name"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let handed_on = artifact(deploy, "actions/upload-artifact");
    let taken_over = handed_on.replace("github.run_attempt", "needs.deploy.outputs.attempt");
    assert_eq!(artifact(prove, "actions/download-artifact"), taken_over);
}

/// The exit codes of the steps that use the action, each run whatever became of the one before.
fn prove(server: &'static str, within: &str) -> (Vec<i32>, Gate) {
    prove_after("echo deployed", server, within)
}

/// The same, with what deploys as a shell's line.
fn prove_after(deploys: &str, server: &'static str, within: &str) -> (Vec<i32>, Gate) {
    prove_in_attempt("1", deploys, server, within)
}

/// The same, the proof in this attempt and the deploy in the first.
fn prove_in_attempt(attempt: &str, deploys: &str, server: &'static str, within: &str) -> (Vec<i32>, Gate) {
    let workflow = example();
    let job = &workflow["jobs"]["prove"];
    // A failed deploy must not skip the proof, nor a failed step the next one.
    assert!(job["if"].as_str().unwrap().contains("!cancelled()"), "{job}");
    let gate = Gate::new().on_runner("push", r#"{"repository":{"fork":false}}"#);
    repository(gate.root());
    deploy(&workflow["jobs"]["deploy"], deploys, &gate);
    let url = answer(server);
    let mut codes = Vec::new();
    for step in job["steps"].as_array().unwrap() {
        if !step["uses"].as_str().unwrap().starts_with("stageproof/") {
            continue;
        }
        let first = codes.is_empty();
        assert!(first || step["if"].as_str().unwrap().contains("!cancelled()"), "{step}");
        let mut command = gate.command([] as [&str; 0]);
        command.env("GITHUB_RUN_ATTEMPT", attempt);
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, value_of(value, &url));
        }
        for (name, value) in step["with"].as_object().unwrap() {
            command.env(format!("INPUT_{}", name.to_uppercase()), value_of(value, &url));
        }
        // The three minutes of the workflow are for a real deploy.
        if step["with"]["within"].is_string() {
            command.env("INPUT_WITHIN", within);
        }
        if step["with"]["steady"].is_string() {
            command.env("INPUT_STEADY", "300ms").env("INPUT_INTERVAL", "50ms");
        }
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(!said.contains("usage"), "{step}\n{said}");
        codes.push(output.status.code().unwrap_or(-1));
    }
    (codes, gate)
}

pub fn example() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/workflows/deploy-staging.yml");
    serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The project's own commands: `npm` in the folder that is answered, which belongs into PATH, and `deploy.sh`.
pub fn project(workspace: &Path, deploys: &str) -> PathBuf {
    let tools = workspace.join(".tools");
    fs::create_dir(&tools).unwrap();
    let script = |path: &Path, line: &str| {
        fs::write(path, format!("#!/bin/sh\n{line}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    script(&tools.join("npm"), r#"test "$*" = "run build" && echo built"#);
    script(&workspace.join("deploy.sh"), deploys);
    tools
}

/// Runs the steps of the job that deploys, as a runner does, until one fails.
fn deploy(job: &Value, deploys: &str, gate: &Gate) {
    let tools = project(gate.root(), deploys);
    symlink(env!("CARGO_BIN_EXE_stageproof"), tools.join("stageproof")).unwrap();
    for step in job["steps"].as_array().unwrap() {
        let Some(line) = step["run"].as_str() else { continue };
        let like_ours = gate.command([] as [&str; 0]);
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", line]).current_dir(gate.root()).env_clear();
        for (name, value) in std::env::vars().filter(|(name, _)| name == "HOME") {
            shell.env(name, value);
        }
        for (name, value) in like_ours.get_envs() {
            value.map(|value| shell.env(name, value));
        }
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", tools.display()));
        if !shell.output().unwrap().status.success() {
            return;
        }
    }
}

pub fn value_of(value: &Value, url: &str) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.replace("${{ vars.STAGING_URL }}", url)
        .replace("${{ secrets.FLY_API_TOKEN }}", TOKEN)
}

/// Two commits, the first of them a release.
pub fn repository(folder: &Path) {
    let script = "git init -q -b main . && git config user.name t && git config user.email t@example.com
        echo 1 > app && git add app && git commit -q -m first && git tag v1.0.0
        echo 2 > app && git commit -q -a -m second";
    let output = Command::new("sh")
        .args(["-ec", script])
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
