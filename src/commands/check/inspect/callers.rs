//! Jobs that call stageproof's workflow: what GitHub allows in them, and what the workflow needs of them.

use super::Document;
use crate::commands::check::findings::Findings;
use crate::commands::check::interfaces::STAGING;
use crate::commands::check::scope::Part;
use crate::model::text::one_line;
use crate::model::workflow::{Access, Job, Workflow};

/// What belongs to the jobs of the called workflow. GitHub refuses the whole file.
const REFUSED: [&str; 10] = [
    "container",
    "continue-on-error",
    "defaults",
    "env",
    "environment",
    "outputs",
    "runs-on",
    "services",
    "steps",
    "timeout-minutes",
];

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    let named = document.named();
    for scope in &document.scopes {
        let (Some(workflow), Some(job)) = (scope.workflow, scope.job) else {
            continue;
        };
        let Some(uses) = job.node.get("uses") else { continue };
        let calls = named
            .iter()
            .any(|named| named.part == Part::Staging && std::ptr::eq(named.uses, uses));
        if calls {
            refused(job, findings);
            permissions(job, workflow, uses.place.line, findings);
        }
    }
}

fn refused(job: Job<'_>, findings: &mut Findings<'_>) {
    for (key, _) in job.node.entries() {
        let name = key.text().unwrap_or_default();
        if !REFUSED.contains(&name) {
            continue;
        }
        let message = format!(
            "the job `{}` calls a workflow, so it cannot have `{name}`",
            one_line(job.id)
        );
        let help = match STAGING.inputs.contains(&name) {
            true => format!("move `{name}` to `with`, as an input"),
            false => format!("remove `{name}`"),
        };
        findings.add("called-job", key.place.line, message, Some(help));
    }
}

/// A called workflow has the permissions of its caller, and checks the repository out.
fn permissions(job: Job<'_>, workflow: Workflow<'_>, line: u32, findings: &mut Findings<'_>) {
    if job.permissions(workflow).has("contents", Access::Read) == Some(false) {
        let message = format!(
            "{} needs the permission `contents: read`, which the job `{}` lacks",
            STAGING.file,
            one_line(job.id)
        );
        let help = "add `contents: read` to the job's `permissions`".to_owned();
        findings.add("permission", line, message, Some(help));
    }
}
