//! Whatever a workflow holds, a change of it is refused, or its patch has a diff and a text that can be read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stageproof::model::workflow::patch::{At, Change, Condition, Pin, patch};
use stageproof::model::workflow::{Access, Workflow};
use stageproof::model::yaml;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(root) = yaml::parse(text) else { return };
    let pin = Some(Pin {
        at: "0".repeat(40),
        note: None,
    });
    let mut changes = vec![
        Change::Trigger {
            from: "push".to_owned(),
            to: "merge_group".to_owned(),
        },
    ];
    for job in Workflow::of(&root).into_iter().flat_map(Workflow::jobs) {
        let condition = Condition::NotFork;
        changes.push(Change::Only {
            at: At::job(job.id),
            condition: condition.clone(),
        });
        changes.push(Change::Permission {
            job: job.id.to_owned(),
            scope: "packages".to_owned(),
            access: Access::Write,
            granted: Some(Vec::new()),
        });
        for step in job.steps() {
            let at = At::step(job.id, step.index);
            changes.extend([
                Change::Only {
                    at: at.clone(),
                    condition: condition.clone(),
                },
                Change::SkipGuard {
                    at: at.clone(),
                    names: vec!["TOKEN".to_owned()],
                    pin: pin.clone(),
                },
                Change::TimeLimit {
                    at: at.clone(),
                    minutes: 7,
                },
                Change::Retry {
                    at: at.clone(),
                    retries: 1,
                    pin: pin.clone(),
                },
                Change::FetchDepth(at),
            ]);
        }
    }
    // Few are enough, and a workflow of thousands of steps would take all the time.
    for change in changes.iter().take(64) {
        if let Ok(patch) = patch(bytes, "w.yml", change) {
            assert!(patch.diff.contains("\n@@ "), "{change:?}");
            assert!(yaml::parse(&patch.text).is_ok(), "{change:?}");
        }
    }
});
