//! A `skip-guard` in front of a step that needs values which are missing.

use super::Refusal;
use super::condition::{minds_failure, require};
use super::editor::{Editor, Spot};
use super::needed::Needed;
use super::path::Path;
use super::target::{At, is_ours, needs_linux, uses};
use super::value::New;
use crate::model::workflow::Workflow;
use crate::model::workflow::reference::STAGEPROOF;
use crate::model::yaml::Node;

/// How stageproof is named in a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// What is behind `@`: a commit, or a tag.
    pub at: String,
    /// The comment behind that, which tells the version of a commit.
    pub note: Option<String>,
}

/// The prerequisite by which a guard would look for a value that this step lacks: `env:NAME` or `var:NAME`.
pub fn requirement(root: &Node, job: &Node, step: &Node, name: &str) -> Result<String, Refusal> {
    Needed::of(root, job, step, name).map(|needed| needed.requirement())
}

/// Whether a step may have done something that a later one cleans up.
fn has_effects(step: &Node) -> bool {
    let prepares = |repository: &str| {
        let name = repository.rsplit('/').next().unwrap_or_default();
        name == "checkout" || name.contains("setup")
    };
    !uses(step, prepares)
}

pub fn add(editor: &mut Editor<'_>, at: &At, names: &[String], pin: Option<&Pin>) -> Result<(), Refusal> {
    let job = at.job_path(editor)?;
    let (steps, index) = (at.steps(editor)?, at.index(editor)?);
    needs_linux(editor, at)?;
    let job_node = editor.at(&job)?;
    let step_nodes = editor.at(&steps)?.items();
    let mut needed = Vec::new();
    for name in names {
        needed.push(Needed::of(editor.root(), job_node, &step_nodes[index], name)?);
    }
    if needed.is_empty() {
        return Err(Refusal::new("the guard needs the name of a missing value"));
    }
    if let Some(guard) = step_nodes.iter().position(|step| is_ours(step, "skip-guard")) {
        let at = steps.item(guard);
        let there = step_nodes[guard].get("with").and_then(|with| with.get("require"));
        let there: Vec<&str> = there
            .and_then(Node::text)
            .unwrap_or_default()
            .lines()
            .map(str::trim)
            .collect();
        let wanted: Vec<String> = needed.iter().map(Needed::requirement).collect();
        let lacking: Vec<&str> = wanted
            .iter()
            .map(|one| &**one)
            .filter(|one| !there.contains(one))
            .collect();
        let id = step_nodes[guard].get("id").and_then(Node::text).unwrap_or("ID");
        let heeds = format!("steps.{id}.outputs.ready");
        let condition = step_nodes[index].get("if").and_then(Node::text);
        return Err(match lacking.as_slice() {
            [] if !condition.is_some_and(|condition| condition.contains(&heeds)) => Refusal(format!(
                "`{at}` requires {} already, but the step that failed has no `if: {heeds} == 'true'`; add it, with the `id` of the guard",
                wanted.join(" and ")
            )),
            [] => Refusal::already(&format!("`{at}` is a skip-guard and requires {}", wanted.join(" and "))),
            _ => Refusal(format!(
                "`{at}` is a skip-guard; add {} to its `require`",
                lacking.join(" and ")
            )),
        });
    }
    let taken: Vec<&str> = step_nodes
        .iter()
        .filter_map(|step| step.get("id").and_then(Node::text))
        .collect();
    let id = ["guard", "stageproof-guard"].into_iter().find(|id| !taken.contains(id));
    let Some(id) = id else {
        return Err(Refusal(format!(
            "`{steps}` has steps `guard` and `stageproof-guard` already"
        )));
    };
    let ready = format!("steps.{id}.outputs.ready == 'true'");
    // Those that also run after a failure in front of the guard must still do so. Then the guard has no outputs.
    let not_unready = format!("steps.{id}.outputs.ready != 'false'");
    // They also clean up after what the steps in front of the guard did.
    let has_effects = step_nodes[..index].iter().any(has_effects);
    let conditions: Vec<_> = step_nodes[index..]
        .iter()
        .map(|step| match minds_failure(step) {
            true if has_effects && !needed.iter().any(|needed| needed.is_in(step)) => None,
            true => Some(&not_unready),
            false => Some(&ready),
        })
        .collect();
    let is_named = step_nodes[index].get("name").is_some();
    let dependents = dependents(editor, at.job.as_deref().unwrap_or_default());
    let new = step(id, is_named, &needed, &action(editor, pin)?);
    for (n, expression) in conditions.into_iter().enumerate() {
        let Some(expression) = expression else { continue };
        require(editor, &steps.item(index + n), &["id", "name"], expression)?;
    }
    editor.insert(&steps, index, &new)?;
    if !dependents.is_empty() {
        pass_on(editor, at, &job, id, &dependents)?;
    }
    Ok(())
}

