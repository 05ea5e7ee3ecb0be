//! Branches and tags that are called like another ref. Whoever may push can make one.

use super::on_runner;

#[test]
fn only_the_ref_itself_meets_what_was_asked_for() {
    for (require, full, met) in [
        ("ref:main", "refs/heads/main", true),
        ("ref:refs/heads/main", "refs/heads/main", true),
        ("ref:refs/tags/v*", "refs/tags/v1.2", true),
        ("ref:release/**", "refs/heads/release/a/b", true),
        ("ref:refs/heads/main", "refs/heads/refs/heads/main", false),
        ("ref:main", "refs/heads/refs/heads/main", false),
        ("ref:main", "refs/tags/main", false),
        ("ref:main", "refs/heads/x/main", false),
        ("ref:refs/tags/v1", "refs/heads/refs/tags/v1", false),
        ("ref:v*", "refs/tags/v1.2", false),
        ("ref:7/merge", "refs/pull/7/merge", false),
        ("ref:main", "main", false),
    ] {
        let gate = on_runner().env("GITHUB_REF", full);
        let verdict = if met { "Verdict: pass" } else { "Verdict: skip" };
        gate.run(["skip-guard", "--require", require]).code(0).says(verdict);
        assert_eq!(gate.outputs()["ready"], met.to_string(), "{require} on {full}");
        // The runs to fail on are told apart in the same way.
        let code = if met { 1 } else { 0 };
        gate.run(["skip-guard", "--require=env:ABSENT", "--fail-on", require])
            .code(code);
    }
}

#[test]
fn a_tag_where_a_branch_is_asked_for_is_told_how_tags_are_written() {
    let gate = on_runner().env("GITHUB_REF", "refs/tags/v1.2");
    gate.run(["skip-guard", "--require=ref:v*"])
        .says("v* is a branch (write tags as ref:refs/tags/v*)");
}
