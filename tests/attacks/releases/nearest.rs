//! Which release is the previous one: graphs, clocks, names and tags that contradict each other.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::taken;
use crate::repo::Repo;

/// Commits by their parents (indices of earlier ones) and seconds, each with content of its own, and tags by the index of
/// their commit. main is the last. Answers with their ids.
fn commits(repo: &Repo, commits: &[(Vec<usize>, u64)], tags: &[(String, usize)]) -> Vec<String> {
    let mut stream = String::new();
    for (at, (parents, time)) in commits.iter().enumerate() {
        stream.push_str(&format!(
            "reset refs/heads/main\n\ncommit refs/heads/main\nmark :{}\ncommitter T <t@example.com> {} +0000\ndata 1\nx\n",
            at + 1,
            crate::repo::yesterday() + time
        ));
        for (nth, parent) in parents.iter().enumerate() {
            let word = if nth == 0 { "from" } else { "merge" };
            stream.push_str(&format!("{word} :{}\n", parent + 1));
        }
        stream.push_str(&format!("M 100644 inline app\ndata 4\n{at:04}\n\n"));
    }
    for (name, at) in tags {
        stream.push_str(&format!("reset refs/tags/{name}\nfrom :{}\n\n", at + 1));
    }
    let marks = repo.outside("marks");
    let export = format!("--export-marks={}", marks.display());
    repo.git_with(&["fast-import", "--quiet", "--force", &export], stream.as_bytes());
    let marks = fs::read_to_string(marks).unwrap();
    let mut ids = vec![String::new(); commits.len()];
    for line in marks.lines() {
        let (mark, id) = line.trim_start_matches(':').split_once(' ').unwrap();
        ids[mark.parse::<usize>().unwrap() - 1] = id.to_owned();
    }
    ids
}

/// A history by words: `v2: v1 root @5` is a commit of two parents, tagged with its name and committed at second 5. A name
/// that begins with `-` is no tag, and `HEAD` is where main is.
fn history(lines: &[&str]) -> Repo {
    let repo = Repo::empty();
    let mut names: Vec<&str> = Vec::new();
    let mut nodes = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let (name, rest) = line.split_once(':').unwrap();
        let (parents, time) = rest.split_once('@').unwrap_or((rest, ""));
        let index = |parent: &str| names.iter().position(|name| *name == parent).unwrap();
        let parents = parents.split_whitespace().map(index).collect();
        nodes.push((parents, time.trim().parse().unwrap_or(100 + at as u64)));
        names.push(name);
    }
    let tags: Vec<(String, usize)> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| **name != "HEAD" && !name.starts_with('-'))
        .map(|(at, name)| ((*name).to_owned(), at))
        .collect();
    commits(&repo, &nodes, &tags);
    repo
}

#[test]
fn the_commit_graph_decides_which_release_is_nearest() {
    for (what, lines, options, nearest) in [
        (
            "a clock that was late",
            vec!["v1: @500", "v2: v1 @100", "HEAD: v2 @50"],
            "",
            "v2",
        ),
        (
            "all clocks backwards",
            vec!["v1: @900", "v2: v1 @800", "v3: v2 @700", "-a: v3 @600", "HEAD: -a @500"],
            "",
            "v3",
        ),
        (
            "a branch off an old release, merged later",
            vec!["v1: @900", "v2: v1 @2", "-fix: v1 @800", "HEAD: -fix v2 @3"],
            "",
            "v2",
        ),
        (
            "the same with the parents the other way round",
            vec!["v1: @900", "v2: v1 @2", "-fix: v1 @800", "HEAD: v2 -fix @3"],
            "",
            "v2",
        ),
        (
            "a release branch that was merged: neither is the other's, so the version decides",
            vec![
                "v1.9.0:",
                "v1.10.0: v1.9.0 @10",
                "v1.9.1: v1.9.0 @900",
                "HEAD: v1.10.0 v1.9.1 @901",
            ],
            "",
            "v1.10.0",
        ),
        (
            "criss-cross merges",
            vec![
                "v1:",
                "-a: v1",
                "-b: v1",
                "v1.1: -a -b @900",
                "v1.2: -b -a @1",
                "HEAD: v1.1 v1.2",
            ],
            "",
            "v1.2",
        ),
        (
            "an octopus",
            vec!["v1:", "v1.1: v1", "v1.3: v1 @1", "v1.2: v1", "HEAD: v1 v1.1 v1.2 v1.3"],
            "",
            "v1.3",
        ),
        (
            "a higher version on another line",
            vec!["v1:", "v2: v1 @900", "v1.1: v1", "HEAD: v1.1"],
            "",
            "v1.1",
        ),
        (
            "candidates are passed over",
            vec![
                "v1:",
                "v2-rc1: v1",
                "v2.0.0-rc.2: v2-rc1",
                "v2.0.0rc3: v2.0.0-rc.2",
                "HEAD: v2.0.0rc3",
            ],
            "",
            "v1",
        ),
        (
            "unless they are asked for",
            vec![
                "v1:",
                "v2.0.0-rc.2: v1",
                "v2.0.0-rc.10: v1 @1",
                "HEAD: v2.0.0-rc.2 v2.0.0-rc.10",
            ],
            "--pre-releases",
            "v2.0.0-rc.10",
        ),
        (
            "what is no version goes by the graph",
            vec![
                "deploy-2024-02-01: @900",
                "deploy-2024-01-05: deploy-2024-02-01 @1",
                "HEAD: deploy-2024-01-05",
            ],
            "",
            "deploy-2024-01-05",
        ),
    ] {
        let repo = history(&lines);
        let args: Vec<&str> = options.split_whitespace().collect();
        let told = repo.dry_run(&args);
        told.is(0, &[]);
        assert_eq!(told.report["verdict"], "pass", "{what}: {}", told.text);
        assert_eq!(told.output("target"), format!("refs/tags/{nearest}"), "{what}");
        assert_eq!(taken(&told), repo.id(&format!("refs/tags/{nearest}")), "{what}");
    }
}

