//! The events that start workflows.

use crate::model::text::nearest;

/// What `github.event_name` can be (docs.github.com, "Events that trigger workflows").
const EVENTS: [&str; 32] = [
    "branch_protection_rule",
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "discussion",
    "discussion_comment",
    "fork",
    "gollum",
    "image_version",
    "issue_comment",
    "issues",
    "label",
    "merge_group",
    "milestone",
    "page_build",
    "public",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_target",
    "push",
    "registry_package",
    "release",
    "repository_dispatch",
    "schedule",
    "status",
    "watch",
    "workflow_dispatch",
    "workflow_run",
];

/// What to write instead of a name that is no event.
pub fn correction(name: &str) -> Option<String> {
    if EVENTS.contains(&name) {
        return None;
    }
    Some(match (nearest(name, EVENTS), name) {
        // The event in a called workflow is that of its caller.
        (_, "workflow_call") => "a called workflow has the event of its caller: name that one".to_owned(),
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, _) => format!("the events are {}", EVENTS.join(", ")),
    })
}
