//! What is written for each kind of repository, and that it works: for the tools that read workflows, and for
//! stageproof itself.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use super::toys::{CONFIG, PIN, WORKFLOW, files, init, kinds, repository, snapshot};
use crate::repo::Repo;
use crate::servers::answer;
use crate::skipped::not_checked;

const GOOD: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/// The workflow that was written, which is not always called the same.
fn workflow(repo: &Repo) -> String {
    let untracked = repo.git(&["status", "--porcelain", "--untracked-files=all"]);
    let paths: Vec<&str> = untracked.lines().map(|line| line.trim_start_matches("?? ")).collect();
    assert_eq!(paths.len(), 2, "two files and nothing else: {paths:?}");
    assert!(paths.contains(&CONFIG), "{paths:?}");
    paths.iter().find(|path| **path != CONFIG).unwrap().to_string()
}

#[test]
fn what_is_written_fits_the_repository() {
    let kinds = kinds();
    assert!(kinds.len() >= 12, "{kinds:?}");
    let took = Regex::new(r"in \d+m?s").unwrap();
    for kind in kinds {
        let repo = repository(&kind);
        let ran = init(&repo, "", &[]);
        ran.code(0);
        let mut text = took.replace(&ran.stdout(), "in SPAN").into_owned();
        for file in [CONFIG.to_owned(), workflow(&repo)] {
            let _ = write!(text, "\n--- {file}\n{}", repo.gate.read(&file));
        }
        let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
        snapshot(&kind, &text);
    }
}

#[test]
fn tools_find_nothing_wrong_with_the_workflows() {
    for (tool, arguments) in [
        ("actionlint", &[][..]),
        ("zizmor", &["--offline", "--no-progress", "--quiet"]),
    ] {
        let Some(program) = find(tool) else {
            not_checked(
                "the workflows of init",
                &format!("{tool} is not installed"),
                "STAGEPROOF_REQUIRE_TOOLS",
            );
            continue;
        };
        for kind in kinds() {
            let repo = repository(&kind);
            init(&repo, "", &[]).code(0);
            let path = workflow(&repo);
            let checked = Command::new(&program)
                .args(arguments)
                .arg(&path)
                .current_dir(repo.root())
                .output()
                .unwrap();
            let said = [checked.stdout, checked.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(
                checked.status.success(),
                "{tool}: {kind}\n{said}\n{}",
                repo.gate.read(&path)
            );
        }
    }
}

/// On the PATH, or where `.ci/run` installs it.
pub fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let cached = cache
        .into_iter()
        .flat_map(|cache| ["bin", "venv/bin"].map(|bin| cache.join("stageproof-ci").join(bin)));
    let mut folders = std::env::split_paths(&path).chain(cached);
    folders.find_map(|folder| Some(folder.join(tool)).filter(|program| program.is_file()))
}

/// The real commands read the configuration, and the rehearsal of the rollback passes in each of these repositories.
#[test]
fn the_configuration_works() {
    let url = answer(GOOD);
    for kind in kinds() {
        let repo = repository(&kind);
        init(&repo, "", &[]).code(0);
        repo.git(&["add", "--all"]);
        repo.git(&["commit", "--quiet", "--message", "gated"]);
        let evidence = format!("--evidence-dir={}", repo.outside("evidence").display());
        let run = |arguments: &[&str]| {
            repo.gate.run([arguments, &[&evidence]].concat()).code(0);
        };
        run(&["rollback-dry-run"]);
        run(&["smoke", url.trim_end_matches('/'), "--steady=100ms"]);
        run(&["skip-guard"]);
        run(&["evidence-bundle"]);
        run(&["check"]);
    }
}

/// What the guide shows is what is printed and written today. Its pin is that of its last release.
#[test]
fn the_guide_shows_what_is_written() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guides/init.md");
    let guide = fs::read_to_string(guide).unwrap();
    let pin = Regex::new("staging.yml@([0-9a-f]{40}) # ([0-9.]+)").unwrap();
    let pin = pin.captures(&guide).unwrap();
    let repo = repository("guide");
    let ran = repo.gate.run(["init", &format!("--pin={}", &pin[1])]);
    let took = Regex::new(r"in \d+m?s").unwrap();
    let plain = |text: &str| {
        took.replace(text, "in SPAN")
            .replace(&pin[2], env!("CARGO_PKG_VERSION"))
    };
    for text in [ran.stdout(), repo.gate.read(CONFIG), repo.gate.read(&workflow(&repo))] {
        let text = plain(&text);
        assert!(plain(&guide).contains(&text), "docs/guides/init.md lacks:\n{text}");
    }
}

