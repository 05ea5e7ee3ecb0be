use std::time::Duration;

use super::*;
use crate::model::Finding;

fn frame() -> Frame {
    Frame {
        command: "smoke".to_owned(),
        label: None,
        subject: Subject::default(),
        started_at: "2026-01-01T00:00:00Z".to_owned(),
        finished_at: "2026-01-01T00:00:01Z".to_owned(),
        took_ms: 1000,
    }
}

fn check(id: &str, ended: Ended) -> Check {
    Check::new("smoke", id, format!("the claim {id}"), ended, Duration::ZERO)
}

fn passed(id: &str) -> Check {
    check(id, Ended::Looked(vec![]))
}

fn failed(id: &str, why: &str) -> Check {
    check(
        id,
        Ended::Looked(vec![Finding::warning("w", "odd"), Finding::error("x", why)]),
    )
}

fn errored(id: &str, cause: &str) -> Check {
    let cause = cause.to_owned();
    check(id, Ended::errored(cause))
}

fn skipped(id: &str) -> Check {
    let reason = "not here".to_owned();
    check(id, Ended::Skipped { reason })
}

fn judged(checks: Vec<Check>) -> Report {
    Report::judge(
        frame(),
        Outcome {
            checks,
            ..Outcome::default()
        },
    )
}

#[test]
fn every_check_is_counted_once_by_how_it_ended() {
    let mut waived = Finding::error("x", "old");
    waived.waived = Some(crate::model::finding::Waived {
        reason: "known".to_owned(),
        until: "2027-01-01".to_owned(),
    });
    let checks = vec![
        passed("a"),
        passed("b"),
        passed("c"),
        failed("d", "no"),
        failed("e", "no"),
        errored("f", "why"),
        errored("g", "why"),
        errored("h", "why"),
        errored("i", "why"),
        skipped("j"),
        check("k", Ended::Looked(vec![waived, Finding::warning("w", "odd")])),
        check(
            "l",
            Ended::Looked(vec![Finding::note("n", "fine"), Finding::note("n", "fine")]),
        ),
    ];
    let counts = Counts::of(&checks);
    let expected = Counts {
        passed: 4,
        failed: 2,
        errored: 4,
        skipped: 1,
        waived: 1,
        warnings: 3,
    };
    assert_eq!(counts, expected);
    assert_eq!(counts.total(), 12);
}

#[test]
fn the_reason_names_the_first_of_what_decided() {
    for (checks, verdict, reason) in [
        (vec![passed("a")], Verdict::Pass, "1 check passed."),
        (vec![passed("a"), passed("b")], Verdict::Pass, "Both checks passed."),
        (vec![], Verdict::NothingChecked, "Nothing was checked."),
        (
            vec![passed("a"), failed("b", "it says 500")],
            Verdict::Fail,
            "it says 500",
        ),
        (
            vec![failed("a", "first"), failed("b", "second"), failed("c", "third")],
            Verdict::Fail,
            "first (and 2 more)",
        ),
    ] {
        let report = judged(checks);
        assert_eq!((report.verdict, report.reason.as_str()), (verdict, reason));
        assert_eq!(&*report.outputs["verdict"], verdict.as_str());
        assert_eq!(&*report.outputs["reason"], reason);
    }
    let report = judged(vec![passed("a"), errored("b", "no answer"), errored("c", "nor here")]);
    assert_eq!(report.verdict, Verdict::Inconclusive);
    assert!(
        report.reason.contains("the claim b: no answer (and 1 more)"),
        "{}",
        report.reason
    );
}

#[test]
fn a_weak_pass_says_first_what_makes_it_weak() {
    let mut waived = Finding::error("x", "the balancer flaps");
    waived.waived = Some(crate::model::finding::Waived {
        reason: "known".to_owned(),
        until: "2027-01-01".to_owned(),
    });
    let note = || Finding::note("n", "a note");
    for (findings, reason) in [
        (
            vec![note(), Finding::warning("w", "it is slow")],
            "it is slow (2 passed, 0 waived, 1 with warnings)",
        ),
        (
            vec![note(), waived, Finding::warning("w", "it is slow")],
            "the balancer flaps (1 passed, 1 waived, 1 with warnings)",
        ),
    ] {
        let report = judged(vec![passed("a"), check("b", Ended::Looked(findings))]);
        assert_eq!((report.verdict, report.reason.as_str()), (Verdict::PassWeak, reason));
    }
}

