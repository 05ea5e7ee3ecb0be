//! The objects of a manifest, and the pods among them.

use serde_json::Value;

/// One object, as the chart wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// `""` for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    /// `None`: that of the release, if the kind has namespaces at all.
    pub namespace: Option<String>,
    pub name: String,
    pub body: Value,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAManifest {
    #[error("it is not YAML{0}")]
    Yaml(String),
    #[error("its document {0} has no `{1}`")]
    Incomplete(usize, &'static str),
}

/// Every object; those in a `List` one by one.
pub fn objects(manifest: &str) -> Result<Vec<Object>, NotAManifest> {
    // As Kubernetes reads YAML: 0644 is octal, and the last of two keys counts. The words of an error could repeat a secret.
    let options = serde_yaml::options! {
        with_snippet: false,
        legacy_octal_numbers: true,
        duplicate_keys: serde_yaml::options::DuplicateKeyPolicy::LastWins,
    };
    let documents: Vec<Value> = serde_yaml::from_multiple_with_options(manifest, options).map_err(|error| {
        let place = error.location().map(|at| format!(" at line {}", at.line()));
        NotAManifest::Yaml(place.unwrap_or_default())
    })?;
    let mut found = Vec::new();
    for (place, document) in documents.into_iter().enumerate() {
        add(document, place + 1, &mut found)?;
    }
    Ok(found)
}

fn add(document: Value, place: usize, found: &mut Vec<Object>) -> Result<(), NotAManifest> {
    if document.is_null() {
        return Ok(());
    }
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let needed = |pointer: &str, name| {
        let text = text(pointer).filter(|text| !text.is_empty());
        text.ok_or(NotAManifest::Incomplete(place, name))
    };
    let kind = needed("/kind", "kind")?;
    let api_version = needed("/apiVersion", "apiVersion")?;
    // As kubectl does for every kind of list.
    if let (true, Some(items)) = (kind.ends_with("List"), document["items"].as_array()) {
        for item in items {
            add(item.clone(), place, found)?;
        }
        return Ok(());
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
    found.push(Object {
        group: group.to_owned(),
        version: version.to_owned(),
        name: needed("/metadata/name", "metadata.name")?,
        namespace: text("/metadata/namespace").filter(|text| !text.is_empty()),
        kind,
        body: document,
    });
    Ok(())
}

impl Object {
    pub fn api_version(&self) -> String {
        match &*self.group {
            "" => self.version.clone(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// The template of the pods that it makes, if it makes some.
    pub fn template(&self) -> Option<&Value> {
        let pointer = match &*self.kind {
            "Pod" => "",
            "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
                "/spec/template"
            }
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => return None,
        };
        let is_its_own = matches!(&*self.group, "" | "apps" | "batch" | "extensions");
        self.body.pointer(pointer).filter(|_| is_its_own)
    }

    pub fn is_namespace(&self, name: &str) -> bool {
        self.group.is_empty() && self.kind == "Namespace" && self.name == name
    }

    /// Whether it is the definition of the other's kind.
    pub fn defines(&self, other: &Self) -> bool {
        self.kind == "CustomResourceDefinition"
            && self
                .body
                .pointer("/spec/group")
                .is_some_and(|group| *group == *other.group)
            && self
                .body
                .pointer("/spec/names/kind")
                .is_some_and(|kind| *kind == *other.kind)
    }

    /// Whether Helm leaves it where it is when no revision has it any more.
    pub fn is_kept(&self) -> bool {
        let policy = self.body.pointer("/metadata/annotations/helm.sh~1resource-policy");
        policy.is_some_and(|policy| policy == "keep")
    }

    pub fn is_pod(&self) -> bool {
        self.group.is_empty() && self.kind == "Pod"
    }

    /// What makes this of the object that `current` describes, as JSON merge patch (RFC 7396) has it. Helm's own patch
    /// merges lists item by item; here they are replaced.
    pub fn patch(&self, current: Option<&Self>) -> Value {
        let mut patch = match current {
            Some(current) => merge_patch(&self.body, &current.body),
            None => self.body.clone(),
        };
        // The cluster fills in `rollingUpdate`, which this type does not allow; Helm's patch drops it.
        if let Some(strategy) = patch
            .pointer_mut("/spec/strategy")
            .filter(|of| of["type"] == "Recreate")
        {
            strategy["rollingUpdate"] = Value::Null;
        }
        patch
    }
}

/// All of `target`, and `null` for each key that only `current` has.
fn merge_patch(target: &Value, current: &Value) -> Value {
    let (Value::Object(target), Value::Object(current)) = (target, current) else {
        return target.clone();
    };
    let set = target.iter().map(|(key, value)| {
        let value = current
            .get(key)
            .map_or_else(|| value.clone(), |was| merge_patch(value, was));
        (key.clone(), value)
    });
    let removed = current.keys().filter(|key| !target.contains_key(*key));
    set.chain(removed.map(|key| (key.clone(), Value::Null))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MANIFEST: &str = "---\n# Source: shop/templates/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: other\n\
        data: {on: \"yes\", n: 0644}\n---\n# only a comment\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n\
        spec:\n  template:\n    spec:\n      containers: [{name: c, image: 'shop:v1'}]\n---\napiVersion: v1\nkind: List\nitems:\n\
        - {apiVersion: batch/v1, kind: CronJob, metadata: {name: tidy}, spec: {jobTemplate: {spec: {template: {spec: {}}}}}}\n";

    #[test]
    fn a_manifest_is_its_objects() {
        let all = objects(MANIFEST).unwrap();
        let shown: Vec<String> = all
            .iter()
            .map(|of| format!("{} {} {}", of.api_version(), of.kind, of.name))
            .collect();
        assert_eq!(
            shown,
            ["v1 ConfigMap a", "apps/v1 Deployment shop", "batch/v1 CronJob tidy"]
        );
        assert_eq!(all[0].namespace.as_deref(), Some("other"));
        // As Kubernetes reads it.
        assert_eq!(all[0].body["data"], json!({"on": "yes", "n": 0o644}));
        let templates: Vec<bool> = all.iter().map(|of| of.template().is_some()).collect();
        assert_eq!(templates, [false, true, true]);
        assert_eq!(objects("").unwrap(), []);
        assert_eq!(objects("kind: A\n"), Err(NotAManifest::Incomplete(1, "apiVersion")));
        assert!(matches!(objects("a: [s3cret"), Err(NotAManifest::Yaml(place)) if !place.contains("s3cret")));
    }
}
