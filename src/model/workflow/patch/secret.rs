//! Another name for a secret, in all expressions of a job.

use std::ops::Range;

use super::Refusal;
use super::editor::Editor;
use super::path::Path;
use super::target::At;
use super::value::Value;
use crate::model::text::one_line;
use crate::model::workflow::expression::insides;
use crate::model::yaml::{Content, Node, Style};

pub fn rename(editor: &mut Editor<'_>, job: &str, from: &str, to: &str) -> Result<(), Refusal> {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if !is_name(from) || !is_name(to) || from.eq_ignore_ascii_case(to) {
        let (from, to) = (one_line(from), one_line(to));
        return Err(Refusal(format!("`{from}` and `{to}` are not two names of secrets")));
    }
    let path = At::job(job).job_path(editor)?;
    let mut found = Vec::new();
    collect(editor, &path, editor.at(&path)?, from, &mut found)?;
    if found.is_empty() {
        return Err(Refusal(format!("`{path}` does not use `secrets.{from}`")));
    }
    for Found {
        path,
        places,
        text,
        plain,
    } in found
    {
        for place in places {
            editor.splice(place, to);
        }
        let mut renamed = text.clone();
        for range in in_text(&text, from).into_iter().rev() {
            renamed.replace_range(range, to);
        }
        editor.expect(&path, Value::Text(renamed, Some(plain)))?;
    }
    Ok(())
}

struct Found {
    path: Path,
    places: Vec<Range<usize>>,
    text: String,
    plain: bool,
}

fn collect(editor: &Editor<'_>, path: &Path, node: &Node, name: &str, found: &mut Vec<Found>) -> Result<(), Refusal> {
    if editor.source.is_alias(node) {
        let uses = node
            .scalars()
            .into_iter()
            .filter_map(Node::text)
            .any(|text| !in_text(text, name).is_empty());
        return match uses {
            // Says that it is an alias.
            true => editor.at(path).map(drop),
            false => Ok(()),
        };
    }
    match &node.content {
        Content::Scalar { text, style } => {
            let start = node.place.bytes.start;
            let places: Vec<_> = in_text(editor.source.of(node), name)
                .into_iter()
                .map(|range| start + range.start..start + range.end)
                .collect();
            if places.len() != in_text(text, name).len() {
                return Err(Refusal(format!("`{path}` is written in an unusual way")));
            }
            if !places.is_empty() {
                let plain = *style == Style::Plain;
                found.push(Found {
                    path: path.clone(),
                    places,
                    text: text.clone(),
                    plain,
                });
            }
            Ok(())
        }
        Content::List(items) => {
            let mut items = items.iter().enumerate();
            items.try_for_each(|(index, item)| collect(editor, &path.item(index), item, name, found))
        }
        Content::Map(entries) => entries.iter().try_for_each(|(key, value)| {
            collect(editor, &path.key(key.text().unwrap_or_default()), value, name, found)
        }),
    }
}

/// Where a text names this secret in an expression.
fn in_text(text: &str, name: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    for inside in insides(text) {
        // What is inside comes in the order of the text.
        let Some(at) = text
            .get(from..)
            .and_then(|rest| rest.find("${{"))
            .map(|open| from + open + "${{".len())
        else {
            break;
        };
        for range in names(inside, "secrets") {
            if inside
                .get(range.clone())
                .is_some_and(|used| used.eq_ignore_ascii_case(name))
            {
                found.push(at + range.start..at + range.end);
            }
        }
        from = at + inside.len();
    }
    found
}

/// The names behind `secrets.`, or `secrets['…']`, of an expression. In a source with single quotes, these are doubled.
pub fn names(expression: &str, context: &str) -> Vec<Range<usize>> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let lower = expression.to_ascii_lowercase();
    let found = lower.match_indices(context).filter_map(|(at, _)| {
        let is_start = !expression[..at].ends_with(|c: char| is_part(c) || c == '.');
        let rest = expression.get(at + context.len()..).filter(|_| is_start)?;
        let gap = rest.strip_prefix('.').map_or_else(
            || {
                let index = rest.strip_prefix('[')?;
                Some(1 + index.len() - index.trim_start_matches('\'').len()).filter(|gap| *gap > 1)
            },
            |_| Some(1),
        )?;
        let name = rest.get(gap..)?;
        let length = name.find(|c| !is_part(c)).unwrap_or(name.len());
        let start = at + context.len() + gap;
        (length > 0).then_some(start..start + length)
    });
    found.collect()
}