fn step(id: &str, is_named: bool, needed: &[Needed], action: &New) -> New {
    let mut entries = Vec::new();
    if is_named {
        entries.push(("name", New::text("Guard")));
    }
    entries.extend([("id", New::text(id)), ("uses", action.clone())]);
    let env = needed.iter().filter(|needed| !needed.is_inherited);
    let env: Vec<_> = env
        .map(|needed| (needed.variable.clone(), New::text(&*needed.expression)))
        .collect();
    if !env.is_empty() {
        entries.push(("env", New::Named(env)));
    }
    let require: Vec<String> = needed.iter().map(Needed::requirement).collect();
    let require = match require.as_slice() {
        [one] => one.clone(),
        several => several.join("\n") + "\n",
    };
    entries.push((
        "with",
        New::Map(vec![
            ("command", New::text("skip-guard")),
            ("require", New::Text(require)),
        ]),
    ));
    New::Map(entries)
}

/// The action, named as the file names it already, or as it is pinned.
pub fn action(editor: &Editor<'_>, pin: Option<&Pin>) -> Result<New, Refusal> {
    let source = editor.source;
    let there = editor.root().scalars().into_iter().find_map(|scalar| {
        let (_, at) = scalar.text()?.split_once('@').filter(|(name, _)| *name == STAGEPROOF)?;
        let end = scalar.place.bytes.end;
        let behind = source.text.get(end..source.next_line(end)).unwrap_or_default();
        let note = behind.trim().strip_prefix('#').map(|note| note.trim().to_owned());
        Some(Pin {
            at: at.to_owned(),
            note,
        })
    });
    let Some(pin) = there.as_ref().or(pin) else {
        return Err(Refusal::new("the commit of stageproof to use is not known"));
    };
    let named = format!("{STAGEPROOF}@{}", pin.at);
    Ok(match &pin.note {
        Some(note) => New::Noted(named, note.clone()),
        None => New::Text(named),
    })
}

/// The jobs that need this one, and would go on although it did nothing.
fn dependents(editor: &Editor<'_>, job: &str) -> Vec<String> {
    let jobs = Workflow::of(editor.root()).into_iter().flat_map(Workflow::jobs);
    let waits = jobs.filter(|other| other.needs().contains(&job) && !minds_failure(other.node));
    waits.map(|other| other.id.to_owned()).collect()
}

fn pass_on(editor: &mut Editor<'_>, at: &At, job: &Path, id: &str, dependents: &[String]) -> Result<(), Refusal> {
    let value = New::Text(format!("${{{{ steps.{id}.outputs.ready }}}}"));
    let outputs = job.key("outputs");
    match editor.find(&outputs)? {
        Some(there) if there.get("ready").is_some() => {
            return Err(Refusal(format!(
                "`{outputs}.ready` exists already, and other jobs must know whether this one ran"
            )));
        }
        Some(_) => editor.add(&outputs, &Spot::End, "ready", &value)?,
        None => {
            let spot = Spot::Behind(&[
                "name",
                "needs",
                "if",
                "runs-on",
                "timeout-minutes",
                "permissions",
                "environment",
            ]);
            editor.add(job, &spot, "outputs", &New::Map(vec![("ready", value)]))?;
        }
    }
    let job = at.job.as_deref().unwrap_or_default();
    for other in dependents {
        let path = Path::default().key("jobs").key(other.as_str());
        require(
            editor,
            &path,
            &["name", "needs"],
            &format!("needs.{job}.outputs.ready == 'true'"),
        )?;
    }
    Ok(())
}
