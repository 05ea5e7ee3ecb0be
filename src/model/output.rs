//! A step output.

use std::borrow::Cow;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The value of a step output, and whether a part of it can be taken out. Written down, it is the value alone.
#[derive(Clone, Debug, Eq)]
pub struct Output {
    value: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Words,
    Exact,
    Path,
}

impl Output {
    /// What a later step runs, opens or compares. With a secret taken out it would be something else, so it is left empty
    /// then.
    pub fn exact(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            kind: Kind::Exact,
        }
    }

    /// What people read.
    pub fn words(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            kind: Kind::Words,
        }
    }

    /// A file or folder that a later step opens, as exact as what it runs.
    pub fn path(value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            kind: Kind::Path,
        }
    }

    /// Gives a path the name that later steps know it by. Everything else stays.
    pub fn rename_path(&mut self, rename: impl FnOnce(&str) -> String) {
        if self.kind == Kind::Path {
            self.value = rename(&self.value);
        }
    }

    /// Takes secrets out of it. Answers whether it had to be left empty.
    pub(super) fn redact(&mut self, redact: &dyn Fn(&str) -> String) -> bool {
        let redacted = redact(&self.value);
        let emptied = self.kind != Kind::Words && redacted != self.value;
        self.value = if emptied { String::new() } else { redacted };
        emptied
    }
}

/// By their values, so that what was written down equals what is read back.
impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Deref for Output {
    type Target = str;

    fn deref(&self) -> &str {
        &self.value
    }
}

impl Serialize for Output {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Output {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::exact)
    }
}

impl JsonSchema for Output {
    fn schema_name() -> Cow<'static, str> {
        "Output".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_secret(text: &str) -> String {
        text.replace("hunter2", "***")
    }

    /// A command with a hole in it would do something else, and so would a path.
    #[test]
    fn what_must_be_exact_is_empty_rather_than_wrong() {
        for (mut output, expected, emptied) in [
            (Output::words("it says hunter2"), "it says ***", false),
            (Output::exact("curl -u me:hunter2"), "", true),
            (Output::path("/work/hunter2"), "", true),
            (Output::words("fine"), "fine", false),
            (Output::exact("make rollback"), "make rollback", false),
            (Output::path("/work/log"), "/work/log", false),
        ] {
            let before = output.to_string();
            assert_eq!(output.redact(&without_secret), emptied, "{before}");
            assert_eq!(&*output, expected, "{before}");
        }
    }

    #[test]
    fn only_a_path_is_known_by_another_name_later() {
        for (mut output, expected) in [
            (Output::path("/github/workspace/a"), "/home/runner/a"),
            (Output::exact("/github/workspace/a"), "/github/workspace/a"),
            (Output::words("/github/workspace/a"), "/github/workspace/a"),
        ] {
            output.rename_path(|path| path.replace("/github/workspace", "/home/runner"));
            assert_eq!(&*output, expected);
        }
    }

    #[test]
    fn what_was_written_down_equals_what_is_read_back() {
        for output in [Output::words("a"), Output::exact("a"), Output::path("a")] {
            let json = serde_json::to_value(&output).unwrap();
            assert_eq!(json, "a");
            assert_eq!(serde_json::from_value::<Output>(json).unwrap(), output);
            assert_ne!(Output::words("b"), output);
        }
    }
}
