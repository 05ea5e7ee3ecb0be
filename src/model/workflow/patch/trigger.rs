//! `on:`, in its three forms: one event, a list, and a map.

use super::Refusal;
use super::editor::Editor;
use super::path::Path;
use super::value::New;
use crate::model::text::one_line;
use crate::model::yaml::{Content, Node};

/// One event in place of another.
pub fn replace(editor: &mut Editor<'_>, from: &str, to: &str) -> Result<(), Refusal> {
    let on = Path::default().key("on");
    let node = editor.at(&on)?;
    let events = events(node);
    let has = |event: &str| events.iter().any(|known| known == event);
    if !has(from) {
        return Err(Refusal(format!("`on` has no event `{}`", one_line(from))));
    }
    if to.is_empty() || !to.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
        return Err(Refusal(format!("`{}` is no event", one_line(to))));
    }
    if has(to) {
        return Err(Refusal(format!("`on` has the event `{}` already", one_line(to))));
    }
    match &node.content {
        Content::Scalar { .. } => editor.set(&on, &New::text(to)),
        Content::List(items) => {
            let index = items.iter().position(|item| item.text() == Some(from));
            editor.set(&on.item(index.unwrap_or_default()), &New::text(to))
        }
        Content::Map(_) if node.get(from).is_some_and(Node::is_null) => editor.rename(&on.key(from), to),
        Content::Map(_) => Err(Refusal(format!("`on.{}` has filters of its own", one_line(from)))),
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
