//! Outputs that expressions name: whether they exist, and whether conditions compare them.

use std::collections::HashMap;

use super::Document;
use crate::commands::check::findings::Findings;
use crate::commands::check::interfaces::{PROVE, STAGING};
use crate::commands::check::scope::{How, Part, Scope, Use, part};
use crate::model::text::{nearest, one_line};
use crate::model::workflow::expression::{self, Named, Used};
use crate::model::workflow::reference::Reference;
use crate::model::workflow::{Job, Step};
use crate::model::yaml::Node;

/// What every command answers.
const OF_ALL: [&str; 3] = ["verdict", "reason", "report"];
/// What there is of sealed evidence.
const OF_A_BUNDLE: [&str; 14] = [
    "manifest",
    "manifest-sha256",
    "bundle",
    "bundle-sha256",
    "statement",
    "predicate",
    "predicate-type",
    "signature",
    "artifact-id",
    "artifact-url",
    "artifact-digest",
    "store-uri",
    "store-version",
    "store-etag",
];
/// What some answer besides. A test compares it with action.yml.
const OF_COMMANDS: [(&str, &[&str]); 12] = [
    (
        "diagnose",
        &[
            "class",
            "cause",
            "confidence",
            "fix",
            "patch",
            "line",
            "fingerprint",
            "flaky",
        ],
    ),
    ("skip-guard", &["ready", "missing"]),
    ("smoke", &[]),
    ("rollback-dry-run", &["target", "command"]),
    ("foreground-proof", &["log-sha256"]),
    ("evidence-bundle", &OF_A_BUNDLE),
    ("verify", &["manifest-sha256", "bundle-sha256"]),
    ("verdict", &["command"]),
    ("rehearse", &["ready", "missing", "target", "command"]),
    ("rehearse", &OF_A_BUNDLE),
    ("check", &[]),
    ("install", &["path", "sha256"]),
];
/// What there is of each step and job besides.
const PROPERTIES: [(&str, &[&str]); 2] = [
    ("steps", &["outputs", "outcome", "conclusion"]),
    ("needs", &["outputs", "result"]),
];
const VERDICTS: [&str; 6] = ["pass", "pass-weak", "skip", "nothing-checked", "inconclusive", "fail"];
/// Those that are never empty, so that they are true whatever they say.
const NEVER_EMPTY: [&str; 3] = ["ready", "verdict", "reason"];

pub fn look(document: &Document<'_>, findings: &mut Findings<'_>) {
    for scope in &document.scopes {
        let node = scope.job.map_or(document.root, |job| job.node);
        let conditions: Vec<&Node> = scope
            .job
            .iter()
            .filter_map(|job| job.node.get("if"))
            .chain(scope.steps.iter().filter_map(|step| step.node.get("if")))
            .collect();
        let in_steps: HashMap<*const Node, Step<'_>> = scope
            .steps
            .iter()
            .flat_map(|step| {
                step.node
                    .scalars()
                    .into_iter()
                    .map(|scalar| (std::ptr::from_ref(scalar), *step))
            })
            .collect();
        for scalar in node.scalars() {
            let step = in_steps.get(&std::ptr::from_ref(scalar)).copied();
            let text = scalar.text().unwrap_or_default();
            let is_condition = conditions.iter().any(|condition| std::ptr::eq(*condition, scalar));
            let is_always_true = is_condition && expression::is_always_true(text);
            if is_always_true {
                let message = "the condition is always true: it has text or a line break outside of `${{ }}`";
                findings.add("always-true", scalar.place.line, message, None);
            }
            let parts = match is_condition {
                true => vec![expression::condition(text)],
                false => expression::insides(text),
            };
            for inside in parts {
                let offset = (inside.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
                let index = text.get(..offset).unwrap_or_default().matches('\n').count();
                let line = scalar.line_of(index);
                for named in expression::named(inside, is_condition && !is_always_true) {
                    if properties(&named, scope, line, findings) {
                        continue;
                    }
                    of_steps(&named, scope, step, line, findings);
                    of_needs(&named, scope, document, line, findings);
                    compared(&named, scope, document, line, findings);
                    possible(&named, scope, document, line, findings);
                }
            }
        }
    }
    let called = document.root.get("on").and_then(|on| on.get("workflow_call"));
    for scalar in called.map(Node::scalars).unwrap_or_default() {
        for inside in expression::insides(scalar.text().unwrap_or_default()) {
            for named in expression::named(inside, false) {
                if let Some((id, name)) = named.output_of("jobs") {
                    declared(id, name, document, scalar.place.line, findings);
                }
            }
        }
    }
}

/// Whether it names something else of a step or a job than there is: `steps.ID.ready` without `outputs`.
fn properties(named: &Named, scope: &Scope<'_>, line: u32, findings: &mut Findings<'_>) -> bool {
    let [context, id, property, ..] = named.parts.as_slice() else {
        return false;
    };
    let known = PROPERTIES.iter().find(|(known, _)| context.eq_ignore_ascii_case(known));
    let Some((_, known)) = known.filter(|_| scope.job.is_some() || context.eq_ignore_ascii_case("steps")) else {
        return false;
    };
    if property == "*" || known.iter().any(|known| property.eq_ignore_ascii_case(known)) {
        return false;
    }
    let (context, id, property) = (one_line(context), one_line(id), one_line(property));
    let message = format!("`{context}.{id}` has no `{property}`, only {}", known.join(", "));
    let help = format!("did you mean `{context}.{id}.outputs.{property}`?");
    findings.add("unknown-output", line, message, Some(help));
    true
}

/// `here` is the step that names it, if one does.
fn of_steps(named: &Named, scope: &Scope<'_>, here: Option<Step<'_>>, line: u32, findings: &mut Findings<'_>) {
    let Some((id, name)) = named.output_of("steps") else {
        return;
    };
    let of_id = |step: &&Step<'_>| step.id().is_some_and(|own| own.eq_ignore_ascii_case(id));
    if let (Some(here), Some(there)) = (here, scope.steps.iter().find(of_id))
        && here.index <= there.index
    {
        let id = one_line(id);
        let message = format!("the step `{id}` has not run yet, so its outputs are empty here");
        findings.add(
            "unknown-output",
            line,
            message,
            Some(format!("move the step `{id}` before this one")),
        );
        return;
    }
    let Some(used) = scope.use_of(id) else {
        let ids: Vec<&str> = scope.steps.iter().filter_map(|step| step.id()).collect();
        if id != "*" && !ids.iter().any(|known| known.eq_ignore_ascii_case(id)) {
            let message = format!("no step here has the id `{}`", one_line(id));
            let help = match nearest(id, ids) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "give the step that has the output this id, or correct the name".to_owned(),
            };
            findings.add("unknown-output", line, message, Some(help));
        }
        return;
    };
    let Some(known) = outputs_of(used) else { return };
    if name != "*" && !known.iter().any(|output| output.eq_ignore_ascii_case(name)) {
        let command = used.meaning.command.as_deref().unwrap_or(PROVE.file);
        let message = format!("{command} has no output `{}`", one_line(name));
        findings.add("unknown-output", line, message, Some(help(name, &known)));
    }
}

