//! Single values: the inputs of a step, and time limits.

use super::Refusal;
use super::editor::{Editor, Spot};
use super::path::Path;
use super::target::{At, uses};
use super::value::New;
use crate::model::workflow::expression::is_dynamic;
use crate::model::yaml::Node;

/// GitHub ends every job on its own runners after six hours.
pub const LONGEST: u32 = 360;

pub fn whole_history(editor: &mut Editor<'_>, at: &At) -> Result<(), Refusal> {
    let steps = at.steps(editor)?;
    let nodes = editor.at(&steps)?.items();
    let last = match at.step {
        Some(_) => at.index(editor)?,
        None => nodes.len() - 1,
    };
    // One of another repository fetches something else.
    let is_checkout = |step: &Node| {
        let other = step.get("with").and_then(|with| with.get("repository"));
        other.is_none() && uses(step, |repository| repository.eq_ignore_ascii_case("actions/checkout"))
    };
    let checkouts: Vec<usize> = (0..=last).filter(|&at| is_checkout(&nodes[at])).collect();
    // With several, it is not known which of them fetches what is missing.
    let &[checkout] = checkouts.as_slice() else {
        return Err(Refusal(match checkouts.len() {
            0 => format!("`{steps}` has no step with actions/checkout before the one that fails"),
            n => format!("`{steps}` has {n} steps with actions/checkout before the one that fails"),
        }));
    };
    let depth = nodes[checkout]
        .get("with")
        .and_then(|with| with.get("fetch-depth"))
        .and_then(Node::text);
    if depth == Some("0") {
        let at = steps.item(checkout);
        return Err(Refusal::already(&format!("`{at}` fetches the whole history")));
    }
    input(editor, &steps.item(checkout), "fetch-depth", New::Raw("0".to_owned()))
}

/// Sets an input of a step.
fn input(editor: &mut Editor<'_>, step: &Path, name: &str, new: New) -> Result<(), Refusal> {
    let with = step.key("with");
    let Some(inputs) = editor.find(&with)? else {
        let entry = New::Named(vec![(name.to_owned(), new)]);
        return editor.add(step, &Spot::Behind(&["uses"]), "with", &entry);
    };
    if inputs.get(name).is_none() {
        return editor.add(&with, &Spot::End, name, &new);
    }
    replace(editor, &with.key(name), &new)
}

fn replace(editor: &mut Editor<'_>, path: &Path, new: &New) -> Result<(), Refusal> {
    if editor.at(path)?.text().is_some_and(is_dynamic) {
        return Err(Refusal(format!(
            "`{path}` comes from an expression; change what it names"
        )));
    }
    editor.set(path, new)
}

pub fn time_limit(editor: &mut Editor<'_>, at: &At, minutes: u32) -> Result<(), Refusal> {
    if !(1..=LONGEST).contains(&minutes) {
        return Err(Refusal(format!(
            "a limit of {minutes} minutes is not between 1 and {LONGEST}"
        )));
    }
    if at.job.is_none() {
        return Err(Refusal::new("steps of a composite action have no time limit"));
    }
    let path = at.path(editor)?;
    if editor.at(&path)?.get("uses").is_some() && at.step.is_none() {
        return Err(Refusal(format!(
            "`{path}` calls a workflow, and such a job has no time limit of its own"
        )));
    }
    let here = path.key("timeout-minutes");
    let new = New::Raw(minutes.to_string());
    if editor.find(&here)?.is_some() {
        return replace(editor, &here, &new);
    }
    let spot: &[&str] = match at.step {
        Some(_) => &["id", "name", "if"],
        None => &["name", "needs", "if", "runs-on"],
    };
    let first = editor
        .at(&path)?
        .entries()
        .next()
        .and_then(|(key, _)| key.text())
        .unwrap_or_default()
        .to_owned();
    let is_there = editor
        .at(&path)?
        .entries()
        .any(|(key, _)| key.text().is_some_and(|key| spot.contains(&key)));
    match is_there {
        true => editor.add(&path, &Spot::Behind(spot), "timeout-minutes", &new),
        false => editor.add(&path, &Spot::Behind(&[first.as_str()]), "timeout-minutes", &new),
    }
}
