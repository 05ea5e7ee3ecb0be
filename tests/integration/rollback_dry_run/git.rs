//! Platform `git`, in real repositories. Every run is compared byte for byte before and after (see `repo.rs`).

use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::repo::Repo;

const ALL_PASSED: [&str; 4] = ["passed"; 4];

#[test]
fn the_newest_earlier_tag_is_proved() {
    let repo = Repo::with_releases();
    let told = repo.dry_run(&[]);
    told.is(0, &[]);
    assert_eq!(told.report["verdict"], "pass");
    assert_eq!(told.statuses(), ALL_PASSED);
    let sha = repo.id("v2");
    assert_eq!(told.output("target"), "refs/tags/v2");
    assert_eq!(told.output("command"), format!("git checkout --detach {sha}"));
    let notes = told.notes();
    for part in [
        &format!("Rollback command:\n  git checkout --detach {sha}"),
        "Proved:",
        "Not covered:\n  - whether v2 was good: the tag is the only record",
        "the database",
        "secrets",
        "configuration",
    ] {
        assert!(notes.contains(part), "{part}\n{notes}");
    }
    // The printed command does what it says.
    repo.git(&["checkout", "--quiet", "--detach", &sha]);
    assert_eq!(repo.gate.read("app"), "two");
}

#[test]
fn people_and_the_next_step_get_it_too() {
    let repo = Repo::with_releases();
    let gate = crate::gate::Gate::new().on_runner("push", "{}");
    let ran = gate
        .command(["rollback-dry-run"])
        .current_dir(repo.root())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert_eq!(ran.status.code(), Some(0), "{text}");
    let command = format!("git checkout --detach {}", repo.id("v2"));
    assert!(text.contains(&command) && text.contains("Not covered:"), "{text}");
    assert_eq!(gate.outputs()["command"], command);
    assert_eq!(gate.outputs()["target"], "refs/tags/v2");
    assert!(gate.read("runner/summary").contains(&command));
}

#[test]
fn what_is_no_repository_is_said() {
    let repo = Repo::none();
    repo.dry_run(&[])
        .is(4, &["is not in a git repository", "actions/checkout"]);
    repo.gate.write(".git", "gitdir: /no/such/folder\n");
    repo.dry_run(&[]).is(
        4,
        &[
            "/.git cannot be opened as a repository",
            "the folder it names must also exist",
        ],
    );
}

#[test]
fn a_repository_without_commits() {
    let told = Repo::empty().dry_run(&[]);
    told.is(1, &["has no commits", "make a commit"]);
    assert_eq!(told.statuses(), ["failed", "skipped", "skipped"]);
    assert_eq!(told.output("command"), "");
}

#[test]
fn a_shallow_clone_names_the_way_out() {
    let repo = Repo::with_releases();
    let clone = Repo::none();
    let url = format!("file://{}", repo.root().display());
    clone.git(&["clone", "--quiet", "--depth=1", "--no-tags", &url, "."]);
    let told = clone.dry_run(&[]);
    told.is(
        4,
        &[
            "it has no tags;",
            "the history here is incomplete",
            "--releases deployments",
            "github.event.before",
            "`fetch-depth: 0`",
        ],
    );
    clone
        .dry_run(&["--ref=v2"])
        .is(4, &["no tag, branch or commit `v2`", "`fetch-depth: 0`"]);
    // The tag is there, but what lies between it and HEAD is not.
    clone.git(&["fetch", "--quiet", "--depth=1", "origin", "tag", "v1"]);
    clone
        .dry_run(&[])
        .is(4, &["1 is not in the history of HEAD (v1)", "`fetch-depth: 0`"]);
    clone
        .dry_run(&["--ref=v1"])
        .is(4, &["but the history here is incomplete"]);
    // Deep enough: proved, with a doubt.
    clone.git(&["fetch", "--quiet", "--depth=2", "origin", "main", "tag", "v2"]);
    let told = clone.dry_run(&[]);
    told.is(0, &[]);
    assert_eq!((told.output("target"), told.codes()), ("refs/tags/v2", vec!["shallow"]));
}

