//! One more permission of a job's token.

use super::Refusal;
use super::editor::{Editor, Spot};
use super::target::At;
use super::value::New;
use crate::model::text::one_line;
use crate::model::workflow::{Access, Permissions};
use crate::model::yaml::Node;

/// What `read-all` stands for. An identity token cannot be read.
/// Source: "Workflow syntax for GitHub Actions", `permissions`.
const READABLE: [&str; 14] = [
    "actions",
    "artifact-metadata",
    "attestations",
    "checks",
    "contents",
    "deployments",
    "discussions",
    "issues",
    "models",
    "packages",
    "pages",
    "pull-requests",
    "security-events",
    "statuses",
];
const IDENTITY: &str = "id-token";

pub fn add(
    editor: &mut Editor<'_>,
    job: &str,
    (scope, access): (&str, Access),
    granted: Option<&[(String, Access)]>,
) -> Result<(), Refusal> {
    if !may_name(scope, access) {
        let (scope, access) = (one_line(scope), access.as_str());
        return Err(Refusal(format!("there is no permission `{scope}: {access}`")));
    }
    if is_callable(editor.root()) {
        return Err(Refusal::new(
            "other workflows call this one, and its jobs get no more than the job that calls it; grant it there",
        ));
    }
    let path = At::job(job).job_path(editor)?.key("permissions");
    let own = editor.find(&path)?;
    let top = editor.find(&super::path::Path::default().key("permissions"))?;
    let (written, place) = match own {
        Some(own) => (Some(own), path.to_string()),
        None => (top, "permissions".to_owned()),
    };
    let now = Permissions::of(written);
    match (now, now.has(scope, access)) {
        (_, Some(true)) => {
            return Err(Refusal(format!(
                "`{place}` grants `{scope}: {}` already",
                access.as_str()
            )));
        }
        (_, None) if written.is_some() => return Err(Refusal(format!("`{place}` has a value that is not known"))),
        _ => {}
    }
    let has_scope = own.is_some_and(|own| own.get(scope).is_some());
    let new = New::text(access.as_str());
    match (own, now) {
        (Some(_), Permissions::Only(_)) if has_scope => return editor.set(&path.key(scope), &new),
        (Some(_), Permissions::Only(_)) => return editor.add(&path, &Spot::End, scope, &new),
        _ => {}
    }
    // A map takes away what is not in it.
    let kept: Vec<(String, Access)> = match (now, granted) {
        (Permissions::Only(node), _) => node.entries().filter_map(entry).collect(),
        (Permissions::All(_), _) => READABLE
            .iter()
            .map(|scope| ((*scope).to_owned(), Access::Read))
            .collect(),
        (Permissions::Unset, Some(granted)) => granted.to_vec(),
        (Permissions::Unset, None) => {
            return Err(Refusal::new(
                "the repository's settings say what the token may do, and `permissions` would replace that; the log of the run lists it",
            ));
        }
    };
    let mut map: Vec<(String, New)> = Vec::new();
    for (kept, access) in kept {
        if kept != scope && access != Access::None {
            map.push((kept, New::text(access.as_str())));
        }
    }
    map.push((scope.to_owned(), new));
    let map = New::Named(map);
    match own {
        Some(_) => editor.set_block(&path, &map),
        None => {
            let Some(job) = path.parent() else {
                return Err(Refusal::new("there is no such job"));
            };
            let spot = Spot::Behind(&["name", "needs", "if", "runs-on", "timeout-minutes", "uses"]);
            editor.add(&job, &spot, "permissions", &map)
        }
    }
}

fn entry((key, value): (&Node, &Node)) -> Option<(String, Access)> {
    let access = match value.text()? {
        "write" => Access::Write,
        "read" => Access::Read,
        _ => Access::None,
    };
    Some((key.text()?.to_owned(), access))
}

/// Whether other workflows may call it.
fn is_callable(root: &Node) -> bool {
    let is_call = |node: &Node| node.text() == Some("workflow_call");
    root.get("on").is_some_and(|on| {
        is_call(on) || on.items().iter().any(is_call) || on.entries().any(|(event, _)| is_call(event))
    })
}

/// Whether a workflow may grant it. `metadata`, which the log of a run lists too, is in no workflow.
pub fn may_name(scope: &str, access: Access) -> bool {
    match scope {
        IDENTITY => access == Access::Write,
        "models" => access == Access::Read,
        scope => READABLE.contains(&scope) && access != Access::None,
    }
}
