//! Runs the binary in an empty folder with a scrubbed environment. What a test did not set, it does not depend on.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::CommandCargoExt as _;
use serde_json::Value;

/// Variables of the surroundings that change what stageproof does.
const SCRUBBED: [&str; 6] = ["AWS_", "GITHUB_", "RUNNER_", "ACTIONS_", "INPUT_", "STAGEPROOF_"];
const SCRUBBED_WHOLE: [&str; 15] = [
    "CI",
    "NO_COLOR",
    "FORCE_COLOR",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "SSL_CERT_FILE",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SOURCE_DATE_EPOCH",
];

/// A workspace of its own and the binary to run in it.
pub struct Gate {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
}

impl Gate {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            env: Vec::new(),
        }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As a step on GitHub's runner: command files, event payload, run metadata. Without colors, which are tested by
    /// themselves.
    pub fn on_runner(self, event: &str, payload: &str) -> Self {
        for name in ["output", "summary"] {
            fs::write(self.path(&format!("runner/{name}")), "").unwrap();
        }
        fs::write(self.path("runner/event.json"), payload).unwrap();
        let file = |name: &str| self.path(&format!("runner/{name}")).display().to_string();
        let (output, summary, event_path) = (file("output"), file("summary"), file("event.json"));
        self.env("GITHUB_ACTIONS", "true")
            .env("NO_COLOR", "1")
            .env("GITHUB_OUTPUT", &output)
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_EVENT_PATH", &event_path)
            .env("GITHUB_EVENT_NAME", event)
            .env("GITHUB_REPOSITORY", "acme/shop")
            .env("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567")
            .env("GITHUB_REF", "refs/heads/main")
            .env("GITHUB_RUN_ID", "77")
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_JOB", "deploy")
    }

    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the workspace; folders above it are made.
    pub fn path(&self, relative: &str) -> PathBuf {
        let path = self.root().join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub fn write(&self, relative: &str, text: impl AsRef<[u8]>) -> &Self {
        fs::write(self.path(relative), text).unwrap();
        self
    }

    pub fn read(&self, relative: &str) -> String {
        let path = self.root().join(relative);
        fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}\n{}", path.display(), self.listing()))
    }

    /// The path of the program, for what runs it in its own way.
    pub fn program(&self) -> String {
        let command = self.command([] as [&str; 0]);
        command.get_program().to_string_lossy().into_owned()
    }

    pub fn command(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::cargo_bin("stageproof").unwrap();
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if SCRUBBED.iter().any(|p| text.starts_with(p)) || SCRUBBED_WHOLE.contains(&&*text) {
                command.env_remove(&name);
            }
        }
        command.envs(self.env.iter().map(|(n, v)| (n, v)));
        command.current_dir(self.root()).stdin(Stdio::null()).args(args);
        command
    }

    pub fn run(&self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran<'_> {
        self.run_in("", args)
    }

    /// In a folder of the workspace, as a step with `working-directory`.
    pub fn run_in(&self, folder: &str, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Ran<'_> {
        self.run_with(&[], folder, args)
    }

    /// The same, with more variables.
    pub fn run_with(
        &self,
        env: &[(&str, &str)],
        folder: &str,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Ran<'_> {
        let mut command = self.command(args);
        command.current_dir(self.root().join(folder)).envs(env.iter().copied());
        let output = command.output().unwrap();
        Ran {
            gate: self,
            command: format!("{command:?}"),
            output,
        }
    }

    /// Every file with its size, for failure messages.
    pub fn listing(&self) -> String {
        let mut lines: Vec<String> = walkdir::WalkDir::new(self.root())
            .sort_by_file_name()
            .into_iter()
            .filter_map(Result::ok)
            .filter(|e| !e.file_type().is_dir())
            .take(200)
            .map(|e| {
                let size = e.metadata().map_or(0, |m| m.len());
                format!("{size:>9} {}", e.path().strip_prefix(self.root()).unwrap().display())
            })
            .collect();
        lines.insert(0, format!("files in {}:", self.root().display()));
        lines.join("\n")
    }

    /// The one evidence directory under `artifacts/staging`.
    pub fn evidence(&self) -> PathBuf {
        let staging = self.root().join("artifacts/staging");
        let mut folders: Vec<PathBuf> = fs::read_dir(&staging)
            .unwrap_or_else(|e| panic!("{}: {e}\n{}", staging.display(), self.listing()))
            .map(|e| e.unwrap().path())
            .filter(|p| p.is_dir())
            .collect();
        assert_eq!(folders.len(), 1, "one evidence directory\n{}", self.listing());
        folders.remove(0)
    }

    /// A report in the evidence directory.
    pub fn report(&self, name: &str) -> Value {
        let path = self.evidence().join(format!("reports/{name}.json"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}\n{}", path.display(), self.listing()));
        serde_json::from_str(&text).unwrap()
    }

    /// The step outputs, read as the runner reads them.
    pub fn outputs(&self) -> std::collections::BTreeMap<String, String> {
        let text = self.read("runner/output");
        let mut lines = text.lines();
        let mut outputs = std::collections::BTreeMap::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line
                .split_once("<<")
                .unwrap_or_else(|| panic!("not a heredoc: {line}\n{text}"));
            let value: Vec<&str> = lines.by_ref().take_while(|l| *l != delimiter).collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        }
        outputs
    }
}

/// What came of a run. Its assertions print everything needed to understand a failure.
pub struct Ran<'a> {
    pub gate: &'a Gate,
    command: String,
    pub output: Output,
}

impl Ran<'_> {
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }

    #[track_caller]
    pub fn code(&self, expected: i32) -> &Self {
        assert_eq!(
            self.output.status.code(),
            Some(expected),
            "exit code\n{}",
            self.explain()
        );
        self
    }

    /// Standard output or standard error says so.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        let said = self.stdout().contains(text) || self.stderr().contains(text);
        assert!(said, "expected it to say: {text}\n{}", self.explain());
        self
    }

    #[track_caller]
    pub fn never_says(&self, text: &str) -> &Self {
        // The runner takes these lines in and shows none of them.
        let shown = |stream: String| {
            let lines = stream.lines().filter(|line| !line.starts_with("::add-mask::"));
            lines.collect::<Vec<_>>().join("\n")
        };
        let said = shown(self.stdout()).contains(text) || shown(self.stderr()).contains(text);
        assert!(!said, "expected it not to say: {text}\n{}", self.explain());
        self
    }

    pub fn explain(&self) -> String {
        format!(
            "command: {}\nstatus: {}\n--- stdout\n{}--- stderr\n{}--- {}",
            self.command,
            self.output.status,
            self.stdout(),
            self.stderr(),
            self.gate.listing()
        )
    }
}