#[test]
fn no_earlier_tag_says_what_was_looked_at() {
    let repo = Repo::empty();
    repo.commit("app", "one");
    // More history would not help, as all of it is here.
    let told = repo.dry_run(&["--tags=v*"]);
    told.is(
        1,
        &[
            "it has no tags;",
            "releases are tags that match `v*`",
            "--releases deployments",
            "github.event.before",
        ],
    );
    assert!(!told.text.contains("fetch-depth"), "{}", told.text);
    repo.git(&["tag", "v1"]);
    repo.git(&["tag", "v1.0.0"]);
    repo.git(&["tag", "notes", &repo.id("HEAD:app")]);
    repo.git(&["checkout", "--quiet", "-b", "side"]);
    repo.commit("app", "side");
    repo.git(&["tag", "v0-side"]);
    repo.git(&["checkout", "--quiet", "main"]);
    let told = repo.dry_run(&[]);
    told.is(
        1,
        &[
            "4 tags, of which 4 match `*`",
            "2 are HEAD itself (v1.0.0, v1)",
            "1 is not in the history of HEAD (v0-side)",
            "1 is not a commit (notes)",
            "tag the release that runs now",
        ],
    );
    assert_eq!(told.codes(), ["no-previous-release"]);
    repo.dry_run(&["--tags=release/*"])
        .is(1, &["4 tags, none matches `release/*`", "v1.0.0", "--tags"]);
}

#[test]
fn a_given_ref_that_is_no_way_back() {
    let repo = Repo::with_releases();
    repo.git(&["tag", "data", &repo.id("HEAD:app")]);
    repo.git(&["tag", "folder", &repo.id("HEAD^{tree}")]);
    repo.git(&["tag", "-a", "noted-folder", "-m", "x", &repo.id("HEAD^{tree}")]);
    repo.git(&["checkout", "--quiet", "-b", "side", "v1"]);
    repo.commit("app", "side");
    repo.git(&["checkout", "--quiet", "main"]);
    for (reference, code, says) in [
        ("v2.0", "unknown-ref", "did you mean `v2`?"),
        ("V2", "unknown-ref", "did you mean `v2`?"),
        ("nothing-like-it", "unknown-ref", "to choose from"),
        (
            "0123456789012345678901234567890123456789",
            "unknown-ref",
            "no tag, branch or commit",
        ),
        ("a b~^:", "unknown-ref", "no tag, branch or commit `a b~^:`"),
        ("main", "same-as-head", "`main` is HEAD itself"),
        ("HEAD", "same-as-head", "leave --ref out"),
        ("data", "not-a-commit", "points to a blob"),
        ("folder", "not-a-commit", "points to a tree"),
        ("noted-folder", "not-a-commit", "points to a tree"),
        ("side", "not-an-ancestor", "is not in the history of HEAD"),
    ] {
        let told = repo.dry_run(&[&format!("--ref={reference}")]);
        told.is(1, &[says]);
        assert_eq!(told.codes(), [code], "{reference}");
        assert_eq!(told.output("command"), "", "{reference}");
    }
    let told = repo.dry_run(&["--ref=side"]);
    assert_eq!(told.statuses(), ["passed", "failed", "skipped"]);
    assert!(told.notes().contains("NOT proved"), "{}", told.text);
}

#[test]
fn a_given_ref_may_be_a_tag_a_branch_or_a_commit() {
    let repo = Repo::with_releases();
    repo.git(&["branch", "stable", "v1"]);
    let one = repo.id("v1");
    for (reference, target) in [
        ("v1", "refs/tags/v1"),
        ("stable", "refs/heads/stable"),
        (&one[..9], &one),
        (&one, &one),
        ("HEAD~2", &one),
    ] {
        let told = repo.dry_run(&[&format!("--ref={reference}"), "--rollback-command=deploy {ref} {sha}"]);
        told.is(0, &[]);
        assert_eq!(told.output("target"), target);
        assert_eq!(told.output("command"), format!("deploy {target} {one}"));
    }
    assert!(
        repo.dry_run(&["--ref=stable"])
            .notes()
            .contains("no record confirms it")
    );
}

#[test]
fn detached_annotated_packed_and_grouped() {
    let repo = Repo::with_releases();
    repo.git(&["tag", "-a", "v1.10", "-m", "annotated", "v2"]);
    repo.git(&["tag", "v1.9", "v2"]);
    repo.git(&["tag", "-d", "v2"]);
    repo.git(&["tag", "latest-nightly", "HEAD"]);
    repo.git(&["checkout", "--quiet", "--detach"]);
    repo.git(&["pack-refs", "--all"]);
    repo.git(&["gc", "--quiet"]);
    let told = repo.dry_run(&["--tags=v*"]);
    told.is(0, &["(detached)"]);
    assert_eq!(told.output("target"), "refs/tags/v1.10");
    assert_eq!(
        told.output("command"),
        format!("git checkout --detach {}", repo.id("HEAD~1"))
    );
    repo.git(&["tag", "release/1", "v1"]);
    assert_eq!(repo.dry_run(&["--tags=rel*"]).output("target"), "refs/tags/release/1");
}

