//! A real repository, and a run in it that is compared byte for byte before and after.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::gate::Gate;

/// Releases older than a year get a warning of their own.
pub fn yesterday() -> u64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    now.as_secs() - 24 * 60 * 60
}

/// The workspace is the repository; evidence and temporary files are elsewhere.
pub struct Repo {
    pub gate: Gate,
    outside: tempfile::TempDir,
    clock: Cell<u64>,
}

/// What one run said.
pub struct Told {
    pub code: i32,
    pub report: Value,
    pub text: String,
}

impl Repo {
    /// Without a commit.
    pub fn empty() -> Self {
        let repo = Self::none();
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Without a repository.
    pub fn none() -> Self {
        let outside = tempfile::tempdir().unwrap();
        let temp = outside.path().join("temp");
        fs::create_dir(&temp).unwrap();
        Self {
            gate: Gate::new().env("RUNNER_TEMP", temp.to_str().unwrap()),
            outside,
            clock: Cell::new(yesterday()),
        }
    }

    /// v1 and v2 are releases, HEAD is one commit further.
    pub fn with_releases() -> Self {
        let repo = Self::empty();
        repo.commit("app", "one");
        repo.git(&["tag", "v1"]);
        repo.commit("app", "two");
        repo.git(&["tag", "v2"]);
        repo.commit("app", "three");
        repo
    }

    pub fn root(&self) -> &Path {
        self.gate.root()
    }

    pub fn temp(&self) -> PathBuf {
        self.outside.path().join("temp")
    }

    pub fn outside(&self, name: &str) -> PathBuf {
        self.outside.path().join(name)
    }

    pub fn git(&self, args: &[&str]) -> String {
        self.git_with(args, b"")
    }

    /// With bytes on standard input.
    pub fn git_with(&self, args: &[&str], input: &[u8]) -> String {
        let now = self.clock.get() + 60;
        self.clock.set(now);
        let mut command = Command::new("git");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_bytes().starts_with(b"GIT_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["-c", "gc.auto=0", "-c", "protocol.file.allow=always"])
            .args(args)
            .current_dir(self.root())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "T")))
            .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "t@example.com")))
            .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, format!("{now} +0000"))))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits a file and answers with the commit's id.
    pub fn commit(&self, file: &str, text: &str) -> String {
        self.gate.write(file, text);
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", text]);
        self.id("HEAD")
    }

    pub fn id(&self, revision: &str) -> String {
        self.git(&["rev-parse", revision])
    }

    /// The file of a loose object.
    pub fn object(&self, id: &str) -> PathBuf {
        self.root().join(".git/objects").join(&id[..2]).join(&id[2..])
    }

    /// A tree of these entries (mode, name, id), with names that no git command would write.
    pub fn raw_tree(&self, entries: &[(&str, &str, &str)]) -> String {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend(
                (0..id.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()),
            );
        }
        self.git_with(&["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], &bytes)
    }

    /// Makes a release of that tree, tagged v9, and a commit after it.
    pub fn release_of_tree(&self, tree: &str) {
        let release = self.git(&["commit-tree", tree, "-m", "release"]);
        self.git(&["tag", "--force", "v9", &release]);
        let empty = self.git_with(&["mktree"], b"");
        let next = self.git(&["commit-tree", &empty, "-p", &release, "-m", "next"]);
        self.git(&["update-ref", "refs/heads/main", &next]);
    }

    pub fn dry_run(&self, args: &[&str]) -> Told {
        self.dry_run_in(self.root(), args)
    }

    /// Runs it in `folder` and holds it to its word: nothing is changed, nothing is left.
    #[track_caller]
    pub fn dry_run_in(&self, folder: &Path, args: &[&str]) -> Told {
        self.dry_run_with(folder, args, &[])
    }

    /// The same, with variables.
    #[track_caller]
    pub fn dry_run_with(&self, folder: &Path, args: &[&str], env: &[(&str, &str)]) -> Told {
        let before = self.everything();
        let mut command = self.command(folder, args);
        let output = command.envs(env.iter().copied()).output().unwrap();
        let after = self.everything();
        let changed: Vec<&PathBuf> = before
            .keys()
            .chain(after.keys())
            .filter(|path| before.get(*path) != after.get(*path))
            .collect();
        assert!(changed.is_empty(), "it changed {changed:?}");
        assert_eq!(
            fs::read_dir(self.temp()).unwrap().count(),
            0,
            "it left something in RUNNER_TEMP"
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        Told {
            code: output.status.code().unwrap_or(-1),
            report: serde_json::from_str(&text).unwrap_or_default(),
            text: format!("{text}\n{errors}"),
        }
    }

    pub fn command(&self, folder: &Path, args: &[&str]) -> Command {
        let evidence = format!("--evidence-dir={}", self.outside("evidence").display());
        let mut command = self.gate.command(["rollback-dry-run", "--format=json", &evidence]);
        command.args(args).current_dir(folder);
        command
    }

    /// Kind, mode, time of change and content of every file and folder in the workspace, `.git` included.
    fn everything(&self) -> BTreeMap<PathBuf, (u32, i64, i64, Vec<u8>)> {
        let all = walkdir::WalkDir::new(self.root()).into_iter().map(Result::unwrap);
        all.map(|entry| {
            let meta = entry.path().symlink_metadata().unwrap();
            let content = if meta.is_file() {
                fs::read(entry.path()).unwrap()
            } else if meta.is_symlink() {
                fs::read_link(entry.path()).unwrap().as_os_str().as_bytes().to_owned()
            } else {
                Vec::new()
            };
            (
                entry.path().to_owned(),
                (meta.mode(), meta.mtime(), meta.mtime_nsec(), content),
            )
        })
        .collect()
    }
}

impl Told {
    /// The exit code, and that the text says all of these.
    #[track_caller]
    pub fn is(&self, code: i32, says: &[&str]) -> &Self {
        assert_eq!(self.code, code, "{}", self.text);
        let plain = self.text.replace("\\\"", "\"");
        for part in says {
            assert!(plain.contains(part), "expected it to say: {part}\n{}", self.text);
        }
        self
    }

    pub fn output(&self, name: &str) -> &str {
        self.report["outputs"][name].as_str().unwrap_or("(absent)")
    }

    /// How each check ended, in order.
    pub fn statuses(&self) -> Vec<&str> {
        let checks = self.report["checks"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", self.text));
        checks.iter().map(|check| check["status"].as_str().unwrap()).collect()
    }

    pub fn notes(&self) -> String {
        let notes = self.report["notes"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", self.text));
        let notes: Vec<&str> = notes.iter().map(|note| note.as_str().unwrap()).collect();
        notes.join("\n")
    }

    /// The codes of all findings.
    pub fn codes(&self) -> Vec<&str> {
        let checks = self.report["checks"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", self.text));
        let findings = checks.iter().filter_map(|check| check["findings"].as_array()).flatten();
        findings.map(|finding| finding["code"].as_str().unwrap()).collect()
    }
}
