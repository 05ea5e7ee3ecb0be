use super::*;
use crate::model::finding::Waived;

fn looked(findings: Vec<Finding>) -> Check {
    Check {
        id: "smoke:/".into(),
        stage: "smoke".into(),
        title: "GET / answers 200".into(),
        ended: Ended::Looked(findings),
        facts: vec![],
        details: vec![],
        latency: None,
        took_ms: 1,
    }
}

#[test]
fn the_status_follows_the_worst_finding() {
    let waived = Finding {
        waived: Some(Waived {
            reason: "r".into(),
            until: "2099-01-01".into(),
        }),
        ..Finding::error("x", "x")
    };
    assert_eq!(looked(vec![]).status(), Status::Passed);
    assert_eq!(looked(vec![Finding::warning("x", "x")]).status(), Status::Passed);
    assert_eq!(looked(vec![waived.clone()]).status(), Status::Waived);
    assert_eq!(
        looked(vec![waived.clone(), Finding::error("x", "x")]).status(),
        Status::Failed
    );
    let warning = Finding {
        severity: Severity::Warning,
        ..waived
    };
    assert_eq!(
        looked(vec![warning]).status(),
        Status::Passed,
        "nothing failed to be waived"
    );
}

#[test]
fn a_status_reads_as_it_is_written_down() {
    for status in [
        Status::Passed,
        Status::Failed,
        Status::Waived,
        Status::Skipped,
        Status::Errored,
    ] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
    }
}

#[test]
fn however_a_check_ended_it_is_read_back_as_it_was() {
    let took = std::time::Duration::from_millis(1_234);
    let (cause, help) = ("no route".to_owned(), Some("ask".to_owned()));
    for (check, status) in [
        (looked(vec![Finding::error("x", "it is bad")]), Status::Failed),
        (Check::skipped("smoke", "a", "A", "a fork"), Status::Skipped),
        (
            Check::new("smoke", "b", "B", Ended::Errored { cause, help }, took),
            Status::Errored,
        ),
    ] {
        assert_eq!(check.status(), status);
        assert_eq!(check.findings().len(), usize::from(status == Status::Failed));
        assert_eq!(
            check.took_ms,
            match status {
                Status::Failed => 1,
                Status::Skipped => 0,
                _ => 1_234,
            }
        );
        let json = serde_json::to_value(&check).unwrap();
        assert_eq!(serde_json::from_value::<Check>(json).unwrap(), check);
    }
}

#[test]
fn a_check_that_ended_in_two_ways_is_refused() {
    let mut json = serde_json::to_value(Check::skipped("smoke", "a", "A", "a fork")).unwrap();
    json["error"] = "no route".into();
    let error = serde_json::from_value::<Check>(json).unwrap_err();
    assert!(error.to_string().contains("both skipped and errored"), "{error}");
}

#[test]
fn a_report_that_lies_about_a_status_is_refused() {
    let mut json = serde_json::to_value(looked(vec![Finding::error("x", "x")])).unwrap();
    assert_eq!(json["status"], "failed");
    json["status"] = "passed".into();
    let error = serde_json::from_value::<Check>(json).unwrap_err();
    assert!(error.to_string().contains("findings say it failed"), "{error}");
}
