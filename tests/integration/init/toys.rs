//! Small repositories of many kinds. Each is a text file: what git knows of it, then its files.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::gate::Ran;
use crate::repo::Repo;

/// A commit that could be a release's.
pub const PIN: &str = "--pin=0123456789abcdef0123456789abcdef01234567";
pub const CONFIG: &str = ".github/stageproof.yml";
pub const WORKFLOW: &str = ".github/workflows/staging.yml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/init/repos")
}

/// The names of all.
pub fn kinds() -> Vec<String> {
    let files = fs::read_dir(folder()).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut kinds: Vec<String> = files.map(|entry| name(entry.unwrap().path())).collect();
    kinds.sort_unstable();
    kinds
}

/// A real repository of that kind, with two commits. Its tags are on the first one.
pub fn repository(kind: &str) -> Repo {
    let text = fs::read_to_string(folder().join(format!("{kind}.txt"))).unwrap();
    let (head, files) = text.split_once("-- ").unwrap();
    let repo = Repo::empty();
    for file in files.split("\n-- ") {
        let (name, content) = file.split_once(" --\n").unwrap();
        let (name, is_executable) = match name.strip_suffix(" (executable)") {
            Some(name) => (name, true),
            None => (name, false),
        };
        repo.gate.write(name, format!("{}\n", content.trim_end()));
        if is_executable {
            fs::set_permissions(repo.root().join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    repo.commit("VERSION", "one");
    for line in head.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("tags") => words.for_each(|tag| drop(repo.git(&["tag", tag]))),
            Some("branch") => drop(repo.git(&["branch", "--move", words.next().unwrap()])),
            other => panic!("{kind}: {other:?}"),
        }
    }
    repo.commit("VERSION", "two");
    repo
}

/// Runs init in a folder of the repository.
pub fn init<'a>(repo: &'a Repo, folder: &str, flags: &[&str]) -> Ran<'a> {
    repo.gate.run_in(folder, [&["init", PIN], flags].concat())
}

/// Every file of a repository but git's own, with its content.
pub fn files(repo: &Repo) -> Vec<(PathBuf, Vec<u8>)> {
    let walk = walkdir::WalkDir::new(repo.root()).sort_by_file_name().into_iter();
    let entries = walk
        .filter_entry(|entry| entry.file_name() != ".git")
        .map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    files
        .map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

/// `INSTA_UPDATE=always cargo test --test integration init` writes them again.
pub fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_snapshot_path("snapshots");
    settings.bind(|| insta::assert_snapshot!(name, text));
}