#[test]
fn a_report_is_called_by_its_command_and_its_label() {
    let mut report = judged(vec![passed("a")]);
    assert_eq!(report.name(), "smoke");
    report.label = Some("blue".to_owned());
    assert_eq!(report.name(), "smoke-blue");
}

/// The schema is published, and others generate their readers from it.
#[test]
fn in_the_schema_a_check_is_a_part_of_its_own_and_an_output_is_a_text() {
    let schema = schemars::schema_for!(Report);
    let at = |pointer: &str| schema.as_value().pointer(pointer);
    assert_eq!(at("/properties/checks/items/$ref").unwrap(), "#/$defs/Check");
    assert!(at("/$defs/Check/properties/status").is_some());
    assert_eq!(at("/properties/outputs/additionalProperties/type").unwrap(), "string");
    assert_eq!(schemars::schema_for!(Output).get("title").unwrap(), "Output");
}

#[test]
fn a_skip_says_whether_it_was_expected_and_only_a_skip_does() {
    let skip = |checks| {
        let skip = Some(Skip {
            reason: "a fork".to_owned(),
            expected: true,
        });
        let outcome = Outcome {
            checks,
            skip,
            ..Outcome::default()
        };
        Report::judge(frame(), outcome)
    };
    let report = skip(vec![skipped("a")]);
    assert_eq!((report.verdict, report.skip_expected), (Verdict::Skip, Some(true)));
    assert_eq!(report.reason, "a fork");
    let report = skip(vec![failed("a", "no")]);
    assert_eq!((report.verdict, report.skip_expected), (Verdict::Fail, None));
}

#[test]
fn outcomes_are_joined_in_order_and_the_first_skip_stays() {
    let skip = |reason: &str| {
        Some(Skip {
            reason: reason.to_owned(),
            expected: false,
        })
    };
    let mut outcome = Outcome {
        checks: vec![passed("a")],
        notes: vec!["one".to_owned()],
        ..Outcome::default()
    };
    for reason in ["first", "second"] {
        outcome.append(Outcome {
            checks: vec![passed(reason)],
            skip: skip(reason),
            notes: vec![reason.to_owned()],
            ..Outcome::default()
        });
    }
    let ids: Vec<&str> = outcome.checks.iter().map(|check| check.id.as_str()).collect();
    assert_eq!(ids, ["a", "first", "second"]);
    assert_eq!(outcome.notes, ["one", "first", "second"]);
    assert_eq!(outcome.skip, skip("first"));
}

#[test]
fn a_stage_is_named_once_in_the_order_it_ran() {
    let staged = |stage: &str| Check::new(stage, stage, stage, Ended::Looked(vec![]), Duration::ZERO);
    let report = judged(vec![
        staged("guard"),
        staged("smoke"),
        staged("guard"),
        staged("rollback"),
    ]);
    assert_eq!(report.stages(), ["guard", "smoke", "rollback"]);
}

#[test]
fn what_is_read_back_agrees_with_itself() {
    let report = judged(vec![passed("a"), failed("b", "no")]);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(Report::parse(text.as_bytes()).unwrap(), report);
    let forged = text.replace(r#""verdict":"fail""#, r#""verdict":"pass""#);
    assert_ne!(forged, text);
    let error = Report::parse(forged.as_bytes()).unwrap_err();
    assert!(matches!(error, ParseError::Contradiction { .. }), "{error}");
    let other = text.replace(SCHEMA, "stageproof.report/v2");
    assert!(matches!(Report::parse(other.as_bytes()), Err(ParseError::Schema(_))));
}

#[test]
fn a_skip_is_read_back_as_a_skip() {
    let outcome = Outcome {
        checks: vec![skipped("a")],
        skip: Some(Skip {
            reason: "a fork".to_owned(),
            expected: true,
        }),
        ..Outcome::default()
    };
    let report = Report::judge(frame(), outcome);
    let text = serde_json::to_string(&report).unwrap();
    assert_eq!(Report::parse(text.as_bytes()).unwrap(), report);
}
