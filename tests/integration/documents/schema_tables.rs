//! A JSON Schema as tables: one for each object in it, headed by the way to it (`checks[].findings[]`).

use std::fmt::Write as _;

use serde_json::Value;
use stageproof::cli::{SchemaOf, schema_of};

use super::tables::{code, escaped, full_stop, rows_below};

/// What is worth saying: in what people write, which keys they must; in what they read, which can be missing.
#[derive(Clone, Copy, PartialEq)]
pub enum Mark {
    Required,
    Optional,
}

struct Section<'a> {
    /// The way to it, `checks[]`, empty for the whole document.
    path: String,
    schema: &'a Value,
    /// The section it is in, whose keys it may repeat.
    around: Option<(String, &'a Value)>,
}

struct Tables<'a> {
    definitions: &'a Value,
    mark: Mark,
    /// The sections below the one that is written, and the definition and heading of each that was met.
    below: Vec<Section<'a>>,
    met: Vec<(String, String)>,
    text: String,
}

pub fn of(schema: SchemaOf, mark: Mark) -> String {
    let schema: Value = serde_json::from_str(&schema_of(schema)).unwrap();
    let mut tables = Tables {
        definitions: &schema["$defs"],
        mark,
        below: Vec::new(),
        met: Vec::new(),
        text: String::new(),
    };
    tables.write(&Section {
        path: String::new(),
        schema: &schema,
        around: None,
    });
    tables.text
}

impl<'a> Tables<'a> {
    fn write(&mut self, section: &Section<'a>) {
        if !section.path.is_empty() {
            let about = escaped(&full_stop(&said(section.schema)));
            let _ = write!(self.text, "## `{}`\n\n", section.path);
            if !about.is_empty() {
                let _ = write!(self.text, "{about}\n\n");
            }
        }
        let Some(properties) = section.schema["properties"].as_object() else {
            let values = section.schema["oneOf"].as_array().into_iter().flatten();
            let rows = values.flat_map(|value| {
                let names = value["enum"].as_array().cloned().unwrap_or_default();
                let names: Vec<Value> = names.into_iter().chain(value.get("const").cloned()).collect();
                let about = escaped(&full_stop(&said(value)));
                names
                    .into_iter()
                    .map(move |name| [code(name.as_str().unwrap()), about.clone()])
            });
            let _ = writeln!(self.text, "{}", rows_below(["Value", "Meaning"], rows));
            return;
        };
        // A probe has most keys of what it is in. A name that two objects have in common is no repetition.
        let repeated = properties
            .iter()
            .filter(|(key, property)| section.repeats(key, property));
        let is_variant = repeated.count() > properties.len() / 2;
        let (repeated, own): (Vec<_>, Vec<_>) = properties
            .iter()
            .partition(|(key, property)| is_variant && section.repeats(key, property));
        let mut rows = Vec::new();
        for (key, property) in own {
            let path = match section.path.as_str() {
                "" => key.clone(),
                above => format!("{above}.{key}"),
            };
            let kind = self.kind(property, &path, section);
            let required = section.schema["required"].as_array();
            let is_required = required.is_some_and(|keys| keys.iter().any(|required| required == key));
            let kind = match (self.mark, is_required) {
                (Mark::Required, true) => format!("{kind}, required"),
                (Mark::Optional, false) => format!("{kind}, optional"),
                _ => kind,
            };
            rows.push([code(key), kind, escaped(&full_stop(&self.about(property)))]);
        }
        let _ = writeln!(self.text, "{}", rows_below(["Key", "Type", "What it is"], rows));
        if let Some((path, _)) = &section.around
            && !repeated.is_empty()
        {
            let keys: Vec<String> = repeated.iter().map(|(key, _)| code(key)).collect();
            let _ = writeln!(
                self.text,
                "It can also have these keys of `{path}`: {}.\n",
                keys.join(", ")
            );
        }
        for below in std::mem::take(&mut self.below) {
            self.write(&below);
        }
    }

    /// What is said of it where it is used, or else of all of its kind.
    fn about(&self, property: &Value) -> String {
        let of_kind = || {
            let name = property["$ref"].as_str()?.strip_prefix("#/$defs/")?;
            Some(said(&self.definitions[name]))
        };
        Some(said(property))
            .filter(|said| !said.is_empty())
            .or_else(of_kind)
            .unwrap_or_default()
    }

    /// The type of a value at `path` in words. An object, and a choice whose values are explained, gets a section.
    fn kind(&mut self, schema: &'a Value, path: &str, parent: &Section<'a>) -> String {
        if let Some(name) = schema["$ref"].as_str().and_then(|r| r.strip_prefix("#/$defs/")) {
            if name == "TimeSpan" {
                return "duration".to_owned();
            }
            let definition = &self.definitions[name];
            let is_explained = definition["oneOf"]
                .as_array()
                .is_some_and(|all| all.iter().any(|v| v.get("const").is_some()));
            if !definition["properties"].is_object() && !is_explained {
                return self.kind(definition, path, parent);
            }
            let word = if is_explained { "one of these" } else { "object" };
            if let Some((_, heading)) = self.met.iter().find(|(met, _)| met == name) {
                return link(word, heading);
            }
            self.met.push((name.to_owned(), path.to_owned()));
            self.below.push(Section {
                path: path.to_owned(),
                schema: definition,
                around: Some((parent.path.clone(), &parent.schema["properties"])),
            });
            return link(word, path);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            let mut kinds: Vec<String> = Vec::new();
            for choice in choices.iter().filter(|choice| choice["type"] != "null") {
                let kind = self.kind(choice, path, parent);
                if !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            return kinds.join(" or ");
        }
        if let Some(values) = schema["enum"].as_array() {
            let values: Vec<String> = values.iter().filter_map(Value::as_str).map(code).collect();
            return values.join(" or ");
        }
        let plain = match &schema["type"] {
            Value::Array(types) => types.iter().find(|kind| *kind != "null").and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match plain.unwrap_or("any") {
            "array" => format!("list of {}", self.kind(&schema["items"], &format!("{path}[]"), parent)),
            "object" => "map".to_owned(),
            "string" if schema["format"] == "date" => "date".to_owned(),
            "string" => "text".to_owned(),
            "integer" => "number".to_owned(),
            other => other.to_owned(),
        }
    }
}

impl Section<'_> {
    /// Whether what it is in has the same key with the same meaning.
    fn repeats(&self, key: &str, property: &Value) -> bool {
        let around = self.around.as_ref().map(|(_, properties)| said(&properties[key]));
        around.is_some_and(|around| !around.is_empty() && around == said(property))
    }
}

fn said(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().to_owned()
}

fn link(word: &str, heading: &str) -> String {
    let anchor: String = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        .collect();
    format!("[{word}](#{})", anchor.to_lowercase())
}
