//! `install`, on the machine itself. In the action's container: container/install.rs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use crate::gate::Gate;

fn on_runner() -> Gate {
    let gate = Gate::new().on_runner("push", "{}");
    gate.write("runner/path", "");
    let (path, temp) = (gate.path("runner/path"), gate.path("temp/x"));
    let temp = temp.parent().unwrap().to_owned();
    gate.env("GITHUB_PATH", path.to_str().unwrap())
        .env("RUNNER_OS", "Linux")
        .env("RUNNER_TEMP", temp.to_str().unwrap())
}

fn own_sha256() -> String {
    hex::encode(Sha256::digest(
        fs::read(assert_cmd::cargo::cargo_bin!("stageproof")).unwrap(),
    ))
}

#[test]
fn later_steps_find_the_very_same_binary() {
    let gate = on_runner();
    gate.run(["install"]).code(0);
    let folder = gate.root().join("temp/stageproof-bin");
    assert_eq!(gate.read("runner/path"), format!("{}\n", folder.display()));
    let outputs = gate.outputs();
    assert_eq!(outputs["path"], folder.join("stageproof").display().to_string());
    assert_eq!(outputs["sha256"], own_sha256());
    let meta = fs::metadata(folder.join("stageproof")).unwrap();
    assert_eq!(meta.permissions().mode() & 0o7777, 0o755);
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "nothing temporary is left");
    let said = Command::new("sh")
        .args(["-c", "stageproof heartbeat --evidence-dir=steps -- echo alive"])
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .current_dir(gate.root())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "alive\n");
}

#[test]
fn what_is_there_already_is_left_alone_and_anything_else_replaced() {
    let gate = on_runner();
    gate.run(["install", "--to=tools"]).code(0);
    let binary = gate.path("tools/stageproof");
    let inode = fs::metadata(&binary).unwrap().ino();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o600)).unwrap();
    gate.run(["install", "--to=tools", "--verbose"])
        .code(0)
        .says("was there: yes");
    let meta = fs::metadata(&binary).unwrap();
    assert_eq!((meta.ino(), meta.permissions().mode() & 0o777), (inode, 0o755));
    fs::write(&binary, "another").unwrap();
    gate.run(["install", "--to=tools", "--verbose"])
        .code(0)
        .says("was there: no");
    assert_eq!(hex::encode(Sha256::digest(fs::read(&binary).unwrap())), own_sha256());
    gate.write("precious", "precious");
    fs::remove_file(&binary).unwrap();
    symlink("../precious", &binary).unwrap();
    gate.run(["install", "--to=tools"]).code(0);
    assert_eq!(gate.read("precious"), "precious");
    assert!(fs::symlink_metadata(&binary).unwrap().is_file());
}

#[test]
fn what_cannot_work_is_refused_with_its_reason() {
    let gate = on_runner();
    for (to, words) in [
        ("/proc/no", "cannot make the folder /proc/no"),
        ("a:b", "cannot be an entry of PATH"),
        ("a\nb", "cannot be an entry of PATH"),
        ("taken", "taken"),
    ] {
        gate.write("taken", "a file");
        gate.run(["install", "--to", to]).code(1).says(words);
    }
    fs::create_dir_all(gate.path("folder/stageproof/x")).unwrap();
    gate.run(["install", "--to=folder"]).code(1).says("cannot write");
    assert_eq!(gate.read("runner/path"), "", "nothing is told of what is not there");
    for system in ["Windows", "macOS"] {
        let gate = on_runner().env("RUNNER_OS", system);
        gate.run(["install"])
            .code(1)
            .says(&format!("the runner's system is {system}"));
        assert!(!gate.root().join("temp/stageproof-bin").exists());
    }
    let gate = on_runner().env("GITHUB_PATH", "");
    gate.run(["install"]).code(1).says("GITHUB_PATH is not set");
    let gate = on_runner().env("GITHUB_PATH", "/no/such/file");
    gate.run(["install"])
        .code(1)
        .says("cannot extend the PATH of later steps (GITHUB_PATH)");
}

#[test]
fn on_a_laptop_a_folder_must_be_named_and_path_is_ones_own() {
    let gate = Gate::new();
    gate.run(["install"])
        .code(1)
        .says("RUNNER_TEMP is not set")
        .says("--to");
    gate.run(["install", "--to=bin"]).code(0).says("to PATH yourself");
    assert!(gate.root().join("bin/stageproof").exists());
}

/// The arguments that action.yml gives to every command.
const ARGS: [&str; 2] = [
    "--host-temp=/home/runner/work/_temp",
    "--host-workspace=/home/runner/work/shop/shop",
];

#[test]
fn the_actions_arguments_name_the_hosts_folders_and_are_no_flags() {
    let translated = |gate: Gate| {
        gate.env("INPUT_HOST-TEMP", "/github/runner_temp")
            .env("INPUT_HOST-WORKSPACE", "/github/workspace")
    };
    let gate = translated(on_runner())
        .env("INPUT_COMMAND", "skip-guard")
        .env("INPUT_REQUIRE", "env:PATH");
    gate.run(ARGS).code(0).says("Verdict: pass");
    let gate = translated(on_runner()).env("INPUT_COMMAND", "");
    gate.run(ARGS).code(2).says("no subcommand was given");
}
