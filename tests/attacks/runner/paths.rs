//! Paths that the host and the action's container call by different names.
//!
//! A folder below /dev/shm, which is a file system of its own, stands for what is mounted into the container; what is in /tmp
//! is on the container's own layer.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::gate::{Gate, Ran};
use crate::skipped::not_checked;

const HOST_WORKSPACE: &str = "/home/runner/work/shop/shop";
const HOST_TEMP: &str = "/home/runner/work/_temp";

/// A container action: GITHUB_WORKSPACE and RUNNER_TEMP are the container's names of folders that are mounted.
struct Container {
    gate: Gate,
    mounted: tempfile::TempDir,
}

impl Container {
    fn new(test: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let is_mount = |path: &str| mounts.lines().any(|line| line.split(' ').nth(4) == Some(path));
        if !is_mount("/dev/shm") || is_mount("/tmp") {
            not_checked(
                test,
                "/dev/shm is not a mount, or /tmp is one",
                "STAGEPROOF_REQUIRE_TOOLS",
            );
            return None;
        }
        let mounted = tempfile::tempdir_in("/dev/shm").unwrap();
        for folder in ["workspace", "temp"] {
            fs::create_dir(mounted.path().join(folder)).unwrap();
        }
        let named = |folder: &str| mounted.path().join(folder).display().to_string();
        let gate = Gate::new()
            .on_runner("push", r#"{"repository":{"fork":false}}"#)
            .env("GITHUB_WORKSPACE", &named("workspace"))
            .env("RUNNER_TEMP", &named("temp"));
        Some(Self { gate, mounted })
    }

    /// As runners before 2.329: RUNNER_TEMP is the host's name, and nothing is there.
    fn without_temp(mut self) -> Self {
        self.gate = self.gate.env("RUNNER_TEMP", HOST_TEMP);
        self
    }

    fn input(mut self, name: &str, value: &str) -> Self {
        // As the runner does it: the beginning of the value, and nothing else.
        let mut value = value.to_owned();
        for (host, folder) in [(HOST_WORKSPACE, "workspace"), (HOST_TEMP, "temp")] {
            let here = self.path(folder).display().to_string();
            if let Some(rest) = value.strip_prefix(host).filter(|rest| rest.starts_with('/')) {
                value = format!("{here}{rest}");
            }
        }
        self.gate = self.gate.env(&format!("INPUT_{}", name.to_uppercase()), &value);
        self
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.mounted.path().join(relative)
    }

    fn write(&self, relative: &str) -> &Self {
        let path = self.path(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
        self
    }

    fn run(&self, command: &str) -> Ran<'_> {
        let workspace = self.path("workspace");
        let mut words = vec![
            format!("--host-temp={HOST_TEMP}"),
            format!("--host-workspace={HOST_WORKSPACE}"),
        ];
        words.sort();
        self.gate
            .run_with(&[("INPUT_COMMAND", command)], workspace.to_str().unwrap(), words)
    }
}

#[test]
fn every_line_of_a_list_and_a_path_behind_its_kind_is_translated() {
    let Some(container) = Container::new("every_line_of_a_list") else {
        return;
    };
    let container = container.input(
        "require",
        &format!(
            "file:{HOST_WORKSPACE}/a.txt\nfile: {HOST_WORKSPACE}/b/c.txt\nfile:{HOST_TEMP}/t.txt\nfile:a.txt\n\
             not-frozen:{HOST_WORKSPACE}/freeze.yml"
        ),
    );
    container
        .write("workspace/a.txt")
        .write("workspace/b/c.txt")
        .write("temp/t.txt");
    container.run("skip-guard").code(0).says("Verdict: pass");
    container.write("workspace/freeze.yml");
    container
        .run("skip-guard")
        .code(0)
        .says("there is an unreadable freeze");
}

#[test]
fn lists_of_files_and_folders_are_translated_and_sealed() {
    let Some(container) = Container::new("lists_of_files") else {
        return;
    };
    let container = container
        .input(
            "files",
            &format!("{HOST_WORKSPACE}/a.txt\n{HOST_WORKSPACE}/logs/*.log\nb.txt"),
        )
        .input("exclude", &format!("nothing\n{HOST_WORKSPACE}/logs/c.log"));
    for file in ["a.txt", "b.txt", "logs/b.log", "logs/c.log"] {
        container.write(&format!("workspace/{file}"));
    }
    container.run("evidence-bundle").code(0).says("Verdict: pass");
    let outputs = container.gate.outputs();
    let files = Path::new(&outputs["manifest"]).with_file_name("files");
    let sealed = |name: &str| container.path("workspace").join(&files).join(name).exists();
    assert!(sealed("a.txt") && sealed("b.txt") && sealed("logs/b.log") && !sealed("logs/c.log"));
}

#[test]
fn a_folder_that_only_begins_with_the_same_letters_is_another_one() {
    let Some(container) = Container::new("a_folder_that_only_begins") else {
        return;
    };
    let container = container.input("require", &format!("env:HOME\nfile:{HOST_WORKSPACE}2/a.txt"));
    container.write("workspace/2/a.txt").write("workspace2/a.txt");
    // It is on the host, which is not seen from here: neither there nor missing.
    container
        .run("skip-guard")
        .code(4)
        .says("shop2/a.txt is not in a folder of the runner");
}

#[test]
fn what_would_be_gone_with_the_container_is_refused() {
    for (command, input, value) in [
        ("skip-guard", "evidence-dir", format!("{HOST_TEMP}/ev")),
        ("verdict", "evidence-dir", "/elsewhere/ev".to_owned()),
        ("evidence-bundle", "output", format!("{HOST_TEMP}/ev.zip")),
        ("verdict", "status-file", "/verdict.md".to_owned()),
        ("skip-guard", "evidence-dir", "../ev".to_owned()),
        ("skip-guard", "evidence-dir", "not/there/../../../ev".to_owned()),
        ("skip-guard", "evidence-dir", "/dev/shm/ev".to_owned()),
        ("skip-guard", "evidence-dir", "link/ev".to_owned()),
    ] {
        let Some(container) = Container::new("what_would_be_gone").map(Container::without_temp) else {
            return;
        };
        symlink("/opt", container.path("workspace/link")).unwrap();
        let mut container = container.input("require", if command == "skip-guard" { "env:HOME" } else { "" });
        // It is not mounted, so the runner does not translate it either.
        container.gate = container.gate.env(&format!("INPUT_{}", input.to_uppercase()), &value);
        let ran = container.run(command);
        ran.code(2)
            .says(&format!("--{input} `"))
            .says("would be lost with the container")
            .says("name a path in the workspace");
    }
}

#[test]
fn a_file_of_the_host_that_is_not_seen_here_is_not_taken_for_missing() {
    let Some(container) = Container::new("a_file_of_the_host").map(Container::without_temp) else {
        return;
    };
    symlink("/opt/hostedtoolcache/x", container.path("workspace/link")).unwrap();
    for require in [
        format!("file:{HOST_TEMP}/a.txt"),
        format!("not-frozen:{HOST_TEMP}/freeze.yml"),
        "file:link".to_owned(),
    ] {
        let mut container = Container::new("a_file_of_the_host").unwrap().without_temp();
        symlink("/opt/hostedtoolcache/x", container.path("workspace/link")).unwrap();
        container.gate = container.gate.env("INPUT_REQUIRE", &require);
        container
            .run("skip-guard")
            .code(4)
            .says("is not in a folder of the runner");
    }
}

#[test]
fn outputs_are_paths_that_later_steps_on_the_host_can_open() {
    for (given, expected) in [
        (format!("{HOST_TEMP}/ev"), format!("{HOST_TEMP}/ev")),
        (format!("{HOST_WORKSPACE}/ev"), "ev".to_owned()),
        ("ev".to_owned(), "ev".to_owned()),
    ] {
        let Some(container) = Container::new("outputs_are_paths") else {
            return;
        };
        let mut container = container.input("evidence-dir", &given).input("require", "env:HOME");
        container.run("skip-guard").code(0);
        assert_eq!(
            container.gate.outputs()["report"],
            format!("{expected}/reports/skip-guard.json")
        );
        container = container.input("require", "");
        container.run("evidence-bundle").code(0);
        let outputs = container.gate.outputs();
        assert_eq!(outputs["bundle"], format!("{expected}.zip"));
        assert_eq!(outputs["manifest"], format!("{expected}/sha256_manifest.txt"));
        assert_eq!(outputs["report"], format!("{expected}.evidence-bundle.json"));
    }
}

#[test]
fn on_a_host_outputs_are_relative_to_github_workspace_in_every_folder() {
    let gate = Gate::new().on_runner("push", r#"{"repository":{"fork":false}}"#);
    let root = gate.root().display().to_string();
    let gate = gate.env("GITHUB_WORKSPACE", &root);
    gate.write("shop/.github/stageproof.yml", "evidence-dir: ev\n");
    gate.run_in("shop", ["skip-guard", "--require=env:HOME"]).code(0);
    gate.run_in("shop", ["evidence-bundle"]).code(0);
    let outputs = gate.outputs();
    assert_eq!(outputs["bundle"], "shop/ev.zip");
    assert!(gate.root().join(&outputs["report"]).exists(), "{}", gate.listing());
}
