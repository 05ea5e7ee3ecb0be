//! A step on the runner's machine, and how it is cancelled.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::definition::Step;
use super::ended::{Ended, Names};
use super::expression::Scope;
use super::runner::Runner;
use crate::container::step::Step as Place;

impl Runner {
    /// A `run:` step, with what the steps before it put into PATH.
    pub fn on_the_host(
        &self,
        step: &Step,
        env: &Names,
        scope: &Scope,
        place: &mut Option<Place>,
        ended: &mut Ended,
    ) -> (&'static str, Names) {
        assert!(step.with.is_empty(), "{step:?}");
        let here = place.as_ref().unwrap();
        let script = here.path("temp/step.sh");
        fs::write(&script, scope.fill(step.run.as_deref().unwrap())).unwrap();
        let told = fs::read_to_string(here.path("file_commands/path")).unwrap();
        let tools = self.tools.display().to_string();
        let path: Vec<&str> = told.lines().chain([&*tools, "/usr/bin", "/bin"]).collect();
        let shell = step.shell.as_deref().unwrap_or("bash -e {0}");
        assert!(shell.contains("{0}"), "{shell}");
        let mut words = shell
            .split(' ')
            .map(|word| if word == "{0}" { script.to_str().unwrap() } else { word });
        let program = words.next().unwrap();
        let folders = || path.iter().map(|folder| Path::new(folder).join(program));
        let program = folders()
            .find(|program| program.is_file())
            .unwrap_or_else(|| panic!("{program} is not on the PATH"));
        let mut command = Command::new(program);
        command.args(words).env_clear().envs(here.environment_of_host());
        command
            .env("PATH", path.join(":"))
            .env("GITHUB_EVENT_NAME", self.event)
            .envs(env);
        let folder = step
            .working_directory
            .as_deref()
            .map_or(".".to_owned(), |folder| scope.fill(folder));
        command.current_dir(here.folder("workspace").join(folder));
        if let Some(user) = self.user {
            command.uid(user).gid(user);
            std::os::unix::fs::chown(&script, Some(user), Some(user)).unwrap();
        }
        fs::write(here.path("file_commands/output"), "").unwrap();
        let cancelled = self.cancel.filter(|(name, _)| *name == step.name());
        let output = match cancelled {
            None => command.output().unwrap(),
            Some((_, file)) => cancel(&mut command, &here.folder("workspace").join(file)),
        };
        ended.said += &said(&output);
        let outcome = match output.status.code() {
            _ if cancelled.is_some() => "cancelled",
            Some(0) => "success",
            code => {
                assert!(code.is_none_or(|code| !(124..128).contains(&code)), "{}", said(&output));
                "failure"
            }
        };
        (outcome, here.outputs())
    }
}

/// As a runner does when the run is cancelled: SIGINT, SIGTERM 7.5 s later, SIGKILL 2.5 s after that.
fn cancel(command: &mut Command, once: &Path) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !once.exists() && child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(20));
    }
    for (signal, wait) in [(Signal::INT, 7500), (Signal::TERM, 2500), (Signal::KILL, 10_000)] {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let sent = Instant::now();
        while child.try_wait().unwrap().is_none() && sent.elapsed() < Duration::from_millis(wait) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let output = child.wait_with_output().unwrap();
    assert!(once.exists(), "it never made {}\n{}", once.display(), said(&output));
    output
}

pub fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err))
}
