//! Whatever reports there are: one that is missing, or one more that is bad, is never better.

mod told;

use proptest::prelude::*;

use super::*;
use crate::commands::verdict::Origin;
use crate::commands::verdict::tests::world;
use crate::model::report::Frame;
use crate::model::{Subject, finding};

const NAMES: [&str; 5] = ["skip-guard", "smoke", "smoke-blue", "rollback-dry-run", "other"];

/// What a report can amount to.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Pass,
    Warning,
    Waived,
    Skip,
    Nothing,
    Errored,
    Fail,
}

const KINDS: [Kind; 7] = [
    Kind::Pass,
    Kind::Warning,
    Kind::Waived,
    Kind::Skip,
    Kind::Nothing,
    Kind::Errored,
    Kind::Fail,
];

fn judged(name: &str, outcome: Outcome, world: &World) -> Report {
    let now = world.clock.rfc3339();
    let frame = Frame {
        command: name.into(),
        label: None,
        subject: Subject::default(),
        started_at: now.clone(),
        finished_at: now,
        took_ms: 0,
    };
    Report::judge(frame, outcome)
}

fn write(folder: &Path, name: &str, kind: Kind, world: &World) {
    let mut waived = Finding::error("bad", "it is bad");
    waived.waived = Some(finding::Waived {
        reason: "known".into(),
        until: "2999-12-31".into(),
    });
    let ended = match kind {
        Kind::Pass => Ended::Looked(Vec::new()),
        Kind::Warning => Ended::Looked(vec![Finding::warning("odd", "it is odd")]),
        Kind::Waived => Ended::Looked(vec![waived]),
        Kind::Skip | Kind::Nothing => Ended::Skipped { reason: "why".into() },
        Kind::Errored => Ended::errored("cause"),
        Kind::Fail => Ended::Looked(vec![Finding::error("bad", "it is bad")]),
    };
    let outcome = Outcome {
        checks: vec![check("smoke:x".into(), "X".into(), ended)],
        skip: matches!(kind, Kind::Skip).then(|| Skip {
            reason: "why".into(),
            expected: true,
        }),
        ..Outcome::default()
    };
    let bytes = serde_json::to_vec(&judged(name, outcome, world)).unwrap();
    files::replace(&folder.join(format!("reports/{name}.json")), &bytes).unwrap();
}

/// The verdict on these reports, of which the names in `require` must be there.
fn verdict(reports: &BTreeMap<&str, Kind>, require: &[&str], strict: bool) -> Verdict {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    for (name, kind) in reports {
        write(folder.path(), name, *kind, &world);
    }
    let mut fold = fold(folder.path(), require);
    fold.strict = strict;
    judged("verdict", run(&fold, &world), &world).verdict
}

/// Folds what is below a folder.
fn fold(folder: &Path, require: &[&str]) -> Fold {
    Fold {
        folders: vec![folder.to_owned()],
        artifacts: None,
        require: require.iter().map(|name| (*name).to_owned()).collect(),
        expect: Vec::new(),
        origin: Origin {
            subject: Subject::default(),
            max_age: Duration::from_secs(3600),
            any_attempt: false,
        },
        waivers: Vec::new(),
        strict: false,
        own_report: folder.join("reports/verdict.json"),
        status_file: Some(folder.join("verdict.md")),
        workspace: folder.to_owned(),
    }
}

fn reports() -> impl Strategy<Value = BTreeMap<&'static str, Kind>> {
    let kind = proptest::sample::select(KINDS.as_slice());
    proptest::collection::btree_map(proptest::sample::select(NAMES.as_slice()), kind, 1..=NAMES.len())
}

#[test]
fn each_kind_alone_is_what_it_says() {
    for (kind, expected) in KINDS.into_iter().zip([
        Verdict::Pass,
        Verdict::PassWeak,
        Verdict::PassWeak,
        Verdict::Skip,
        Verdict::Inconclusive,
        Verdict::Inconclusive,
        Verdict::Fail,
    ]) {
        let reports = BTreeMap::from([("smoke", kind)]);
        assert_eq!(verdict(&reports, &["smoke"], false), expected, "{kind:?}");
    }
}

#[test]
fn strict_takes_away_the_waivers_that_a_report_has_applied() {
    let reports = BTreeMap::from([("smoke", Kind::Waived)]);
    assert_eq!(verdict(&reports, &["smoke"], false), Verdict::PassWeak);
    assert_eq!(verdict(&reports, &["smoke"], true), Verdict::Fail);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn without_a_required_report_nothing_is_green(
        reports in reports(), gone in any::<prop::sample::Index>(),
        also in proptest::sample::subsequence(NAMES.as_slice(), 0..=NAMES.len()), strict: bool,
    ) {
        let mut reports = reports;
        let names: Vec<&str> = reports.keys().copied().collect();
        let gone = *gone.get(&names);
        let mut require = also;
        if !require.contains(&gone) {
            require.push(gone);
        }
        reports.remove(gone);
        prop_assert_eq!(verdict(&reports, &require, strict), Verdict::Fail);
    }

    #[test]
    fn one_more_failing_report_is_never_better(
        reports in reports(),
        require in proptest::sample::subsequence(NAMES.as_slice(), 0..=NAMES.len()), strict: bool,
    ) {
        let mut reports = reports;
        let before = verdict(&reports, &require, strict);
        reports.insert("one-more", Kind::Fail);
        let after = verdict(&reports, &require, strict);
        prop_assert_eq!(after, Verdict::Fail, "it was {}", before);
    }
}