#[test]
fn a_moved_tag_names_the_commit_that_it_has_here() {
    let repo = Repo::with_releases();
    let clone = Repo::none();
    let url = format!("file://{}", repo.root().display());
    clone.git(&["clone", "--quiet", &url, "."]);
    let two = repo.id("v2");
    repo.git(&["tag", "--force", "v2", "v1"]);
    assert_eq!(
        repo.dry_run(&["--ref=v2"]).output("command"),
        format!("git checkout --detach {}", repo.id("v1"))
    );
    // The command holds whatever the tag names later: it has the commit.
    assert_eq!(
        clone.dry_run(&[]).output("command"),
        format!("git checkout --detach {two}")
    );
    clone.git(&["fetch", "--quiet", "--tags", "--force"]);
    assert_eq!(
        clone.dry_run(&["--ref=v2"]).output("command"),
        format!("git checkout --detach {}", repo.id("v1"))
    );
}

#[test]
fn a_signed_tag_is_a_tag_like_any_other() {
    let repo = Repo::with_releases();
    let key = repo.outside("key").display().to_string();
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", &key])
        .status();
    if !made.is_ok_and(|status| status.success()) {
        crate::skipped::not_checked(
            "a signed tag",
            "ssh-keygen is not installed",
            "STAGEPROOF_REQUIRE_TOOLS",
        );
        return;
    }
    let signing = format!("user.signingkey={key}.pub");
    repo.git(&[
        "-c",
        "gpg.format=ssh",
        "-c",
        &signing,
        "tag",
        "-s",
        "v3",
        "-m",
        "signed",
        "v2",
    ]);
    assert!(repo.git(&["cat-file", "tag", "v3"]).contains("BEGIN SSH SIGNATURE"));
    let told = repo.dry_run(&["--tags=v3"]);
    told.is(0, &[]);
    assert_eq!(
        told.output("command"),
        format!("git checkout --detach {}", repo.id("v2"))
    );
}

/// libgit2 does not read them yet, and what is not read is not judged.
#[test]
fn a_repository_with_sha256_is_inconclusive() {
    let repo = Repo::none();
    repo.git(&["init", "--quiet", "--object-format=sha256"]);
    repo.commit("app", "one");
    repo.git(&["tag", "v1"]);
    repo.commit("app", "two");
    let told = repo.dry_run(&[]);
    told.is(4, &["cannot be opened as a repository", "sha256"]);
    assert_eq!(told.output("command"), "");
}

#[test]
fn names_that_a_shell_would_read_as_something_else() {
    let repo = Repo::with_releases();
    let one = repo.id("v1");
    for (name, word) in [
        ("--exec=x", "refs/tags/--exec=x"),
        ("-x", "refs/tags/-x"),
        ("a@1,2+3_4", "refs/tags/a@1,2+3_4"),
        ("$(touch;x)", one.as_str()),
        ("a'b", &one),
        ("a`b", &one),
        ("x;rm&y|z", &one),
        ("größe", &one),
    ] {
        repo.git(&["update-ref", &format!("refs/tags/{name}"), &one]);
        let told = repo.dry_run(&[
            &format!("--ref={name}"),
            "--rollback-command=sh -c 'deploy --to \"{ref}\"'",
        ]);
        told.is(0, &[]);
        assert_eq!(told.output("command"), format!("sh -c 'deploy --to \"{word}\"'"));
        assert_eq!(told.output("target"), word);
    }
}

#[test]
fn a_tag_whose_name_is_not_utf8() {
    let repo = Repo::with_releases();
    let name = std::ffi::OsStr::from_bytes(b"v1.5-\xff\xfe");
    let two = repo.id("v2");
    fs::write(repo.root().join(".git/refs/tags").join(name), format!("{two}\n")).unwrap();
    repo.git(&["tag", "-d", "v2"]);
    let told = repo.dry_run(&["--rollback-command=deploy {ref}"]);
    told.is(0, &["v1.5-"]);
    // Its commit stands in for what cannot be written.
    assert_eq!(told.output("command"), format!("deploy {two}"));
}

