//! The workflows under act, which reads them with another understanding of GitHub's than the runner of our tests, and runs
//! the action's image in real containers. It fetches nothing: what is pinned is given to it as folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::step::{REQUIRED, docker, image};
use crate::servers::{answer, free_port};
use crate::skipped::not_checked;
use crate::workflow::{DEPLOYS, DOWN, FORK, OK, Project, TOKEN};

/// Where the jobs run: a few programs of this machine.
const MACHINE: &str = "stageproof-test-machine";
const PROGRAMS: [&str; 17] = [
    "bash", "cat", "chmod", "cp", "env", "git", "ls", "mkdir", "rm", "sed", "sh", "sleep", "stat", "tail", "test",
    "touch", "uname",
];
fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// The programs with the libraries they load.
fn machine(folder: &Path) {
    let mut files = BTreeSet::new();
    for program in PROGRAMS {
        let path = succeed(
            Command::new("sh")
                .args(["-c", &format!("type -P {program} || command -v {program}")])
                .env("PATH", "/usr/bin:/bin"),
        );
        let path = PathBuf::from(path.lines().last().unwrap());
        let path = if path.is_absolute() {
            path
        } else {
            Path::new("/usr/bin").join(program)
        };
        let loaded = succeed(Command::new("ldd").arg(&path));
        let libraries = loaded
            .split_whitespace()
            .filter(|word| word.starts_with('/'))
            .map(PathBuf::from);
        files.extend(libraries);
        files.insert(path);
    }
    for file in files {
        let copy = folder.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(file, copy).unwrap();
    }
    if !folder.join("bin").exists() {
        std::os::unix::fs::symlink("usr/bin", folder.join("bin")).unwrap();
    }
    for name in ["tmp", "etc", "root"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    let mut tar = Command::new("tar")
        .args(["-c", "-C"])
        .arg(folder)
        .arg(".")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    succeed(
        docker()
            .args(["import", "-", MACHINE])
            .stdin(tar.stdout.take().unwrap()),
    );
    tar.wait().unwrap();
}

/// A repository with these files.
fn repository(folder: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let script = "git init -q -b main . && git add . && git -c user.name=t -c user.email=t@example.com commit -q -m x";
    succeed(
        Command::new("sh")
            .args(["-ec", script])
            .current_dir(folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null"),
    );
}

#[test]
fn act_runs_the_workflows_as_our_runner_does() {
    let Some(image) = image() else { return };
    if Command::new("act").arg("--version").output().is_err() {
        return not_checked("the workflows under act", "act is not installed", REQUIRED);
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("machine")).unwrap();
    machine(&at("machine"));
    let here = |file: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let action = here("action.yml");
    let line = action.lines().find(|line| line.starts_with("  image: ")).unwrap();
    let ours = [
        (
            "action.yml",
            action.replace(line, &format!("  image: docker://{image}")),
        ),
        ("prove/action.yml", here("prove/action.yml")),
        (".github/workflows/staging.yml", here(".github/workflows/staging.yml")),
    ];
    repository(&at("ours"), &ours);
    let pin = regex::Regex::new(r"uses: ([a-z]+/[a-z-]+)[^@\s]*@([0-9a-f]{40})").unwrap();
    const UPLOADED: &str = "The bundle is an artifact of the run";
    let pass = ["Verdict: pass", UPLOADED];
    for (file, event, payload, deploys, server, passes, says) in [
        ("staging.yml", "push", "{}", DEPLOYS, OK, true, pass),
        (
            "staging.yml",
            "push",
            FORK,
            DEPLOYS,
            OK,
            true,
            ["Verdict: skip", "which is a fork"],
        ),
        (
            "staging.yml",
            "push",
            "{}",
            "exit 3",
            OK,
            false,
            ["it exited with code 3", UPLOADED],
        ),
        ("staging.yml", "push", "{}", DEPLOYS, DOWN, false, ["503", UPLOADED]),
        ("prove.yml", "push", "{}", DEPLOYS, OK, true, pass),
        ("prove.yml", "push", "{}", "exit 3", OK, false, pass),
        ("deploy-staging.yml", "push", "{}", DEPLOYS, OK, true, pass),
        ("rehearse.yml", "workflow_dispatch", "{}", DEPLOYS, OK, true, pass),
        ("smoke.yml", "workflow_dispatch", "{}", "", OK, true, pass),
    ] {
        let project = Project::configured(deploys);
        let url = answer(server);
        project.configure(&url, "20s");
        let example = here(&format!("examples/workflows/{file}"));
        let example = example
            .replace("https://staging.example.com", &url)
            .replace("npm run build", "test built");
        // The minutes of the workflow are for a real deploy.
        let example = if server == DOWN {
            example.replace("    with:\n", "    with:\n      within: 300ms\n")
        } else {
            example
        };
        let root = project.path("repository");
        fs::create_dir_all(root.join(".github/workflows")).unwrap();
        fs::write(root.join(".github/workflows/run.yml"), &example).unwrap();
        succeed(
            Command::new("git")
                .args(["remote", "add", "origin", "https://github.com/acme/shop"])
                .current_dir(&root),
        );
        let payload = if payload == "{}" {
            r#"{"repository":{"fork":false,"full_name":"acme/shop"}}"#
        } else {
            payload
        };
        fs::write(project.path("event.json"), payload).unwrap();
        let mut act = Command::new("act");
        act.arg(event).args([
            "-W",
            ".github/workflows/run.yml",
            "--pull=false",
            "--no-cache-server",
            "--rm",
            "--container-daemon-socket=-",
        ]);
        act.args([
            "--network=host",
            "--env=NO_COLOR=1",
            &format!("--platform=ubuntu-latest={MACHINE}"),
            &format!("--var=STAGING_URL={url}"),
        ]);
        act.args([
            "--artifact-server-addr=127.0.0.1",
            &format!("--artifact-server-port={}", free_port()),
        ]);
        act.arg("--artifact-server-path").arg(project.path("served"));
        act.arg("--eventpath")
            .arg(project.path("event.json"))
            .arg("--action-cache-path")
            .arg(at("cache"));
        if payload != FORK {
            act.args(["-s", &format!("FLY_API_TOKEN={TOKEN}")]);
        }
        let texts = ours.iter().map(|(_, text)| text.as_str()).chain([&*example]);
        let pins: BTreeSet<(&str, &str)> = texts
            .flat_map(|text| pin.captures_iter(text))
            .map(|found| found.extract().1.into())
            .collect();
        for (repository, commit) in pins {
            let folder = match repository {
                "stageproof/stageproof" => at("ours"),
                _ => continue,
            };
            act.arg(format!("--local-repository={repository}@{commit}={}", folder.display()));
        }
        let output = act.current_dir(&root).env("HOME", folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), passes, "{file}, {deploys}\n{said}");
        for text in says {
            assert!(said.contains(text), "{file}, {deploys}: {text}\n{said}");
        }
        assert!(!said.contains(TOKEN), "{file}");
    }
}
