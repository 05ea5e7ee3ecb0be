//! Three staging workflows that fail on every push to main: a secret is not set, nothing is deployed yet, and a script needs
//! a pull request. The logs are those of the very scripts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

use crate::gate::Gate;
use crate::github::mock::{Mock, PUSH, TOKEN, sha};
use crate::init::find_tool;
use crate::skipped::not_checked;
use crate::workflow::definition::Workflow;
use crate::workflow::runner::Runner;
use crate::workflow::{OK, Project};

struct Red {
    name: &'static str,
    workflow: &'static str,
    script: &'static str,
    /// The variable that is empty in this run.
    empty: &'static str,
}

const REDS: [Red; 3] = [
    Red {
        name: "deploy",
        workflow: "name: Staging deploy
on:
  push:
    branches: [main]
permissions: { contents: read }
jobs:
  deploy: # to staging
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Deploy
        run: ./scripts/deploy.sh staging
        env:
          STAGING_TOKEN: ${{ secrets.STAGING_TOKEN }}
",
        script: ": \"${STAGING_TOKEN:?the token of staging is not set}\"\necho \"deployed to $1\"\n",
        empty: "STAGING_TOKEN",
    },
    Red {
        name: "smoke",
        workflow: "name: Staging smoke
on: push
permissions: {}
jobs:
  smoke:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Ask the deployment
        env:
          STAGING_URL: ${{ vars.STAGING_URL }}
        run: ./scripts/smoke.sh
",
        script: ": \"${STAGING_URL:?nothing is deployed to staging}\"\necho \"probing $STAGING_URL\"\n",
        empty: "STAGING_URL",
    },
    Red {
        name: "preview",
        workflow: "name: Staging preview
on:
  push:
    branches: [main]
  pull_request:
jobs:
  preview:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Merge of the pull request
        run: ./scripts/preview.sh
        env:
          NUMBER: ${{ github.event.pull_request.number }}
",
        script: "git fetch --quiet origin \"refs/pull/$NUMBER/merge\"\necho \"preview of $NUMBER\"\n",
        empty: "NUMBER",
    },
];

impl Red {
    fn path(&self) -> String {
        format!(".github/workflows/staging-{}.yml", self.name)
    }

    /// What the script's line is in the workflow.
    fn line(&self) -> &str {
        let line = self.workflow.lines().find_map(|line| line.trim().strip_prefix("run: "));
        line.unwrap()
    }

