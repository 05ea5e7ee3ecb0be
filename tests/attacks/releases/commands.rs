//! What is printed is what was proved, whatever else has the same name.

use super::taken;
use crate::repo::Repo;

#[test]
fn the_printed_command_goes_to_the_commit_that_was_proved_whatever_else_has_its_name() {
    let repo = Repo::with_releases();
    let proved = repo.id("v2");
    for shadow in ["v2", "tags/v2", "refs/tags/v2"] {
        repo.git(&["update-ref", &format!("refs/heads/{shadow}"), "HEAD"]);
        for template in ["git checkout {ref}", "git checkout --detach {ref}"] {
            let told = repo.dry_run(&[&format!("--rollback-command={template}")]);
            told.is(0, &[]);
            for command in [
                told.output("command"),
                &format!("git checkout {}", told.output("target")),
            ] {
                let words: Vec<&str> = command.split(' ').skip(1).collect();
                repo.git(&words);
                assert_eq!(repo.id("HEAD"), proved, "{command} beside the branch {shadow}");
                repo.git(&["checkout", "--quiet", "main"]);
            }
        }
    }
}

#[test]
fn a_branch_named_as_the_commit_of_the_release_fails() {
    let repo = Repo::with_releases();
    let two = repo.id("v2");
    repo.git(&["update-ref", &format!("refs/heads/{two}"), "HEAD"]);
    let told = repo.dry_run(&[]);
    told.is(1, &["git would check out the branch named", "instead of the commit"]);
    assert_eq!(told.output("command"), "");
    repo.dry_run(&["--ref=refs/tags/v2"])
        .is(1, &["git would check out the branch named"]);
}

#[test]
fn a_given_name_that_means_two_commits_is_not_guessed_at() {
    let repo = Repo::with_releases();
    let (one, two) = (repo.id("v1"), repo.id("v2"));
    for (name, base, end) in [
        ("refs/heads/v2", "v2", ""),
        ("refs/heads/v2", "v2", "~0"),
        ("refs/heads/v2", "v2", "^{commit}"),
        ("refs/remotes/v2", "v2", ""),
        ("refs/heads/refs/tags/v2", "refs/tags/v2", ""),
        ("refs/heads/HEAD", "HEAD", "~1"),
        (&format!("refs/tags/{}", &two[..7]), &two[..7], ""),
        (&format!("refs/tags/{two}"), &two, ""),
    ] {
        repo.git(&["update-ref", name, &one]);
        let told = repo.dry_run(&[&format!("--ref={base}{end}")]);
        told.is(4, &["is ambiguous", " and ", "use the full name"]);
        repo.git(&["update-ref", "-d", name]);
    }
    // The same commit twice is no question.
    repo.git(&["branch", "v2", "refs/tags/v2"]);
    let told = repo.dry_run(&["--ref=v2"]);
    told.is(0, &[]);
    assert_eq!((told.output("target"), taken(&told)), ("refs/tags/v2", two));
    repo.git(&["tag", "pkg@1.0.0", "v1"]);
    assert_eq!(taken(&repo.dry_run(&["--ref=pkg@1.0.0"])), one);
}

#[test]
fn replaced_objects_are_not_what_git_checks_out() {
    let repo = Repo::with_releases();
    repo.git(&["replace", "v2", "HEAD"]);
    repo.dry_run(&[]).is(4, &["replaces objects", "git replace --list"]);
}
