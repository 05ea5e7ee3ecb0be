//! How far back the previous release is, in real repositories.

use crate::registry::Registry;
use crate::repo::{Repo, Told};

fn distance(told: &Told) -> String {
    let checks = told.report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == "rollback:distance");
    let facts = check.unwrap_or_else(|| panic!("{}", told.text))["facts"].clone();
    facts[0]["value"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn the_commits_between_are_counted() {
    let repo = Repo::with_releases();
    let told = repo.dry_run(&[]);
    told.is(0, &["m ago"]);
    assert_eq!(distance(&told), "1 commit back");
    assert_eq!(distance(repo.dry_run(&["--ref=v1"]).is(0, &[])), "2 commits back");
    // A merge brings the commits of its other side.
    repo.git(&["checkout", "--quiet", "-b", "side", "v1"]);
    repo.commit("other", "side");
    repo.git(&["checkout", "--quiet", "main"]);
    repo.git(&["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
    assert_eq!(distance(repo.dry_run(&["--ref=v2"]).is(0, &[])), "3 commits back");
    let clone = Repo::none();
    let url = format!("file://{}", repo.root().display());
    clone.git(&["clone", "--quiet", "--depth=3", &url, "."]);
    let told = clone.dry_run(&["--ref=v2"]);
    told.is(0, &["at least", "the history here is incomplete"]);
}

#[test]
fn a_release_older_than_a_year_has_a_sentence_of_its_own() {
    let repo = Repo::empty();
    repo.gate.write("app", "one");
    repo.git(&["add", "--all"]);
    let tree = repo.git(&["write-tree"]);
    let old = format!(
        "tree {tree}\nauthor T <t@example.com> 1700000000 +0000\ncommitter T <t@example.com> 1700000000 +0000\n\none\n"
    );
    let old = repo.git_with(&["hash-object", "-t", "commit", "-w", "--stdin"], old.as_bytes());
    repo.git(&["update-ref", "refs/heads/main", &old]);
    repo.git(&["tag", "v1"]);
    repo.commit("app", "two");
    let told = repo.dry_run(&[]);
    told.is(0, &["that release is from 2023-11-14, ", "years ago"]);
    assert_eq!(told.codes(), ["old-release"]);
    assert_eq!(told.report["verdict"], "pass-weak");
}

#[test]
fn migrations_between_the_two_are_a_warning_that_names_them() {
    let repo = Repo::empty();
    repo.commit("db/migrate/1.sql", "one");
    repo.commit("db/migrate/2.sql", "two");
    repo.git(&["tag", "v1"]);
    repo.commit("app", "three");
    let globs = ["--migrations=db/migrate", "--migrations=**/*.sql"];
    let told = repo.dry_run(&globs);
    told.is(0, &[]);
    assert_eq!((told.codes(), &told.report["verdict"]), (vec![], &"pass".into()));
    repo.git(&["mv", "db/migrate/1.sql", "db/migrate/1b.sql"]);
    repo.gate.write("db/migrate/2.sql", "changed");
    repo.gate.write("db/readme", "not among them");
    for n in 10..30 {
        repo.gate.write(&format!("db/migrate/new/{n}.sql"), "x");
    }
    repo.commit("src/app", "four");
    let told = repo.dry_run(&["--migrations=db/migrate/**"]);
    told.is(
        0,
        &[
            "23 migrations changed since that release",
            "db/migrate/1.sql (removed), db/migrate/2.sql (changed), db/migrate/1b.sql (added)",
            " and 13 more",
        ],
    );
    assert_eq!(told.codes(), ["migrations"]);
    assert_eq!(told.report["verdict"], "pass-weak");
    assert!(!told.text.contains("db/readme"), "{}", told.text);
    // A typo must not look like a proof.
    let told = repo.dry_run(&["--migrations=db/migrations/**"]);
    told.is(
        0,
        &["no file in either release matches --migrations `db/migrations/**`"],
    );
    assert_eq!(told.codes(), ["no-migrations"]);
}

#[test]
fn migrations_in_a_submodule_are_not_seen_and_said_so() {
    let library = Repo::with_releases();
    let repo = Repo::empty();
    let url = library.root().display().to_string();
    repo.git(&["submodule", "--quiet", "add", &url, "db/migrate"]);
    repo.commit("app", "one");
    repo.git(&["tag", "v1"]);
    repo.git(&["-C", "db/migrate", "checkout", "--quiet", "v1"]);
    repo.commit("app", "two");
    let told = repo.dry_run(&["--migrations=db/migrate/*.sql"]);
    told.is(0, &["db/migrate (a submodule, whose files are not here)"]);
    assert_eq!(told.codes(), ["submodules", "migrations"]);
    assert_eq!(
        repo.dry_run(&["--migrations=app"]).codes(),
        ["submodules", "migrations"]
    );
    assert_eq!(
        repo.dry_run(&["--migrations=src"]).codes(),
        ["submodules", "no-migrations"]
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let repo = Repo::with_releases();
    for glob in ["", "/db", "../db", "db/["] {
        repo.dry_run(&["--migrations", glob])
            .is(2, &["--migrations", "from the top of the repository"]);
    }
    repo.dry_run(&["--check=true", "--migrations=db"])
        .is(2, &["the platform `command` names none"]);
}

#[test]
fn images_name_their_commits_by_a_label() {
    let Some(registry) = Registry::start(false) else { return };
    let repo = Repo::with_releases();
    let [one, now] = ["v1", "HEAD"].map(|name| repo.id(name));
    repo.git(&["checkout", "--quiet", "-b", "side", "v1"]);
    let side = repo.commit("db/1.sql", "side");
    repo.git(&["checkout", "--quiet", "main"]);
    for (tag, commit) in [
        ("one", &*one),
        ("now", &now),
        ("side", &side),
        ("none", "unknown"),
        ("far", &"0a".repeat(20)),
    ] {
        registry.push(&format!("shop:{tag}"), commit, &["linux/amd64"]);
    }
    let run = |previous: &str, current: &str, more: &[&str]| {
        let image = |flag: &str, tag: &str| format!("--{flag}={}", registry.image(&format!("shop:{tag}")));
        let images = [image("image", previous), image("current-image", current)];
        repo.dry_run(&[&[&*images[0], &*images[1]], more].concat())
    };
    let told = run("one", "now", &["--migrations=app"]);
    told.is(0, &["1 migration changed since that release", "app (changed)"]);
    assert_eq!(distance(&told), "2 commits back");
    // Another line of history is no distance alone.
    let told = run("side", "now", &["--migrations=db"]);
    told.is(
        0,
        &[
            "brings 1 commit that the current release does not have",
            "db/1.sql (removed)",
        ],
    );
    for (previous, current, says) in [
        (
            "none",
            "now",
            "neither the current nor the previous release names its commit",
        ),
        ("one", "none", "the current release does not name its commit"),
        ("far", "now", "the commit of the previous release is not in this clone"),
    ] {
        let told = run(previous, current, &[]);
        told.is(0, &[]);
        assert!(told.notes().contains(says), "{}", told.notes());
        let told = run(previous, current, &["--migrations=db"]);
        told.is(4, &["the migrations since then are not known", says]);
        assert_eq!(told.output("command"), "");
    }
}
