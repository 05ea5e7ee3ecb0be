//! The shapes of an API: the members that a structure may and must have, from the description of the API.

use std::collections::BTreeMap;

use serde_json::Value;

pub type Shapes = BTreeMap<String, Value>;

/// What of a value does not fit the shape.
pub fn misfit(shapes: &Shapes, value: &Value, shape: &str, at: &str) -> Option<String> {
    let wrong = || Some(format!("{at} is not {shape}: {value}"));
    if let Some(of) = shape.strip_prefix('[') {
        let Some(values) = value.as_array() else { return wrong() };
        return values
            .iter()
            .find_map(|value| misfit(shapes, value, &of[..of.len() - 1], at));
    }
    if let Some(structure) = shapes.get(shape) {
        let Some(fields) = value.as_object() else {
            return wrong();
        };
        let missing = structure["required"].as_array().unwrap().iter();
        if let Some(name) = missing
            .filter_map(Value::as_str)
            .find(|name| !fields.contains_key(*name))
        {
            return Some(format!("{at} lacks {name}"));
        }
        return fields
            .iter()
            .find_map(|(name, value)| match structure["members"][name].as_str() {
                Some(of) => misfit(shapes, value, of, &format!("{at}.{name}")),
                None => Some(format!("{at} has no member {name}")),
            });
    }
    let fits = match shape {
        "string" => value.is_string(),
        "integer" | "long" => value.is_i64(),
        "timestamp" => value.is_number(),
        "boolean" => value.is_boolean(),
        "map" => value
            .as_object()
            .is_some_and(|fields| fields.values().all(Value::is_string)),
        one_of => value
            .as_str()
            .is_some_and(|text| one_of.split('|').any(|one| one == text)),
    };
    if fits { None } else { wrong() }
}
