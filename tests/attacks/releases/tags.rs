//! Tags that lead somewhere else than to a commit, or by a long way.

use std::fs;

use super::taken;
use crate::repo::Repo;

#[test]
fn tags_of_tags_of_trees_and_of_nothing() {
    let repo = Repo::with_releases();
    let two = repo.id("v2");
    repo.git(&["tag", "-d", "v2"]);
    repo.git(&["tag", "-a", "inner", "-m", "x", &two]);
    repo.git(&["tag", "-a", "v2", "-m", "x", "inner"]);
    repo.git(&["tag", "-d", "inner"]);
    repo.git(&["tag", "v3", &repo.id("HEAD^{tree}")]);
    repo.git(&["tag", "-a", "v4", "-m", "x", "v3"]);
    repo.git(&["tag", "v5", &repo.id("HEAD:app")]);
    repo.git(&["symbolic-ref", "refs/tags/v6", "refs/heads/main"]);
    let told = repo.dry_run(&[]);
    told.is(0, &[]);
    assert_eq!((told.output("target"), taken(&told)), ("refs/tags/v2", two.clone()));
    // What packed refs say of an annotated tag is not believed.
    repo.git(&["pack-refs", "--all"]);
    let packed = repo.gate.read(".git/packed-refs");
    let lied = packed.replace(&format!("^{two}"), &format!("^{}", repo.id("v1")));
    assert_ne!(packed, lied);
    repo.gate.write(".git/packed-refs", &lied);
    assert_eq!(taken(&repo.dry_run(&["--tags=v2"])), two);
    // Whatever matches and leads nowhere could be the nearest.
    for (name, content) in [
        ("v7", "0123456789012345678901234567890123456789\n"),
        ("v8", "ref: refs/heads/nowhere\n"),
        ("v8-loop", "ref: refs/tags/v8-loop\n"),
    ] {
        repo.gate.write(&format!(".git/refs/tags/{name}"), content);
        let told = repo.dry_run(&[]);
        assert_eq!((told.code, told.output("command")), (4, ""), "{name}: {}", told.text);
        fs::remove_file(repo.root().join(".git/refs/tags").join(name)).unwrap();
    }
}

#[test]
fn a_long_chain_of_tags_ends() {
    let repo = Repo::with_releases();
    let mut stream = String::new();
    let mut from = repo.id("v2");
    for n in 1..=150 {
        stream.push_str(&format!(
            "tag t{n}\nmark :{n}\nfrom {from}\ntagger T <t@example.com> 1700000000 +0000\ndata 1\nx\n"
        ));
        from = format!(":{n}");
    }
    repo.git_with(&["fast-import", "--quiet"], stream.as_bytes());
    assert_eq!(repo.id("t150^{commit}"), repo.id("v2"));
    repo.dry_run(&["--tags=t99"]).is(0, &[]);
    repo.dry_run(&["--tags=t150"])
        .is(4, &["the tag t150", "tags point to each other"]);
    repo.dry_run(&["--ref=t150"]).is(1, &["tags point to each other"]);
}
