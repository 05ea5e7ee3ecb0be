//! Steps in another folder than the workspace.

use std::fs;

use super::{CONFIG, FROZEN, on_runner};
use crate::gate::Gate;

#[test]
fn the_configuration_of_the_workspace_holds_in_every_folder_below() {
    for (folder, git) in [("app", false), ("app/deep/er", false), ("app", true)] {
        let gate = match git {
            // On a laptop the top of the repository is the workspace.
            true => Gate::new(),
            false => on_runner(),
        };
        gate.write(
            CONFIG,
            "skip-guard:\n  require: [env:NOT_THERE, 'file:from/root.txt']\n",
        );
        gate.write("from/root.txt", "");
        fs::create_dir_all(gate.root().join(".git")).unwrap();
        fs::create_dir_all(gate.root().join(folder)).unwrap();
        let ran = gate.run_in(folder, ["skip-guard"]);
        ran.code(0)
            .says("NOT_THERE is not set")
            .never_says("root.txt does not exist");
        // And the report is where every other step looks for it.
        assert!(gate.report("skip-guard")["checks"].is_array());
    }
}

#[test]
fn a_workspace_that_does_not_exist_or_is_elsewhere_changes_nothing() {
    for workspace in ["/no/such/folder", "", "relative", "/proc/self/cmdline"] {
        let gate = Gate::new().env("GITHUB_WORKSPACE", workspace);
        gate.write(CONFIG, "skip-guard: {require: [env:NOT_THERE]}\n");
        gate.run(["skip-guard"]).code(0).says("NOT_THERE is not set");
    }
}

#[test]
fn a_step_in_a_folder_outside_the_workspace_still_has_its_configuration() {
    let outside = tempfile::tempdir().unwrap();
    let gate = on_runner();
    gate.write(CONFIG, "skip-guard: {require: [env:NOT_THERE]}\n");
    gate.run_in(outside.path().to_str().unwrap(), ["skip-guard"])
        .code(0)
        .says("NOT_THERE is not set");
    gate.write("freeze.yml", FROZEN);
    gate.run_in(
        outside.path().to_str().unwrap(),
        ["skip-guard", "--require=not-frozen:freeze.yml"],
    )
    .says("deploys are frozen");
}

#[test]
fn a_checkout_in_a_folder_of_its_own_brings_its_own_configuration() {
    let gate = on_runner();
    gate.write(
        "shop/.github/stageproof.yml",
        "skip-guard: {require: ['file:dist/x']}\n",
    );
    gate.write("shop/dist/x", "");
    fs::create_dir_all(gate.root().join("shop/src")).unwrap();
    gate.run_in("shop/src", ["skip-guard"]).code(0).says("Verdict: pass");
}

#[test]
fn what_is_above_the_workspace_is_not_read() {
    let gate = Gate::new();
    gate.write(CONFIG, "skip-guard: {require: [env:OF_SOMEBODY_ELSE]}\n");
    let workspace = gate.path("ws/app/x").parent().unwrap().parent().unwrap().to_owned();
    let gate = gate.env("GITHUB_WORKSPACE", workspace.to_str().unwrap());
    gate.run_in("ws/app", ["skip-guard"])
        .code(2)
        .never_says("OF_SOMEBODY_ELSE");
}

#[test]
fn a_path_that_is_typed_is_relative_to_the_current_folder() {
    let gate = on_runner();
    gate.write("app/here.txt", "");
    gate.write("app/run.sh", "#!/bin/sh\n");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(gate.path("app/run.sh"), executable).unwrap();
    gate.write("app/own.yml", "skip-guard: {require: ['file:app/here.txt']}\n");
    for args in [
        ["skip-guard", "--require=file:here.txt"],
        ["skip-guard", "--require=command:./run.sh"],
        ["skip-guard", "--config=own.yml"],
        ["skip-guard", "--require=file:../app/here.txt"],
    ] {
        gate.run_in("app", args).code(0).says("Verdict: pass");
    }
    gate.run_in("app", ["skip-guard", "--require=file:app/here.txt"])
        .code(0)
        .says("does not exist");
    gate.run_in("app", ["evidence-bundle", "--evidence-dir=ev", "here.txt"])
        .code(0);
    assert!(
        gate.root().join("app/ev/files/app/here.txt").exists(),
        "{}",
        gate.listing()
    );
    gate.run_in("app", ["verify", "ev.zip"]).code(0);
    gate.run_in("app", ["evidence-bundle", "--evidence-dir=."])
        .code(2)
        .says("is or holds the current folder");
}

#[test]
fn a_folder_whose_name_looks_like_a_glob_excludes_what_is_excluded() {
    for folder in ["[slug]", "{a,b}", "what?"] {
        let gate = on_runner();
        gate.write(&format!("{folder}/l/secret.txt"), "secret")
            .write(&format!("{folder}/l/kept.txt"), "kept");
        for (exclude, files) in [
            ("l/secret*", "l"),
            ("l/secret.txt", "l/*.txt"),
            ("**/secret.txt", "l/kept.txt"),
        ] {
            let home = format!("--evidence-dir={}", gate.root().join("e").display());
            gate.run_in(folder, ["evidence-bundle", &home, files, "--exclude", exclude])
                .code(0);
            let listing = gate.listing();
            assert!(listing.contains("kept.txt"), "{folder} {exclude}\n{listing}");
            let copied = format!("e/files/{folder}/l/secret.txt");
            assert!(!gate.root().join(copied).exists(), "{folder} {exclude}\n{listing}");
            fs::remove_dir_all(gate.root().join("e")).unwrap();
            let _ = fs::remove_file(gate.root().join("e.zip"));
        }
    }
}

#[test]
fn a_command_that_is_wrapped_runs_in_the_current_folder() {
    let gate = on_runner();
    fs::create_dir_all(gate.root().join("app")).unwrap();
    gate.run_in("app", ["heartbeat", "--", "sh", "-c", "touch made-here"])
        .code(0);
    assert!(gate.root().join("app/made-here").exists(), "{}", gate.listing());
    gate.evidence();
}
