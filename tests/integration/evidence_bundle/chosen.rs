//! What of the named files is copied: hidden ones, too many bytes, and what must be among them.

use super::{check, left_out, paths, seal, workspace};
use crate::gate::Gate;

fn copied(gate: &Gate) -> Vec<String> {
    let paths = paths(gate).into_iter();
    paths
        .filter_map(|path| Some(path.strip_prefix("files/")?.to_owned()))
        .collect()
}

#[test]
fn hidden_files_are_left_out_and_listed_unless_they_are_meant() {
    let all = ["w/.cache/a.log", "w/.env", "w/a.log", "w/b/.c.log"];
    for (args, expected, hidden) in [
        (&["w"][..], &["w/a.log"][..], &["w/.cache", "w/.env", "w/b/.c.log"][..]),
        (&["w/**/*.log"], &["w/a.log"], &["w/.cache", "w/b/.c.log"]),
        (&["w", "--hidden"], &all, &[]),
        (&["w/.env", "w/.cache"], &["w/.cache/a.log", "w/.env"], &[]),
        (&["w/**/.*.log"], &["w/b/.c.log"], &[]),
        (&["w/.[a-e]*"], &["w/.cache/a.log", "w/.env"], &[]),
        (&["w", "--exclude=w/.cache"], &["w/a.log"], &["w/.env", "w/b/.c.log"]),
    ] {
        let gate = workspace();
        for path in all {
            gate.write(path, "x");
        }
        // In the evidence directory, everything is sealed.
        gate.write("evidence/.own", "x").write("w/.git/config", "x");
        let ran = seal(&gate, args);
        ran.code(0);
        assert_eq!(copied(&gate), expected, "{args:?}");
        assert!(paths(&gate).contains(&".own".to_owned()));
        let mut found = left_out(&gate);
        found.retain(|(_, why)| why == "hidden");
        let found: Vec<String> = found.into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, hidden, "{args:?}");
    }
    let gate = workspace();
    gate.write("w/.env", "x");
    seal(&gate, &["w"])
        .code(1)
        .says("w/.env is hidden and left out")
        .says("--hidden");
}

#[test]
fn the_largest_files_do_not_fit() {
    let gate = workspace();
    for (path, bytes) in [("w/a", 700), ("w/b", 300), ("w/c", 300), ("w/d", 100), ("v/huge", 5000)] {
        gate.write(path, "x".repeat(bytes));
    }
    seal(&gate, &["w", "v", "--max-size=1KiB"])
        .code(0)
        .says("Verdict: pass-weak")
        .says("v/huge is left out: it does not fit into --max-size (5000 bytes)");
    assert_eq!(copied(&gate), ["w/b", "w/c", "w/d"]);
    let too_large = |path: &str| (path.to_owned(), "too-large".to_owned());
    assert_eq!(left_out(&gate), [too_large("v/huge"), too_large("w/a")]);
    assert_eq!(check(&gate, "evidence:w")["facts"][0]["value"], "3");
    for (bytes, expected) in [("399B", &["w/b", "w/d"][..]), ("400B", &["w/b", "w/d"]), ("0B", &[])] {
        let gate = workspace();
        for (path, bytes) in [("w/b", 300), ("w/c", 300), ("w/d", 99)] {
            gate.write(path, "x".repeat(bytes));
        }
        seal(&gate, &["w", &format!("--max-size={bytes}")]).code(0);
        assert_eq!(copied(&gate), expected, "{bytes}");
    }
    for size in ["5", "MiB", "1MB", "-1B", "99999999999GiB", "1.5MiB"] {
        seal(&gate, &["w", &format!("--max-size={size}")])
            .code(2)
            .says("is not a size")
            .says("200MiB");
    }
}

/// A link with a plain name would bring in what is left out under its own.
#[test]
fn a_link_to_a_hidden_file_is_left_out() {
    let gate = workspace();
    gate.write("w/a.log", "x").write(".env", "x").write(".cache/b.log", "x");
    for (to, link) in [
        ("../.env", "w/link"),
        ("../.cache/b.log", "w/deep"),
        ("a.log", "w/plain"),
    ] {
        std::os::unix::fs::symlink(to, gate.path(link)).unwrap();
    }
    seal(&gate, &["w"]).code(0);
    assert_eq!(copied(&gate), ["w/a.log", "w/plain"]);
    let hidden = |path: &str| (path.to_owned(), "hidden".to_owned());
    assert_eq!(left_out(&gate), [hidden("w/deep"), hidden("w/link")]);
    seal(&gate, &["w", "--hidden"]).code(0);
    assert_eq!(copied(&gate), ["w/a.log", "w/deep", "w/link", "w/plain"]);
}

#[test]
fn what_no_longer_fits_is_not_kept_from_an_earlier_seal() {
    let gate = workspace();
    gate.write("w/a", "old").write("w/b", "x").write("w/c\n", "old");
    seal(&gate, &["w"]).code(0);
    assert_eq!(copied(&gate).len(), 3);
    gate.write("w/a", "n".repeat(2000)).write("w/c\n", "n".repeat(2000));
    seal(&gate, &["w", "--max-size=1KiB"]).code(0);
    assert_eq!(copied(&gate), ["w/b"]);
    gate.run(["verify", "evidence.zip"]).code(0);
}

#[test]
fn what_is_required_is_counted_in_the_evidence() {
    let gate = workspace();
    gate.write("test-results/a.xml", "<x/>")
        .write("test-results/b.xml", "<x/>");
    let requires = ["test-results/*.xml", "smoke.log", "files/test-results", "*.log"];
    let mut args = vec!["test-results".to_owned()];
    args.extend(requires.iter().map(|pattern| format!("--requires={pattern}")));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    seal(&gate, &args).code(0);
    for (pattern, files) in requires.into_iter().zip(["2", "1", "2", "1"]) {
        assert_eq!(
            check(&gate, &format!("evidence:requires:{pattern}"))["facts"][0]["value"],
            files,
            "{pattern}"
        );
    }
    // The rest is sealed all the same.
    seal(&gate, &["--requires=reports/*.json"])
        .code(1)
        .says("no file in the evidence matches `reports/*.json`");
    assert!(gate.path("evidence.zip").is_file());
    let empty = Gate::new();
    seal(&empty, &["--requires=a.log"])
        .code(1)
        .says("no file in the evidence matches `a.log`");
    seal(&empty, &["--requires=../a"])
        .code(2)
        .says("--requires: `../a` is outside the workspace");
}
