//! Which of the two the plan asks for, and what both need.

use std::time::Duration;

use super::*;
use crate::model::{Status, Subject};

/// A world outside of a run.
pub fn world() -> World {
    world_with([])
}

pub fn world_with<const N: usize>(variables: [(&str, &str); N]) -> World {
    World::of(variables.into_iter().collect())
}

pub fn origin() -> Origin {
    Origin {
        subject: Subject::default(),
        max_age: Duration::from_secs(3600),
        any_attempt: false,
    }
}

#[tokio::test]
async fn a_plan_folds_reports_and_writes_a_file_or_reads_one_and_writes_none() {
    let folder = tempfile::tempdir().unwrap();
    let status_file = folder.path().join("verdict.md");
    let fold = Plan::Fold(Box::new(Fold {
        folders: vec![folder.path().to_owned()],
        artifacts: None,
        require: vec!["smoke".to_owned()],
        expect: Vec::new(),
        origin: origin(),
        waivers: Vec::new(),
        strict: false,
        own_report: folder.path().join("reports/verdict.json"),
        status_file: Some(status_file.clone()),
        workspace: folder.path().to_owned(),
    }));
    let read = Plan::Read {
        file: status_file.clone(),
        origin: Box::new(origin()),
    };
    assert_eq!(fold.status_file(), Some(&*status_file));
    assert_eq!(read.status_file(), None);
    for (plan, id, code) in [
        (fold, "verdict:smoke", "missing-report"),
        (read, "verdict:status", "status-unreadable"),
    ] {
        let outcome = run(&plan, &world()).await;
        let [check] = outcome.checks.as_slice() else {
            panic!("{outcome:?}");
        };
        assert_eq!((check.id.as_str(), check.status()), (id, Status::Failed));
        assert_eq!(check.findings()[0].code, code);
    }
}
