//! The container is root, and the runner is not: the steps on the host go on in the folders that the container worked in,
//! and the next checkout cleans them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use serde_json::Value;

use super::step::{REQUIRED, Step, image};
use crate::servers::answer;
use crate::skipped::not_checked;
use crate::workflow::{TOKEN, example, project, repository, value_of};

/// The user of GitHub's hosted runners.
const RUNNER: u32 = 1001;
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// A `run:` step of the job, with what its steps before put into PATH.
fn on_the_host(step: &Step, tools: &str, line: &str) -> Output {
    let told = fs::read_to_string(step.path("file_commands/path")).unwrap();
    let path: Vec<&str> = told.lines().chain([tools, "/usr/bin", "/bin"]).collect();
    let mut command = Command::new("bash");
    command.args(["-e", "-c", line]).env_clear().env("PATH", path.join(":"));
    for (name, value) in [
        ("CI", "true"),
        ("FLY_API_TOKEN", TOKEN),
        ("GITHUB_ACTIONS", "true"),
        ("NO_COLOR", "1"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ] {
        command.env(name, value);
    }
    for (name, file) in [("GITHUB_OUTPUT", "output"), ("GITHUB_STEP_SUMMARY", "summary")] {
        command.env(name, step.path(&format!("file_commands/{file}")));
    }
    command.current_dir(step.path("workspace/x").parent().unwrap());
    command.uid(RUNNER).gid(RUNNER).output().unwrap()
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}

#[track_caller]
fn belongs_to_the_runner(step: &Step, after: &Value) {
    for folder in ["workspace", "temp"] {
        let all = walkdir::WalkDir::new(step.path(folder)).into_iter().map(Result::unwrap);
        for entry in all {
            let meta = entry.metadata().unwrap();
            let owner = (meta.uid(), meta.gid());
            assert_eq!(owner, (RUNNER, RUNNER), "{} after {after:#}", entry.path().display());
        }
    }
}

#[test]
fn the_workflow_to_copy_runs_to_its_end_and_the_next_checkout_cleans_it() {
    // What deploys, and the exit codes of the steps `Build` and `Deploy` and of the last job's.
    for (deploys, hosts, proves) in [
        ("echo deployed", [0, 0], [0, 0, 0, 0, 0]),
        ("exit 3", [0, 3], [0, 0, 0, 1, 0]),
    ] {
        let Some(image) = image() else { return };
        let workflow = example();
        let mut step = Step::new(image, "install");
        let workspace = step.path("workspace/x").parent().unwrap().to_owned();
        repository(&workspace);
        let tools = project(&workspace, deploys).display().to_string();
        if !step.give_to(RUNNER) {
            return not_checked("owners", "these tests do not run as root", REQUIRED);
        }
        let url = answer(OK);
        let mut codes = [Vec::new(), Vec::new(), Vec::new()];
        for (job, codes) in ["guard", "deploy", "prove"].into_iter().zip(&mut codes) {
            for asked in workflow["jobs"][job]["steps"].as_array().unwrap() {
                if let Some(line) = asked["run"].as_str() {
                    let ended = on_the_host(&step, &tools, line);
                    let code = ended.status.code().unwrap_or(-1);
                    assert!(code < 100, "exit code {code} of {line}\n{}", said(&ended));
                    codes.push(code);
                } else if asked["uses"]
                    .as_str()
                    .is_some_and(|uses| uses.starts_with("stageproof/"))
                {
                    step = step.then(asked["with"]["command"].as_str().unwrap());
                    for (name, value) in asked["with"].as_object().unwrap() {
                        // The minutes of the workflow are for a real deploy.
                        let value = match name.as_str() {
                            "within" => "20s".to_owned(),
                            "steady" => "300ms".to_owned(),
                            _ => value_of(value, &url),
                        };
                        step = step.input(name, &value);
                    }
                    for (name, value) in asked["env"].as_object().into_iter().flatten() {
                        step = step.env(name, &value_of(value, &url));
                    }
                    codes.push(step.run().exit_code());
                }
                belongs_to_the_runner(&step, asked);
            }
        }
        let [guard, deploy, prove] = codes;
        assert_eq!(deploy, [&[0][..], &hosts].concat(), "{deploys}");
        assert_eq!(prove, proves, "{deploys}");
        assert_eq!(guard.len(), 1);
        assert!(workspace.join("artifacts/staging/77.zip").is_file());
        let cleaned = on_the_host(&step, &tools, "git clean -ffdx -q");
        assert!(cleaned.status.success(), "{}", said(&cleaned));
        assert!(!workspace.join("artifacts").exists());
    }
}
