//! Secrets inside of a value that holds several things: the JSON of a service account, the lines of a `.env` file. Only what
//! is named as a secret counts: the name of a project beside it would be masked everywhere.

use serde_json::Value;

use super::tells;

pub fn of(value: &str) -> impl Iterator<Item = String> {
    let mut leaves = Vec::new();
    if value.trim_start().starts_with(['{', '['])
        && let Ok(json) = serde_json::from_str::<Value>(value)
    {
        inside(&json, false, &mut leaves);
    }
    let pairs = value.lines().filter_map(|line| line.trim().split_once('='));
    for (name, value) in pairs {
        let name = name.trim().trim_start_matches("export ").trim();
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_name && tells(name) {
            leaves.push(value.trim().trim_matches(['"', '\'']).to_owned());
        }
    }
    leaves.into_iter()
}

fn inside(json: &Value, is_secret: bool, leaves: &mut Vec<String>) {
    match json {
        Value::String(text) if is_secret => leaves.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| inside(value, is_secret, leaves)),
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| inside(value, is_secret || tells(name), leaves)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_as_a_secret_is_one() {
        let found = |value: &str| of(value).collect::<Vec<_>>();
        let json = r#"{"project_id": "shop", "private_key": "abc", "n": {"client_secret": ["d", 1]}}"#;
        assert_eq!(found(json), ["d", "abc"]);
        assert_eq!(
            found("# x\nexport DB_PASSWORD='a=b'\nHOST=db\nAPI_TOKEN = c\n"),
            ["a=b", "c"]
        );
        for text in ["plain", "{not json", "a b_TOKEN=x", ""] {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
