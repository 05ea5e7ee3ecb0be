//! What cannot work on the event that started the run.

use super::Facts;
use crate::model::workflow::Workflow;
use crate::model::workflow::patch::Change;
use crate::model::workflow::patch::condition::{Condition, minds_failure};
use crate::model::workflow::patch::target::{At, uses};
use crate::model::workflow::patch::trigger::events;
use crate::model::yaml::Node;

/// Scripts that only prepare what comes behind them.
const PREPARES: [&str; 10] = [
    "npm ci",
    "npm install",
    "yarn install",
    "pnpm install",
    "pip install",
    "python -m pip install",
    "poetry install",
    "bundle install",
    "go mod download",
    "composer install",
];

pub fn propose(
    facts: &Facts<'_>,
    wanted: &[&str],
    workflow: Workflow<'_>,
    steps: &[Node],
    index: usize,
) -> Option<Change> {
    let now = facts.event?;
    let known = events(workflow.node.get("on")?);
    let read = match wanted {
        [] => read_events(steps.get(index)?),
        wanted => wanted.to_vec(),
    };
    // By a call it has the event of its caller.
    if known.iter().all(|event| event != now) || known.iter().any(|event| event == "workflow_call") {
        return None;
    }
    let right: Vec<String> = known
        .iter()
        .filter(|event| read.contains(&event.as_str()))
        .cloned()
        .collect();
    let condition = match (right.is_empty(), facts.is_fork, facts.is_dependabot) {
        _ if read.contains(&now) => return None,
        (false, ..) => Condition::Events(right),
        (true, Some(true), _)
            if read.is_empty() && facts.may_be_of_pull_request() && super::has_pull_requests(workflow) =>
        {
            Condition::NotFork
        }
        (true, _, Some(true)) if read.is_empty() && super::has_pull_requests(workflow) => Condition::NotDependabot,
        (true, ..) => {
            let (&to, from) = (read.first()?, now.to_owned());
            let is_alone = workflow.jobs().count() == 1 && known.len() == 1 && (wanted.len() == 1 || wanted.is_empty());
            let to = to.to_owned();
            return is_alone.then_some(Change::Trigger { from, to });
        }
    };
    if steps.get(..index)?.iter().all(prepares) {
        return Some(Change::Only {
            at: At::job(facts.job),
            condition,
        });
    }
    // Other steps of the job do their work on this event.
    let is_last = steps.get(index + 1..)?.iter().all(minds_failure);
    is_last.then(|| Change::Only {
        at: At::step(facts.job, index),
        condition,
    })
}

/// What a step reads of the run that only some events have, and these events, the usual one first.
/// Source: "Events that trigger workflows" and "Contexts reference".
const READS: [(&str, &[&str]); 10] = [
    (
        "github.event.pull_request",
        &["pull_request", "pull_request_target", "pull_request_review"],
    ),
    ("github.event.number", &["pull_request", "pull_request_target"]),
    ("github.head_ref", &["pull_request", "pull_request_target"]),
    ("github.base_ref", &["pull_request", "pull_request_target"]),
    ("github_head_ref", &["pull_request", "pull_request_target"]),
    ("github_base_ref", &["pull_request", "pull_request_target"]),
    ("github.event.issue.", &["issues", "issue_comment"]),
    (
        "github.event.comment.",
        &["issue_comment", "pull_request_review_comment"],
    ),
    ("github.event.release.", &["release"]),
    ("github.event.workflow_run.", &["workflow_run"]),
];

/// The events that have everything which a step reads.
fn read_events(step: &Node) -> Vec<&'static str> {
    let said = step.scalars().into_iter().filter_map(Node::text);
    let said: Vec<String> = said.map(str::to_ascii_lowercase).collect();
    let read = READS
        .iter()
        .filter(|(name, _)| said.iter().any(|text| text.contains(name)));
    let mut lists = read.map(|(_, events)| events.to_vec());
    let first = lists.next().unwrap_or_default();
    lists.fold(first, |all, next| {
        all.into_iter().filter(|event| next.contains(event)).collect()
    })
}

fn prepares(step: &Node) -> bool {
    let run = step.get("run").and_then(Node::text).unwrap_or_default().trim();
    let installs = !run.is_empty()
        && run
            .lines()
            .all(|line| PREPARES.iter().any(|start| line.trim().starts_with(start)));
    installs
        || uses(step, |repository| {
            let name = repository.rsplit('/').next().unwrap_or_default();
            ["checkout", "cache"].contains(&name) || name.contains("setup") || name.contains("toolchain")
        })
}