#[test]
fn what_the_graph_and_the_names_leave_open_is_never_a_plain_pass() {
    for (lines, nearest, code) in [
        // The graph says one thing and the versions another.
        (
            vec!["v1.10.0: @1", "v1.9.1: v1.10.0 @900", "HEAD: v1.9.1 @1000"],
            "v1.9.1",
            "version-order",
        ),
        // No order at all but the clocks'.
        (
            vec!["root:", "blue: root @900", "green: root @1", "HEAD: blue green @1000"],
            "blue",
            "equally-near",
        ),
        // Two products.
        (
            vec!["v0:", "api/v1: v0", "web/v3: v0", "HEAD: api/v1 web/v3 @1000"],
            "web/v3",
            "equally-near",
        ),
        (
            vec!["v0:", "v1: v0", "1.0.0: v0", "HEAD: v1 1.0.0 @1000"],
            "1.0.0",
            "equally-near",
        ),
    ] {
        let told = history(&lines).dry_run(&[]);
        told.is(0, &[]);
        assert_eq!(told.report["verdict"], "pass-weak", "{}", told.text);
        assert_eq!(told.output("target"), format!("refs/tags/{nearest}"));
        assert_eq!(told.codes(), [code]);
    }
}

#[test]
fn of_several_tags_on_a_commit_the_highest_version_names_it() {
    let repo = history(&["v1:", "HEAD: v1"]);
    for name in ["latest", "v1.0", "v1.0.0", "v1.0.0-rc1", "zzz"] {
        repo.git(&["tag", name, "refs/tags/v1"]);
    }
    repo.git(&["tag", "-a", "v1.0.1", "-m", "x", "refs/tags/v1"]);
    assert_eq!(repo.dry_run(&[]).output("target"), "refs/tags/v1.0.1");
    repo.dry_run(&["--tags=*rc*"])
        .is(1, &["1 is a pre-release (v1.0.0-rc1)", "--pre-releases"]);
}

#[test]
fn thousands_of_tags_are_searched_in_a_moment() {
    let repo = Repo::empty();
    let chain = |at: usize| (at.checked_sub(1).into_iter().collect(), 9000 - at as u64);
    let ids = commits(&repo, &(0..=2000).map(chain).collect::<Vec<_>>(), &[]);
    let tags = ids[..2000].iter().enumerate();
    let tags: Vec<String> = tags.map(|(at, id)| format!("{id} refs/tags/v0.{at}.0\n")).collect();
    repo.gate.write(".git/packed-refs", tags.concat());
    let started = Instant::now();
    let told = repo.dry_run(&[]);
    assert_eq!(told.output("target"), "refs/tags/v0.1999.0", "{}", told.text);
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}

/// Whatever the graph, the clocks and the names are: what is taken is in the history of HEAD, and no other release that
/// could be taken was made from it.
#[test]
fn a_random_history_never_yields_a_release_that_another_one_was_made_from() {
    let node = (
        proptest::collection::vec(0usize..8, 0..3),
        0u64..1000,
        proptest::option::of((0u8..3, 0u8..3, any::<bool>())),
    );
    let mut runner = TestRunner::new(Config {
        cases: 8,
        failure_persistence: None,
        ..Config::default()
    });
    let nodes = proptest::collection::vec(node, 3..8);
    runner
        .run(&nodes, |nodes| {
            let repo = Repo::empty();
            let mut graph = Vec::new();
            let mut tags = Vec::new();
            // By index, each with itself.
            let mut histories: Vec<BTreeSet<usize>> = Vec::new();
            let mut tagged = BTreeSet::new();
            for (at, (parents, time, tag)) in nodes.iter().enumerate() {
                let parents: BTreeSet<usize> = parents.iter().filter(|_| at > 0).map(|parent| parent % at).collect();
                let mut history = BTreeSet::from([at]);
                for parent in &parents {
                    history.extend(&histories[*parent]);
                }
                if let Some((major, minor, is_candidate)) = tag {
                    let end = if *is_candidate { "-rc.1" } else { "" };
                    tags.push((format!("n{at}-v{major}.{minor}.0{end}"), at));
                    if !is_candidate {
                        tagged.insert(at);
                    }
                }
                graph.push((parents.into_iter().collect(), *time));
                histories.push(history);
            }
            let head = graph.len() - 1;
            let ids = commits(&repo, &graph, &tags);
            let told = repo.dry_run(&[]);
            tagged.retain(|at| *at != head && histories[head].contains(at));
            if tagged.is_empty() {
                prop_assert_eq!(told.code, 1, "{}", told.text);
            } else {
                let taken = taken(&told);
                let taken = ids.iter().position(|id| *id == taken).unwrap();
                prop_assert!(tagged.contains(&taken), "{}", told.text);
                let better: Vec<&usize> = tagged
                    .iter()
                    .filter(|at| **at != taken && histories[**at].contains(&taken))
                    .collect();
                prop_assert!(better.is_empty(), "{better:?} were made from {taken}: {}", told.text);
            }
            Ok(())
        })
        .unwrap();
}
