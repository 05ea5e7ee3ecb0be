//! `on:`, in its three forms: one event, a list, and a map.

use super::Refusal;
use super::editor::{Editor, Spot};
use super::path::Path;
use super::value::New;
use crate::model::text::one_line;
use crate::model::yaml::{Content, Node};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    AddEvent(String),
    RemoveEvent(String),
    /// This event in place of that one.
    ReplaceEvent {
        from: String,
        to: String,
    },
    /// One more branch, or the only one if there was no filter.
    AddBranch {
        event: String,
        branch: String,
    },
    RemoveBranch {
        event: String,
        branch: String,
    },
}

/// Events that have branches.
const BRANCHES: [&str; 4] = ["push", "pull_request", "pull_request_target", "workflow_run"];

pub fn change(editor: &mut Editor<'_>, trigger: &Trigger) -> Result<(), Refusal> {
    let on = Path::default().key("on");
    let node = editor.at(&on)?;
    let events = events(node);
    let has = |event: &str| events.iter().any(|known| known == event);
    let there = |event: &str| match has(event) {
        true => Ok(()),
        false => Err(Refusal(format!("`on` has no event `{}`", one_line(event)))),
    };
    let new = |event: &str| match has(event) {
        _ if event.is_empty() || !event.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => {
            Err(Refusal(format!("`{}` is no event", one_line(event))))
        }
        true => Err(Refusal(format!("`on` has the event `{}` already", one_line(event)))),
        false => Ok(()),
    };
    match trigger {
        Trigger::AddEvent(event) => {
            new(event)?;
            match node.content {
                Content::Scalar { .. } => {
                    let both = [&events[..], std::slice::from_ref(event)].concat();
                    editor.set_list(&on, both)
                }
                Content::List(_) => editor.push(&on, event),
                Content::Map(_) => editor.add(&on, &Spot::End, event, &New::Nothing),
            }
        }
        Trigger::RemoveEvent(event) => {
            there(event)?;
            if events.len() < 2 {
                return Err(Refusal(format!("`{}` is the only event", one_line(event))));
            }
            editor.remove(&of_event(&on, node, event))
        }
        Trigger::ReplaceEvent { from, to } => {
            there(from)?;
            new(to)?;
            match &node.content {
                Content::Scalar { .. } => editor.set(&on, &New::text(to.as_str())),
                Content::List(_) => editor.set(&of_event(&on, node, from), &New::text(to.as_str())),
                Content::Map(_) if node.get(from).is_some_and(Node::is_null) => {
                    editor.rename(&on.key(from.as_str()), to)
                }
                Content::Map(_) => Err(Refusal(format!("`on.{}` has filters of its own", one_line(from)))),
            }
        }
        Trigger::AddBranch { event, branch } => {
            there(event)?;
            if !BRANCHES.contains(&&**event) {
                return Err(Refusal(format!("the event `{}` has no branches", one_line(event))));
            }
            add_branch(editor, &on, &events, event, branch)
        }
        Trigger::RemoveBranch { event, branch } => {
            there(event)?;
            let branches = on.key(event.as_str()).key("branches");
            let items = editor.at(&branches)?.items();
            let index = items.iter().position(|item| item.text() == Some(branch));
            let Some(index) = index else {
                return Err(Refusal(format!("`{branches}` has no `{}`", one_line(branch))));
            };
            if items.len() < 2 {
                return Err(Refusal(format!(
                    "`{branches}` has no other branch, so the event would never start a run"
                )));
            }
            editor.remove(&branches.item(index))
        }
    }
}

fn add_branch(editor: &mut Editor<'_>, on: &Path, events: &[String], event: &str, branch: &str) -> Result<(), Refusal> {
    let only = New::Map(vec![("branches", New::Texts(vec![branch.to_owned()]))]);
    let node = editor.at(on)?;
    let Content::Map(_) = node.content else {
        let entry = |known: &String| (known.clone(), if known == event { only.clone() } else { New::Nothing });
        return editor.set_block(on, &New::Named(events.iter().map(entry).collect()));
    };
    let path = on.key(event);
    let filters = editor.at(&path)?;
    if filters.get("branches-ignore").is_some() {
        return Err(Refusal(format!(
            "`{path}` has `branches-ignore`, which excludes `branches`"
        )));
    }
    let branches = path.key("branches");
    match editor.find(&branches)? {
        Some(known) if known.items().iter().any(|item| item.text() == Some(branch)) => {
            Err(Refusal(format!("`{branches}` has `{}` already", one_line(branch))))
        }
        Some(_) => editor.push(&branches, branch),
        // `tags` alone would let no branch through; with both, either is enough.
        None => editor.add(&path, &Spot::End, "branches", &New::Texts(vec![branch.to_owned()])),
    }
}

/// The events of `on`.
pub fn events(on: &Node) -> Vec<String> {
    let texts: Vec<&str> = match &on.content {
        Content::Scalar { text, .. } => vec![text],
        Content::List(items) => items.iter().filter_map(Node::text).collect(),
        Content::Map(entries) => entries.iter().filter_map(|(event, _)| event.text()).collect(),
    };
    texts.into_iter().map(str::to_owned).collect()
}

fn of_event(on: &Path, node: &Node, event: &str) -> Path {
    match node.items().iter().position(|item| item.text() == Some(event)) {
        Some(index) => on.item(index),
        None => on.key(event),
    }
}
