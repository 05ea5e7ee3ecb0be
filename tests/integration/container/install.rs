//! `install`: the container puts its binary where the host's steps find it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

use super::step::{Step, Temp, image};
use crate::servers::{free_port, hello};

/// A `run:` step of the same job: on the host, with what was written to GITHUB_PATH in front of its PATH.
fn run(step: &Step, script: &str) -> Output {
    let told = fs::read_to_string(step.path("file_commands/path")).unwrap();
    let mut folders: Vec<&str> = told.lines().collect();
    // The runner puts later folders in front of earlier ones.
    folders.reverse();
    folders.extend(["/usr/bin", "/bin"]);
    let mut command = Command::new("sh");
    command
        .args(["-e", "-c", script])
        .env_clear()
        .env("PATH", folders.join(":"));
    command
        .current_dir(step.path("workspace/x").parent().unwrap())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

fn told(step: &Step) -> String {
    fs::read_to_string(step.path("file_commands/path")).unwrap()
}

fn sha256(path: &Path) -> String {
    hex::encode(Sha256::digest(fs::read(path).unwrap()))
}

fn of_the_image() -> String {
    sha256(&PathBuf::from(std::env::var_os("STAGEPROOF_STATIC_BINARY").unwrap()))
}

#[test]
fn later_steps_on_the_host_run_the_binary_of_the_image() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "install");
    step.run().code(0);
    let folder = step.path("temp/stageproof-bin");
    assert_eq!(
        told(&step),
        format!("{}\n", folder.display()),
        "the host's name of the folder"
    );
    let outputs = step.outputs();
    let binary = PathBuf::from(&outputs["path"]);
    assert_eq!(binary, folder.join("stageproof"));
    assert_eq!(outputs["sha256"], of_the_image());
    assert_eq!(sha256(&binary), of_the_image());
    let meta = fs::metadata(&binary).unwrap();
    assert_eq!(meta.permissions().mode() & 0o7777, 0o755);
    assert_eq!(outputs["verdict"], "pass", "a static binary is no reason to warn");

    let ended = run(
        &step,
        "exec stageproof heartbeat --evidence-dir=proof --label=build -- sh -c 'echo built; exit 7'",
    );
    assert_eq!(
        (ended.status.code(), &*ended.stdout),
        (Some(7), &b"built\n"[..]),
        "{}",
        said(&ended)
    );
    let ended = run(&step, "stageproof foreground-proof --log proof/logs/heartbeat.log");
    assert_eq!(ended.status.code(), Some(1), "{}", said(&ended));
    assert!(said(&ended).contains("exited with code 7"), "{}", said(&ended));
    let port = free_port();
    let smoke = format!("stageproof smoke http://127.0.0.1:{port} --evidence-dir=proof --within 20s");
    let ended = run(&step, &format!("{smoke} --start '{}'", hello(port)));
    assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    let ended = run(&step, "command -v stageproof");
    assert_eq!(said(&ended).trim(), binary.display().to_string());

    // And once more, in a later step: it is there, and not written again.
    let step = step.then("install").input("verbose", "true");
    step.run().code(0).says("was there: yes");
    let again = fs::metadata(&binary).unwrap();
    assert_eq!((meta.ino(), meta.mtime_nsec()), (again.ino(), again.mtime_nsec()));
}

/// What root leaves in a folder of the runner's user, that user could not remove.
#[test]
fn the_copy_belongs_to_whoever_the_folder_belongs_to() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "install");
    let temp = step.path("temp");
    if std::os::unix::fs::chown(&temp, Some(1001), Some(1001)).is_err() {
        return crate::skipped::not_checked("owners", "these tests do not run as root", super::step::REQUIRED);
    }
    step.run().code(0);
    for path in ["temp/stageproof-bin", "temp/stageproof-bin/stageproof"] {
        let meta = fs::metadata(step.path(path)).unwrap();
        assert_eq!((meta.uid(), meta.gid()), (1001, 1001), "{path}");
    }
}

#[test]
fn a_runner_that_does_not_mount_its_temporary_folder_gets_it_in_the_workspace() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "install").temp(Temp::Absent).input("verbose", "true");
    step.run().code(0).says("stageproof-bin");
    let folder = step.path("workspace/.stageproof-bin");
    assert_eq!(told(&step), format!("{}\n", folder.display()));
    assert_eq!(sha256(&folder.join("stageproof")), of_the_image());
    assert!(!step.path("temp/x").parent().unwrap().join("stageproof-bin").exists());
    let ended = run(
        &step,
        "stageproof --version; git init -q . && git status --porcelain .stageproof-bin",
    );
    // One line: git does not see it. The binary is another build than this test.
    let said = said(&ended);
    let version = format!("stageproof {} (commit ", env!("CARGO_PKG_VERSION"));
    assert!(said.starts_with(&version) && said.lines().count() == 1, "{said}");
}

#[test]
fn a_folder_can_be_named_by_either_of_its_names() {
    let Some(image) = image() else { return };
    // The runner translates the whole path of the host; a relative one it leaves alone.
    for to in ["/github/workspace/my tools", "my tools"] {
        let step = Step::new(image, "install").input("to", to);
        step.run().code(0);
        let folder = step.path("workspace/my tools");
        assert_eq!(told(&step), format!("{}\n", folder.display()), "{to}");
        let ended = run(&step, "stageproof --version");
        assert_eq!(ended.status.code(), Some(0), "{}", said(&ended));
    }
}

#[test]
fn what_cannot_work_is_refused_and_nobody_is_told() {
    let Some(image) = image() else { return };
    let step = Step::new(image, "install").temp(Temp::ReadOnly);
    step.run().code(1).says("Read-only file system").says("--to");
    assert_eq!(told(&step), "");
    for to in ["/usr/local/bin", "../elsewhere", "/home/runner/bin"] {
        let step = Step::new(image, "install").input("to", to);
        step.run()
            .code(1)
            .says("is not in a folder of the runner that is mounted");
        assert_eq!(told(&step), "", "{to}");
    }
    let step = Step::new(image, "install").env("GITHUB_PATH", "");
    step.run().code(1).says("GITHUB_PATH is not set");
    assert!(!step.path("temp/x").parent().unwrap().join("stageproof-bin").exists());
    let step = Step::new(image, "install").option("--mount=type=tmpfs,destination=/github/file_commands/tmp");
    step.env("GITHUB_PATH", "/github/file_commands/absent")
        .run()
        .code(1)
        .says("cannot extend the PATH of later steps");
    // A folder in which nothing may be run.
    let step = Step::new(image, "install")
        .temp(Temp::Absent)
        .env("RUNNER_TEMP", "/github/runner_temp");
    let step = step.option("--tmpfs=/github/runner_temp:rw,noexec,size=64m");
    step.run().code(1).says("cannot be run").says("noexec");
    assert_eq!(told(&step), "");
}