#[test]
fn a_second_run_has_nothing_to_do() {
    for kind in kinds() {
        let repo = repository(&kind);
        init(&repo, "", &[]).code(0);
        let before = files(&repo);
        init(&repo, "", &[]).code(0).says("up to date: nothing to do");
        assert_eq!(files(&repo), before, "{kind}");
    }
}

/// `stageproof init --diff | git apply` is the same as `stageproof init`.
#[test]
fn the_patch_is_what_would_be_written_and_writes_nothing() {
    for kind in kinds() {
        let repo = repository(&kind);
        let before = files(&repo);
        let shown = init(&repo, "", &["--diff"]);
        shown.code(0);
        assert_eq!(files(&repo), before, "{kind}");
        repo.git_with(&["apply"], shown.stdout().as_bytes());
        let patched = files(&repo);
        init(&repo, "", &[]).code(0).says("nothing to do");
        assert_eq!(files(&repo), patched, "{kind}");
    }
}

#[test]
fn in_a_folder_of_a_monorepo_its_app_is_taken() {
    let repo = repository("monorepo");
    init(&repo, "apps/web", &["--diff"])
        .code(0)
        .says("The app is apps/web")
        .says("there are others: the root, apps/api")
        .says("+  tags: web@*")
        .says("+++ b/.github/stageproof.yml");
    init(&repo, "", &["--diff"])
        .code(0)
        .says("The app is apps/api")
        .says("+  tags: api@*");
}

/// The branch that is checked out may be a feature's.
#[test]
fn the_branch_that_is_deployed_is_the_default_one() {
    let repo = repository("heroku");
    repo.git(&["switch", "--quiet", "--create", "feature"]);
    init(&repo, "", &["--diff"]).code(0).says("+    branches: [master]");
    repo.git(&["update-ref", "refs/remotes/origin/trunk", "HEAD"]);
    repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk"]);
    init(&repo, "", &["--diff"]).code(0).says("+    branches: [trunk]");
}

#[test]
fn the_environment_can_be_named() {
    let repo = repository("fly");
    init(&repo, "", &["--environment=preview"]).code(0);
    assert!(repo.gate.read(CONFIG).contains("\nenvironment: preview\n"));
    assert!(repo.gate.read(&workflow(&repo)).contains("preview"));
    assert!(repo.gate.read(CONFIG).contains("# CHANGE: the URL of preview"));
    repo.gate
        .run(["init", PIN, "--environment=a b"])
        .code(2)
        .says("cannot be written into a workflow");
}

/// What was found for staging is no deploy to another environment.
#[test]
fn what_is_of_staging_is_marked_for_another_environment() {
    init(&repository("fly-staging"), "", &["--environment=preview", "--diff"])
        .code(0)
        .says("+        # CHANGE: the command that deploys to preview")
        .says("+  url: https://shop-staging.fly.dev # CHANGE: the URL of preview");
    init(
        &repository("two-environments"),
        "",
        &["--environment=preview", "--diff"],
    )
    .code(0)
    .says("+      # CHANGE: the arguments that deploy to preview")
    .says("+      deploy: ./deploy.sh preview")
    .says("No secret is known")
    .never_says("secrets.STAGING_TOKEN");
    init(
        &repository("two-environments"),
        "",
        &["--environment=production", "--diff"],
    )
    .code(0)
    .says("+        DEPLOY_TOKEN=${{ secrets.PROD_TOKEN }}");
}

/// The workflow runs it on each push.
#[test]
fn a_command_that_nothing_says_is_for_staging_is_marked() {
    for (path, says_nothing, says_staging) in [
        ("Makefile", "deploy:\n\techo\n", "deploy-staging:\n\techo\n"),
        (
            "package.json",
            r#"{"scripts": {"deploy": "x"}}"#,
            r#"{"scripts": {"deploy:staging": "x"}}"#,
        ),
    ] {
        let repo = repository("nothing");
        let marked = |text: &str| {
            repo.gate.write(path, text);
            init(&repo, "", &["--force"]).code(0);
            repo.gate
                .read(WORKFLOW)
                .contains("# CHANGE: the command that deploys to staging")
        };
        assert_eq!((marked(says_nothing), marked(says_staging)), (true, false), "{path}");
    }
}
