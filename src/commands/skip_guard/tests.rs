//! The guard as a whole, without a runner.

use super::*;
use crate::model::Ended;

fn world(env: &[(&str, &str)]) -> World {
    World::of(env.iter().copied().collect())
}

fn plan(requirements: &[&str], strict: bool) -> Plan {
    Plan {
        prerequisites: requirements.iter().map(|r| r.parse().unwrap()).collect(),
        strict,
        fail_on: Vec::new(),
        environment: "staging".into(),
        github_token_env: "GITHUB_TOKEN".into(),
        skips: SkipLimits::default(),
        fix_logs: None,
        note: None,
    }
}

#[tokio::test]
async fn every_missing_item_is_named_in_order() {
    let plan = plan(&["env:A", "env:HERE", "file:no/such/file", "env:B"], false);
    let outcome = run(&plan, &world(&[("HERE", "x"), ("B", "")])).await;
    assert_eq!(&*outcome.outputs["missing"], r#"["env:A","file:no/such/file","env:B"]"#);
    assert_eq!(&*outcome.outputs["ready"], "false");
    let skip = outcome.skip.unwrap().reason;
    assert!(skip.contains("A is not set") && skip.contains("B is not set"), "{skip}");
}

#[tokio::test]
async fn a_guard_that_cannot_decide_is_not_a_skip() {
    let plan = plan(&["env:A", "not-fork"], false);
    let on_runner = [("GITHUB_ACTIONS", "true"), ("GITHUB_EVENT_NAME", "pull_request")];
    let outcome = run(&plan, &world(&on_runner)).await;
    assert!(outcome.skip.is_none(), "{outcome:?}");
    assert!(!is_ready(&outcome));
    assert!(outcome.checks.iter().any(|c| matches!(c.ended, Ended::Errored { .. })));
}
