//! Real software on the other side of the artifact service: the server of act, and GitHub's own client.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::artifacts::Artifacts;
use crate::fetched::{OK, bundle, in_action};
use crate::gate::Gate;
use crate::servers::free_port;
use crate::skipped::not_checked;

const REQUIRED: &str = "STAGEPROOF_REQUIRE_TOOLS";
/// A folder in which npm installed `@actions/artifact`.
const CLIENT: &str = "STAGEPROOF_ARTIFACT_CLIENT";

/// act runs steps without a container and, other than GitHub, gives `run:` steps the token, too.
#[test]
fn the_server_of_act_takes_bundles_and_gives_them_back() {
    if Command::new("act").arg("--version").output().is_err() {
        return not_checked("the artifact server of act", "act is not installed", REQUIRED);
    }
    let gate = Gate::new();
    let binary = env!("CARGO_BIN_EXE_stageproof");
    let workflow = format!(
        "on: push
jobs:
  eu:
    runs-on: ubuntu-latest
    steps:
      - run: |
          {binary} skip-guard --require env:PATH --evidence-dir e --label eu
          {binary} evidence-bundle --evidence-dir e --output e.zip --upload required --artifact-name proof-eu-1
  all:
    needs: eu
    runs-on: ubuntu-latest
    steps:
      - run: |
          {binary} verify --artifact 'proof-*'
          {binary} verdict --artifact 'proof-*' --require skip-guard-eu
          {binary} merge --artifact 'proof-*' --expect proof-eu --evidence-dir all --upload required --artifact-name all
"
    );
    gate.write("repo/.github/workflows/run.yml", workflow);
    let script = "git init -q -b main . && git add . && git -c user.name=t -c user.email=t@example.com commit -q -m x \
                  && git remote add origin https://github.com/acme/shop";
    let repository = gate.path("repo/x");
    let repository = repository.parent().unwrap();
    let mut git = Command::new("sh");
    git.args(["-ec", script]).current_dir(repository);
    assert!(git.env("GIT_CONFIG_GLOBAL", "/dev/null").status().unwrap().success());
    let output = Command::new("act")
        .args([
            "push",
            "-P",
            "ubuntu-latest=-self-hosted",
            "--no-cache-server",
            "--env=NO_COLOR=1",
        ])
        .args([
            "--artifact-server-addr=127.0.0.1",
            &format!("--artifact-server-port={}", free_port()),
        ])
        .arg("--artifact-server-path")
        .arg(gate.path("served"))
        .current_dir(repository)
        .env("HOME", gate.path("home"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for (command, count) in [("verify", "5 passed"), ("verdict", "1 passed"), ("merge", "9 passed")] {
        let summary = format!("stageproof {command}: pass");
        assert!(said.contains(&summary) && said.contains(count), "{command}: {said}");
    }
    gate.run(["verify", "served/1/all/all.zip"]).code(0);
    gate.run(["verify", "served/1/proof-eu-1/proof-eu-1.zip"]).code(0);
}

/// The client compares the hash that was recorded, and unpacks.
#[test]
fn githubs_own_client_reads_what_was_uploaded() {
    const SCRIPT: &str = "
        const { DefaultArtifactClient } = await import('@actions/artifact');
        const client = new DefaultArtifactClient();
        const { artifact } = await client.getArtifact('proof');
        const got = await client.downloadArtifact(artifact.id, { path: 'got', expectedHash: artifact.digest });
        console.log(`digest mismatch: ${got.digestMismatch}`);
    ";
    let Some(client) = std::env::var_os(CLIENT) else {
        return not_checked("@actions/artifact", &format!("{CLIENT} names no folder"), CLIENT);
    };
    let artifacts = Artifacts::start(false, |_, _| None);
    let gate = in_action(&artifacts);
    gate.write("merged.zip", bundle("2", "eu", OK));
    gate.run([
        "merge",
        "merged.zip",
        "--evidence-dir=all",
        "--upload=required",
        "--artifact-name=proof",
    ])
    .code(0);
    std::os::unix::fs::symlink(Path::new(&client).join("node_modules"), gate.path("node_modules")).unwrap();
    gate.write("get.mjs", SCRIPT);
    let mut node = Command::new("node");
    node.arg("get.mjs")
        .current_dir(gate.root())
        .envs(artifacts.env())
        .env("GITHUB_WORKSPACE", gate.root());
    let output = node.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("digest mismatch: false"),
        "{said}"
    );
    assert!(
        fs::metadata(gate.root().join("got/bundles/merged/evidence.json")).is_ok(),
        "{}",
        gate.listing()
    );
    gate.run(["verify", "got"]).code(0);
    gate.run(["verify", "got/bundles/merged"]).code(0);
}