fn outputs_of(used: &Use<'_>) -> Option<Vec<&'static str>> {
    if used.how == How::Prove {
        return Some(PROVE.outputs.to_vec());
    }
    let command = used.meaning.command.as_deref()?;
    let own = of_command(command)?;
    Some(OF_ALL.into_iter().chain(own).collect())
}

/// `None` if there is no such command.
fn of_command(command: &str) -> Option<Vec<&'static str>> {
    let mut rows = OF_COMMANDS.iter().filter(|(name, _)| *name == command).peekable();
    rows.peek()?;
    Some(rows.flat_map(|(_, outputs)| *outputs).copied().collect())
}

fn help(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "declare it in the `outputs` of that job".to_owned(),
        None => format!("its outputs are {}", known.join(", ")),
    }
}

fn of_needs(named: &Named, scope: &Scope<'_>, document: &Document<'_>, line: u32, findings: &mut Findings<'_>) {
    let (Some((id, name)), Some(job)) = (named.output_of("needs"), scope.job) else {
        return;
    };
    if id == "*" {
        return;
    }
    if !job.needs().iter().any(|needed| needed.eq_ignore_ascii_case(id)) {
        let message = format!(
            "the job `{}` does not need `{}`, so its outputs are empty here",
            one_line(job.id),
            one_line(id)
        );
        let help = match job_of(id, document) {
            Some(_) => format!("add `{}` to the job's `needs`", one_line(id)),
            None => match nearest(id, job.needs()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "name a job that it needs".to_owned(),
            },
        };
        findings.add("unknown-output", line, message, Some(help));
        return;
    }
    declared(id, name, document, line, findings);
}

fn job_of<'a>(id: &str, document: &Document<'a>) -> Option<Job<'a>> {
    let mut jobs = document.scopes.iter().filter_map(|scope| scope.job);
    jobs.find(|job| job.id.eq_ignore_ascii_case(id))
}

/// A job that calls a workflow has that one's outputs.
fn declared(id: &str, name: &str, document: &Document<'_>, line: u32, findings: &mut Findings<'_>) {
    let Some(job) = job_of(id, document) else { return };
    let outputs = job.node.get("outputs");
    let known: Vec<&str> = match job.node.get("uses").and_then(Node::text) {
        Some(uses) => match Reference::parse(uses).and_then(|reference| part(&reference, document.is_own)) {
            Some(Part::Staging) => STAGING.outputs.to_vec(),
            _ => return,
        },
        None => outputs
            .into_iter()
            .flat_map(Node::entries)
            .filter_map(|(key, _)| key.text())
            .collect(),
    };
    // What is made by an expression as a whole is not known here.
    if name == "*" || outputs.and_then(Node::text).is_some_and(expression::is_dynamic) {
        return;
    }
    if !known.iter().any(|output| output.eq_ignore_ascii_case(name)) {
        let message = format!("the job `{}` declares no output `{}`", one_line(id), one_line(name));
        findings.add("unknown-output", line, message, Some(help(name, &known)));
    }
}

