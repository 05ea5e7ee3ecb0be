//! Which secrets a revision reads, and which of them a rollback does not bring back.

use serde::Deserialize;

use super::objects::short;
use crate::model::text::one_line;

/// A secret that the revision reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    pub name: String,
    /// A number, an alias, or `latest`.
    pub version: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Variable {
    value_source: Source,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    secret_key_ref: Option<SecretKey>,
}

#[derive(Deserialize)]
struct SecretKey {
    secret: String,
    #[serde(default)]
    version: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Volume {
    secret: Option<SecretVolume>,
}

#[derive(Deserialize)]
struct SecretVolume {
    secret: String,
    /// Without any, it is the latest version.
    #[serde(default)]
    items: Vec<Item>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item {
    version: String,
}

/// Each once, in the order of their names.
pub fn read<'a>(variables: impl Iterator<Item = &'a Variable>, volumes: Vec<Volume>) -> Vec<SecretUse> {
    let latest = |version: &str| if version.is_empty() { "latest" } else { version }.to_owned();
    let keys = variables.filter_map(|variable| variable.value_source.secret_key_ref.as_ref());
    let mut all: Vec<SecretUse> = keys
        .map(|key| SecretUse {
            name: short(&key.secret).to_owned(),
            version: latest(&key.version),
        })
        .collect();
    for volume in volumes.into_iter().filter_map(|volume| volume.secret) {
        let versions: Vec<String> = match volume.items.as_slice() {
            [] => vec![latest("")],
            items => items.iter().map(|item| latest(&item.version)).collect(),
        };
        all.extend(versions.into_iter().map(|version| SecretUse {
            name: short(&volume.secret).to_owned(),
            version,
        }));
    }
    all.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    all.dedup();
    all
}

/// Which secrets the revision would read. Variables with secrets are filled in when an instance starts, and files when they are
/// read (cloud.google.com/run/docs/configuring/services/secrets).
pub fn not_covered(secrets: &[SecretUse]) -> Vec<String> {
    let is_number = |version: &str| version.bytes().all(|b| b.is_ascii_digit());
    let (pinned, moving): (Vec<_>, Vec<_>) = secrets.iter().partition(|secret| is_number(&secret.version));
    let list = |secrets: Vec<&SecretUse>| {
        let each = secrets
            .iter()
            .map(|secret| one_line(&format!("{} ({})", secret.name, secret.version)));
        each.collect::<Vec<_>>().join(", ")
    };
    let moving = (
        "secrets by an alias or `latest`: they keep their current values",
        moving,
    );
    let pinned = ("whether Secret Manager still has these versions of secrets", pinned);
    let some = [moving, pinned].into_iter().filter(|(_, secrets)| !secrets.is_empty());
    some.map(|(what, secrets)| format!("{what}: {}", list(secrets)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_found_in_variables_and_volumes() {
        let key = |secret: &str, version: &str| json!({"name": "V", "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}});
        let variables = json!([key("db", "3"), key("projects/p/secrets/api", "latest"), key("db", "3"), {"name": "A", "value": "1"}]);
        let volumes = json!([{"name": "v", "secret": {"secret": "tls"}}, {"name": "x", "emptyDir": {}},
            {"name": "w", "secret": {"secret": "ca", "items": [{"path": "a", "version": "2"}]}}]);
        let variables: Vec<Variable> = serde_json::from_value(variables).unwrap();
        let secrets = read(variables.iter(), serde_json::from_value(volumes).unwrap());
        let told: Vec<String> = secrets.iter().map(|it| format!("{}:{}", it.name, it.version)).collect();
        assert_eq!(told, ["api:latest", "ca:2", "db:3", "tls:latest"]);
    }
}