#[test]
fn a_missing_or_damaged_object_fails_the_proof() {
    for damage in ["blob", "tree", "commit", "swapped", "cut", "empty"] {
        let repo = Repo::with_releases();
        let (blob, tree, commit) = (repo.id("v2:app"), repo.id("v2^{tree}"), repo.id("v2"));
        let file = repo.object(match damage {
            "tree" => &tree,
            "commit" => &commit,
            _ => &blob,
        });
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        match damage {
            // Intact as a file, but another object than its name says.
            "swapped" => fs::write(&file, fs::read(repo.object(&repo.id("v1:app"))).unwrap()).unwrap(),
            "cut" => fs::write(&file, &fs::read(&file).unwrap()[..5]).unwrap(),
            "empty" => fs::write(&file, "").unwrap(),
            _ => fs::remove_file(&file).unwrap(),
        }
        let told = repo.dry_run(&[]);
        if damage == "commit" {
            // Which tag is the newest cannot be told any more.
            told.is(
                4,
                &["the tag v2 matches `*`, but its object cannot be read", "git fsck"],
            );
            repo.dry_run(&["--ref=v2"])
                .is(1, &["`v2` exists, but its object cannot be read"]);
        } else if matches!(damage, "cut" | "empty") {
            told.is(4, &[&format!("{} cannot be read", file.display()), "git fsck"]);
            assert_eq!(told.statuses(), ["errored", "skipped", "skipped"], "{damage}");
        } else {
            told.is(1, &["cannot be checked out", "git fsck"]);
            assert_eq!(told.statuses(), ["passed", "passed", "failed"], "{damage}");
        }
        assert_eq!(told.output("command"), "", "{damage}");
    }
}

#[test]
fn a_subfolder_a_worktree_and_a_bare_repository() {
    let repo = Repo::with_releases();
    let folder = repo.root().join("deep/down");
    fs::create_dir_all(&folder).unwrap();
    assert_eq!(repo.dry_run_in(&folder, &[]).output("target"), "refs/tags/v2");
    let linked = repo.root().join("linked");
    repo.git(&["worktree", "add", "--quiet", "--detach", "linked", "v2"]);
    let told = repo.dry_run_in(&linked, &[]);
    told.is(0, &[]);
    assert_eq!(told.output("target"), "refs/tags/v1");
    let bare = Repo::none();
    bare.git(&["clone", "--quiet", "--bare", repo.root().to_str().unwrap(), "."]);
    let told = bare.dry_run(&[]);
    assert_eq!((told.code, told.output("target")), (0, "refs/tags/v2"), "{}", told.text);
}

#[test]
fn submodules_and_lfs_files_are_not_proved_and_said_so() {
    let repo = Repo::with_releases();
    let entry = format!("160000,{},vendor/lib", repo.id("HEAD"));
    repo.git(&["update-index", "--add", "--cacheinfo", &entry]);
    let pointer = format!(
        "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 1\n",
        "0".repeat(64)
    );
    repo.gate.write("big.bin", &pointer);
    repo.git(&["add", "big.bin"]);
    repo.git(&["commit", "--quiet", "-m", "x"]);
    repo.git(&["tag", "v3"]);
    repo.git(&["commit", "--quiet", "--allow-empty", "-m", "y"]);
    let told = repo.dry_run(&[]);
    told.is(0, &["1 submodule (vendor/lib)", "1 Git LFS file (big.bin)"]);
    assert_eq!(told.report["verdict"], "pass-weak");
    assert_eq!(told.codes(), ["same-content", "submodules", "lfs"]);
    let notes = told.notes();
    let open = &notes[notes.find("Not covered").unwrap()..];
    assert!(open.contains("vendor/lib") && open.contains("big.bin"), "{open}");
}

#[test]
fn trees_that_would_leave_the_folder_are_refused() {
    let repo = Repo::with_releases();
    let blob = repo.id("v1:app");
    let inner = repo.raw_tree(&[("100644", "owned", &blob)]);
    let link = repo.git_with(
        &["hash-object", "-w", "--stdin"],
        repo.outside("").to_str().unwrap().as_bytes(),
    );
    for (entries, says) in [
        (vec![("40000", "..", inner.as_str())], "the name `..`"),
        (vec![("40000", ".git", &inner)], "the name `.git`"),
        (vec![("100644", "a/b", &blob)], "the name `a/b`"),
        // The same name as a link and as a folder: what is written into the folder would go through the link.
        (
            vec![("120000", "x", &link), ("40000", "x", &inner)],
            "the name `x` twice",
        ),
        (
            vec![("100644", "x", &blob), ("100644", "x", &blob)],
            "the name `x` twice",
        ),
    ] {
        let tree = repo.raw_tree(&entries);
        repo.release_of_tree(&tree);
        let told = repo.dry_run(&["--tags=v9"]);
        told.is(1, &["cannot be checked out", says]);
        assert!(!repo.outside("owned").exists());
    }
}

