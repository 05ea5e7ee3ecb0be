//! Releases that git does not check out, and content that is not in the repository.

use std::os::unix::fs::symlink;

use crate::repo::Repo;

/// git itself is asked about the same trees.
#[test]
fn a_name_that_git_refuses_is_refused() {
    let repo = Repo::with_releases();
    let blob = repo.git_with(&["hash-object", "-w", "--stdin"], b"x");
    let folder = repo.raw_tree(&[("100644", "x", &blob)]);
    let mut last = repo.id("HEAD");
    let mut cases = Vec::new();
    for (mode, name, is_fine) in [
        ("40000", ".git ", false),
        ("40000", ".git...", false),
        ("40000", ".git::$INDEX_ALLOCATION", false),
        ("100644", ".GiT", false),
        ("100644", "GIT~1 .", false),
        ("40000", ".g\u{200c}it", false),
        ("100644", ".git\u{fffe}x", false),
        ("120000", ".gitmodules", false),
        ("120000", ".gitmodules:x", false),
        ("120000", "gitmod~1", false),
        ("120000", "gi7eba~1", false),
        ("120000", ".gitm\u{200d}odules", false),
        ("100644", ".gitmodules", true),
        ("100644", "git~2", true),
        ("100644", "gi7eba~1", true),
        ("120000", ".gitattributes", true),
        ("100644", "a b . ", true),
    ] {
        let tree = repo.raw_tree(&[(mode, name, if mode == "40000" { &folder } else { &blob })]);
        assert_eq!(reads_into_index(&repo, &tree), is_fine, "git itself, about `{name}`");
        last = repo.git(&["commit-tree", &tree, "-p", &last, "-m", "x"]);
        cases.push((last.clone(), name, is_fine));
    }
    let empty = repo.git_with(&["mktree"], b"");
    let next = repo.git(&["commit-tree", &empty, "-p", &last, "-m", "next"]);
    repo.git(&["update-ref", "refs/heads/main", &next]);
    for (release, name, is_fine) in cases {
        let output = repo
            .command(repo.root(), &[&format!("--ref={release}")])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(i32::from(!is_fine)), "`{name}`: {text}");
        assert!(
            is_fine || text.contains(&format!("the name `{name}`, which git refuses")),
            "{text}"
        );
    }
}

fn reads_into_index(repo: &Repo, tree: &str) -> bool {
    let output = std::process::Command::new("git")
        .args([
            "-c",
            "core.protectHFS=true",
            "-c",
            "core.protectNTFS=true",
            "read-tree",
            tree,
        ])
        .env("GIT_INDEX_FILE", repo.outside("index"))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .current_dir(repo.root())
        .output()
        .unwrap();
    output.status.success()
}

#[test]
fn content_that_is_not_in_the_repository_is_never_a_plain_pass() {
    let oid = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";
    let v1 = "version https://git-lfs.github.com/spec/v1";
    let repo = Repo::empty();
    for (at, content) in [
        format!("{v1}\n{oid}\nsize 12345\n"),
        format!("{v1}\r\n{oid}\r\nsize 12345\r\n"),
        format!("{v1}\n{oid}\nsize 12345"),
        format!("{v1}\next-0-enc sha256:00\n{oid}\nsize 12345\n"),
        format!("version https://hawser.github.com/spec/v1\n{oid}\nsize 1\n"),
        format!("\n{oid}\nsize 1\n{v1}\n"),
        "\0GITCRYPT\0\u{1}\u{2}secret".to_owned(),
        "/annex/objects/SHA256E-s3--00\n".to_owned(),
        "version https://git-lfs.github.com/ is what pointers begin with\n".repeat(20),
    ]
    .iter()
    .enumerate()
    {
        repo.gate.write(&format!("f{at}"), content);
    }
    symlink(".git/annex/objects/a/b/SHA256E-s3--00", repo.root().join("link")).unwrap();
    repo.commit("app", "one");
    repo.git(&["tag", "v1"]);
    repo.commit("app", "two");
    let told = repo.dry_run(&[]);
    told.is(0, &[]);
    assert_eq!(told.report["verdict"], "pass-weak");
    assert_eq!(told.codes(), ["lfs", "git-crypt", "git-annex"]);
    for part in [
        "6 Git LFS files (f0, f1, f2, f3, f4, …)",
        "1 git-crypt file (f6)",
        "2 git-annex files (f7, link)",
    ] {
        let part = format!("  - the contents of {part}, which");
        assert!(told.notes().contains(&part), "{part}\n{}", told.notes());
    }
}

#[test]
fn filters_are_named_under_what_is_not_covered() {
    let repo = Repo::empty();
    repo.commit(
        "secrets/.gitattributes",
        "*.key filter=git-crypt diff=git-crypt\n# filter=no\n",
    );
    repo.commit(".gitattributes", "*.bin filter=lfs -text\n*.x -filter\n");
    repo.git(&["tag", "v1"]);
    repo.commit("app", "two");
    let told = repo.dry_run(&[]);
    told.is(0, &[]);
    let notes = told.notes();
    assert!(notes.contains("(git-crypt, lfs in .gitattributes)"), "{notes}");
}
