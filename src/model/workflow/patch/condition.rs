//! `if:` on a job or step, new or joined with the one that is there.

use std::ops::Range;

use super::Refusal;
use super::editor::{Editor, Spot};
use super::path::Path;
use super::target::At;
use super::trigger::events;
use super::value::{New, Value};
use crate::model::workflow::expression::{insides, is_always_true};
use crate::model::yaml::Node;

/// When something runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// One of these events started the run.
    Events(Vec<String>),
    /// It is no pull request from a fork.
    NotFork,
    /// Dependabot did not start it.
    NotDependabot,
}

impl Condition {
    pub fn expression(&self) -> String {
        match self {
            Self::Events(events) => {
                let each = events.iter().map(|event| event.replace('\'', "''"));
                let each = each.map(|event| format!("github.event_name == '{event}'"));
                each.collect::<Vec<_>>().join(" || ")
            }
            // Not `fork`: that is true for every pull request within a repository which is a fork itself. Without a pull
            // request, both sides are the repository.
            Self::NotFork => {
                "github.repository == (github.event.pull_request.head.repo.full_name || github.repository)".to_owned()
            }
            Self::NotDependabot => "github.actor != 'dependabot[bot]'".to_owned(),
        }
    }
}

/// Whether the condition holds on each of these events, and so changes nothing.
fn holds_on_all(condition: &Condition, events: &[String]) -> bool {
    // A called workflow has the event of its caller.
    if events.is_empty() || events.iter().any(|event| event == "workflow_call") {
        return false;
    }
    let mut events = events.iter();
    match condition {
        Condition::Events(wanted) => events.all(|event| wanted.contains(event)),
        Condition::NotFork => events.all(|event| !event.starts_with("pull_request")),
        Condition::NotDependabot => false,
    }
}

pub fn add(editor: &mut Editor<'_>, at: &At, condition: &Condition) -> Result<(), Refusal> {
    let events = editor.root().get("on").map(events).unwrap_or_default();
    if holds_on_all(condition, &events) {
        return Err(Refusal::new("the condition would hold on every event of the workflow"));
    }
    let path = at.path(editor)?;
    let spot: &[&str] = if at.step.is_some() {
        &["id", "name"]
    } else {
        &["name", "needs"]
    };
    require(editor, &path, spot, &condition.expression())
}

/// Adds a condition to a job or a step.
pub fn require(editor: &mut Editor<'_>, path: &Path, spot: &[&str], expression: &str) -> Result<(), Refusal> {
    if expression.is_empty() || expression.contains("${{") || expression.contains("}}") {
        return Err(Refusal::new("the condition must be one expression without `${{ }}`"));
    }
    let here = path.key("if");
    if editor.find(&here)?.is_some() {
        return join(editor, &here, expression);
    }
    let node = editor.at(path)?;
    let first = node.entries().next().filter(|(key, value)| {
        let ends = editor.source.end(value).max(key.place.bytes.end);
        ends <= editor.source.next_line(key.place.bytes.start)
    });
    let has = |key: &&str| node.get(key).is_some();
    let first = first.and_then(|(key, _)| key.text().map(str::to_owned));
    let spot = match (spot.iter().any(has), &first) {
        // A step that begins with a single line keeps it as its first.
        (false, Some(first)) if path.0.len() > 2 => Spot::Behind(&[first.as_str()]),
        _ => Spot::Behind(spot),
    };
    editor.add(path, &spot, "if", &New::text(expression))
}

fn join(editor: &mut Editor<'_>, path: &Path, expression: &str) -> Result<(), Refusal> {
    let source = editor.source;
    let node = editor.at(path)?;
    let Some(text) = node.text().filter(|text| !text.trim().is_empty() && !node.is_null()) else {
        return Err(Refusal(format!("`{path}` has no value")));
    };
    if is_always_true(text) {
        return Err(Refusal(format!(
            "`{path}` is always true, because it has text outside of `${{{{ }}}}`; correct that first"
        )));
    }
    let inside = inside(text);
    if text.get(inside.clone()).is_some_and(|old| old == expression) {
        return Err(Refusal::already(&format!("`{path}` has this condition")));
    }
    let written = text.get(inside.clone()).unwrap_or_default();
    if written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal(format!("`{path}` is no expression")));
    }
    let (before, after) = around(written, expression);
    let joined = format!(
        "{}{before}{written}{after}{}",
        &text[..inside.start],
        &text[inside.end..]
    );
    // The same in the source, where it is in quotes, or on several lines.
    let start = node.place.bytes.start;
    let end = source.end(node);
    let raw = source.text.get(start..end).unwrap_or_default();
    let (open, escape): (_, fn(&str) -> String) = match raw.as_bytes().first() {
        Some(b'\'') => (1, |text| text.replace('\'', "''")),
        Some(b'"') => (1, |text| text.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => (0, str::to_owned),
    };
    let body = raw.get(open..raw.len() - open).unwrap_or_default();
    let place = self::inside(body);
    let (from, to) = (start + open + place.start, start + open + place.end);
    editor.splice(from..from, escape(before));
    editor.splice(to..to, escape(&after));
    editor.expect(path, Value::Text(joined, None))
}

/// The expression within a condition, without spaces around it.
fn inside(text: &str) -> Range<usize> {
    let trimmed = text.trim();
    let mut expression = trimmed;
    if let [inside] = insides(trimmed).as_slice()
        && trimmed.starts_with("${{")
    {
        expression = inside.trim();
    }
    let start = text.find(expression).unwrap_or(0);
    start..start + expression.len()
}

/// What to write around a condition, so that a new one must hold as well.
fn around(old: &str, new: &str) -> (&'static str, String) {
    let (open, close) = if has_or(old) { ("(", ")") } else { ("", "") };
    let new = if has_or(new) {
        format!("({new})")
    } else {
        new.to_owned()
    };
    (open, format!("{close} && {new}"))
}

/// Whether `||`, which binds less than `&&`, is outside of parentheses and texts.
fn has_or(expression: &str) -> bool {
    let (mut depth, mut in_text) = (0_u32, false);
    let bytes = expression.as_bytes();
    bytes.iter().enumerate().any(|(at, byte)| {
        in_text ^= *byte == b'\'';
        match byte {
            b'(' | b'[' if !in_text => depth += 1,
            b')' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        !in_text && depth == 0 && bytes[at..].starts_with(b"||")
    })
}

/// Whether a job or step runs after failures, too, and so may report them.
pub fn minds_failure(node: &Node) -> bool {
    use crate::model::workflow::expression;
    let text = node.get("if").and_then(Node::text);
    text.is_some_and(|text| expression::minds_failure(expression::condition(text)))
}