#[test]
fn links_are_written_as_links() {
    let repo = Repo::empty();
    std::os::unix::fs::symlink("/etc/passwd", repo.root().join("link")).unwrap();
    std::os::unix::fs::symlink("../../..", repo.root().join("up")).unwrap();
    repo.commit("bin/run", "#!/bin/sh\n");
    repo.git(&["tag", "v1"]);
    repo.commit("app", "next");
    let told = repo.dry_run(&[]);
    told.is(0, &[]);
    assert!(told.notes().contains("3 files, 10 bytes"), "{}", told.text);
}

#[test]
fn the_workspace_may_belong_to_somebody_else() {
    let repo = Repo::with_releases();
    if std::os::unix::fs::chown(repo.root(), Some(12345), Some(12345)).is_err() {
        return; // Only root can give files away.
    }
    for entry in walkdir::WalkDir::new(repo.root()).into_iter().map(Result::unwrap) {
        std::os::unix::fs::lchown(entry.path(), Some(12345), Some(12345)).unwrap();
    }
    repo.dry_run(&[]).is(0, &[]);
}

#[test]
fn a_filter_in_the_configuration_is_never_run() {
    let repo = Repo::with_releases();
    let trap = repo.outside("trap");
    let program = format!("touch {}", trap.display());
    for key in [
        "filter.x.smudge",
        "filter.x.clean",
        "filter.x.process",
        "core.fsmonitor",
        "core.sshCommand",
    ] {
        repo.git(&["config", key, &program]);
    }
    repo.gate.write(".git/info/attributes", "* filter=x\n");
    repo.dry_run(&[]).is(0, &[]);
    assert!(!trap.exists());
}

/// The header alone says how large a file is; it is refused before it is read into memory.
#[test]
fn a_file_that_is_too_large_to_be_held_is_named_with_its_size() {
    let repo = Repo::empty();
    let id = repo.git_with(&["hash-object", "-w", "--stdin"], b"small");
    let path = repo.object(&id);
    fs::remove_file(&path).unwrap();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"blob 5000000000\0small").unwrap();
    fs::write(&path, encoder.finish().unwrap()).unwrap();
    let tree = repo.raw_tree(&[("100644", "disk.img", &id)]);
    repo.release_of_tree(&tree);
    let told = repo.dry_run(&[]);
    told.is(4, &["`disk.img` is 5000000000 bytes", "not read", "--platform command"]);
}

#[test]
fn an_interrupt_leaves_no_folder_behind() {
    let repo = Repo::empty();
    let mut stream = String::from("commit refs/heads/main\ncommitter T <t@example.com> 1700000000 +0000\ndata 1\nx\n");
    for n in 0..40_000 {
        stream.push_str(&format!("M 100644 inline d{}/f{n}\ndata 1\n{}\n", n % 100, n % 10));
    }
    stream.push_str("\ncommit refs/heads/main\ncommitter T <t@example.com> 1700000100 +0000\ndata 1\ny\ndeleteall\n");
    repo.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    repo.git(&["tag", "v1", "main~1"]);
    let mut child = repo
        .command(repo.root(), &[])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while fs::read_dir(repo.temp()).unwrap().count() == 0 && started.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    let asked = Instant::now();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(4));
    assert!(asked.elapsed() < Duration::from_secs(7), "{:?}", asked.elapsed());
    assert_eq!(fs::read_dir(repo.temp()).unwrap().count(), 0);
}

/// That the workspace itself is the last choice is tested where the choice is made (`world::scratch`) and in the
/// container, which has no /tmp.
#[test]
fn a_temporary_folder_inside_the_workspace_is_left_clean() {
    let repo = Repo::with_releases();
    let before: Vec<_> = fs::read_dir(repo.root())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    let mut command = repo.command(repo.root(), &[]);
    command.env("RUNNER_TEMP", "/no/such/folder").env("TMPDIR", repo.root());
    assert_eq!(command.output().unwrap().status.code(), Some(0));
    let after: Vec<_> = fs::read_dir(repo.root())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(before, after);
}