    /// The log of its run, in the runner's words around what the script really says.
    fn log(&self, folder: &Path) -> String {
        let ran = Command::new("bash")
            .args(["-e", "-c", self.line()])
            .current_dir(folder)
            .env(self.empty, "")
            .env("LC_ALL", "C")
            .output()
            .unwrap();
        assert!(!ran.status.success());
        let mut lines = vec![
            "Secret source: Actions".to_owned(),
            format!("Complete job name: {}", self.name),
            format!("##[group]Run {}", self.line()),
            format!("\u{1b}[36;1m{}\u{1b}[0m", self.line()),
            "shell: /usr/bin/bash -e {0}".to_owned(),
            "env:".to_owned(),
            format!("  {}: ", self.empty),
            "##[endgroup]".to_owned(),
        ];
        lines.extend(said(&ran).lines().map(str::to_owned));
        lines.push(format!(
            "##[error]Process completed with exit code {}.",
            ran.status.code().unwrap()
        ));
        let line = |text: &String| format!("2026-11-20T10:00:00.0000000Z {text}\n");
        lines.iter().map(line).collect()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn shell(script: &str, folder: &Path) {
    let mut command = Command::new("bash");
    let ran = command
        .args(["-e", "-c", script])
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output();
    let ran = ran.unwrap();
    assert!(ran.status.success(), "{script}\n{}", said(&ran));
}

/// The repository, with a remote that has no pull requests.
fn repository(gate: &Gate) {
    for red in &REDS {
        gate.write(&red.path(), red.workflow);
        let script = gate.path(&format!("scripts/{}.sh", red.name));
        fs::write(&script, format!("#!/usr/bin/env bash\nset -eu\n{}", red.script)).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let script = "git init -q -b main . && git config user.name t && git config user.email t@example.com
        printf 'runner\\nartifacts\\nremote\\n' > .gitignore && git add . && git commit -q -m first
        git init -q --bare remote && git remote add origin ./remote";
    shell(script, gate.root());
}

/// GitHub, where the push to main made all three red.
fn github(gate: &Gate) -> Mock {
    let mut mock = Mock::new();
    for (red, number) in REDS.iter().zip(1..) {
        let (run, job) = (100 + number, 200 + number);
        mock = mock
            .workflow(910 + number, red.name, &red.path())
            .failed(run, 10 + number)
            .run_with(
                run,
                json!({"workflow_id": 910 + number, "path": red.path(), "head_sha": sha(1)}),
            )
            .job(run, job, red.name, "failure")
            .log(job, Some(&red.log(gate.root())))
            .file(&sha(1), &red.path(), red.workflow);
    }
    mock
}

#[test]
fn three_red_workflows_are_explained_and_their_patches_make_skips_of_them() {
    let gate = Gate::new();
    repository(&gate);
    let mock = github(&gate);
    let gate = gate
        .on_runner("workflow_dispatch", PUSH)
        .env("GITHUB_API_URL", &mock.url)
        .env("GITHUB_TOKEN", TOKEN);
    gate.run(["diagnose", "--last=3"])
        .code(1)
        .says("missing-secret: STAGING_TOKEN: the token of staging is not set")
        .says("missing-config: STAGING_URL: nothing is deployed to staging")
        .says("wrong-trigger: ");
    mock.was_asked_properly();
    let patch = gate.outputs()["patch"].clone();
    gate.write("runner/all.patch", &patch);
    shell(
        "git apply --check runner/all.patch && git apply runner/all.patch",
        gate.root(),
    );
    let texts: Vec<String> = REDS.iter().map(|red| gate.read(&red.path())).collect();
    assert!(
        texts[0].contains("require: env:STAGING_TOKEN") && texts[0].contains("deploy: # to staging"),
        "{patch}"
    );
    assert!(texts[1].contains("require: var:STAGING_URL"), "{patch}");
    assert!(
        texts[2].contains("    if: github.event_name == 'pull_request'\n"),
        "{patch}"
    );
    linted(&gate);

    let project = Project::new("true");
    let ran = |text: &str, change: fn(&mut Runner)| {
        let mut runner = project.runner(OK);
        runner.repository = gate.root().to_owned();
        runner.vars.clear();
        change(&mut runner);
        let workflow: Workflow = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        runner.run(&workflow)
    };
    ran(REDS[0].workflow, |_| {}).is("deploy", "failure");
    ran(&texts[0], |_| {})
        .says("Staging was skipped: STAGING_TOKEN is not set or empty")
        .is("deploy/Deploy", "skipped")
        .is("deploy", "success");
    ran(&texts[1], |_| {})
        .says("Staging was skipped: STAGING_URL is not set or empty")
        .is("smoke", "success");
    ran(&texts[2], |_| {}).is("preview", "skipped");
    // With what was missing they work as before.
    ran(&texts[0], |runner| {
        runner
            .secrets
            .insert("STAGING_TOKEN".to_owned(), "s3cr3t-0815".to_owned());
    })
    .says("deployed to staging")
    .is("deploy/Deploy", "success");
    ran(&texts[1], |runner| {
        runner
            .vars
            .insert("STAGING_URL".to_owned(), "https://staging.example.com".to_owned());
    })
    .says("probing http");
    under_act(&gate);
}

fn linted(gate: &Gate) {
    let Some(actionlint) = find_tool("actionlint") else {
        return not_checked(
            "the patched workflows",
            "actionlint is not installed",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
    };
    let ran = Command::new(actionlint)
        .arg("-shellcheck=")
        .current_dir(gate.root())
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", said(&ran));
}

/// The binary of this test in place of the action's image: act then needs no containers.
const ACTION: &str = "name: stageproof
description: The binary of this test.
inputs: { command: { description: x, required: true }, require: { description: x } }
outputs: { ready: { description: x, value: '${{ steps.it.outputs.ready }}' } }
runs:
  using: composite
  steps:
    - id: it
      shell: bash
      env: { INPUT_COMMAND: '${{ inputs.command }}', INPUT_REQUIRE: '${{ inputs.require }}' }
      run: BINARY
";

fn under_act(gate: &Gate) {
    let Some(act) = find_tool("act") else {
        return not_checked(
            "the patched workflows under act",
            "act is not installed",
            "STAGEPROOF_REQUIRE_DOCKER",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let action = folder.path().join("action");
    fs::create_dir(&action).unwrap();
    fs::write(
        action.join("action.yml"),
        ACTION.replace("BINARY", env!("CARGO_BIN_EXE_stageproof")),
    )
    .unwrap();
    shell(
        "git init -q -b main . && git add . && git -c user.name=t -c user.email=t@example.com commit -q -m x",
        &action,
    );
    fs::write(folder.path().join("event.json"), PUSH).unwrap();
    for (red, says) in REDS.iter().zip([
        "STAGING_TOKEN is not set or empty",
        "STAGING_URL is not set or empty",
        "",
    ]) {
        let mut run = Command::new(&act);
        run.args([
            "push",
            "-W",
            &red.path(),
            "--platform=ubuntu-latest=-self-hosted",
            "--no-cache-server",
        ]);
        run.args([
            "--pull=false",
            "--container-daemon-socket=-",
            "--env=NO_COLOR=1",
            "--eventpath",
        ]);
        run.arg(folder.path().join("event.json"));
        let pin = concat!("stageproof/stageproof@v", env!("CARGO_PKG_VERSION"));
        run.arg(format!("--local-repository={pin}={}", action.display()));
        let ran = run
            .current_dir(gate.root())
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let text = said(&ran);
        assert!(ran.status.success() && text.contains(says), "{}\n{text}", red.name);
        assert!(
            !text.contains("deployed to") && !text.contains("preview of"),
            "{}\n{text}",
            red.name
        );
    }
}
