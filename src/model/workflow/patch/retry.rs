//! A script that runs again if it fails: `stageproof heartbeat --retries` as the shell of its step, so that the script
//! itself stays as it is.

use super::Refusal;
use super::editor::{Editor, Spot};
use super::guard::{Pin, action};
use super::target::{At, is_ours, needs_linux};
use super::value::New;
use crate::model::text::one_line;
use crate::model::yaml::Node;

pub fn add(editor: &mut Editor<'_>, at: &At, retries: u32, pin: Option<&Pin>) -> Result<(), Refusal> {
    let job = at.job_path(editor)?;
    let (steps, index) = (at.steps(editor)?, at.index(editor)?);
    needs_linux(editor, at)?;
    let path = steps.item(index);
    let nodes = editor.at(&steps)?.items();
    let step = editor.at(&path)?;
    if step.get("run").is_none() {
        return Err(Refusal(format!("`{path}` runs no script; only that can be retried")));
    }
    if step.get("uses").is_some() || editor.at(&job)?.get("container").is_some() {
        return Err(Refusal(format!(
            "`{job}` runs in a container, in which stageproof is not installed"
        )));
    }
    let own = step.get("shell").and_then(Node::text);
    let of_defaults = |node: &Node| {
        let shell = node
            .get("defaults")
            .and_then(|defaults| defaults.get("run"))
            .and_then(|run| run.get("shell"));
        shell.and_then(Node::text).map(str::to_owned)
    };
    let shell = own
        .map(str::to_owned)
        .or_else(|| of_defaults(editor.at(&job).ok()?))
        .or_else(|| of_defaults(editor.root()));
    // What the runner itself makes of these names. Source: actions/runner, ScriptHandlerHelpers.
    let command = match shell.as_deref() {
        None => "bash -e {0}",
        Some(ours) if ours.starts_with("stageproof heartbeat") => {
            return Err(Refusal(format!("`{path}` runs under stageproof heartbeat already")));
        }
        Some("bash") => "bash --noprofile --norc -e -o pipefail {0}",
        Some("sh") => "sh -e {0}",
        Some("python") => "python {0}",
        Some(other) => {
            let other = one_line(other);
            return Err(Refusal(format!(
                "`{path}` runs in the shell `{other}`, and how to retry that is not known"
            )));
        }
    };
    let is_installed = nodes[..index].iter().any(|step| is_ours(step, "install"));
    // The step that installs it comes in front.
    let label = label(step, index + usize::from(!is_installed));
    let shell = New::Text(format!(
        "stageproof heartbeat --label {label} --retries {retries} --retry-wait 10s -- {command}"
    ));
    let is_named = step.get("name").is_some();
    let has_shell = own.is_some();
    let install = match is_installed {
        true => None,
        false => Some(action(editor, pin)?),
    };
    match has_shell {
        true => editor.set(&path.key("shell"), &shell)?,
        false => editor.add(&path, &Spot::Behind(&["id", "name", "if", "run"]), "shell", &shell)?,
    }
    if let Some(action) = install {
        let mut entries = Vec::new();
        if is_named {
            entries.push(("name", New::text("Install stageproof")));
        }
        entries.extend([
            ("uses", action),
            ("with", New::Map(vec![("command", New::text("install"))])),
        ]);
        editor.insert(&steps, index, &New::Map(entries))?;
    }
    Ok(())
}

/// What names the step's log.
fn label(step: &Node, index: usize) -> String {
    let name = ["id", "name"]
        .iter()
        .find_map(|key| step.get(key).and_then(Node::text))
        .unwrap_or_default();
    let words = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let label = words.take(4).collect::<Vec<_>>().join("-").to_ascii_lowercase();
    match label.as_str() {
        "" => format!("step-{}", index + 1),
        _ => label,
    }
}
