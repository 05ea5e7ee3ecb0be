//! `diagnose` asks GitHub: for runs, logs, workflows and history.

mod founding;
mod history;
mod logs;
mod misspelt;
mod runs;
mod workflow;

use super::mock::Mock;
use crate::diagnose::RED;
use crate::gate::Gate;

pub const GREEN: &str = "all is well\n";

/// A run with a job that passed and two that failed for the same cause.
pub fn mock() -> Mock {
    Mock::new()
        .failed(5, 49)
        .job(5, 10, "lint", "success")
        .job(5, 11, "deploy (a)", "failure")
        .job(5, 12, "deploy (b)", "failure")
        .log(10, Some(GREEN))
        .log(11, Some(RED))
        .log(12, Some(RED))
}

/// Of the checks' findings, those with this code.
pub fn findings(gate: &Gate, code: &str) -> Vec<String> {
    let report = gate.report("diagnose");
    let checks = report["checks"].as_array().unwrap().iter();
    let all = checks.flat_map(|check| check["findings"].as_array().cloned().unwrap_or_default());
    let of_code = all.filter(|finding| finding["code"] == code);
    of_code
        .map(|finding| finding["message"].as_str().unwrap().to_owned())
        .collect()
}

pub fn facts(gate: &Gate, check: usize, name: &str) -> Vec<String> {
    let report = gate.report("diagnose");
    let facts = report["checks"][check]["facts"].as_array().cloned().unwrap_or_default();
    let named = facts.into_iter().filter(|fact| fact["name"] == name);
    named.map(|fact| fact["value"].as_str().unwrap().to_owned()).collect()
}