/// A text is true by itself unless it is empty, and equals neither `true` nor `false`.
fn compared(named: &Named, scope: &Scope<'_>, document: &Document<'_>, line: u32, findings: &mut Findings<'_>) {
    let Some(output) = origin(named, scope, document) else {
        return;
    };
    if !NEVER_EMPTY.iter().any(|known| output.eq_ignore_ascii_case(known)) {
        return;
    }
    let path = one_line(&named.parts.join("."));
    let message = match named.used {
        Used::Bare => format!("`{path}` is a text, which is true as a condition even if it is 'false'"),
        Used::WithBoolean => format!("`{path}` is a text, which never equals true or false without quotes"),
        Used::Otherwise => return,
    };
    let value = if output.eq_ignore_ascii_case("ready") {
        "true"
    } else {
        "pass"
    };
    findings.add(
        "not-compared",
        line,
        message,
        Some(format!("write {path} == '{value}'")),
    );
}

/// Compared with a text that the output never is. `''` is that of a step that did not run.
fn possible(named: &Named, scope: &Scope<'_>, document: &Document<'_>, line: u32, findings: &mut Findings<'_>) {
    let Some(text) = named.compared.as_deref().filter(|text| !text.is_empty()) else {
        return;
    };
    let Some(output) = origin(named, scope, document) else {
        return;
    };
    let values: Vec<&str> = match &*output.to_ascii_lowercase() {
        "ready" => vec!["true", "false"],
        "verdict" => VERDICTS.to_vec(),
        _ => return,
    };
    // GitHub compares texts in any case.
    if !values.iter().any(|value| value.eq_ignore_ascii_case(text)) {
        let path = one_line(&named.parts.join("."));
        let message = format!("`{path}` is never '{}'", one_line(text));
        let help = match nearest(text, values.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("its values are {}", values.join(", ")),
        };
        findings.add("impossible-value", line, message, Some(help));
    }
}

/// Which output of stageproof this is in the end.
fn origin(named: &Named, scope: &Scope<'_>, document: &Document<'_>) -> Option<String> {
    if let Some((id, name)) = named.output_of("steps") {
        let used = scope.use_of(id)?;
        return outputs_of(used).map(|_| name.to_owned());
    }
    let (id, name) = named.output_of("needs")?;
    let there = document
        .scopes
        .iter()
        .find(|scope| scope.job.is_some_and(|job| job.id.eq_ignore_ascii_case(id)))?;
    let job = there.job?;
    if let Some(uses) = job.node.get("uses").and_then(Node::text) {
        let reference = Reference::parse(uses)?;
        return (part(&reference, document.is_own) == Some(Part::Staging)).then(|| name.to_owned());
    }
    let value = job.node.get("outputs")?.get(name)?.text()?;
    // Only what is handed on as it is.
    let named = match expression::insides(value).as_slice() {
        [inside] if value.trim().len() == inside.len() + 5 => expression::named(inside, true),
        _ => return None,
    };
    match named.as_slice() {
        [one] if one.used == Used::Bare && one.output_of("steps").is_some() => origin(one, there, document),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::yaml;

    /// `Of rollback-dry-run, rehearse and verdict, the exact command …`
    #[test]
    fn they_are_those_of_the_action() {
        let action = yaml::parse(include_str!("../../../../action.yml")).unwrap();
        let declared: Vec<(&str, &str)> = action
            .get("outputs")
            .unwrap()
            .entries()
            .map(|(name, output)| (name.text().unwrap(), output.get("description").unwrap().text().unwrap()))
            .collect();
        for (name, description) in &declared {
            if OF_ALL.contains(name) {
                continue;
            }
            let words: Vec<&str> = description.split([' ', ',']).collect();
            let named = OF_COMMANDS.iter().filter(|(command, _)| words.contains(command));
            let lacks = |(command, _): &&(&str, _)| !of_command(command).unwrap().contains(name);
            let lacking: Vec<_> = named.filter(lacks).collect();
            assert!(lacking.is_empty(), "{name}: {lacking:?}");
        }
        for (command, outputs) in OF_COMMANDS {
            let undeclared: Vec<_> = outputs
                .iter()
                .filter(|name| declared.iter().all(|(known, _)| known != *name))
                .collect();
            assert!(undeclared.is_empty(), "{command}: {undeclared:?}");
        }
    }
}
