//! Changes of workflows: what the patches look like, and what git and actionlint say of them.

mod cases;
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

use stageproof::model::workflow::patch::{Patch, Refusal, patch};

use crate::gate::Gate;
use crate::init::find_tool;
use crate::skipped::not_checked;
use cases::{Case, all};

const PATH: &str = ".github/workflows/deploy.yml";

fn patched(case: &Case) -> Result<Patch, Refusal> {
    patch(case.text.as_bytes(), PATH, &case.change)
}

/// `INSTA_UPDATE=always cargo test --test integration patch` writes them again.
#[test]
fn each_change_in_each_form() {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for case in all() {
        let result = patched(&case);
        assert_eq!(
            result.is_err(),
            case.name.starts_with("refused"),
            "{}: {}: {result:?}\n{}",
            case.kind,
            case.name,
            case.text
        );
        let shown = match result {
            Ok(patch) => patch.diff.replace('\r', "␍"),
            Err(refusal) => format!("{refusal}\n"),
        };
        let text = texts.entry(case.kind).or_default();
        text.push_str(&format!("=== {}\n{shown}\n", case.name));
    }
    for (kind, text) in texts {
        let mut settings = insta::Settings::clone_current();
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.set_snapshot_path("snapshots");
        settings.bind(|| insta::assert_snapshot!(kind, text));
    }
}

#[test]
fn git_applies_each_patch() {
    for case in all() {
        let Ok(patch) = patched(&case) else { continue };
        let folder = tempfile::tempdir().unwrap();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command
                .args(arguments)
                .current_dir(folder.path())
                .stderr(Stdio::piped());
            command
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default());
            command
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .env("GIT_CEILING_DIRECTORIES", folder.path().parent().unwrap());
            command.output().unwrap()
        };
        assert!(git(&["init", "--quiet"]).status.success());
        let file = folder.path().join(PATH);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &case.text).unwrap();
        fs::write(folder.path().join("x.patch"), &patch.diff).unwrap();
        let applied = git(&["apply", "x.patch"]);
        let said = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{}: {said}\n{}", case.name, patch.diff);
        assert_eq!(fs::read_to_string(&file).unwrap(), patch.text, "{}", case.name);
    }
}

/// What was wrong before may stay wrong; nothing else is.
#[test]
fn actionlint_finds_nothing_new() {
    let Some(actionlint) = find_tool("actionlint") else {
        return not_checked(
            "patched workflows",
            "actionlint is not installed",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for (number, case) in all().into_iter().enumerate() {
        let Ok(patch) = patched(&case) else { continue };
        if !case.text.contains("jobs") {
            continue;
        }
        let name = |side: &str| folder.path().join(format!("{number}-{side}.yml"));
        for (side, text) in [("old", &case.text), ("new", &patch.text)] {
            fs::write(name(side), text).unwrap();
        }
        files.push((case, name("old"), name("new")));
    }
    let lint = |path: &std::path::Path| -> Vec<String> {
        let mut command = Command::new(&actionlint);
        command.args([
            "-shellcheck=",
            "-pyflakes=",
            "-format",
            "{{range $e := .}}{{$e.Message}}\n{{end}}",
        ]);
        let ran = command.arg(path).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(
            ran.status.code().is_some_and(|code| code <= 1),
            "{said}{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        said.lines().map(str::to_owned).collect()
    };
    assert!(files.len() > 60, "{}", files.len());
    for (case, old, new) in files {
        let before = lint(&old);
        let after: Vec<String> = lint(&new).into_iter().filter(|said| !before.contains(said)).collect();
        assert!(
            after.is_empty(),
            "{}: {}: {after:#?}\n{}",
            case.kind,
            case.name,
            fs::read_to_string(new).unwrap()
        );
    }
}

/// What is put into workflows of others must not be what `check` warns of.
#[test]
fn check_finds_nothing_wrong_with_the_steps_that_are_added() {
    let adds = |case: &Case| ["skip-guard", "retry"].contains(&case.kind);
    for case in all().into_iter().filter(adds) {
        let Ok(patch) = patched(&case) else { continue };
        let gate = Gate::new();
        gate.write(PATH, &patch.text);
        let said = gate.run(["check", PATH]).code(0).explain();
        // Only a tag that was there before is warned of.
        let is_pinned = !case.text.contains("stageproof@v0.1.0");
        assert_eq!(said.contains("Verdict: pass."), is_pinned, "{}: {said}", case.name);
    }
}
