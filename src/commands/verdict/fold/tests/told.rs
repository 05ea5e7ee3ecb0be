//! What is told of the reports, and under which names.

use std::num::NonZeroU32;

use super::*;
use crate::commands::verdict::Expect;

/// A folder with reports, each `<folder>/<name>` and what it amounts to.
fn evidence(reports: &[(&str, Kind)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (place, kind) in reports {
        let (below, name) = place.rsplit_once('/').unwrap();
        write(&folder.path().join(below), name, *kind, &world());
    }
    folder
}

fn ids(outcome: &Outcome) -> Vec<&str> {
    outcome.checks.iter().map(|check| check.id.as_str()).collect()
}

/// The code and the message of each finding.
fn findings(outcome: &Outcome) -> Vec<(&str, &str)> {
    let findings = outcome.checks.iter().flat_map(Check::findings);
    findings
        .map(|finding| (&*finding.code, finding.message.as_str()))
        .collect()
}

#[test]
fn a_report_is_told_by_its_name_and_by_its_place_only_where_several_have_one_name() {
    let folder = evidence(&[
        ("a/smoke", Kind::Pass),
        ("b/smoke", Kind::Warning),
        ("b/other", Kind::Pass),
    ]);
    let outcome = run(&fold(folder.path(), &[]), &world());
    assert_eq!(
        ids(&outcome),
        [
            "verdict:other",
            "verdict:smoke:a/reports/smoke.json",
            "verdict:smoke:b/reports/smoke.json"
        ]
    );
    let titles: Vec<&str> = outcome.checks.iter().map(|check| check.title.as_str()).collect();
    for (title, begin) in titles.iter().zip([
        "The report other is",
        "The report smoke of a is",
        "The report smoke of b is",
    ]) {
        assert!(title.starts_with(begin), "{title}");
    }
    let facts: Vec<(&str, &str)> = outcome.checks[2]
        .facts
        .iter()
        .map(|fact| (fact.name.as_str(), fact.value.as_str()))
        .collect();
    assert_eq!(
        facts[..2],
        [("report", "b/reports/smoke.json"), ("verdict", "pass-weak")]
    );
    assert_eq!(outcome.notes, [""; 0]);
}

#[test]
fn only_if_everything_was_skipped_and_nothing_is_missing_the_whole_is_a_skip() {
    let skip = |reports: &[(&str, Kind)], require: &[&str]| {
        let folder = evidence(reports);
        run(&fold(folder.path(), require), &world()).skip
    };
    let two = [("a/skip-guard", Kind::Skip), ("a/smoke", Kind::Skip)];
    let whole = skip(&two, &["smoke"]).unwrap();
    assert_eq!((whole.reason.as_str(), whole.expected), ("why", true));
    assert_eq!(skip(&two, &["rollback-dry-run"]), None);
    assert_eq!(
        skip(&[("a/skip-guard", Kind::Skip), ("a/smoke", Kind::Pass)], &[]),
        None
    );
    assert_eq!(skip(&[], &[]), None);
}

#[test]
fn what_was_skipped_comes_first_and_what_was_asked_for_before_the_rest() {
    let folder = evidence(&[
        ("a/heartbeat", Kind::Pass),
        ("a/other", Kind::Skip),
        ("a/smoke", Kind::Pass),
        ("a/verify", Kind::Pass),
    ]);
    let outcome = run(&fold(folder.path(), &["verify", "smoke"]), &world());
    assert_eq!(
        ids(&outcome),
        ["verdict:other", "verdict:smoke", "verdict:verify", "verdict:heartbeat"]
    );
    assert_eq!(findings(&outcome), [("skipped-report", "other was skipped: why")]);
}

#[test]
fn what_a_report_found_is_told_with_the_claim_it_is_about() {
    for (kind, expected) in [
        (Kind::Fail, ("bad", "X: it is bad")),
        (Kind::Waived, ("bad", "X: it is bad")),
        (Kind::Warning, ("odd", "X: it is odd")),
    ] {
        let folder = evidence(&[("a/smoke", kind)]);
        assert_eq!(
            findings(&run(&fold(folder.path(), &[]), &world())),
            [expected],
            "{kind:?}"
        );
    }
    let folder = evidence(&[("a/smoke", Kind::Errored)]);
    let outcome = run(&fold(folder.path(), &[]), &world());
    let Ended::Errored { cause, .. } = &outcome.checks[0].ended else {
        panic!("{outcome:?}");
    };
    assert_eq!(cause, "X: cause");
}

#[test]
fn a_report_under_the_name_of_another_is_no_good() {
    for (file, said) in [
        ("smoke.json", None),
        ("staging.smoke.json", None),
        ("smoke.JSON", None),
        ("verify.json", Some("verify")),
        ("blue-smoke.json", Some("blue-smoke")),
        ("smoke-blue.json", Some("smoke-blue")),
    ] {
        let folder = evidence(&[("a/smoke", Kind::Pass)]);
        let reports = folder.path().join("a/reports");
        std::fs::rename(reports.join("smoke.json"), reports.join(file)).unwrap();
        let outcome = run(&fold(folder.path(), &[]), &world());
        let message = said.map(|said| format!("a/reports/{file} is named {said}, but is a report of smoke"));
        let expected: Vec<(&str, &str)> = message.iter().map(|said| ("misnamed-report", said.as_str())).collect();
        assert_eq!(findings(&outcome), expected, "{file}");
    }
}

#[test]
fn there_must_be_as_many_as_expected_of_a_name_of_each_that_is_required_or_in_all() {
    let three = [
        ("a/smoke", Kind::Pass),
        ("b/smoke", Kind::Warning),
        ("b/verify", Kind::Pass),
    ];
    let folder = evidence(&three);
    for (name, count, require, expected) in [
        (Some("smoke"), 2, [].as_slice(), [].as_slice()),
        (
            Some("smoke"),
            1,
            &[],
            &["found 2 reports of smoke, but --expect says 1"],
        ),
        (
            Some("other"),
            1,
            &[],
            &["found 0 reports of other, but --expect says 1"],
        ),
        (None, 3, &[], &[]),
        (None, 2, &[], &["found 3 reports in all, but --expect says 2"]),
        (None, 1, &["verify"], &[]),
        (
            None,
            3,
            &["verify", "smoke"],
            &[
                "found 1 report of verify, but --expect says 3",
                "found 2 reports of smoke, but --expect says 3",
            ],
        ),
    ] {
        let mut fold = fold(folder.path(), require);
        fold.expect = vec![Expect {
            name: name.map(str::to_owned),
            count: NonZeroU32::new(count).unwrap(),
        }];
        let outcome = run(&fold, &world());
        let said: Vec<&str> = findings(&outcome)
            .into_iter()
            .filter(|(code, _)| *code == "unexpected-count")
            .map(|(_, message)| message)
            .collect();
        assert_eq!(said, expected, "{name:?} {count} {require:?}");
    }
}

#[test]
fn a_report_counts_once_however_often_it_is_found() {
    let folder = evidence(&[("a/smoke", Kind::Pass)]);
    let below = folder.path().join("a/reports");
    // The verdict's own report, of an earlier try.
    write(folder.path(), "verdict", Kind::Fail, &world());
    let mut twice = fold(folder.path(), &["smoke"]);
    twice.folders = vec![folder.path().join("a"), folder.path().to_owned(), below.join(".")];
    let outcome = run(&twice, &world());
    assert_eq!(ids(&outcome), ["verdict:smoke"]);
    assert_eq!(outcome.notes, [""; 0]);

    std::fs::create_dir_all(folder.path().join("b/reports")).unwrap();
    std::fs::copy(below.join("smoke.json"), folder.path().join("b/reports/smoke.json")).unwrap();
    let outcome = run(&fold(folder.path(), &["smoke"]), &world());
    assert_eq!(ids(&outcome), ["verdict:smoke"]);
    let note = "b/reports/smoke.json is a copy of a/reports/smoke.json and counts once.";
    assert_eq!(outcome.notes, [note]);
}

#[test]
fn a_few_files_that_are_no_reports_are_named_and_the_rest_counted() {
    let folder = evidence(&[("a/smoke", Kind::Pass)]);
    let notes = |files: usize| {
        for number in 1..=files {
            std::fs::write(folder.path().join(format!("a/reports/{number}.txt")), "x").unwrap();
        }
        run(&fold(folder.path(), &[]), &world()).notes
    };
    assert_eq!(notes(0), [""; 0]);
    let named = notes(MOST_NOTES);
    assert_eq!(named.len(), MOST_NOTES);
    assert_eq!(named[4], "a/reports/5.txt is not a report and was not read.");
    let more = notes(MOST_NOTES + 2);
    assert_eq!(more[..MOST_NOTES], named);
    assert_eq!(
        more[MOST_NOTES..],
        ["There are 2 more notes about files beside reports."]
    );
}
